"""Planned rounds are announced on the bot's own account: if the site wants that, and once."""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING

import pytest

from critterdb.bot.rounds.plan import cancel_round
from critterdb.storage.database import DATABASE_NAME, site_folder
from tests.support.bot_harness import GAME, HASHTAG
from tests.support.kills import play
from tests.support.models import make_tiny_model
from tests.support.platforms import STAND_INS
from tests.support.rounds import HOURS_AGO, RoundsHarness, add_photo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow

OF_A_DAY = 24 * 60
OPENS = OF_A_DAY + 10  # minutes of the story, so that what is posted is in the past
FROM_NOW = HOURS_AGO * 60 + 60


@pytest.fixture(params=STAND_INS)
def stage(
    request: pytest.FixtureRequest,
    db: SiteDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RoundsHarness]:
    """A bot on its own account; the rounds are another host's."""
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CRITTERDB_RECONCILE_SECONDS", "1")
    monkeypatch.setenv("CRITTERDB_ANNOUNCE", "1")
    with STAND_INS[request.param]() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        stage = RoundsHarness(db, server, request.param)
        add_photo(db, 1)
        yield stage


def plan_elsewhere(stage: RoundsHarness, opens: float) -> int:
    hosted = stage.plan(1, opens=opens, closes=opens + 60)
    stage.db["rounds"].update(hosted.id, {"host": stage.author("other")})
    return hosted.id


@pytest.mark.parametrize("fault", ["", "drop_after", "503"])
def test_a_planned_round_is_announced_once_and_a_day_ahead(
    stage: RoundsHarness, fault: str
) -> None:
    plan_elsewhere(stage, OPENS)
    stage.play_at(OPENS - OF_A_DAY - 5)
    assert stage.server.sent == []
    stage.server.post_faults.append(fault)
    for minutes in (5, 6, 7, 8, 30, 31):
        stage.play_at(OPENS - OF_A_DAY + minutes)
    [text] = stage.texts()
    assert f"Next round of #{HASHTAG}" in text
    assert "UTC" in text
    assert "@" not in text
    assert "://" not in text
    [row] = stage.rows("SELECT kind, status, round_id FROM own_posts")
    assert row == {"kind": "announcement", "status": "sent", "round_id": 1}


@pytest.mark.parametrize("stage", ["mastodon"], indirect=True)
def test_nothing_is_announced_unasked_or_after_the_round_was_cancelled(
    stage: RoundsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = plan_elsewhere(stage, OPENS)
    ahead = OPENS - OF_A_DAY + 5
    monkeypatch.setenv("CRITTERDB_ANNOUNCE", "0")
    stage.play_at(ahead)
    assert stage.rows("SELECT key FROM own_posts") == []
    monkeypatch.setenv("CRITTERDB_ANNOUNCE", "1")
    report = stage.play_at(ahead + 1, post=False)
    assert report.round_drafts[0].startswith("announcement: Next round of")
    cancel_round(stage.db, round_id, None, stage.at(ahead + 2))
    stage.play_at(ahead + 3)
    assert stage.server.sent == []
    assert stage.rows("SELECT status FROM own_posts") == [{"status": "skipped"}]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["x"], indirect=True)
def test_a_bot_that_is_killed_while_it_announces_does_not_announce_again(
    stage: RoundsHarness,
) -> None:
    """On X, where nothing keeps a second post out."""
    stage.plan(1, opens=FROM_NOW, closes=FROM_NOW + 60)
    stage.server.post_faults.append("stall_after")
    environment = {**stage.server.environment(), "CRITTERDB_ANNOUNCE": "1"}
    database = str(site_folder(stage.db) / DATABASE_NAME)
    bot = multiprocessing.get_context("spawn").Process(
        target=play, args=("x", database, environment)
    )
    bot.start()
    end = time.monotonic() + 60
    while not stage.server.sent and time.monotonic() < end:
        time.sleep(0.05)
    assert stage.rows("SELECT status FROM own_posts") == [{"status": "sending"}]
    bot.kill()
    bot.join()
    for minutes in (0, 1, 2, 30):
        stage.play_at(HOURS_AGO * 60 + minutes)
    assert len(stage.server.sent) == 1
    assert stage.rows("SELECT status FROM own_posts") == [{"status": "sent"}]
