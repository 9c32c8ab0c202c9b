"""A mixed feed: exactly those are answered who may be, each once; `benchmarks/bot_feed.py` has the
long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.bot_harness import GAME, HASHTAG
from tests.support.feed import ON, SENT, UNSUMMONED, Feed, play_feed
from tests.support.models import make_tiny_model
from tests.support.platforms import STAND_INS, PlatformHarness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow


@pytest.fixture(params=STAND_INS)
def stage(
    request: pytest.FixtureRequest,
    db: SiteDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PlatformHarness]:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CRITTERDB_REPLIES_PER_DAY", "1000000")
    with STAND_INS[request.param]() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        stage = PlatformHarness(db, server, request.param)
        stage.set_host()
        yield stage


def test_exactly_the_welcome_are_answered(stage: PlatformHarness) -> None:
    feed, wrong = play_feed(stage, 100, rounds=2)
    assert wrong == []
    assert set(feed.kinds) == {*ON[stage.on], "too_old"}
    writes = [request for request in stage.server.requests if not request.startswith("GET ")]
    attempts = sum("createSession" not in request for request in writes)
    assert attempts == sum(expected == SENT for expected in feed.expected.values())


@pytest.mark.parametrize("stage", ["x"], indirect=True)
def test_who_did_not_ask_causes_no_write(stage: PlatformHarness) -> None:
    feed = Feed(stage)
    feed.fill(30, {name: ON["x"][name] for name in UNSUMMONED})
    for _ in range(2):
        stage.play()
    assert stage.server.writes == 0
    assert stage.rows("SELECT DISTINCT reason FROM replies") == [{"reason": "not_summoned"}]
