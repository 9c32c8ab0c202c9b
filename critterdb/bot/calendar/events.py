"""The next rounds of all games: those that hosts planned here, and those that a rhythm promises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from critterdb.errors import GameError
from critterdb.games import Game, get_game
from critterdb.storage.timestamps import parse_time, utc_text

from .catalogue import Catalogue, CatalogueGame, load_catalogue, with_site_games
from .rhythm import next_occasions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

# Calendar programs fetch the file once a day, and must within this time.
HORIZON = timedelta(days=60)
MAX_PER_GAME = 12
MAX_ROUNDS = 500

# A game of somebody's own photos belongs here only if it has rounds.
_GAMES = """
SELECT slug FROM games WHERE hashtag <> '' OR slug IN (SELECT game FROM rounds) ORDER BY slug
"""

# Replays of a file are for trying things out.
_ROUNDS = """
SELECT id, game, platform, host, opens_at, closes_at, state, planned_at FROM rounds
WHERE state IN ('planned', 'open') AND platform <> 'jsonl'
    AND closes_at >= :now AND opens_at < :until
ORDER BY opens_at, id LIMIT :most
"""


@dataclass(frozen=True)
class Event:
    """One round to come. Without `round_id` it follows from the rhythm, and nobody confirmed it.

    `day` is the day where the game is at home; `starts` and `ends` are UTC, None if unknown.
    `known_since` is when it entered the calendar.
    """

    game: CatalogueGame
    day: date
    starts: datetime | None
    ends: datetime | None
    known_since: datetime
    round_id: int | None = None
    platform: str | None = None
    host: str | None = None
    state: str | None = None

    @property
    def uid(self) -> str:
        """Return what stays the same while times change, for calendars that follow this one."""
        if self.round_id is None:
            return f"{self.game.slug}-{self.day.isoformat()}"
        return f"{self.game.slug}-{self.platform}-{self.host}-round-{self.round_id}"

    @property
    def local_start(self) -> datetime | None:
        """Return when it starts by the clock of the game's own time zone, or UTC."""
        return self.starts and self.starts.astimezone(_zone_of(self.game))


def site_catalogue(db: SiteDatabase, folder: Path) -> Catalogue:
    """Return the catalogue with a site's file and its own games."""
    return with_site_games(load_catalogue(folder), _games(db))


def upcoming(db: SiteDatabase, catalogue: Catalogue, now: datetime) -> list[Event]:
    """Return the rounds of the next HORIZON, the earliest first.

    Planned rounds say more than a rhythm: until the last one that is planned, they alone count. A
    rhythm gives dates only for games of which somebody said that they are still played.
    """
    planned = _planned(db, catalogue, now)
    last = {event.game.slug: event.day for event in planned}
    events = list(planned)
    for game in catalogue.games.values():
        # Every Friday of a game that ended in 2020 would send people to nothing.
        # docs/decisions.md#a-games-rhythm-gives-dates-only-if-it-is-still-played
        if game.still_played:
            events += (
                event
                for event in _by_rhythm(game, now)
                if game.slug not in last or event.day > last[game.slug]
            )
    return sorted(events, key=lambda event: (_moment(event), event.game.slug))


def _games(db: SiteDatabase) -> Iterable[Game]:
    for row in db.query(_GAMES):
        try:
            yield get_game(db, row["slug"])
        except GameError:
            continue  # its hosts cannot be read, and the commands say so


def _planned(db: SiteDatabase, catalogue: Catalogue, now: datetime) -> list[Event]:
    by_game = {game.game: game for game in catalogue.games.values() if game.game}
    values = {"now": utc_text(now), "until": utc_text(now + HORIZON), "most": MAX_ROUNDS}
    return [
        _round(row, by_game.get(row["game"]) or CatalogueGame(row["game"], None, game=row["game"]))
        for row in db.query(_ROUNDS, values)
    ]


def _round(row: dict[str, str | int], game: CatalogueGame) -> Event:
    starts = parse_time(str(row["opens_at"]))
    return Event(
        game,
        starts.astimezone(_zone_of(game)).date(),
        starts,
        parse_time(str(row["closes_at"])),
        parse_time(str(row["planned_at"])),
        int(row["id"]),
        str(row["platform"]),
        str(row["host"]),
        str(row["state"]),
    )


def _by_rhythm(game: CatalogueGame, now: datetime) -> Iterable[Event]:
    for occasion in next_occasions(game.rhythm, now, MAX_PER_GAME):
        event = Event(game, occasion.day, occasion.moment, None, now)
        starts = _moment(event)
        if starts < now + HORIZON:
            yield replace(event, known_since=starts - HORIZON)


def _zone_of(game: CatalogueGame) -> ZoneInfo | timezone:
    try:
        return ZoneInfo(game.rhythm.zone) if game.rhythm.zone else UTC
    except (OSError, ValueError, KeyError):
        return UTC  # a browser's tab has no time zones


def _moment(event: Event) -> datetime:
    if event.starts:
        return event.starts
    return datetime.combine(event.day, datetime.min.time(), UTC)
