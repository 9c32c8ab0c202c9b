"""The three platforms as the game sees them: a stand-in server, names, and what each one has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from critterdb.fakes.x import StandInX
from tests.fakes.bluesky import StandInBluesky
from tests.fakes.mastodon import StandInMastodon
from tests.support.bot_harness import GAME, HASHTAG, HOST, BotHarness

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

STAND_INS: dict[str, Any] = {
    "x": StandInX,
    "mastodon": StandInMastodon,
    "bluesky": StandInBluesky,
}
NEW_PLATFORMS = ("mastodon", "bluesky")


@dataclass
class PlatformHarness(BotHarness):
    """Rounds on one of the platforms, between `db` and `server`."""

    db: SiteDatabase
    server: Any
    on: str
    later: float = 0.0

    @property
    def bot(self) -> str:
        """How people write the bot's name there."""
        return str(
            {"x": "critterbot", "mastodon": "critterbot", "bluesky": "critterbot.test"}[self.on]
        )

    @property
    def ask(self) -> str:
        return f"@{self.bot} what is this?"

    def in_thread(self, text: str, *handles: str) -> str:
        """An answer as an app sends it: after the thread's handles, save on Bluesky."""
        run = "" if self.on == "bluesky" else "".join(f"@{handle} " for handle in handles)
        return run + text

    @property
    def tag(self) -> str:
        return f"#{HASHTAG}"

    def author(self, name: str) -> str:
        """A name as the rows have it."""
        if self.on == "mastodon":
            return f"{name}@{self.server.domain}"
        return f"{name}.test" if self.on == "bluesky" else name

    def set_host(self, *, consents: bool = False) -> None:
        handle = self.author(HOST)
        self.server.add_user(HOST)
        hosts = [{"platform": self.on, "handle": handle, "consents": consents}]
        self.db["games"].update(GAME, {"hosts": json.dumps(hosts)})

    def reply(self, post_id: str) -> dict[str, Any]:
        return dict(self.db["replies"].get(f"{self.on}:{post_id}"))

    def outcome(self, post_id: str) -> tuple[str, str | None]:
        row = self.reply(post_id)
        return row["status"], row["reason"]

    def answered(self) -> list[str]:
        """The posts with a reply of the bot, as the server has them."""
        return sorted(reply["in_reply_to"] for reply in self.server.sent)
