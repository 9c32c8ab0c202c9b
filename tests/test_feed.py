"""A mixed feed on X: exactly those are answered who may be, each once; `benchmarks/bot_feed.py` has
the long one."""

from __future__ import annotations

import pytest
from support_feed import ON_X, UNSUMMONED, Feed, play_feed
from support_platforms import Stage
from support_x import Ground


@pytest.fixture
def stage(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("CRITTERDB_REPLIES_PER_DAY", "1000000")
    return Stage(ground.db, ground.x, "x")


def test_exactly_the_welcome_are_answered(stage: Stage) -> None:
    feed, wrong = play_feed(stage, 100)
    assert wrong == []
    assert set(feed.kinds) == {*ON_X, "too_old"}


def test_who_did_not_ask_causes_no_write(stage: Stage) -> None:
    feed = Feed(stage)
    feed.fill(30, {name: ON_X[name] for name in UNSUMMONED})
    for _ in range(2):
        stage.play()
    assert stage.server.writes == 0
    assert stage.rows("SELECT DISTINCT reason FROM replies") == [{"reason": "not_summoned"}]
