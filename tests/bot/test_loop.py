"""The bot as a process: rounds at intervals, a clean end, and what `status` says of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.fakes.x import SECRETS
from critterdb.storage.database import DATABASE_NAME, site_folder
from tests.support.bot_harness import BOT, GAME, BotHarness
from tests.support.models import picture

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

ASK = f"@{BOT} what is this?"
LONG_S = 120  # what a process may take on a machine that has other things to do


def start_bot(ground: BotHarness, *options: str, verbose: bool = False) -> subprocess.Popen[str]:
    database = str(site_folder(ground.db) / DATABASE_NAME)
    code = "from critterdb.cli import main; main()"
    general = ["--verbose"] if verbose else []
    arguments = [*general, "--db", database, "bot", GAME, "--on", "x", *options]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(holds: Callable[[], object], seconds: float = LONG_S) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_plays_rounds_until_it_is_told_to_end(ground: BotHarness, number: int) -> None:
    first = ground.x.add_post("ann", ASK, [picture("red")])
    process = start_bot(ground, "--post", "--every", "1s")
    wait_for(lambda: len(ground.x.sent) == 1)
    second = ground.x.add_post("bob", ASK, [picture("green")])
    wait_for(lambda: len(ground.x.sent) == 2)
    process.send_signal(number)
    output = process.communicate(timeout=LONG_S)[0]
    assert process.returncode == 0, output
    assert "Stopped." in output
    assert [ground.reply(post)["status"] for post in (first, second)] == ["sent", "sent"]


def test_two_bots_on_one_site_answer_everybody_once(ground: BotHarness) -> None:
    """Two timers, or a person beside a timer: the rounds wait for each other."""
    posts = [ground.x.add_post(f"user{n}", ASK, [picture("red", seed=n)]) for n in range(6)]
    processes = [start_bot(ground, "--post") for _ in range(2)]
    outputs = [process.communicate(timeout=LONG_S)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sorted(reply["in_reply_to"] for reply in ground.x.sent) == sorted(posts)


def test_an_end_in_the_middle_of_a_round_leaves_the_rest_for_later(ground: BotHarness) -> None:
    posts = [ground.x.add_post(f"user{n}", ASK, [picture("red", seed=n)]) for n in range(4)]
    ground.play(post=False)
    ground.x.post_faults.append("wait")
    process = start_bot(ground, "--post")
    wait_for(lambda: ground.x.writes == 1)
    process.send_signal(signal.SIGTERM)
    ground.x.go_on.set()
    output = process.communicate(timeout=LONG_S)[0]
    assert process.returncode == 0, output
    statuses = [ground.reply(post)["status"] for post in posts]
    assert statuses == ["sent", "draft", "draft", "draft"]
    assert len(ground.x.sent) == 1


@pytest.mark.parametrize("fault", ["", "401", "429", "503", "html", "drop_after"])
def test_no_secret_is_said_or_kept(ground: BotHarness, fault: str) -> None:
    ground.x.add_post("ann", ASK, [picture("red")])
    ground.x.read_faults.extend(["", "", fault])
    ground.x.post_faults.append(fault)
    process = start_bot(ground, "--post", verbose=True)
    output = process.communicate(timeout=LONG_S)[0]
    assert "Read 1 post" in output
    assert "critterdb.bot.play: x:" in output
    kept = [file.read_bytes() for file in site_folder(ground.db).rglob("*") if file.is_file()]
    for secret in SECRETS.values():
        assert secret not in output
        assert not any(secret.encode() in data for data in kept)


def test_trouble_does_not_end_a_process_that_goes_on(ground: BotHarness) -> None:
    ground.x.read_faults.extend(["500"] * 5)
    ground.x.add_post("ann", ASK, [picture("red")])
    process = start_bot(ground, "--post", "--every", "1s")
    wait_for(lambda: len(ground.x.sent) == 1)
    process.terminate()
    assert "Error: X did not return posts" in process.communicate(timeout=LONG_S)[0]


def test_a_full_disk_does_not_end_a_process_that_goes_on(ground: BotHarness) -> None:
    ground.db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON cursors "
        "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    ground.x.add_post("ann", ASK, [picture("red")])
    process = start_bot(ground, "--post", "--every", "1s")
    try:
        wait_for(lambda: len(ground.x.requests) > 4 or process.poll() is not None)
        ground.db.execute("DROP TRIGGER full")
        wait_for(lambda: len(ground.x.sent) == 1)
    finally:
        process.terminate()
    assert "Error: " in process.communicate(timeout=15)[0]


def test_a_file_silences_a_bot_that_runs(ground: BotHarness) -> None:
    off = site_folder(ground.db) / "bot.off"
    off.touch()
    post = ground.x.add_post("ann", ASK, [picture("red")])
    ground.play()
    assert ground.reply(post)["status"] == "draft"
    assert not ground.x.writes
    off.unlink()
    assert ground.play().sent == 1


def status(ground: BotHarness, *options: str) -> str:
    database = str(site_folder(ground.db) / DATABASE_NAME)
    result = CliRunner().invoke(main, ["--db", database, "status", *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_status_tells_how_the_bot_stands(ground: BotHarness) -> None:
    assert "bot on" not in status(ground)
    ground.x.add_post("ann", ASK, [picture("red")])
    ground.x.add_post("bob", ASK, [picture("red", seed=1)])
    ground.x.post_faults.extend(["", "429"])
    ground.play()
    standing = json.loads(status(ground, "--json"))["bot"]["x"]
    assert standing["outbox"] == {"sent": 1, "planned": 1}
    assert (standing["replies_today"], standing["replies_a_day"]) == (2, 20)
    assert None not in (standing["last_poll"], standing["last_round"], standing["send_from"])
    assert standing["read_from"] is None
    text = status(ground)
    assert "bot on x: last round 20" in text
    assert "1 sent" in text
    assert "2 of 20 replies" in text
    assert f"sending resumes at {standing['send_from']}" in text
    ground.later = 2000
    ground.play()
    assert "next reset" not in status(ground)


def test_label_says_what_to_do_where_there_is_no_call(ground: BotHarness) -> None:
    result = CliRunner().invoke(main, ["bot", "--on", "x", "--label"])
    assert result.exit_code == 1
    assert "Automation" in result.output


def test_a_round_as_json(ground: BotHarness) -> None:
    ground.x.add_post("ann", ASK)
    database = str(site_folder(ground.db) / DATABASE_NAME)
    result = CliRunner().invoke(main, ["--db", database, "bot", "--on", "x", "--json"])
    report = json.loads(result.output)
    assert (report["read"], report["skipped"]) == (1, {"no_photo": 1})
