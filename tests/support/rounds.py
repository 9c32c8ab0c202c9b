"""Hosted rounds on the stand-in platforms: the bot is signed in as the host, and time is moved."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from critterdb.bot.rounds.plan import NewRound, Said, plan_round
from critterdb.storage.database import site_folder
from critterdb.storage.photo_store import place_photo
from tests.support.bot_harness import GAME
from tests.support.models import BOBCAT, COUGAR, picture
from tests.support.platforms import PlatformHarness

if TYPE_CHECKING:
    from critterdb.bot.rounds.store import HostedRound
    from critterdb.storage.database import SiteDatabase

HOURS_AGO = 3  # when the story begins: stand-ins accept no posts of the future
CREDIT = "(c) Ann Lee, some rights reserved (CC BY)"


def add_photo(
    db: SiteDatabase, photo_id: int, taxon_id: int = COUGAR, *, license_code: str | None = "cc-by"
) -> int:
    """Give the site a photo of the tiny model's, in the colour of its taxon."""
    colour = {COUGAR: "red", BOBCAT: "green"}.get(taxon_id, "blue")
    sha256, path = place_photo(site_folder(db), picture(colour, seed=photo_id), "jpg")
    db["observations"].insert({"id": photo_id, "taxon_id": taxon_id}, ignore=True)
    db["game_observations"].insert(
        {"game": GAME, "observation_id": photo_id, "seen_at": "2026-01-01T00:00:00Z"}, ignore=True
    )
    db["photos"].insert(
        {
            "id": photo_id,
            "observation_id": photo_id,
            "path": path,
            "sha256": sha256,
            "license_code": license_code,
            "attribution": CREDIT if license_code else None,
            "width": 120,
            "height": 90,
        }
    )
    return photo_id


@dataclass
class RoundsHarness(PlatformHarness):
    """Rounds of a host who is the bot's own account; `minutes` go by from HOURS_AGO on."""

    hours_ago: float = HOURS_AGO

    def __post_init__(self) -> None:
        self.begun = datetime.now(UTC) - timedelta(hours=self.hours_ago)
        hosts = [{"platform": self.on, "handle": self.bot_handle, "consents": False}]
        self.db["games"].update(GAME, {"hosts": json.dumps(hosts)})

    @property
    def bot_handle(self) -> str:
        return self.author("critterbot")

    def at(self, minutes: float) -> datetime:
        """A moment of the story."""
        return self.begun + timedelta(minutes=minutes)

    def play_at(self, minutes: float, *, post: bool = True) -> Any:
        """Play a round of the bot at a moment of the story."""
        self.later = (self.at(minutes) - datetime.now(UTC)).total_seconds()
        return self.play(post=post)

    def plan(
        self, photo_id: int, opens: float = 5, closes: float = 65, **given: Any
    ) -> HostedRound:
        """Plan a round with a photo of the site, from a moment of the story to another."""
        said = given.pop("said", Said(COUGAR, 0.93, f"{GAME}-colours", COUGAR))
        new = NewRound(GAME, self.at(opens), self.at(closes), photo_id=photo_id, **given)
        return plan_round(self.db, new, said, self.at(0))

    def guess(self, player: str, text: str, below: str, minutes: float, **more: Any) -> str:
        """Let somebody answer a post, by its id of the platform; the id of the answer."""
        moment = self.at(minutes)
        return str(self.server.add_post(player, text, in_reply_to=below, posted_at=moment, **more))

    def edit(self, player: str, text: str, guess: str, minutes: tuple[float, float]) -> None:
        """Let somebody edit an answer: when it was written, and when it was edited."""
        wrote, edited = map(self.at, minutes)
        if self.on == "mastodon":
            below = self.server.statuses[guess]["in_reply_to_id"]
            self.server.add_post(player, text, in_reply_to=below, posted_at=wrote,
                                 edit_of=guess, edited_at=edited)  # fmt: skip
        else:
            (below,) = [r["id"] for r in self.server.posts[guess]["referenced_tweets"]]
            self.server.add_post(player, text, in_reply_to=below, posted_at=edited, edit_of=guess)

    def delete(self, guess: str) -> None:
        """Let somebody delete an answer, with all its versions."""
        self.server.delete_post(guess)
        if self.on == "x":
            posts = list(self.server.posts.values())
            for post in posts:
                if post["edit_history_tweet_ids"][0] == guess:
                    self.server.delete_post(post["id"])

    def opening(self, hosted: HostedRound) -> str:
        """The platform's id of a round's post."""
        return str(self.db["rounds"].get(hosted.id)["post_id"]).partition(":")[2]

    def state(self, hosted: HostedRound) -> str:
        return str(self.db["rounds"].get(hosted.id)["state"])

    def texts(self) -> list[str]:
        """What the bot posted, in order."""
        return [str(post["text"]) for post in self.server.sent]
