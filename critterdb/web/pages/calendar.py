"""`/-/critters/calendar`: the known hashtag games and their next rounds; and a page for each.

The calendar is JSON, an Atom feed and an iCalendar file too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypedDict

from critterdb.bot.calendar.events import Event, site_catalogue, upcoming
from critterdb.formatting import where_posted
from critterdb.storage.timestamps import parse_time, utc_text
from critterdb.web import urls
from critterdb.web.datasette.permissions import REVIEW, may
from critterdb.web.errors import PageNotFoundError
from critterdb.web.http.headers import cors_headers, data_headers
from critterdb.web.http.responses import respond
from critterdb.web.queries.posts import STORY_TABLES
from critterdb.web.queries.scores import Score, load_score
from critterdb.web.state import folder_of

from .atom import Feed
from .base import Page, Visit, page
from .calendar_feed import ATOM_TYPE, calendar_feed
from .ics import ICS_TYPE, calendar_file
from .layout import date as long_date
from .layout import site_title

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from datasette.utils.asgi import Response

    from critterdb.bot.calendar.catalogue import Catalogue, CatalogueGame
    from critterdb.storage.database import SiteDatabase

TABLES = (*STORY_TABLES, "rounds", "model_labels")
# Of a list, so that a feed stays small; the page and the .ics have them all.
FEED_EVENTS = 50
USUAL_TIMES = 3  # on the page of a game, beside its planned rounds


class ListedEvent(TypedDict):
    """A round to come. `is_planned` is false if it only follows from the game's rhythm.

    `starts_at` and `ends_at` are null if only the day is known.
    """

    game: str
    hashtag: str | None
    question: str | None
    day: str
    when: str
    starts_at: str | None
    ends_at: str | None
    is_planned: bool
    round_id: int | None
    state: str | None
    platform: str | None
    host: str | None


class ListedGame(TypedDict):
    """A known game as the pages show it; null stands for what is unknown."""

    slug: str
    hashtag: str | None
    question: str | None
    taxa: list[str]
    hosts: list[dict[str, str | None]]
    platforms: list[str]
    rhythm: str | None
    since: str | None
    last_seen: str | None
    still_played: bool | None
    link: str | None
    game: str | None
    next: ListedEvent | None


@dataclass(frozen=True)
class Almanac:
    """The catalogue with the rounds to come, as of the beginning of a day (UTC)."""

    catalogue: Catalogue
    events: list[Event]
    today: datetime


def load_almanac(db: SiteDatabase, folder: Path) -> Almanac:
    """Return the games and their next rounds."""
    # Asked of the database, so that a static site notices that its calendar is of yesterday.
    today = parse_time(db.execute("SELECT date('now')").fetchone()[0])
    catalogue = site_catalogue(db, folder)
    return Almanac(catalogue, upcoming(db, catalogue, today), today)


@page(*TABLES)
async def calendar(visit: Visit) -> Page | Response:
    """All games and their next rounds."""
    folder = folder_of(visit.database)
    almanac = await visit.read(lambda db: load_almanac(db, folder))
    events = [_listed_event(event) for event in almanac.events]
    if visit.format in (".atom", ".ics"):
        return await _file(visit, almanac)
    is_reviewer = await may(visit.datasette, visit.request.actor, REVIEW)
    return Page(
        "critterdb_calendar.html",
        title="Calendar of hashtag games",
        description="Which animal guessing games people play on social media, who hosts them, and "
        "when the next rounds are.",
        data={"events": events, "games": list_games(almanac)},
        extras={
            "listed": _without_repeats(events, 1),
            "feed_path": visit.path(f"{urls.CALENDAR}.atom"),
            "file_path": visit.path(f"{urls.CALENDAR}.ics"),
            "problems": almanac.catalogue.problems if is_reviewer else (),
            "where_posted": where_posted,
        },
    )


@page(*TABLES)
async def game(visit: Visit) -> Page:
    """What a game asks, who hosts it, when it is played next, and how the bot does."""
    slug, folder = visit.named("slug").lower(), folder_of(visit.database)
    almanac, score = await visit.read(lambda db: load_game(db, folder, slug))
    shown_game = list_game(almanac.catalogue.games[slug], almanac)
    events = [_listed_event(event) for event in almanac.events if event.game.slug == slug]
    name = f"#{shown_game['hashtag']}" if shown_game["hashtag"] else slug
    return Page(
        "critterdb_game.html",
        title=f"{name}: {shown_game['question']}" if shown_game["question"] else name,
        description=f"What {name} asks, who hosts it, when the next round is, and how to join.",
        data={"game": shown_game, "events": events, "score": score},
        extras={"name": name, "listed": _without_repeats(events, USUAL_TIMES)},
    )


def load_game(db: SiteDatabase, folder: Path, slug: str) -> tuple[Almanac, Score | None]:
    """Return the calendar and the bot's score in a game. Raises PageNotFoundError."""
    almanac = load_almanac(db, folder)
    if slug not in almanac.catalogue.games:
        raise PageNotFoundError(f"The calendar has no game #{slug}")
    own = almanac.catalogue.games[slug].game
    return almanac, load_score(db, own) if own else None


