"""What the tests of the bot share: a game, its host, and a fake X server to play on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from critterdb.fakes.x import StandInX
from tests.support.bot_harness import BOT, GAME, HASHTAG, BotHarness, add_host
from tests.support.models import make_tiny_model
from tests.support.platforms import STAND_INS
from tests.support.rounds import RoundsHarness, add_photo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase


@pytest.fixture
def ground(db: SiteDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[BotHarness]:
    """The tiny model's game, its host, and a fake X server to play it on."""
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    add_host(db)
    with StandInX(BOT) as x:
        for name, value in x.environment().items():
            monkeypatch.setenv(name, value)
        yield BotHarness(db, x)


@pytest.fixture(params=STAND_INS)
def stage(
    request: pytest.FixtureRequest,
    db: SiteDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RoundsHarness]:
    """A bot that is signed in as the host of the tiny model's game, and a photo for its round."""
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CRITTERDB_RECONCILE_SECONDS", "1")
    with STAND_INS[request.param]() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        add_photo(db, 999)
        yield RoundsHarness(db, server, request.param, hours_ago=28)
