"""Games by name: look up names of taxa and places at iNaturalist, and name what was chosen.

An exact name wins, else what most people observed; the others are named, so that a wrong choice is
seen and can be corrected with a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from critterdb.errors import GameError
from critterdb.games import (
    HANDLE,
    PLATFORMS,
    PRESETS,
    Game,
    Host,
    check_slug,
    ensure_game,
    save_game,
)
from critterdb.storage.cursors import Cursors
from critterdb.storage.stored_json import read_ids

from .client import INaturalist, cursor_prefix, fetch_taxa
from .responses import id_of, read_taxa
from .taxa import save_missing_taxa, save_taxa
from .taxon_search import find_exact_taxa

if TYPE_CHECKING:
    from collections.abc import Iterable

    from critterdb._types import Json
    from critterdb.storage.database import SiteDatabase

NUMBER = re.compile(r"[0-9]{1,15}")
HASHTAG = re.compile(r"\w{1,100}")
RANKS = (
    *("kingdom", "phylum", "subphylum", "superclass", "class", "subclass", "superorder", "order"),
    *("suborder", "infraorder", "superfamily", "epifamily", "family", "subfamily", "tribe"),
    *("subtribe", "genus", "subgenus", "section", "complex", "species", "subspecies"),
)
OTHERS_NAMED = 3
# Two taxa that name each other as their successors would otherwise be asked about for ever.
MAX_REPLACEMENTS = 5  # of taxa by others, one after the other


@dataclass(frozen=True)
class GameWishes:
    """What a person asks of a game, as they write it; null or empty for what is to stay."""

    hashtag: str | None = None
    question: str | None = None
    taxon: str | None = None
    place: str | None = None
    target: str | None = None
    rank: str | None = None
    hosts: tuple[str, ...] = ()
    consenting_hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """A taxon or place that a name could mean; `size` is its observations or its area.

    `described` is what iNaturalist says; nothing for a taxon that the site knew already.
    """

    id: int
    names: tuple[str, ...]
    rank: str
    size: float
    described: Json
    common_name: str | None = None

    @property
    def name(self) -> str:
        return self.names[0] if self.names else str(self.id)


def add_game(db: SiteDatabase, api: INaturalist, slug: str, wishes: GameWishes) -> list[str]:
    """Make a game; return the lines that say what was chosen. Hashtag and taxon are needed.

    Raises GameError if it cannot be made.
    """
    slug = check_slug(slug)
    if slug in PRESETS:
        raise GameError(f"{slug} is a preset. Use it with: critterdb sync {slug}")
    if db["games"].count_where("slug = ?", [slug]):
        raise GameError(
            f"The game {slug} already exists. Change it with: critterdb games edit {slug}"
        )
    for name, wish in (("hashtag", wishes.hashtag), ("taxon", wishes.taxon)):
        if not wish:
            raise GameError(f"A game needs --{name}")
    return _save(db, api, Game(slug), wishes)


def edit_game(db: SiteDatabase, api: INaturalist, slug: str, wishes: GameWishes) -> list[str]:
    """Change what `wishes` name of a game; as add_game. Raises GameError."""
    game = ensure_game(db, slug)
    if not any(vars(wishes).values()):
        raise GameError("Give an option to change, for example --hashtag cougarOrNot")
    return _save(db, api, game, wishes)


def find_taxon(db: SiteDatabase, api: INaturalist, wanted: str) -> tuple[Match, list[Match]]:
    """The taxon with this number or name, and others that it could have meant.

    iNaturalist is asked only if the site does not know exactly one such taxon. A taxon that is no
    longer used leads to the one that replaced it. Raises GameError.
    """
    # Only iNaturalist's own taxa: labels of an imported folder have negative ids. If the site knows
    # several, iNaturalist's counts of observations decide among all that there are.
    here = [taxon_id for taxon_id in find_exact_taxa(db, wanted) if taxon_id > 0]
    if len(here) == 1:
        return _known_match(db, here[0]), []
    for _ in range(MAX_REPLACEMENTS):
        if NUMBER.fullmatch(wanted):
            matches = _matches(fetch_taxa(api, [int(wanted)]), wanted)
        else:
            matches = _matches(api.get("taxa", q=wanted, per_page=30)["results"], wanted)
        if not matches:
            break
        [taxon] = read_taxa([matches[0].described])
        if taxon.is_active or not taxon.synonym_ids:
            return matches[0], matches[1:]
        wanted = str(taxon.synonym_ids[0])
    raise GameError(f"iNaturalist has no taxon {wanted}. Check the name, or give its id")


def find_place(api: INaturalist, wanted: str) -> tuple[Match, list[Match]]:
    """The place with this number or name, and others that it could have meant. Raises GameError."""
    if NUMBER.fullmatch(wanted):
        page = api.get(f"places/{wanted}")
    else:
        page = api.get("places/autocomplete", q=wanted, per_page=30)
    matches = _matches(page["results"], wanted)
    if not matches:
        raise GameError(f"iNaturalist has no place {wanted}. Check the name, or give its id")
    return matches[0], matches[1:]


def _known_match(db: SiteDatabase, taxon_id: int) -> Match:
    row = db["taxa"].get(taxon_id)
    return Match(taxon_id, (row["name"],), row["rank"], 0.0, {}, row["common_name"])


def _matches(results: Iterable[object], wanted: str) -> list[Match]:
    """The best first: an exact name, then what is larger or more often observed."""
    matches = [
        _read_match(result) for result in results if isinstance(result, dict) and id_of(result)
    ]
    exact = wanted.casefold()
    return sorted(
        matches,
        # What was chosen is shown with its id: a person who meant another one gives the number.
        key=lambda match: (exact in map(str.casefold, match.names), match.size),
        reverse=True,
    )


def _read_match(described: Json) -> Match:
    names = (described.get(key) for key in ("name", "preferred_common_name", "display_name"))
    size = described.get("observations_count") or described.get("bbox_area")
    return Match(
        described["id"],
        tuple(name for name in names if isinstance(name, str)),
        str(described.get("rank") or "no rank"),
        float(size) if isinstance(size, int | float) else 0.0,
        described,
        described.get("preferred_common_name"),
    )


def _save(db: SiteDatabase, api: INaturalist, game: Game, wishes: GameWishes) -> list[str]:
    before, lines = game, []
    game = _with_plain_wishes(game, wishes)
    if wishes.place:
        place, others = find_place(api, wishes.place)
        game = replace(game, place_id=place.id)
        lines.append(f"place   {_display_name(place)}, {place.id}" + _or_else(others))
    taxa = []
    for role, wanted in (("taxon", wishes.taxon), ("target", wishes.target)):
        if wanted:
            taxon, others = find_taxon(db, api, wanted)
            if taxon.described:
                taxa.append(taxon.described)
            if role == "target":
                game = replace(game, target_taxon_id=taxon.id)
            else:
                game = replace(game, taxon_id=taxon.id)
            lines.append(f"{role:<8}{_describe(taxon)}" + _or_else(others))
    save_missing_taxa(db, api, filter(None, (game.taxon_id, game.target_taxon_id)))
    with db.atomic():
        save_taxa(db, read_taxa(taxa))
        _check_target(db, game)
        save_game(db, game)
        if (game.taxon_id, game.place_id) != (before.taxon_id, before.place_id):
            # A different question: the walks begin again, and find that what no longer fits left.
            Cursors(db, cursor_prefix(game.slug)).forget_all()
    return lines or [f"{game.slug} is changed."]


def _with_plain_wishes(game: Game, wishes: GameWishes) -> Game:
    """The game with what needs no look-up, checked."""
    if wishes.hashtag:
        game = replace(game, hashtag=wishes.hashtag.removeprefix("#"))
        if not HASHTAG.fullmatch(str(game.hashtag)):
            raise GameError(f"#{game.hashtag} is not a hashtag. Use letters, digits and _")
    if wishes.question:
        game = replace(game, question=wishes.question)
    if wishes.rank:
        game = replace(game, rank=wishes.rank.lower())
        if game.rank not in RANKS:
            raise GameError(f"{game.rank} is not an iNaturalist rank. Try species or genus")
    hosts = [_host(text, consents=False) for text in wishes.hosts]
    hosts += [_host(text, consents=True) for text in wishes.consenting_hosts]
    return replace(game, hosts=hosts) if hosts else game


def _host(text: str, *, consents: bool) -> Host:
    platform, _, handle = text.partition(":")
    if platform not in PLATFORMS or not HANDLE.fullmatch(handle):
        known = ", ".join(PLATFORMS)
        raise GameError(f"{text} is not a host. Write PLATFORM:HANDLE; the platforms are {known}")
    return Host(platform, handle.removeprefix("@"), consents)


def _check_target(db: SiteDatabase, game: Game) -> None:
    if game.target_taxon_id is None or game.taxon_id in (None, game.target_taxon_id):
        return
    target = db["taxa"].get(game.target_taxon_id)
    if game.taxon_id not in read_ids(target["ancestor_ids"]):
        taxon = db["taxa"].get(game.taxon_id)
        raise GameError(
            f"{target['name']} does not belong to {taxon['name']}. Choose a target within it, or "
            "another --taxon"
        )


def _describe(taxon: Match) -> str:
    common_name = f" ({taxon.common_name})" if taxon.common_name else ""
    return f"{taxon.name}{common_name}, {taxon.rank}, {taxon.id}"


def _display_name(match: Match) -> str:
    return str(match.described.get("display_name") or match.name)


def _or_else(others: list[Match]) -> str:
    """The runners-up, with the numbers that would choose them."""
    named = [f"{_display_name(match)} {match.id}" for match in others[:OTHERS_NAMED]]
    return f"  (not {', '.join(named)})" if named else ""
