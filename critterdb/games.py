"""What a hashtag game is: the taxa and place it asks about, its hashtag, its hosts.

A preset becomes a row of `games` when it is first used, so that people can edit it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import asdict, dataclass, field, replace
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Literal, cast

from critterdb.storage.stored_json import read_json
from critterdb.storage.timestamps import parse_time as parse_time
from critterdb.storage.timestamps import utc_text as utc_text

from .errors import GameError
from .formatting import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb._types import Json
    from critterdb.storage.database import SiteDatabase

PLATFORMS = ("x", "mastodon", "bluesky", "jsonl")
# It becomes part of addresses, file names and cursors.
MAX_SLUG_LENGTH = 63
SLUG = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_SLUG_LENGTH - 1}}}")
HANDLE = re.compile(r"@?[\w.-]+(@[\w.-]+)?")
_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True)
class Host:
    """Who asks the questions of a game on one platform.

    `consents` says that the host wants replies unasked. `account_id` is the platform's id of the
    account that had the handle when the bot first saw it; None until then.
    """

    platform: str
    handle: str
    consents: bool = False
    account_id: str | None = None

    def is_account(self, handle: str, account_id: str | None) -> bool:
        """Whether this account is the host: the same handle, and the pinned id if there is one."""
        # X frees handles at once, so that a handle alone would give a stranger the host's powers.
        is_pinned = self.account_id is None or self.account_id == account_id
        return is_pinned and same_handle(self.handle, handle)


def fold_handle(handle: str) -> str:
    """A handle in the form in which two are compared: ASCII lower case, as SQLite's lower()."""
    # str.lower() makes a k of U+212A KELVIN SIGN, so that a stranger could pass as the host.
    # The database compares by lower() too, and the two must agree on every handle.
    return handle.translate(_ASCII_LOWER)


def same_handle(handle: str, other: str) -> bool:
    """Whether two handles of one platform are the same, whatever their case."""
    return fold_handle(handle) == fold_handle(other)


@dataclass(frozen=True)
class Game:
    """A game as its row says it."""

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


Need = Literal["photos", "model", "taxon"]
"""What a command needs: photos to train on, a model, or a taxon to ask iNaturalist for."""

_HAS: dict[Need, str] = {
    "photos": """
        EXISTS (
            SELECT 1 FROM game_observations JOIN photos USING (observation_id)
            WHERE game = games.slug AND left_at IS NULL
                AND path IS NOT NULL AND photos.withdrawn_at IS NULL
        )""",
    "model": "model_id IS NOT NULL",
    "taxon": "taxon_id IS NOT NULL",
}

