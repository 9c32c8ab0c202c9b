"""The Dockerfile's own commands, and the ways of serving a published folder that docs name."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from critterdb.publish.copy import PublishOptions, publish_site
from critterdb.site.folder import site_source
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.container import (
    USER_ID,
    Image,
    build_files,
    read_dockerfile,
    read_only,
)
from tests.support.datasette_site import PATIENCE_S, free_port, jpeg
from tests.support.publishing import make_full_site

pytestmark = pytest.mark.slow

START_SECONDS = 30


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def healthy(image: Image, port: int) -> bool:
    """What the health check says."""
    python, *rest = image.health
    command = [str(image.bin / python), *rest]
    environment = image.run_environment(PORT=str(port))
    return subprocess.run(command, env=environment, capture_output=True).returncode == 0


def wait_until_healthy(image: Image, port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not healthy(image, port):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def files_of(folder: Path) -> dict[Path, int]:
    """When each file was last written."""
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_it_serves_the_site_as_its_command_says(image: Image, port: int) -> None:
    assert image.user != "root"
    assert not healthy(image, port)
    before = files_of(image.site)
    process = subprocess.Popen(
        read_only(image, image.command),
        cwd=image.site,
        env=image.run_environment(PORT=str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until_healthy(image, port, process)
        address = f"http://127.0.0.1:{port}"
        answer = httpx.post(
            f"{address}/-/classify", files={"image": jpeg("red")}, timeout=PATIENCE_S
        ).json()
        assert answer["answer"]["common_name"] == "Cougar"
        assert httpx.get(f"{address}/critters/photo_credits").status_code == 200
    finally:
        process.terminate()
        process.communicate()
    assert files_of(image.site) == before


def test_only_what_the_image_needs_is_in_it(image: Image) -> None:
    instructions = read_dockerfile(site_source() / "Dockerfile")
    copies = [rest for name, rest in instructions if name == "COPY"]
    assert copies == ["plugins/critterdb-*.whl /tmp/critterdb/", ". /site"]
    assert not list(image.site.rglob("__pycache__"))


WRITES = """
import os, pathlib, sys
tried = {
    "a plugin": lambda: pathlib.Path("plugins/evil.py").write_text("x"),
    "the plugin": lambda: open("plugins/critterdb_plugin.py", "r+"),
    "another plugins folder": lambda: os.rename("plugins", "old"),
    "a template": lambda: pathlib.Path("templates/base.html").write_text("x"),
    "the settings": lambda: open("metadata.json", "r+"),
    "other settings": lambda: os.replace("metadata.json", "old.json"),
    "the database": lambda: open("critters.db", "r+"),
    "a log of the database": lambda: pathlib.Path("critters.db-wal").write_text(""),
}
for name, write in tried.items():
    try:
        write()
        print(name)
    except OSError:
        pass
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("writable", [False, True])
def test_the_process_cannot_write_code(tmp_path: Path, writable: bool) -> None:
    """As the image's user in the folder that the Dockerfile's commands leave."""
    image = Image(Path(tempfile.mkdtemp(dir="/var/tmp")) / "root", Path("/usr/bin"))
    try:
        with closing(open_database(make_full_site(tmp_path / "home") / DATABASE_NAME)) as db:
            publish_site(db, tmp_path / "public", PublishOptions(read_only=not writable))
        image.root.parent.chmod(0o755)
        build_files(tmp_path / "public", image)
        done = subprocess.run(
            ["python3", "-c", WRITES],
            cwd=image.site,
            user=USER_ID,
            group=USER_ID,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        shutil.rmtree(image.root.parent)
    assert done.stdout.split("\n")[:-1] == (
        ["the database", "a log of the database"] if writable else []
    )


def test_datasette_publish_takes_the_folder(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of the folder's README, up to the folder that Datasette would upload."""
    from datasette.utils import temporary_docker_directory

    text = (image.site / "README.md").read_text("utf-8").replace("\\\n", " ")
    [line] = [line for line in text.splitlines() if "datasette publish" in line]
    words = shlex.split(line)
    options = {name: words[index + 1] for index, name in enumerate(words) if name[:2] == "--"}
    static = [words[index + 1] for index, name in enumerate(words) if name == "--static"]
    monkeypatch.chdir(image.site)
    with (
        Path(options["--metadata"]).open() as metadata,
        temporary_docker_directory(
            files=[words[3]],
            name="app",
            metadata=metadata,
            extra_options="",
            branch=None,
            template_dir=None,
            plugins_dir=options["--plugins-dir"],
            static=[mount.split(":") for mount in static],
            install=[options["--install"]],
            spatialite=False,
            version_note=None,
            secret="x",
        ),
    ):
        # In that folder, as a container would have it at /app.
        lines = read_dockerfile(Path("Dockerfile"))
        [install] = [rest for name, rest in lines if rest.startswith("pip install -U")]
        assert Path(shlex.split(install)[-1]).is_file()
        [inspect] = [rest for name, rest in lines if rest.startswith("datasette inspect")]
        [command] = [rest for name, rest in lines if name == "CMD"]
        environment = image.run_environment(PORT=str(free_port()))
        subprocess.run(["sh", "-c", inspect], env=environment, check=True)
        process = subprocess.Popen(["sh", "-c", f"exec {command}"], env=environment)
        try:
            address = f"http://127.0.0.1:{environment['PORT']}"
            deadline = time.monotonic() + START_SECONDS
            while not healthy(image, int(environment["PORT"])) and time.monotonic() < deadline:
                time.sleep(0.1)
            answer = httpx.post(
                f"{address}/-/classify", files={"image": jpeg("red")}, timeout=PATIENCE_S
            ).json()
            assert answer["answer"]["common_name"] == "Cougar"
            page = httpx.get(f"{address}/critters/photo_credits").text
            assert "/-/critterdb/photos/" in page
        finally:
            process.terminate()
            process.communicate()
