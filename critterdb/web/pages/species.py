"""`/-/critters/species`: the kinds of animals, and for each its photos, places and months."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from critterdb.formatting import display_name, display_name_sql
from critterdb.inaturalist.taxon_search import (
    MAX_SEARCH_CHARACTERS,
    MAX_SEARCH_WORDS,
    is_search_cut,
    search_query,
)
from critterdb.storage.stored_json import read_ids
from critterdb.web.charts.bars import MonthCount, month_bars
from critterdb.web.charts.maps import Place, draw_map
from critterdb.web.errors import PageNotFoundError
from critterdb.web.queries.photos import (
    MAX_TAXA_BELOW,
    PHOTOS,
    Photo,
    as_photo,
    newest_photos,
    preview_of,
    shown,
    taxa_below,
)

from .base import Page, Visit, page

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

GALLERY_PHOTOS = 24
# A bound for the query and for the page: a common species of a large game has many more.
# docs/decisions.md#lists-look-through-a-bounded-number-of-rows
NEWEST_PLACES = 1000
OBSERVATIONS_PER_BATCH, MAX_BATCHES = 40, 10
MAX_TAXA_LISTED = 60
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_NEWEST_OF = """
SELECT id FROM observations
WHERE taxon_id = ? AND id < ? AND withdrawn_at IS NULL
"""

_PHOTOS_OF = f"""
{PHOTOS}
WHERE photos.observation_id IN (SELECT value FROM json_each(?))
    AND photos.path IS NOT NULL AND photos.withdrawn_at IS NULL
ORDER BY photos.observation_id DESC, photos.position
"""

_PLACES_OF = """
SELECT observed_on, latitude, longitude, obscured FROM observations
WHERE taxon_id = ? AND withdrawn_at IS NULL
"""

_CALLED = f"""
SELECT models.id AS model_id, models.game, games.hashtag,
    confusions.predicted_taxon_id, {display_name_sql()} AS predicted,
    confusions.photos, model_labels.photos_test, model_labels.photos_train
FROM games
JOIN models ON models.id = games.model_id
JOIN model_labels ON model_labels.model_id = models.id AND model_labels.taxon_id = :taxon
LEFT JOIN confusions
    ON confusions.model_id = models.id AND confusions.actual_taxon_id = :taxon
LEFT JOIN taxa ON taxa.id = confusions.predicted_taxon_id
ORDER BY models.created_at DESC, confusions.photos DESC
"""

_KINDS = """
SELECT taxa.id AS taxon_id, taxa.name, taxa.common_name, taxa.rank,
    max(model_labels.photos_train + model_labels.photos_test) AS photos
FROM games
JOIN model_labels ON model_labels.model_id = games.model_id
JOIN taxa ON taxa.id = model_labels.taxon_id
GROUP BY taxa.id ORDER BY photos DESC, taxa.name LIMIT ?
"""

_SEARCH = """
SELECT taxa.id AS taxon_id, taxa.name, taxa.common_name, taxa.rank, NULL AS photos
FROM taxa_fts JOIN taxa ON taxa.id = taxa_fts.rowid
WHERE taxa_fts MATCH ? ORDER BY taxa_fts.rank LIMIT ?
"""

_ABOVE = f"""
SELECT id AS taxon_id, {display_name_sql()} AS name, rank FROM taxa
WHERE id IN (SELECT value FROM json_each(?)) AND id <> ? ORDER BY rank_level DESC
"""

_CHILDREN = f"""
SELECT id AS taxon_id, {display_name_sql()} AS name, rank FROM taxa
WHERE parent_id = ? AND id <> ? ORDER BY 2 LIMIT ?
"""


class TaxonRow(TypedDict):
    """A kind of animal of any rank, with both its names."""

    taxon_id: int
    name: str
    common_name: str | None
    rank: str | None


class Relative(TypedDict):
    """A taxon above or below the one of the page, by the name that it is called."""

    taxon_id: int
    name: str
    rank: str | None


class SightingPlace(TypedDict):
    """When and where an animal was observed; iNaturalist hides where an obscured one was."""

    observed_on: str | None
    latitude: float | None
    longitude: float | None
    obscured: int | None


class CalledRow(TypedDict):
    """How many test photos of this taxon a model in use called `predicted`."""

    model_id: str
    game: str
    hashtag: str | None
    predicted_taxon_id: int | None
    predicted: str | None
    photos: int | None
    photos_test: int
    photos_train: int


class SpeciesData(TypedDict):
    """The data of a taxon's page; its photos are yet to be checked for what may be shown."""

    taxon: TaxonRow
    above: list[Relative]
    below: list[Relative]
    photos: list[Photo]
    next_before: int | None
    places: list[SightingPlace]
    places_newest_only: bool
    months: list[MonthCount]
    said: list[CalledRow]


class ListedTaxon(TaxonRow):
    """A taxon in the list of critters, with how many photos of it its model has seen."""

    photos: int | None


@dataclass(frozen=True)
class TaxonCard:
    """A listed taxon and a photo of it."""

    taxon: ListedTaxon
    photo: Photo | None


