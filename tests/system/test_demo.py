"""`critterdb demo --serve`, as `make demo` runs it: the whole system, then a site to look at."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from click.testing import CliRunner

from critterdb.cli import main
from tests.support.datasette_site import PATIENCE_S, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

LIMIT_S = 180  # it takes about 35 s alone on two cores; tests have company


@dataclass(frozen=True)
class Demo:
    """What the demo printed until it served, its site, and how long that took."""

    output: str
    folder: Path
    address: str
    seconds: float


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo") / "site"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "critterdb",
            "demo",
            str(folder),
            "--serve",
            "-p",
            str(port),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    assert process.stdout
    for line in process.stdout:
        lines.append(line)
        if "Uvicorn running" in line or "running on http" in line:
            break
    output = "".join(lines)
    assert process.poll() is None, output
    yield Demo(output, folder, f"http://127.0.0.1:{port}", time.perf_counter() - started)
    process.terminate()
    process.communicate(timeout=30)


def test_it_tells_each_step_with_its_time(demo: Demo, busy: float) -> None:
    steps = re.findall(r"^\$ critterdb (\w+)", demo.output, re.MULTILINE)
    assert steps == ["init", "sync", "train", "classify", "bot", "bot", "bot"]
    assert len(re.findall(r"\[\d+\.\d s\]", demo.output)) == len(steps)
    assert "A program draws the animals" in demo.output
    assert demo.seconds < LIMIT_S * busy


def test_every_table_of_the_story_has_rows(demo: Demo) -> None:
    for table in ("observations", "photos", "embeddings", "models", "model_metrics", "images",
                  "predictions", "posts", "post_images", "replies", "answers"):  # fmt: skip
        assert rows(demo.folder, f"SELECT count(*) AS n FROM {table}")[0]["n"] > 0, table
    statuses = {row["status"] for row in rows(demo.folder, "SELECT status FROM replies")}
    assert statuses == {"sent", "skipped"}
    [score] = rows(demo.folder, "SELECT * FROM scoreboard")
    assert score["right"] > score["baseline_right"]


def test_no_meme_is_taken_for_a_critter(demo: Demo) -> None:
    predictions = rows(
        demo.folder,
        "SELECT answer, reason FROM bot_history WHERE truth IS NULL AND status = 'sent'",
    )
    assert [row["answer"] for row in predictions] == [None] * 3
    # A part of a meme that is looked at again can be as known as a photo and like no label.
    assert [row["reason"] for row in predictions].count("not_a_critter") >= 2


def test_the_site_shows_posts_with_their_pictures(demo: Demo) -> None:
    """From the site itself, because the stand-in that served them is gone tomorrow."""
    for path in ("/critters/bot_history", "/-/critters/history"):
        page = httpx.get(f"{demo.address}{path}").text
        pictures = re.findall(r'<img[^>]* src="(/-/critterdb/pictures/[^"]+)"', page)
        assert len(pictures) >= 10
        assert "/media/" not in "".join(re.findall("<img[^>]*>", page))
        kinds = {httpx.get(demo.address + one).headers["content-type"] for one in pictures}
        assert kinds == {"image/jpeg"}


def test_it_prints_the_address_of_the_front_page(demo: Demo) -> None:
    assert f"Open {demo.address}/-/critters;" in demo.output
    assert httpx.get(f"{demo.address}/-/critters").status_code == 200


def test_the_endpoint_answers_for_an_address(demo: Demo) -> None:
    asked = re.search(r"curl '([^']+)'", demo.output)
    assert asked
    json_wanted = {"accept": "application/json"}
    answer = httpx.get(asked[1], headers=json_wanted, timeout=PATIENCE_S).json()
    assert answer["ok"]
    assert sum(prediction["score"] for prediction in answer["predictions"]) == pytest.approx(
        1, abs=0.01
    )
    uploaded = httpx.post(
        f"{demo.address}/-/classify",
        files={"image": httpx.get(asked[1].partition("url=")[2]).content},
        headers=json_wanted,
        timeout=PATIENCE_S,
    ).json()
    assert uploaded["predictions"] == answer["predictions"]


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = CliRunner().invoke(main, ["demo", str(tmp_path)])
    assert done.exit_code == 1
    assert "is not empty and not a demo" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
