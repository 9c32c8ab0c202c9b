"""Hosted rounds as rows: what is planned, what is open, and what is due."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from critterdb.errors import GameError
from critterdb.storage.timestamps import utc_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from critterdb.storage.database import SiteDatabase

State = Literal["planned", "open", "closed", "revealed", "cancelled"]
# Of a round in these states the bot has something to do.
ACTIVE: tuple[State, ...] = ("planned", "open", "closed")


@dataclass(frozen=True)
class HostedRound:
    """A row of `rounds`; times are UTC ISO 8601 ending in Z.

    `photo_id` is one of the site's photos, or `picture` the path of an uploaded one. The `said_*`
    fields are what the bot guessed when the round was planned, `said_by` the model; both are None
    if there was no model, the taxon alone if it abstained.
    """

    id: int
    game: str
    platform: str
    host: str
    photo_id: int | None
    image_sha256: str | None
    opens_at: str
    closes_at: str
    answer_taxon_id: int | None
    post_id: str | None
    reveal_post_id: str | None
    state: State
    note: str | None
    text: str | None
    alt_text: str | None
    credit: str | None
    picture: str | None
    said_taxon_id: int | None
    said_score: float | None
    said_by: str | None
    commonest_taxon_id: int | None
    planned_at: str
    collected_at: str | None
    messages: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> HostedRound:
        """Make a round from its row."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})

    def opens_by(self, now: datetime) -> bool:
        return self.opens_at <= utc_text(now)

    def closes_by(self, now: datetime) -> bool:
        return self.closes_at <= utc_text(now)


def load_round(db: SiteDatabase, round_id: int) -> HostedRound:
    """Return a round. Raises GameError if there is none with this number."""
    for row in db["rounds"].rows_where("id = ?", [round_id]):
        return HostedRound.from_row(row)
    raise GameError(f"There is no round {round_id}. List them with: critterdb rounds")


def list_rounds(db: SiteDatabase) -> list[HostedRound]:
    """Return all rounds, the latest first."""
    rows = db["rounds"].rows_where(order_by="opens_at DESC, id DESC")
    return [HostedRound.from_row(row) for row in rows]


def active_rounds(db: SiteDatabase, game: str, platform: str) -> list[HostedRound]:
    """Return the rounds of a game on a platform that are neither revealed nor cancelled.

    Open rounds come last: a round that opens too late is missed; guesses can be read later.
    """
    marks = ", ".join("?" * len(ACTIVE))
    rows = db["rounds"].rows_where(
        f"game = ? AND platform = ? AND state IN ({marks})",
        [game, platform, *ACTIVE],
        order_by="state = 'open', opens_at, id",
    )
    return [HostedRound.from_row(row) for row in rows]


def has_rounds(db: SiteDatabase, platform: str) -> bool:
    """Return whether the site ever planned a round on a platform."""
    return bool(db["rounds"].count_where("platform = ?", [platform]))


def round_posts(db: SiteDatabase, platform: str) -> frozenset[str]:
    """Return the ids of the posts of rounds on a platform: what answers them is a guess."""
    rows = db["own_posts"].rows_where(
        "platform = ? AND round_id IS NOT NULL AND post_id IS NOT NULL",
        [platform],
        select="post_id",
    )
    return frozenset(row["post_id"] for row in rows)
