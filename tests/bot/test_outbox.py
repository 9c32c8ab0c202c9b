"""Replies under accidents: at most one on the server, whatever the network or the process does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from critterdb.bot import outbox
from critterdb.bot.platform_state import with_jitter
from critterdb.storage.database import DATABASE_NAME, site_folder
from tests.support.bot_harness import BOT, GAME, BotHarness
from tests.support.models import picture

pytestmark = pytest.mark.slow

ASK = f"@{BOT} what is this?"


def ask(ground: BotHarness) -> str:
    return ground.x.add_post("ann", ASK, [picture("red")])


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "408", "500", "html"])
def test_doubt_is_settled_with_exactly_one_reply(ground: BotHarness, fault: str) -> None:
    post = ask(ground)
    ground.x.post_faults.append(fault)
    assert ground.play().unknown == 1
    reply = ground.reply(post)
    assert (reply["status"], reply["attempts"], reply["sent_at"]) == ("unknown", 1, None)
    for ground.later in (1, 70, 140, 210):
        ground.play()
    settled = ground.reply(post)
    assert (settled["status"], settled["text"]) == ("sent", reply["text"])
    assert settled["attempts"] == (1 if fault == "drop_after" else 2)
    assert settled["reply_id"] == f"x:{ground.x.sent[0]['id']}"
    assert settled["reply_url"].endswith(ground.x.sent[0]["id"])
    assert len(ground.x.sent) == 1


def test_what_is_in_doubt_is_not_sent_again_too_early(ground: BotHarness) -> None:
    post = ask(ground)
    ground.x.post_faults.append("drop_before")
    ground.play()
    for ground.later in (10, 20, 55):
        ground.play()
        assert ground.reply(post)["status"] == "unknown"
    assert not ground.x.sent
    ground.later = 62
    assert ground.play().sent == 1


@pytest.mark.parametrize("jump", [3600, -3600, 1e8, -1e8])
def test_a_clock_that_jumps_sends_nothing_twice_and_waits_no_longer(
    ground: BotHarness, jump: float
) -> None:
    """X shows the reply 55 seconds late, and the clock on the wall jumps after the attempt."""
    ground.x.refuses_duplicates = False
    post = ask(ground)
    ground.x.post_faults.append("drop_after")
    ground.play()
    ground.x.held_back = {ground.x.sent[0]["id"]}
    ground.wrong = jump
    for ground.later in (5, 20, 50):
        ground.play()
        assert ground.reply(post)["status"] == "unknown"
    ground.x.held_back = set()
    ground.later = 61
    assert ground.play().sent == 1
    assert len(ground.x.sent) == 1


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_clock_that_jumps_leaves_nothing_waiting(ground: BotHarness, jump: float) -> None:
    ask(ground)
    ground.x.post_faults.append("drop_before")
    ground.play()
    ground.wrong = jump
    for ground.later in (5, 45):
        ground.play()
    assert not ground.x.sent
    ground.later = 62
    assert ground.play().sent == 1


def test_the_wait_restarts_with_the_machine(ground: BotHarness) -> None:
    """Seconds that another start counts say nothing, and neither do another machine's."""
    post = ask(ground)
    ground.x.post_faults.append("drop_before")
    ground.play()
    ground.boot, ground.later = "another start", 1000
    for ground.later in (1000, 1010, 1045):
        ground.play()
        assert ground.reply(post)["status"] == "unknown"
    ground.later = 1062
    assert ground.play().sent == 1


def test_a_row_of_before_uptimes_waits_a_whole_minute(ground: BotHarness) -> None:
    post = ask(ground)
    ground.x.post_faults.append("drop_before")
    ground.play()
    ground.db["replies"].update(f"x:{post}", {"attempt_boot": None, "attempt_uptime": None})
    for ground.later in (100, 159):
        ground.play()
        assert ground.reply(post)["status"] == "unknown"
    ground.later = 162
    assert ground.play().sent == 1


