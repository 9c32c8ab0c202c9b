"""The catalogue of known hashtag games: critterdb's own, and a site's catalogue.toml over it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from critterdb.errors import GameError
from critterdb.games import HANDLE, PLATFORMS, SLUG, Game

from .rhythm import Rhythm, parse_rhythm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from critterdb._types import Json

FILE_NAME = "catalogue.toml"
MAX_FILE_BYTES = 1_000_000
MAX_TEXT_LENGTH = 300
UNKNOWN = parse_rhythm("unknown")

_HASHTAG = re.compile(r"\w{1,63}")
_MONTH = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_LINK = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True)
class CatalogueHost:
    """Who asks the questions of a game on one platform; `name` is a person's."""

    platform: str
    handle: str
    name: str | None = None


@dataclass(frozen=True)
class CatalogueGame:
    """A known game. None, or nothing in a tuple, stands for what is unknown.

    `since` and `last_seen` are years, months or days. `game` is the slug of the site's own game
    with this hashtag.
    """

    slug: str
    hashtag: str | None
    question: str | None = None
    taxa: tuple[str, ...] = ()
    hosts: tuple[CatalogueHost, ...] = ()
    platforms: tuple[str, ...] = ()
    rhythm: Rhythm = UNKNOWN
    since: str | None = None
    last_seen: str | None = None
    # Public pages about games are years old: only somebody who plays can tell.
    still_played: bool | None = None
    link: str | None = None
    game: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """The games by slug, and what is wrong with the site's own file, a line each."""

    games: Mapping[str, CatalogueGame]
    problems: tuple[str, ...] = ()


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Return critterdb's own games, extended and overridden by those of `folder`/catalogue.toml.

    What cannot be used of that file is left out, with a line that says why.
    """
    entries, path = dict(_own_entries()), folder / FILE_NAME if folder else None
    theirs, problems = _read_file(path) if path and path.exists() else ({}, [])
    entries |= {slug: _merged(entries.get(slug), entry) for slug, entry in theirs.items()}
    games = {}
    for slug, entry in entries.items():
        try:
            if entry.get("hidden") is not True:
                games[slug] = _game(slug, entry)
        except GameError as error:
            problems.append(f"{FILE_NAME}: [{slug}] is left out. {error}")
            if slug in _own_entries():
                games[slug] = _game(slug, _own_entries()[slug])
    return Catalogue(games, tuple(problems))


def with_site_games(catalogue: Catalogue, games: Iterable[Game]) -> Catalogue:
    """Return the catalogue with a site's own games, which say best what they ask and who hosts."""
    known = dict(catalogue.games)
    for game in games:
        slug = (game.hashtag or game.slug).lower()
        entry = known.get(slug) or CatalogueGame(slug, game.hashtag)
        hosts = tuple(CatalogueHost(host.platform, host.handle) for host in game.hosts)
        named = {(host.platform, host.handle.lower()) for host in entry.hosts}
        new = [host for host in hosts if (host.platform, host.handle.lower()) not in named]
        known[slug] = replace(
            entry,
            question=game.question or entry.question,
            hosts=(*entry.hosts, *new),
            platforms=tuple(dict.fromkeys((*entry.platforms, *(host.platform for host in new)))),
            game=game.slug,
        )
    return replace(catalogue, games=known)


@cache
def _own_entries() -> dict[str, Json]:
    text = files("critterdb.bot.calendar").joinpath(FILE_NAME).read_text("utf-8")
    return cast("dict[str, Json]", tomllib.loads(text))


def _read_file(path: Path) -> tuple[dict[str, Json], list[str]]:
    try:
        data = path.read_bytes()
        if len(data) > MAX_FILE_BYTES:
            raise ValueError(f"it is larger than {MAX_FILE_BYTES:,} bytes")
        entries = tomllib.loads(data.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        # Pages show the line, and where the site lies is nobody's business.
        why = error.strerror if isinstance(error, OSError) else error
        return {}, [f"{FILE_NAME} could not be read: {why}. Correct or remove it"]
    bad = [slug for slug, entry in entries.items() if not isinstance(entry, dict)]
    problems = [f"{FILE_NAME}: {slug} must be a section, [{slug}]" for slug in bad]
    kept = {slug: entry for slug, entry in entries.items() if isinstance(entry, dict)}
    return kept, problems


def _merged(earlier: Json | None, entry: Json) -> Json:
    """An entry over an earlier one; new hosts bring their platforms with them."""
    merged = {**(earlier or {}), **entry}
    if "hosts" in entry and "platforms" not in entry:
        merged.pop("platforms", None)
    return merged


def _game(slug: str, entry: Json) -> CatalogueGame:
    """Return an entry in its types. Raises GameError, which names the key that is wrong."""
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise GameError(f"{unknown[0]} is not a key of a game. Known ones: {', '.join(_KEYS)}")
    if not SLUG.fullmatch(slug):
        raise GameError("Name the section by the hashtag in lower case, letters and digits")
    hosts = tuple(_host(host) for host in _list(entry, "hosts"))
    platforms = [_platform(name) for name in _list(entry, "platforms")]
    text = _text(entry, "rhythm")
    return CatalogueGame(
        slug,
        hashtag=_text(entry, "hashtag", _HASHTAG.fullmatch, "a hashtag without #") or slug,
        question=_text(entry, "question"),
        taxa=tuple(_text({"taxa": name}, "taxa") or "" for name in _list(entry, "taxa")),
        hosts=hosts,
        platforms=tuple(dict.fromkeys([*platforms, *(host.platform for host in hosts)])),
        rhythm=parse_rhythm(text) if text else UNKNOWN,
        since=_text(entry, "since", _MONTH.fullmatch, "a year or a month, such as 2016-12"),
        last_seen=_text(entry, "last_seen", _MONTH.fullmatch, "a month, such as 2020-10"),
        still_played=_flag(entry, "still_played"),
        link=_text(entry, "link", _LINK.fullmatch, "a URL that begins with https://"),
    )


_KEYS = {
    *("hashtag", "question", "taxa", "hosts", "platforms", "rhythm", "since", "last_seen"),
    *("still_played", "link", "hidden"),
}


def _host(value: object) -> CatalogueHost:
    if not isinstance(value, dict):
        raise GameError('hosts must be a list such as [{ platform = "x", handle = "ann" }]')
    handle = _text(value, "handle", HANDLE.fullmatch, "a handle such as ann or ann@example.org")
    if not handle:
        raise GameError("A host needs a handle")
    return CatalogueHost(
        _platform(value.get("platform")), handle.removeprefix("@"), _text(value, "name")
    )


def _platform(value: object) -> str:
    if value not in PLATFORMS:
        raise GameError(f"{value!r} is not a platform. Use one of {', '.join(PLATFORMS)}")
    return str(value)


def _list(entry: Json, key: str) -> list[Any]:
    value = entry.get(key, [])
    if not isinstance(value, list):
        raise GameError(f"{key} must be a list")
    return value


def _flag(entry: Json, key: str) -> bool | None:
    value = entry.get(key)
    if value is not None and not isinstance(value, bool):
        raise GameError(f"{key} must be true or false; leave it out if nobody knows")
    return value


def _text(
    entry: Json,
    key: str,
    check: Callable[[str], object] | None = None,
    what: str = "a text",
) -> str | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a year
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT_LENGTH:
        raise GameError(f"{key} must be {what} of at most {MAX_TEXT_LENGTH} characters")
    if check and not check(value):
        raise GameError(f"{key} must be {what}, not {value!r}")
    return value.strip()
