"""A site with the tiny model, a stand-in X, and rounds played between them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from critterdb.bot.play import play_round
from critterdb.bot.round import Round
from critterdb.fetch.fetcher import Fetcher
from critterdb.games import get_game
from critterdb.model.registry import current_model
from critterdb.platforms.registry import open_timeline
from critterdb.system import BootClock, read_uptime

if TYPE_CHECKING:
    from critterdb.bot.round_report import RoundReport
    from critterdb.fakes.x import StandInX
    from critterdb.storage.database import SiteDatabase

GAME, HASHTAG, HOST, BOT = "tints", "tintOrNot", "host", "critterbot"


class BotHarness:
    """Where rounds are played. Time goes on by `later` seconds, and the clock on the wall is
    `wrong` by some more; `boot` is the machine's start.
    """

    wrong = 0.0
    boot = ""

    def __init__(self, db: SiteDatabase, x: StandInX | None = None, *, on: str = "x") -> None:
        self.db = db
        self._x = x
        self.on = on
        self.later = 0.0

    @property
    def x(self) -> StandInX:
        """The stand-in X; only for a harness that has one."""
        assert self._x is not None
        return self._x

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.later + self.wrong)

    def uptime(self) -> BootClock:
        reading = read_uptime()
        return BootClock(self.boot or reading.boot, reading.seconds + self.later)

    def round(self, *, post: bool = True) -> Round:
        return Round(
            self.db,
            get_game(self.db, GAME),
            open_timeline(self.on),
            current_model(self.db, GAME),
            Fetcher(),
            sends=post,
            clock=self.now,
            boot_clock=self.uptime,
        )

    def play(self, *, post: bool = True) -> RoundReport:
        return play_round(self.round(post=post))

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        return list(self.db.query(sql, parameters))

    def reply(self, post_id: str) -> dict[str, Any]:
        return self.db["replies"].get(f"x:{post_id}")


def add_host(db: SiteDatabase, platform: str = "x", *, consents: bool = False) -> None:
    hosts = [{"platform": platform, "handle": HOST, "consents": consents}]
    db["games"].update(GAME, {"hosts": json.dumps(hosts)})
