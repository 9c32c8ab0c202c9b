"""What the tests of the bot share: a game, its host, and a fake X server to play on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from critterdb.fakes.x import StandInX
from tests.support.bot_harness import BOT, GAME, HASHTAG, BotHarness, add_host
from tests.support.models import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Iterator

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
