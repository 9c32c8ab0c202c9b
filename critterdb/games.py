"""What a hashtag game is: the taxa and place it asks about, its hashtag, its hosts.

A preset becomes a row of `games` when it is first used, so that people can edit it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import parse_time as parse_time
from critterdb.storage.timestamps import utc_text as utc_text

from .errors import GameError

Host = dict[str, Any]

PLATFORMS = ("x", "mastodon", "bluesky", "jsonl")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
HANDLE = re.compile(r"@?[\w.-]+(@[\w.-]+)?")


@dataclass(frozen=True)
class Game:
    """A game as its row says it; `hosts` holds {"platform", "handle", "consents"} objects."""

    slug: str
    hashtag: str | None = None
    question: str | None = None
    taxon_id: int | None = None
    place_id: int | None = None
    target_taxon_id: int | None = None
    rank: str = "species"
    hosts: list[Host] = field(default_factory=list)
    model_id: str | None = None


@dataclass(frozen=True)
class GameSummary:
    """A game as a list shows it; `observations` are those that are in its query now."""

    slug: str
    hashtag: str | None
    question: str | None
    rank: str
    model: str | None
    observations: int


CAT_FAMILY, COUGAR = 41944, 42007
CROW_GENUS, AMERICAN_CROW = 7998, 8021
BIRDS = 3
UNITED_STATES = 1


def _x_host(handle: str) -> Host:
    return {"platform": "x", "handle": handle, "consents": False}


PRESETS = {
    game.slug: game
    for game in (
        Game(
            "cougarornot",
            "cougarOrNot",
            "Is it a cougar?",
            CAT_FAMILY,
            UNITED_STATES,
            COUGAR,
            hosts=[_x_host("drmichellelarue")],
        ),
        Game(
            "crowornot",
            "CrowOrNo",
            "Is it a crow?",
            CROW_GENUS,
            UNITED_STATES,
            AMERICAN_CROW,
            hosts=[_x_host("corvidresearch")],
        ),
        Game(
            "trickybirdid",
            "TrickyBirdID",
            "Which bird is it?",
            BIRDS,
            UNITED_STATES,
            hosts=[],
        ),
    )
}

# Ids of taxa that are named before iNaturalist has told us about them.
PRESET_TAXA = {
    CAT_FAMILY: ("Felidae", "Felids", "family", 30),
    COUGAR: ("Puma concolor", "Cougar", "species", 10),
    CROW_GENUS: ("Corvus", "Crows and Ravens", "genus", 20),
    AMERICAN_CROW: ("Corvus brachyrhynchos", "American Crow", "species", 10),
    BIRDS: ("Aves", "Birds", "class", 50),
}


def check_slug(slug: str) -> str:
    """The slug of a new game in lower case. Raises GameError where it is not a short name."""
    slug = slug.lower()
    if not SLUG.fullmatch(slug):
        raise GameError(
            f"{slug!r} is not a short name for a game. Use lower-case letters, digits and hyphens"
        )
    return slug


def get_game(db: SiteDatabase, slug: str | None = None) -> Game:
    """The game with this slug; where none is named, the only one there is.

    Raises GameError where it is unknown, or where there are several and none was named.
    """
    if slug is None:
        slug = _only_slug(db)
    for row in db["games"].rows_where("slug = ?", [slug.lower()]):
        return Game(**{**row, "hosts": json.loads(row["hosts"])})
    known = sorted({row["slug"] for row in db["games"].rows} | set(PRESETS))
    raise GameError(f"There is no game called {slug}. Known ones: {', '.join(known)}")


def ensure_game(db: SiteDatabase, slug: str | None = None) -> Game:
    """Like get_game, but a preset that has no row yet gets one first."""
    preset = PRESETS.get(slug.lower()) if slug else None
    if preset and not db["games"].count_where("slug = ?", [preset.slug]):
        save_game(db, preset)
    return get_game(db, slug)


def save_game(db: SiteDatabase, game: Game) -> None:
    """Write a game's row, and placeholders for taxa that iNaturalist has not described yet."""
    row = asdict(replace(game, slug=game.slug.lower()))
    row["hosts"] = json.dumps(game.hosts)
    with db.atomic():
        for taxon_id in filter(None, (game.taxon_id, game.target_taxon_id)):
            name, common_name, rank, level = PRESET_TAXA.get(
                taxon_id, (f"taxon {taxon_id}", None, None, None)
            )
            db["taxa"].insert(
                {
                    "id": taxon_id,
                    "name": name,
                    "common_name": common_name,
                    "rank": rank,
                    "rank_level": level,
                    "ancestor_ids": json.dumps([taxon_id]),
                },
                ignore=True,
            )
        db["games"].upsert(row, pk="slug")


def complete_hosts(
    db: SiteDatabase, game: Game, platform: str, complete: Callable[[str], str]
) -> Game:
    """The game with its hosts' handles as a platform's posts give them; its row too."""
    hosts = [
        {**host, "handle": complete(host["handle"])} if host["platform"] == platform else host
        for host in game.hosts
    ]
    if hosts == game.hosts:
        return game
    with db.atomic():
        db["games"].update(game.slug, {"hosts": json.dumps(hosts)})
    return replace(game, hosts=hosts)


def list_games(db: SiteDatabase) -> list[GameSummary]:
    """Every game of the site, with how many observations it has."""
    rows = db.query(
        """
        SELECT slug, hashtag, question, rank, model_id AS model,
            (SELECT count(*) FROM game_observations
             WHERE game = slug AND left_at IS NULL) AS observations
        FROM games ORDER BY slug
        """
    )
    return [GameSummary(**row) for row in rows]


def unused_presets(db: SiteDatabase) -> list[str]:
    """The slugs of presets that have no row yet."""
    return sorted(set(PRESETS) - {row["slug"] for row in db["games"].rows})


def _only_slug(db: SiteDatabase) -> str:
    slugs = [row["slug"] for row in db["games"].rows_where(order_by="slug")]
    if len(slugs) == 1:
        return str(slugs[0])
    if not slugs:
        raise GameError("There is no game yet. Start one with: critterdb sync cougarornot")
    raise GameError(f"There are several games: {', '.join(slugs)}. Name the one you mean")


def hosts_on(game: Game, platform: str) -> list[str]:
    """The handles of a game's hosts on a platform."""
    return [host["handle"] for host in game.hosts if host["platform"] == platform]
