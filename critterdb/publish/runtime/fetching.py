"""Fetch the runtime files into a folder, whole or not at all, and check those that are there."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.errors import SiteError, SourceError
from critterdb.publish.replacing import locked
from critterdb.storage.atomic_files import write_atomically

from .download import Source, download
from .pins import GROUPS, WHEELS_FOLDER, pins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb._types import Progress

    from .pins import Group, NpmPackage, Pins

NPM_CONFIG_S = 20.0
REGISTRY_VARIABLES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")
# Some wheels exist for one platform only; of those the Python files are used.
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64", "any")


def cache_folder() -> Path:
    """Return where runtime files are kept between runs: `~/.cache/critterdb/runtime`."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "critterdb" / "runtime"


def problem_files(folder: Path, group: Group, wanted: Pins | None = None) -> list[str]:
    """Return the files of a group that a folder lacks, or has with another content."""
    return [
        path
        for path, sha256 in (wanted or pins()).files(group).items()
        if _sha256(folder / path) != sha256
    ]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def ready_runtime(
    group: Group, folder: Path | None = None, *, progress: Progress | None = None
) -> Path:
    """Return a folder that holds the files of a group: `folder`, or the cache once it has them.

    Nothing is fetched if a folder is given. Raises SiteError or SourceError if files are missing.
    """
    if folder is None:
        folder = cache_folder()
        fetch_runtime(folder, (group,), progress=progress)
        return folder
    if wrong := problem_files(folder, group):
        raise SiteError(
            f"{folder} lacks {wrong[0]}, or has another version of it. Fill the folder on a "
            f"machine with a network: critterdb runtime {folder}"
        )
    return folder


def fetch_runtime(
    folder: Path,
    groups: Sequence[Group] = GROUPS,
    *,
    wanted: Pins | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Fetch what a folder lacks; return the paths that were fetched. Raises SourceError."""
    wanted = wanted or pins()
    if not any(problem_files(folder, group, wanted) for group in groups):
        return []
    fetched: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Two runs at once would append to one partial file.
        with locked(folder):
            for group in groups:
                lacking = problem_files(folder, group, wanted)
                for package in wanted.packages(group):
                    if not package.kept.keys().isdisjoint(lacking):
                        _fetch_package(package, folder, progress)
                if any(path.startswith(f"{WHEELS_FOLDER}/") for path in lacking):
                    _fetch_wheels(wanted, folder)
                fetched += lacking
    except OSError as error:
        raise SourceError(
            f"{folder} could not be written ({error.strerror}). Free some space, or choose another "
            "folder"
        ) from error
    return fetched


def npm_registry() -> str:
    """Return the URL of the npm registry, as npm is configured on this machine.

    Raises SourceError if neither npm nor an environment variable names one.
    """
    for name in REGISTRY_VARIABLES:
        if address := os.environ.get(name):
            return address.rstrip("/")
    if npm := shutil.which("npm"):
        command = [npm, "config", "get", "registry"]
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=NPM_CONFIG_S, check=True
            )
            if done.stdout.startswith("http"):
                return done.stdout.strip().rstrip("/")
    raise SourceError(
        "No npm registry is known. Install npm, or set npm_config_registry to the registry's URL"
    )


def _fetch_package(package: NpmPackage, folder: Path, progress: Progress | None) -> None:
    base = package.name.rpartition("/")[2]
    url = f"{npm_registry()}/{package.name}/-/{base}-{package.version}.tgz"
    partial = folder / f"{package.folder}.tgz.part"
    download(Source(url, package.bytes, package.integrity), partial, progress=progress)
    with tarfile.open(partial, "r:gz") as tarball:
        for path, sha256 in package.files.items():
            member = tarball.extractfile(f"package/{path}")
            assert member is not None, path
            data = member.read()
            assert hashlib.sha256(data).hexdigest() == sha256, path
            write_atomically(folder / package.folder / Path(path).name, data)
    partial.unlink()


def _fetch_wheels(wanted: Pins, folder: Path) -> None:
    """Let pip download the wheels, so that its configuration holds: index, proxy, certificates."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".wheels-") as name:
        made = Path(name)
        lines = [
            f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}" for wheel in wanted.wheels
        ]
        requirements = made / "requirements.txt"
        requirements.write_text("\n".join(lines) + "\n", "utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--implementation=cp", f"--dest={made}"]
        command += [f"--python-version={wanted.python}", "--require-hashes"]
        command += [f"--abi=cp{wanted.python.replace('.', '')}", f"--requirement={requirements}"]
        command += [f"--platform={platform}" for platform in PLATFORMS]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip() or "it printed no error").splitlines()[-1]
            raise SourceError(
                f"pip could not download the wheels ({said}). Check pip's configuration: "
                "python -m pip config list"
            )
        (folder / WHEELS_FOLDER).mkdir(exist_ok=True)
        for wheel in wanted.wheels:
            (made / wheel.file).replace(folder / WHEELS_FOLDER / wheel.file)