CAT_FAMILY, COUGAR = 41944, 42007
CROW_GENUS, AMERICAN_CROW = 7998, 8021
# iNaturalist's own numbers, which do not change.
BIRDS = 3
UNITED_STATES = 1


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
            hosts=[Host("x", "drmichellelarue")],
        ),
        Game(
            "crowornot",
            "CrowOrNo",
            "Is it a crow?",
            CROW_GENUS,
            UNITED_STATES,
            AMERICAN_CROW,
            hosts=[Host("x", "corvidresearch")],
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

# So that a game has names before the first request to iNaturalist.
PRESET_TAXA = {
    CAT_FAMILY: ("Felidae", "Felids", "family", 30),
    COUGAR: ("Puma concolor", "Cougar", "species", 10),
    CROW_GENUS: ("Corvus", "Crows and Ravens", "genus", 20),
    AMERICAN_CROW: ("Corvus brachyrhynchos", "American Crow", "species", 10),
    BIRDS: ("Aves", "Birds", "class", 50),
}


def check_slug(slug: str) -> str:
    """Return the slug of a new game in lower case. Raises GameError if it is not a short name."""
    slug = slug.lower()
    if not SLUG.fullmatch(slug):
        raise GameError(
            f"{slug!r} is not a short name for a game. Use lower-case letters, digits and hyphens"
        )
    return slug


def slug_for(name: str) -> str:
    """Return a slug made of a folder's or a file's name. Raises GameError if nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG_LENGTH].rstrip("-")
    if not slug:
        raise GameError(f"{name!r} cannot become the name of a game. Name one with --game")
    return slug


def has_inaturalist_query(db: SiteDatabase, slug: str) -> bool:
    """Whether a game's photos come from iNaturalist: a preset, or one with a taxon."""
    rows = list(db["games"].rows_where("slug = ?", [slug.lower()]))
    return bool(rows[0]["taxon_id"]) if rows else slug.lower() in PRESETS


def get_game(db: SiteDatabase, slug: str | None = None, *, needs: Need | None = None) -> Game:
    """Return the game with this slug. Without a slug, return the only game, or the only one that
    has what the caller needs.

    Raises GameError if the game is unknown, or if there are several and none is named.
    """
    if slug is None:
        slug = _only_slug(db, needs)
    for row in db["games"].rows_where("slug = ?", [slug.lower()]):
        return Game(**{**row, "hosts": _read_hosts(row["slug"], row["hosts"])})
    if slug.lower() in PRESETS:
        raise GameError(
            f"{slug} has no photos here yet. Fetch some first: critterdb sync {slug.lower()}"
        )
    known = sorted({row["slug"] for row in db["games"].rows} | set(PRESETS))
    raise GameError(
        f"There is no game called {slug}.{did_you_mean(slug, known)} Known ones: {', '.join(known)}"
    )


def find_game(db: SiteDatabase, slug: str | None = None) -> Game:
    """Return a game to sync as get_game does, or a preset that has no row yet; write nothing."""
    preset = PRESETS.get(slug.lower()) if slug else None
    if preset and not db["games"].count_where("slug = ?", [preset.slug]):
        return preset
    return get_game(db, slug, needs="taxon")


def ensure_game(db: SiteDatabase, slug: str | None = None) -> Game:
    """Return a game as find_game does, after giving a preset its row."""
    game = find_game(db, slug)
    if not db["games"].count_where("slug = ?", [game.slug]):
        save_game(db, game)
    return get_game(db, game.slug)


def save_game(db: SiteDatabase, game: Game) -> None:
    """Write a game's row, and placeholder rows for taxa not yet fetched from iNaturalist."""
    row = asdict(replace(game, slug=game.slug.lower()))
    row["hosts"] = _hosts_json(game.hosts)
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


def save_hosts(db: SiteDatabase, game: Game, hosts: list[Host]) -> Game:
    """Write a game's hosts to its row, and return the game with them."""
    if hosts == game.hosts:
        return game
    with db.atomic():
        db["games"].update(game.slug, {"hosts": _hosts_json(hosts)})
    return replace(game, hosts=hosts)


def complete_hosts(
    db: SiteDatabase, game: Game, platform: str, complete: Callable[[str], str]
) -> Game:
    """Complete the hosts' handles as a platform's posts give them, and return that game."""
    hosts = [
        replace(host, handle=complete(host.handle)) if host.platform == platform else host
        for host in game.hosts
    ]
    return save_hosts(db, game, hosts)


def hosts_on(game: Game, platform: str) -> list[str]:
    """Return the handles of a game's hosts on a platform."""
    return [host.handle for host in game.hosts if host.platform == platform]


def find_host(game: Game, platform: str, handle: str, account_id: str | None) -> Host | None:
    """Return the host that an account is, or None if it is not a host of the game."""
    hosts = (host for host in game.hosts if host.platform == platform)
    return next((host for host in hosts if host.is_account(handle, account_id)), None)


def _read_hosts(slug: str, text: str) -> list[Host]:
    try:
        return [
            Host(
                str(row["platform"]),
                str(row["handle"]),
                bool(row.get("consents")),
                row.get("account_id"),
            )
            for row in cast("list[Json]", read_json(text))
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise GameError(
            f"The hosts of {slug} could not be read from its row. "
            f"Name them again: critterdb games edit {slug} --host PLATFORM:HANDLE"
        ) from error


def _hosts_json(hosts: list[Host]) -> str:
    # A host without an id keeps the three keys that the column has always had.
    return json.dumps(
        [{key: value for key, value in asdict(host).items() if value is not None} for host in hosts]
    )


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


def _only_slug(db: SiteDatabase, needs: Need | None) -> str:
    slugs = [row["slug"] for row in db["games"].rows_where(order_by="slug")]
    if not slugs:
        raise GameError("There is no game yet. Fetch one with: critterdb sync cougarornot")
    # A game without what is needed is no choice, unless there is no other.
    usable = [
        row["slug"]
        for row in db["games"].rows_where(_HAS[needs] if needs else None, order_by="slug")
    ] or slugs
    if len(usable) == 1:
        return str(usable[0])
    raise GameError(f"There are several games: {', '.join(usable)}. Give one as GAME")