def test_a_pause_that_a_wrong_clock_wrote_does_not_last_for_years(ground: BotHarness) -> None:
    ground.wrong = 40 * 3600
    ask(ground)
    ground.x.post_faults.append("429")
    ground.play()
    ground.wrong = 0
    assert ground.play().sent == 1


def test_two_looks_are_needed_however_late(ground: BotHarness) -> None:
    post = ask(ground)
    ground.x.post_faults.append("drop_before")
    ground.play()
    ground.later = 500
    ground.play()
    assert ground.reply(post)["status"] == "unknown"
    ground.later = 510
    ground.play()
    assert ground.reply(post)["status"] == "sent"


def test_the_wait_can_be_set(ground: BotHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRITTERDB_RECONCILE_SECONDS", "0")
    ask(ground)
    ground.x.post_faults.append("drop_before")
    ground.play()
    ground.play()
    assert not ground.x.sent
    assert ground.play().sent == 1


def test_a_dry_round_settles_doubt_but_sends_nothing(ground: BotHarness) -> None:
    post = ask(ground)
    ground.x.post_faults.append("drop_before")
    ground.play()
    for ground.later in (70, 140):
        ground.play(post=False)
    assert ground.reply(post)["status"] == "planned"
    assert not ground.x.sent


def test_doubt_waits_while_the_platform_cannot_be_read(ground: BotHarness) -> None:
    post = ask(ground)
    ground.x.post_faults.append("drop_after")
    ground.play()
    ground.later = 100
    # The account, mentions, quotes, hosts' posts and their messages are read before the look.
    ground.x.read_faults.extend(["", "", "", "", "", "500"])
    assert ground.play().failures
    assert ground.reply(post)["status"] == "unknown"
    ground.play()
    assert ground.reply(post)["status"] == "sent"


def test_a_refused_reply_is_never_retried(ground: BotHarness) -> None:
    post = ask(ground)
    ground.play(post=False)
    ground.x.posts[post]["entities"]["mentions"] = []
    report = ground.play()
    reply = ground.reply(post)
    assert (report.refused, reply["status"], reply["attempts"]) == (1, "refused", 1)
    assert "not been mentioned" in reply["error"]
    ground.x.posts[post]["entities"]["mentions"] = [ground.x.me]
    ground.play()
    assert ground.reply(post)["attempts"] == 1
    assert not ground.x.sent


def test_a_duplicate_of_ones_own_lost_reply_counts_as_sent(ground: BotHarness) -> None:
    post = ask(ground)
    ground.x.post_faults.append("drop_after")
    ground.play()
    ground.db["replies"].update(f"x:{post}", {"status": "planned"})
    ground.play()
    assert ground.reply(post)["status"] == "sent"
    assert len(ground.x.sent) == 1


@pytest.mark.parametrize(
    ("fault", "words"), [("429", "Come back at"), ("401", "keys"), ("402", "credits")]
)
def test_what_was_certainly_not_sent_waits(ground: BotHarness, fault: str, words: str) -> None:
    posts = [ask(ground), ground.x.add_post("bob", ASK, [picture("green")])]
    ground.x.post_faults.append(fault)
    report = ground.play()
    assert [ground.reply(post)["status"] for post in posts] == ["planned", "planned"]
    assert report.planned == 2
    assert words in str(report)
    ground.later = 5000
    assert ground.play().sent == 2


def test_sending_waits_for_the_platforms_own_reset(ground: BotHarness) -> None:
    ask(ground)
    ground.x.post_faults.append("429")
    ground.play()
    writes = ground.x.writes
    for ground.later in (10, 600, 899):
        assert "Sending resumes at" in str(ground.play())
    assert ground.x.writes == writes == 1
    ground.later = 1100
    assert ground.play().sent == 1
    assert ground.db["platforms"].get("x")["send_from"] is None


def test_after_five_refusals_in_a_row_nothing_is_tried_for_hours(ground: BotHarness) -> None:
    for number in range(8):
        ground.x.add_post(f"user{number}", ASK, [picture("red", seed=number)])
    ground.play(post=False)
    for post in ground.x.posts.values():
        post["entities"]["mentions"] = []
    assert ground.play().refused == ground.x.writes == 5
    ground.later = 5 * 3600
    assert "were refused" in str(ground.play())
    assert ground.x.writes == 5
    ground.later = 6 * 3600 + 60
    assert ground.play().refused == 1
    ground.later = 17 * 3600
    ground.play()
    assert ground.x.writes == 6
    for post in ground.x.posts.values():
        post["entities"]["mentions"] = [ground.x.me]
    ground.later = 19 * 3600
    assert ground.play().sent == 2
    assert ground.db["platforms"].get("x")["refusals"] == 0


def test_a_duplicate_that_is_not_shown_yet_stays_in_doubt(ground: BotHarness) -> None:
    post = ask(ground)
    ground.x.delay_s = 10_000
    ground.x.post_faults.append("drop_after")
    for ground.later in (0, 1, 70, 140):
        ground.play()
    reply = ground.reply(post)
    assert (reply["status"], reply["attempts"]) == ("unknown", 2)
    assert "duplicate" in reply["error"]
    ground.x.shown_from.clear()
    ground.later = 150
    assert ground.play().sent == 1
    assert len(ground.x.sent) == 1


def test_a_reset_in_a_far_year_waits_a_day_at_most() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    until = with_jitter(now + timedelta(days=20_000), now, lambda low, high: high)
    assert timedelta(days=1) < until - now < timedelta(days=1.2)
    assert with_jitter(now - timedelta(hours=1), now, lambda low, high: low) > now


def test_an_incomplete_list_does_not_prove_absence(
    ground: BotHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = ask(ground)
    ground.x.post_faults.append("drop_after")
    ground.play()
    for number in range(6):
        ground.x.add_post(BOT, f"something else {number}")
    ground.x.page_size = 1
    monkeypatch.setattr("critterdb.platforms.x.timeline.MAX_OWN_PAGES", 3)
    for ground.later in (70, 140, 210):
        assert "does not show enough" in str(ground.play())
    assert ground.reply(post)["status"] == "unknown"
    assert len(ground.x.sent) == 1


def test_a_server_that_is_not_there_takes_nothing(ground: BotHarness) -> None:
    post = ask(ground)
    ground.play(post=False)
    round_ = ground.round()
    ground.x.stop()
    (waiting,) = outbox.waiting(ground.db, "x", GAME)
    assert outbox.send(round_, waiting).status == "planned"
    assert ground.reply(post)["status"] == "planned"


def start_round(ground: BotHarness) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    database = str(site_folder(ground.db) / DATABASE_NAME)
    code = "from critterdb.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "--db", database, "bot", GAME, "--on", "x", "--post"],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_a_round_killed_while_sending_doubles_nothing(ground: BotHarness) -> None:
    post = ask(ground)
    ground.x.post_faults.append("stall_after")
    process = start_round(ground)
    for _ in range(2000):
        if ground.x.sent:
            break
        time.sleep(0.05)
    assert ground.reply(post)["status"] == "sending"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    ground.play()
    assert ground.reply(post)["status"] == "sent"
    assert len(ground.x.sent) == 1


@pytest.mark.slow
def test_two_rounds_at_once_send_one_reply(ground: BotHarness) -> None:
    ask(ground)
    processes = [start_round(ground), start_round(ground)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert len(ground.x.sent) == 1
    assert ground.db["predictions"].count == 1


def test_a_text_is_not_said_again_within_a_week(ground: BotHarness) -> None:
    """Nobody knows for how long X remembers, and what it calls a duplicate is never answered."""
    post = ask(ground)
    ground.play()
    text = ground.reply(post)["text"]
    for days, is_taken in ((0, True), (6, True), (8, False)):
        later = ground.now() + timedelta(days=days)
        assert (text in outbox.recent_texts(ground.db, "x", later)) is is_taken
