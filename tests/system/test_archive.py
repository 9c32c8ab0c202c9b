"""`critterdb classify FOLDER --on local`: stopped runs go on, and each picture is there once."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.shards import classification
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.models import make_tiny_model, picture

ROOT = Path(__file__).parents[2]
COLOURS = ("red", "green", "blue")


@pytest.fixture
def archive(site: Path, tmp_path: Path) -> Path:
    make_tiny_model(open_database(site / DATABASE_NAME))
    folder = tmp_path / "archive"
    for number in range(30):
        path = folder / f"camera{number % 3}" / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(COLOURS[number % 3], (48, 40), number))
    (folder / "camera0" / "broken.jpg").write_bytes(b"not a picture")
    return folder


def command(site: Path, archive: Path, *options: str) -> list[str]:
    return ["--db", str(site / DATABASE_NAME), "classify", str(archive), "--on", "local", *options]


def test_answers_are_those_of_the_plain_command(site: Path, archive: Path, tmp_path: Path) -> None:
    plain, sharded = tmp_path / "plain.csv", tmp_path / "sharded.csv"
    one = CliRunner().invoke(main, [*command(site, archive)[:-2], "--csv", str(plain)])
    two = CliRunner().invoke(main, command(site, archive, "--csv", str(sharded)))
    assert (one.exit_code, two.exit_code) == (1, 1), two.output
    assert sharded.read_text() == plain.read_text()
    assert "31 pictures, 1 of them could not be read" in two.output


def test_json_lines_have_the_answer_of_the_endpoint(
    site: Path, archive: Path, tmp_path: Path
) -> None:
    file = tmp_path / "answers.jsonl"
    CliRunner().invoke(main, command(site, archive, "--jsonl", str(file)))
    answers = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(answers) == 31
    assert {answer["ok"] for answer in answers} == {True, False}
    assert answers[0]["answer"]["name"] == "Puma concolor"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--on", "local"], "--csv"),
        (["--on", "local", "--csv", "a", "--jsonl", "b"], "one of"),
        (["--jsonl", "b"], "--on"),
        (["--on", "local", "--csv", "a", "--latitude", "1", "--longitude", "1"], "places"),
    ],
)
def test_options_that_do_not_fit_are_named(
    site: Path, archive: Path, options: list[str], words: str
) -> None:
    arguments = ["--db", str(site / DATABASE_NAME), "classify", str(archive), *options]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_has_each_picture_once(
    site: Path, archive: Path, tmp_path: Path
) -> None:
    file = tmp_path / "answers.csv"
    start = "import sys; from critterdb.shards import classification as c; "
    start += "import critterdb.shards.classification; c.PICTURES_PER_SHARD = 2; "
    start += "from critterdb.cli import main; main(sys.argv[1:])"
    arguments = [sys.executable, "-c", start, *command(site, archive, "--csv", str(file))]
    chance = random.Random(0)
    seen = 0
    for _ in range(8):
        process = subprocess.Popen(arguments, cwd=ROOT, process_group=0)
        time.sleep(chance.uniform(1.0, 3.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        finished = len(list(tmp_path.glob("answers.csv.shards/*.jsonl")))
        assert finished >= seen or file.exists()
        seen = finished
    subprocess.run(arguments, cwd=ROOT, check=False)
    rows = list(csv.DictReader(file.open()))
    assert len(rows) == len({row["file"] for row in rows}) == 31
    assert classification.PICTURES_PER_SHARD > 2
