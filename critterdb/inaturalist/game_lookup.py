"""Games by name: names of taxa and places → iNaturalist's ids, checked, and said aloud.

An exact name wins, else what most people observed; the others are named, so that a wrong choice is
seen and can be put right with a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from critterdb._types import Json
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
from critterdb.storage.database import SiteDatabase

from .client import INaturalist, fetch_taxa
from .taxa import save_missing_taxa, save_taxa

HASHTAG = re.compile(r"\w{1,100}")
RANKS = (
    *("kingdom", "phylum", "subphylum", "superclass", "class", "subclass", "superorder", "order"),
    *("suborder", "infraorder", "superfamily", "epifamily", "family", "subfamily", "tribe"),
    *("subtribe", "genus", "subgenus", "section", "complex", "species", "subspecies"),
)
COLUMNS = {"taxon": "taxon_id", "target": "target_taxon_id"}
OTHERS_NAMED = 3

Wishes = Mapping[str, Any]


def add_game(db: SiteDatabase, api: INaturalist, slug: str, wishes: Wishes) -> list[str]:
    """Make a game; the lines that say what was chosen. Raises GameError where it cannot be.

    `wishes` are `hashtag`, `question`, `taxon`, `place`, `target`, `rank`, `hosts` and
    `consenting_hosts`, as a person writes them; hashtag and taxon are needed.
    """
    slug = check_slug(slug)
    if slug in PRESETS:
        raise GameError(f"{slug} is a preset. Use it with: critterdb sync {slug}")
    if db["games"].count_where("slug = ?", [slug]):
        raise GameError(f"{slug} is there already. Change it with: critterdb games edit {slug}")
    for name in ("hashtag", "taxon"):
        if not wishes.get(name):
            raise GameError(f"A game needs --{name}")
    return _save(db, api, Game(slug), wishes)


def edit_game(db: SiteDatabase, api: INaturalist, slug: str, wishes: Wishes) -> list[str]:
    """Change what `wishes` name of a game; as add_game. Raises GameError."""
    game = ensure_game(db, slug)
    if not any(wishes.values()):
        raise GameError("Name what to change, for example --hashtag cougarOrNot")
    return _save(db, api, game, wishes)


def find_taxon(api: INaturalist, wanted: str) -> tuple[Json, list[Json]]:
    """The taxon with this number or name, and others that it could have meant.

    A taxon that is no longer used leads to the one that took its place. Raises GameError.
    """
    if wanted.isdigit():
        found = list(fetch_taxa(api, [int(wanted)]))
    else:
        found = api.get("taxa", q=wanted, per_page=30)["results"]
    found = sorted(found, key=lambda one: _how_well(one, wanted), reverse=True)
    if not found:
        raise GameError(f"iNaturalist knows no taxon {wanted}. Check the name, or give its number")
    taxon = found[0]
    synonyms = taxon.get("current_synonymous_taxon_ids") or []
    if taxon.get("is_active") is False and synonyms:
        return find_taxon(api, str(synonyms[0]))
    return taxon, found[1:]


def find_place(api: INaturalist, wanted: str) -> tuple[Json, list[Json]]:
    """The place with this number or name, and others that it could have meant. Raises GameError."""
    path = f"places/{wanted}" if wanted.isdigit() else "places/autocomplete"
    found = api.get(path, **({} if wanted.isdigit() else {"q": wanted, "per_page": 30}))["results"]
    found = sorted(found, key=lambda one: _how_well(one, wanted), reverse=True)
    if not found:
        raise GameError(f"iNaturalist knows no place {wanted}. Check the name, or give its number")
    return found[0], found[1:]


def _how_well(one: Json, wanted: str) -> tuple[bool, float]:
    """How well something fits a name: an exact one first, then what is larger or more observed."""
    names = (one.get("name"), one.get("preferred_common_name"), one.get("display_name"))
    exact = wanted.casefold() in {str(name).casefold() for name in names if name}
    size = one.get("observations_count") or one.get("bbox_area") or 0
    return exact, float(size)


def _save(db: SiteDatabase, api: INaturalist, game: Game, wishes: Wishes) -> list[str]:
    before, lines = game, []
    game = replace(game, **_plain_wishes(game, wishes))
    if wishes.get("place"):
        place, others = find_place(api, wishes["place"])
        game = replace(game, place_id=place["id"])
        said = f"place   {place.get('display_name') or place.get('name')}, {place['id']}"
        lines.append(said + _or_else(others, "display_name"))
    taxa = {}
    for role in ("taxon", "target"):
        if wishes.get(role):
            taxa[role], others = find_taxon(api, wishes[role])
            game = replace(game, **{COLUMNS[role]: taxa[role]["id"]})
            lines.append(f"{role:<8}{_describe(taxa[role])}" + _or_else(others, "name"))
    save_missing_taxa(db, api, filter(None, (game.taxon_id, game.target_taxon_id)))
    with db.atomic():
        save_taxa(db, taxa.values())
        _check_target(db, game)
        save_game(db, game)
        if (game.taxon_id, game.place_id) != (before.taxon_id, before.place_id):
            # Another question: the walks begin anew, and what no longer fits is found to have left.
            db["cursors"].delete_where("name LIKE ?", [f"inaturalist:{game.slug}:%"])
    return lines or [f"{game.slug} is changed."]


def _plain_wishes(game: Game, wishes: Wishes) -> dict[str, Any]:
    """What needs no look-up, checked."""
    given: dict[str, Any] = {}
    if wishes.get("hashtag"):
        given["hashtag"] = wishes["hashtag"].removeprefix("#")
        if not HASHTAG.fullmatch(given["hashtag"]):
            raise GameError(f"#{given['hashtag']} is no hashtag. Use letters, digits and _")
    if wishes.get("question"):
        given["question"] = wishes["question"]
    if wishes.get("rank"):
        given["rank"] = wishes["rank"].lower()
        if given["rank"] not in RANKS:
            raise GameError(f"{given['rank']} is no rank of iNaturalist's. Try species or genus")
    named = [(each, False) for each in wishes.get("hosts") or ()]
    named += [(each, True) for each in wishes.get("consenting_hosts") or ()]
    if named:
        given["hosts"] = [_host(text, consents) for text, consents in named]
    return given


def _host(text: str, consents: bool) -> Host:
    platform, _, handle = text.partition(":")
    if platform not in PLATFORMS or not HANDLE.fullmatch(handle):
        known = ", ".join(PLATFORMS)
        raise GameError(f"{text} is no host. Write PLATFORM:HANDLE, with one of {known}")
    return Host(platform, handle.removeprefix("@"), consents)


def _check_target(db: SiteDatabase, game: Game) -> None:
    if game.target_taxon_id is None or game.taxon_id in (None, game.target_taxon_id):
        return
    target = db["taxa"].get(game.target_taxon_id)
    if game.taxon_id not in json.loads(target["ancestor_ids"]):
        taxon = db["taxa"].get(game.taxon_id)
        raise GameError(
            f"{target['name']} does not belong to {taxon['name']}. Choose a target within it, or "
            "another --taxon"
        )


def _describe(taxon: Json) -> str:
    common = taxon.get("preferred_common_name")
    return f"{taxon['name']}{f' ({common})' if common else ''}, {taxon['rank']}, {taxon['id']}"


def _or_else(others: list[Json], name: str) -> str:
    """The runners-up, with the numbers that would choose them."""
    named = [f"{one.get(name) or one.get('name')} {one['id']}" for one in others[:OTHERS_NAMED]]
    return f"  (not {', '.join(named)})" if named else ""