@page("taxa", "observations", "photos", "games", "models", "model_labels", "confusions")
async def species(visit: Visit) -> Page:
    """One kind of animal, of any rank: those below it count."""
    taxon_id = int(visit.request.url_vars["taxon_id"])
    before = visit.number("before")
    data = await visit.read(lambda db: load_species(db, taxon_id, before))
    photos = [shown(visit, photo) for photo in data["photos"]]
    taxon, tiles = data["taxon"], visit.state.settings.map_tiles
    places = _on_the_map(data["places"])
    return Page(
        "critterdb_species.html",
        title=display_name(taxon["common_name"], taxon["name"]),
        description=f"{taxon['name']}: photos, where and when it was seen, and what the model "
        "mistakes it for.",
        data={**data, "photos": photos},
        extras={
            "map": draw_map(places, tiles=tiles) if places else None,
            "map_credit": visit.state.settings.map_credit if tiles else None,
            "obscured": sum(place.is_obscured for place in places),
            "placed": len(places),
            "month_chart": month_bars(data["months"]) if places else None,
        },
        preview=preview_of(photos),
        pictures_from=(tiles,) if tiles and places else (),
    )


def _on_the_map(places: list[SightingPlace]) -> list[Place]:
    return [
        Place(place["latitude"], place["longitude"], bool(place["obscured"]))
        for place in places
        if place["latitude"] is not None and place["longitude"] is not None
    ]


def load_species(db: SiteDatabase, taxon_id: int, before: int | None) -> SpeciesData:
    """Return a taxon with its photos, places and what models call it. Raises PageNotFoundError."""
    row = next(
        db.query(
            "SELECT id AS taxon_id, name, common_name, rank, ancestor_ids FROM taxa WHERE id = ?",
            [taxon_id],
        ),
        None,
    )
    if row is None:
        raise PageNotFoundError(f"There is no taxon {taxon_id} here. See the list of critters")
    above = db.query(_ABOVE, [json.dumps(read_ids(row.pop("ancestor_ids"))), taxon_id])
    children = db.query(_CHILDREN, [taxon_id, taxon_id, MAX_TAXA_BELOW])
    below = taxa_below(db, taxon_id)
    photos = _photos(db, below, before)
    places = _places(db, below)
    is_cut = len(photos) > GALLERY_PHOTOS
    return {
        "taxon": cast("TaxonRow", row),
        "above": cast("list[Relative]", list(above)),
        "below": cast("list[Relative]", list(children)),
        "photos": photos[:GALLERY_PHOTOS],
        "next_before": photos[GALLERY_PHOTOS - 1]["observation_id"] if is_cut else None,
        "places": places,
        "places_newest_only": len(places) == NEWEST_PLACES,
        "months": _months(places),
        "said": cast("list[CalledRow]", list(db.query(_CALLED, {"taxon": taxon_id}))),
    }


def _months(places: list[SightingPlace]) -> list[MonthCount]:
    counts = Counter(place["observed_on"][5:7] for place in places if place["observed_on"])
    return [
        {"month": name, "observations": counts[f"{number:02}"]}
        for number, name in enumerate(MONTHS, 1)
    ]


def _photos(db: SiteDatabase, taxa: list[int], before: int | None) -> list[Photo]:
    """The newest photos of several taxa, one more than a page shows.

    Some observations have no photo here, so it goes back a batch at a time.
    """
    photos: list[Photo] = []
    oldest = 2**62 if before is None else before
    union = " UNION ALL ".join([_NEWEST_OF] * len(taxa))
    for _ in range(MAX_BATCHES):
        values = [value for taxon in taxa for value in (taxon, oldest)]
        ids = [
            row[0]
            for row in db.execute(
                f"{union} ORDER BY id DESC LIMIT {OBSERVATIONS_PER_BATCH}", values
            )
        ]
        photos += (as_photo(row) for row in db.query(_PHOTOS_OF, [json.dumps(ids)]))
        if len(photos) > GALLERY_PHOTOS or len(ids) < OBSERVATIONS_PER_BATCH:
            break
        oldest = ids[-1]
    return photos[: GALLERY_PHOTOS + 1]


def _places(db: SiteDatabase, taxa: list[int]) -> list[SightingPlace]:
    # Each part of the union is in the index's order, so that SQLite merges them up to the limit.
    union = " UNION ALL ".join([_PLACES_OF] * len(taxa))
    rows = db.query(f"{union} ORDER BY observed_on DESC LIMIT {NEWEST_PLACES}", taxa)
    return cast("list[SightingPlace]", list(rows))


@page("taxa", "observations", "photos", "games", "models", "model_labels")
async def species_list(visit: Visit) -> Page:
    """The kinds that the models in use know, or those that a search finds."""
    words = visit.argument("q")
    local = visit.sees_local_photos
    cards = await visit.read(lambda db: load_taxon_cards(db, words, local_photos=local))
    kinds = [
        {**card.taxon, "photo": shown(visit, card.photo) if card.photo else None} for card in cards
    ]
    return Page(
        "critterdb_species_list.html",
        title=f"Critters called “{words}”" if words else "Critters",
        description="The kinds of animals that the games are about, with photos of each.",
        data={"q": words, "kinds": kinds},
        extras={
            "is_cut": is_search_cut(words),
            "max_words": MAX_SEARCH_WORDS,
            "max_characters": MAX_SEARCH_CHARACTERS,
        },
    )


def load_taxon_cards(db: SiteDatabase, words: str, *, local_photos: bool) -> list[TaxonCard]:
    """Return the taxa that a search finds, or without words those that models in use know."""
    if words:
        query = search_query(words)
        rows = list(db.query(_SEARCH, [query, MAX_TAXA_LISTED])) if query else []
    else:
        rows = list(db.query(_KINDS, [MAX_TAXA_LISTED]))
    cards = []
    for row in rows:
        photos = newest_photos(db, row["taxon_id"], 1, local_photos=local_photos)
        cards.append(TaxonCard(cast("ListedTaxon", row), photos[0] if photos else None))
    return cards
