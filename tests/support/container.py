"""The Dockerfile without Docker: its own commands, run in a virtual environment and a folder.

The environment stands for the image's Python, a folder for its file system. Users, layers and the
base image itself are not tried.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

USER_ID = 10001
COPIED = "/tmp/critterdb/"
REQUIRED = "CRITTERDB_REQUIRE_NAMESPACE"  # set in CI, where it must not depend on luck

# All that is mounted, but what the kernel itself shows, becomes read-only; then the command runs.
# Temporary files of tests lie in /dev/shm.
READ_ONLY = """
mount --make-rprivate / &&
for place in $(awk '{print $2}' /proc/mounts | sort -r); do
    case $place in /proc*|/dev|/dev/[!s]*|/sys*) continue ;; esac
    mount -o remount,bind,ro "$place" 2>/dev/null
done
if touch "$0" 2>/dev/null; then echo "the file system is not read-only" >&2; exit 99; fi
exec "$@"
"""


@dataclass
class Image:
    """What a Dockerfile says, as far as it could be run: `root` holds its files."""

    root: Path
    bin: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    @property
    def site(self) -> Path:
        return self.root / "site"

    def run_environment(self, **more: str) -> dict[str, str]:
        return {"PATH": f"{self.bin}:/usr/bin:/bin", **self.environment, **more}


def read_only(image: Image, command: list[str]) -> list[str]:
    """The command in a file system that takes no writing, as `docker run --read-only` has it.

    Where this machine allows no such thing, the plain command, unless the environment insists.
    """
    namespace = ["unshare", "--mount"]
    possible = (
        shutil.which(namespace[0])
        and not subprocess.run([*namespace, "true"], capture_output=True).returncode
    )
    if not possible:
        assert os.environ.get(REQUIRED) != "1", f"{REQUIRED}=1, and there is no namespace"
        return command
    return [*namespace, "sh", "-c", READ_ONLY, str(image.site / "touched"), *command]


def read_dockerfile(file: Path) -> list[tuple[str, str]]:
    """Its instructions in order, continued lines joined."""
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, rest.strip())
        for name, _, rest in (line.partition(" ") for line in whole.splitlines() if line.strip())
    ]


def build_image(context: Path, folder: Path) -> Image:
    """Run the Dockerfile of `context`; what it copies and installs lies in `folder`."""
    image = Image(folder / "root", folder / "venv" / "bin")
    venv.create(image.bin.parent)
    # The pip of these tests installs there: one of its own takes seconds to be installed itself.
    pip = image.bin / "pip"
    pip.write_text(f'#!/bin/sh\nexec {sys.executable} -m pip --python {image.bin}/python "$@"\n')
    pip.chmod(0o755)
    for name, rest in read_dockerfile(context / "Dockerfile"):
        match name:
            case "FROM":
                assert rest == "python:3.11-slim"
            case "COPY":
                *sources, target = [word for word in rest.split() if not word.startswith("--")]
                for source in sources:
                    _copy(context, source, image.root / target.lstrip("/"))
            case "RUN":
                _run(image, rest)
            case "ENV":
                image.environment |= dict(word.split("=", 1) for word in shlex.split(rest))
            case "USER":
                image.user = rest
            case "CMD":
                image.command = json.loads(rest)
            case "HEALTHCHECK":
                image.health = json.loads(rest[rest.index("[") :])
            case "WORKDIR":
                assert rest == "/site"
                image.site.mkdir(parents=True, exist_ok=True)
            case "EXPOSE":
                assert rest == image.environment["PORT"]
            case _:
                raise AssertionError(f"nobody runs {name} here")
    return image


def build_files(context: Path, image: Image) -> None:
    """Only those of the Dockerfile's commands that put the site's files in place."""
    for name, rest in read_dockerfile(context / "Dockerfile"):
        if name == "COPY" and rest.endswith(" /site"):
            _copy(context, rest.split()[-2], image.site)
            if "--chown=critter" in rest:
                subprocess.run(["chown", "-R", str(USER_ID), image.site], check=True)
        elif name == "RUN" and not rest.startswith(("pip ", "useradd ")):
            _run(image, rest)


def _copy(context: Path, pattern: str, target: Path) -> None:
    if pattern == ".":
        shutil.copytree(context, target, dirs_exist_ok=True)
        return
    files = list(context.glob(pattern))
    assert files, pattern
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, target)


def _run(image: Image, command: str) -> None:
    if command.startswith("useradd "):
        assert command == f"useradd --system --uid {USER_ID} critter"
        return
    if command.startswith("test -e inspect-data.json"):
        if os.geteuid() == 0:
            command = command.replace("chown critter", f"chown {USER_ID}")
            subprocess.run(["sh", "-c", command], cwd=image.site, check=True)
        return
    assert command.startswith("pip install "), command
    command = command.replace(COPIED, f"{image.root}{COPIED}")
    environment = {**os.environ, "PATH": f"{image.bin}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", command], env=environment, check=True, stdout=subprocess.DEVNULL)