def list_games(almanac: Almanac) -> list[ListedGame]:
    """Return the games: first the site's own, then those with rounds to come, then the others."""
    games = [list_game(game, almanac) for game in almanac.catalogue.games.values()]
    return sorted(
        games, key=lambda game: (not game["game"], not game["next"], game["slug"].lower())
    )


def list_game(game: CatalogueGame, almanac: Almanac) -> ListedGame:
    """Return a game as the pages show it."""
    following = [event for event in almanac.events if event.game.slug == game.slug]
    return {
        "slug": game.slug,
        "hashtag": game.hashtag,
        "question": game.question,
        "taxa": list(game.taxa),
        "hosts": [asdict(host) for host in game.hosts],
        "platforms": list(game.platforms),
        "rhythm": None if game.rhythm.often == "unknown" else game.rhythm.text,
        "since": game.since,
        "last_seen": game.last_seen,
        "still_played": game.still_played,
        "link": game.link,
        "game": game.game,
        "next": _listed_event(following[0]) if following else None,
    }


def _without_repeats(events: list[ListedEvent], most: int) -> list[ListedEvent]:
    """The planned rounds, and of each game's usual times the first `most`."""
    seen: Counter[str] = Counter()
    kept = []
    for event in events:
        seen[event["game"]] += not event["is_planned"]
        if event["is_planned"] or seen[event["game"]] <= most:
            kept.append(event)
    return kept


def _listed_event(event: Event) -> ListedEvent:
    return {
        "game": event.game.slug,
        "hashtag": event.game.hashtag,
        "question": event.game.question,
        "day": event.day.isoformat(),
        "when": when(event),
        "starts_at": utc_text(event.starts) if event.starts else None,
        "ends_at": utc_text(event.ends) if event.ends else None,
        "is_planned": event.round_id is not None,
        "round_id": event.round_id,
        "state": event.state,
        "platform": event.platform,
        "host": event.host,
    }


def when(event: Event) -> str:
    """Return `Friday 4 December 2026, 19:00 Los Angeles time (03:00 UTC on 5 December)`."""
    day = f"{event.day:%A} {long_date(event.day.isoformat())}"
    local, utc = event.local_start, event.starts
    if local is None or utc is None:
        return day
    if local.utcoffset() == utc.utcoffset():
        return f"{day}, {local:%H:%M} UTC"
    zone = str(event.game.rhythm.zone).rpartition("/")[2].replace("_", " ")
    other_day = f" on {utc.day} {utc:%B}" if utc.date() != local.date() else ""
    return f"{day}, {local:%H:%M} {zone} time ({utc:%H:%M} UTC{other_day})"


async def _file(visit: Visit, almanac: Almanac) -> Response:
    """The calendar as a feed or as a file for calendar programs."""

    def page_of(event: Event) -> str:
        return visit.absolute(urls.game_page(event.game.slug))

    name = f"Hashtag games: {await site_title(visit.datasette)}"
    if visit.format == ".ics":
        body, kind = calendar_file(name, almanac.events, page_of, almanac.today), ICS_TYPE
    else:
        feed = Feed(
            title=name,
            page=visit.absolute(urls.CALENDAR),
            address=visit.absolute(f"{urls.CALENDAR}.atom"),
        )
        body, kind = calendar_feed(feed, almanac.events[:FEED_EVENTS], page_of, when), ATOM_TYPE
    common = {**data_headers(), **cors_headers(visit.datasette)}
    return respond(visit.request, body, kind, {**common, "Cache-Control": "no-cache"})
