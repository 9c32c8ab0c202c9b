"""docs/tutorial.md as a newcomer would follow it: its commands, in order, in one shell.

The servers are stand-ins on loopback with a smaller drawn reserve than the demo's. The demo itself
is `tests/system/test_demo.py`'s; what is marked `text` is shown and not run.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from critterdb.demo.reserve import draw_reserve
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.fakes.x import StandInX
from tests.support.datasette_site import free_port, rows
from tests.support.photos import make_photo_folder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.+?)^```$", TEXT, re.MULTILINE | re.DOTALL)
LINKS = re.findall(r"<http://127\.0\.0\.1:8001(/[^>]*)>", TEXT)
DEMO, SERVE = "critterdb demo --serve\n", "critterdb serve\n"
BROWSE = "curl --silent --fail --output /dev/null --header Accept:text/html"
LIMIT_S = 400  # it takes about 40 s alone on two cores; tests have company

WAIT = """
for _ in $(seq 300); do curl --silent --fail --output /dev/null {address} && break; sleep 0.1; done
"""


@dataclass(frozen=True)
class Walk:
    """What the shell said after each block, its exit status, and the folder of the site."""

    outputs: dict[str, str]
    errors: str
    status: int
    site: Path
    sent: list[str]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("tutorial")
    reserve = draw_reserve(photos_per_species=16, to_play=2)
    program = folder / "bin" / "critterdb"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m critterdb "$@"\n')
    program.chmod(0o755)
    with (
        StandInINaturalist(reserve.observations, reserve.taxa, reserve.photos) as inaturalist,
        StandInX("critterbot") as x,
    ):
        x.add_post("ada", "@critterbot and this? #cougarOrNot", [reserve.to_play[0].data])
        photos = make_photo_folder(folder / "photos", photos=3)
        environment = {
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "CRITTERDB_INATURALIST_API": inaturalist.url,
            "CRITTERDB_REQUESTS_PER_MINUTE": "6000",
            "CRITTERDB_FETCH_ALLOW": f"127.0.0.1/32:{urlsplit(x.url).port}",
            **x.environment(),
        }
        # What the tutorial asks its reader to bring.
        brought = f"cp {folder}/cat.jpg cat.jpg\ncp -r {photos} mycats\n"
        (folder / "cat.jpg").write_bytes(reserve.to_play[1].data)
        shell = subprocess.Popen(
            ["bash", "-c", script(brought, free_port())],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, errors = shell.communicate(timeout=LIMIT_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
        parts = re.split(r"^@@ (\d+)\n", out, flags=re.MULTILINE)[1:]
        outputs = {BLOCKS[int(number)]: text for number, text in batched(parts)}
        sent = [str(post["text"]) for post in x.sent]
    return Walk(outputs, errors, shell.returncode, folder / "mysite", sent)


def batched(parts: list[str]) -> list[tuple[str, str]]:
    return list(zip(parts[::2], parts[1::2], strict=True))


def script(brought: str, port: int) -> str:
    """The blocks as one script that stops at the first failure; the server runs beside it."""
    lines = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null' EXIT"]
    for number, block in enumerate(BLOCKS):
        lines.append(f"echo; echo '@@ {number}'")
        if block == DEMO:
            continue
        if block == SERVE:
            lines.append(f"critterdb serve --port {port} >/dev/null 2>&1 &")
            lines.append(WAIT.format(address=f"http://127.0.0.1:{port}/-/versions.json"))
            for link in LINKS:
                lines.append(f"{BROWSE} http://127.0.0.1:{port}{link}")
                lines.append(f"echo reached {link}")
            continue
        lines.append(block.replace(":8001", f":{port}"))
        if "cd mysite" in block:
            lines.append(brought)
    return "\n".join(lines)


def after(walk: Walk, words: str) -> str:
    [block] = [block for block in walk.outputs if words in block]
    return walk.outputs[block]


def test_every_command_works(walk: Walk) -> None:
    assert walk.status == 0, walk.errors
    assert len(walk.outputs) == len(BLOCKS) >= 15
    assert {DEMO, SERVE} < set(BLOCKS)
    assert walk.outputs[SERVE].split("\n")[:-2] == [f"reached {link}" for link in LINKS]
    assert len(LINKS) >= 3


def test_it_says_what_the_tutorial_promises(walk: Walk) -> None:
    assert "new observations" in after(walk, "--limit 2000")
    assert "Wrong on" in after(walk, "critterdb train\n")
    assert "* cougarornot-" in after(walk, "critterdb models\n")
    assert "cat.jpg" in after(walk, "critterdb classify")
    assert '"ok": true' in after(walk, "curl ")
    assert "1 drafted" in after(walk, "cat > posts.jsonl")
    sent = after(walk, "jsonl:posts.jsonl --post")
    assert "1 sent" in sent
    assert '"in_reply_to"' in sent
    assert "Lynx canadensis" in after(walk, "games add")


def test_it_ends_with_a_bot_that_spoke(walk: Walk) -> None:
    assert len(walk.sent) == 1
    history = rows(walk.site, "SELECT platform, status FROM bot_history ORDER BY platform")
    assert history == [
        {"platform": "jsonl", "status": "sent"},
        {"platform": "x", "status": "sent"},
    ]
    assert (walk.site.parent / "public" / "Dockerfile").is_file()
    assert (walk.site.parent / "critters-backup.db").is_file()
    [mine] = rows(walk.site, "SELECT count(*) AS n FROM photos WHERE id < 0")
    assert mine["n"] == 9


def test_what_it_installs_exists() -> None:
    [extras] = re.findall(r"^pip install '\.\[(.+)\]'$", TEXT, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extra in extras.split(","):
        assert extra in project["optional-dependencies"]
