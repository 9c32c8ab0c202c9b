"""Hosted rounds: posted on time on the host's own account, and told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from critterdb.bot.rounds.plan import cancel_round, correct_round
from critterdb.errors import GameError
from tests.support.bot_harness import HASHTAG
from tests.support.models import BOBCAT
from tests.support.rounds import CREDIT, add_photo

if TYPE_CHECKING:
    from tests.support.rounds import RoundsHarness

pytestmark = pytest.mark.slow


def test_a_round_from_the_plan_to_the_answer(stage: RoundsHarness) -> None:
    hosted = stage.plan(999, alt_text="An animal on a rock.")
    stage.play_at(4)
    assert (stage.state(hosted), stage.server.sent) == ("planned", [])
    report = stage.play_at(6)
    assert (stage.state(hosted), report.rounds) == ("open", {"opened": 1})
    (opening,) = stage.server.sent
    assert "Is it a cougar?" in opening["text"]
    assert f"#{HASHTAG}" in opening["text"]
    (picture,) = opening["pictures"]
    assert picture.alt == f"An animal on a rock. Photo: {CREDIT}"
    assert picture.data[:2] == b"\xff\xd8"
    below = stage.opening(hosted)
    stage.guess("ann", "Cougar! Count me in", below, 20)
    stage.guess("bob", "it's a bobcat", below, 21)
    stage.guess("bob", "no wait, cougar", below, 22)
    stage.guess("cid", "cougar #countMeIn", below, 10)
    stage.guess("dot", "cougar", below, 66)
    stage.guess("critterbot", "cougar", below, 23)
    stage.play_at(30)
    assert (stage.state(hosted), len(stage.server.sent)) == ("open", 1)
    report = stage.play_at(70)
    assert (stage.state(hosted), report.rounds) == ("revealed", {"closed": 1, "revealed": 1})
    reveal = stage.server.sent[1]
    assert reveal["in_reply_to"] == below
    for words in ("it was a Cougar", "Right guesses: 3 of 3", "I said a Cougar (93% sure)",
                  f"@{stage.author('cid')}, @{stage.author('ann')}", CREDIT):  # fmt: skip
        assert words in reveal["text"]
    guesses = stage.rows("SELECT player, taxon_id, right FROM guesses ORDER BY id")
    assert [row["right"] for row in guesses] == [1, 1, 1]
    named = {row["player"] for row in guesses}
    assert named == {None, stage.author("ann"), stage.author("cid")}
    stage.play_at(75)
    assert len(stage.server.sent) == 2
    # Neither the round's post nor a guess is taken for a question to the bot.
    assert stage.rows("SELECT id FROM posts") == []


def test_what_is_due_opens_before_guesses_are_read(stage: RoundsHarness) -> None:
    """A round that did not open in time is cancelled; guesses are there later as well."""
    first = stage.plan(999)
    stage.play_at(6)
    second = stage.plan(add_photo(stage.db, 1000), opens=70, closes=130)
    stage.play_at(71)
    assert (stage.state(first), stage.state(second)) == ("revealed", "open")
    kinds = ["reply with your guess" in post["text"] for post in stage.server.sent]
    assert kinds == [True, True, False]


def test_without_post_a_round_is_a_draft(stage: RoundsHarness) -> None:
    hosted = stage.plan(999)
    report = stage.play_at(6, post=False)
    assert "reply with your guess" in report.round_drafts[0]
    assert (stage.server.writes, stage.state(hosted)) == (0, "planned") or stage.on == "bluesky"
    assert stage.server.sent == []
    stage.play_at(70, post=False)
    assert stage.state(hosted) == "planned"
    # Too late to open it now.
    stage.play_at(71)
    assert (stage.state(hosted), stage.server.sent) == ("cancelled", [])


def test_a_round_of_somebody_else_is_left_alone(stage: RoundsHarness) -> None:
    stage.plan(999)
    stage.db["rounds"].update(1, {"host": stage.author("other")})
    report = stage.play_at(6)
    assert stage.server.sent == []
    assert "the bot is signed in as" in report.failures[0]


@pytest.mark.parametrize("fault", ["drop_after", "503_after", "503"])
def test_what_is_in_doubt_is_posted_once(stage: RoundsHarness, fault: str) -> None:
    stage.db["photos"].update(999, {"license_code": "cc0"})
    hosted = stage.plan(999)
    uploads = {"x": 2, "mastodon": 1, "bluesky": 1}[stage.on]
    stage.server.post_faults.extend([*[""] * uploads, fault])
    for minutes in (6, 7, 8, 9, 25, 26):
        stage.play_at(minutes)
    assert stage.state(hosted) == "open"
    assert len(stage.server.sent) == 1
    below = stage.opening(hosted)
    stage.guess("ann", "cougar", below, 20)
    stage.server.post_faults.append(fault)
    for minutes in (66, 67, 68, 69, 90, 91):
        stage.play_at(minutes)
    assert stage.state(hosted) == "revealed"
    assert len(stage.server.sent) == 2
    assert "Right guesses: 1 of 1" in stage.texts()[1]


def test_a_wrong_round_is_corrected_once(stage: RoundsHarness) -> None:
    hosted = stage.plan(999)
    stage.play_at(6)
    stage.guess("ann", "bobcat, count me in", stage.opening(hosted), 20)
    stage.play_at(70)
    correct_round(stage.db, hosted.id, BOBCAT, None, stage.at(80))
    stage.play_at(81)
    stage.play_at(82)
    correction = stage.server.sent[2]
    assert "it was a Bobcat. Right guesses: 1 of 1" in correction["text"]
    assert f"{stage.on}:{correction['in_reply_to']}" == stage.db["rounds"].get(1)["reveal_post_id"]
    assert len(stage.server.sent) == 3
    with pytest.raises(GameError, match="corrected in public already"):
        correct_round(stage.db, hosted.id, 42007, None, stage.at(90))


def test_a_round_is_cancelled_before_and_after_it_opened(stage: RoundsHarness) -> None:
    add_photo(stage.db, 2)
    first, second = stage.plan(999), stage.plan(2, opens=30, closes=90)
    cancel_round(stage.db, second.id, "rain", stage.at(1))
    stage.play_at(6)
    cancel_round(stage.db, first.id, None, stage.at(10))
    for minutes in (31, 32, 70, 95):
        stage.play_at(minutes)
    assert [stage.state(first), stage.state(second)] == ["cancelled", "cancelled"]
    assert len(stage.server.sent) == 2
    assert "Round 1 is cancelled" in stage.texts()[1]


def test_a_round_whose_post_was_deleted_is_cancelled(stage: RoundsHarness) -> None:
    hosted = stage.plan(999)
    stage.play_at(6)
    stage.server.delete_post(stage.opening(hosted))
    for minutes in (30, 70, 75):
        stage.play_at(minutes)
    assert (stage.state(hosted), len(stage.server.sent)) == ("cancelled", 1)


def test_stop_forgets_a_player(stage: RoundsHarness) -> None:
    hosted = stage.plan(999)
    stage.play_at(6)
    below = stage.opening(hosted)
    stage.guess("ann", "cougar count me in", below, 20)
    stage.guess("bob", "cougar count me in", below, 21)
    stage.play_at(70)
    assert "@" in stage.texts()[1]
    stop = f"@{stage.bot} stop" if stage.on != "bluesky" else "stop"
    reveal = stage.server.sent[1]["id"]
    stage.server.add_post("ann", stop, in_reply_to=reveal)
    stage.play_at(80)
    assert names(stage, "ann") == 0
    assert names(stage, "bob") > 0


def names(stage: RoundsHarness, player: str) -> int:
    """How many rows name somebody, in any table but that of people to be left alone."""
    handle, found = stage.author(player), 0
    for table in stage.db.table_names():
        columns = [c.name for c in stage.db[table].columns if c.type == "TEXT"]
        if table == "opt_outs" or "fts" in table or not columns:
            continue
        where = " OR ".join(f"instr({column}, :handle)" for column in columns)
        found += stage.db.execute(
            f"SELECT count(*) FROM {table} WHERE {where}", {"handle": handle}
        ).fetchone()[0]
    return found
