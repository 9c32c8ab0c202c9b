"""`/-/critters/species`: the kinds of animals, and for each its photos, places and months."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from critterdb.storage.database import SiteDatabase
from critterdb.web import urls
from critterdb.web.charts.bars import month_bars
from critterdb.web.charts.maps import draw_map
from critterdb.web.errors import PageNotFoundError
from critterdb.web.http.body import MAX_SEARCH_CHARACTERS, MAX_SEARCH_WORDS, is_search_cut
from critterdb.web.queries.photos import PHOTOS, as_photo, shown
from critterdb.web.queries.taxa import search_query

from .base import Page, Visit, page

GALLERY = 24
NEWEST_PLACES = 1000
MAX_KINDS_BELOW = 60
OBSERVATIONS_PER_BATCH, STRETCHES = 40, 10
LISTED = 60
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_BELOW = """
WITH RECURSIVE below (id) AS (
    SELECT ? UNION SELECT taxa.id FROM taxa JOIN below ON taxa.parent_id = below.id
)
SELECT id FROM below LIMIT ?
"""

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

_SAID = """
SELECT models.id AS model_id, models.game, games.hashtag,
    confusions.predicted_taxon_id, coalesce(taxa.common_name, taxa.name) AS predicted,
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

_ONE_PHOTO = f"""
{PHOTOS}
WHERE observations.taxon_id = ? AND photos.path IS NOT NULL AND photos.withdrawn_at IS NULL
    AND observations.withdrawn_at IS NULL AND +photos.license_code IS NOT NULL
    AND photos.attribution IS NOT NULL
ORDER BY observations.id DESC LIMIT 1
"""


@page("taxa", "observations", "photos", "games", "models", "model_labels", "confusions")
async def species(visit: Visit) -> Page:
    """One kind of animal, whatever its rank: those below it count."""
    taxon_id = int(visit.request.url_vars["taxon_id"])
    before = visit.number("before")
    data = await visit.read(lambda db: load_species(db, taxon_id, before))
    data["photos"] = [shown(visit, photo) for photo in data["photos"]]
    taxon = data["taxon"]
    places = [place for place in data["places"] if place["latitude"] is not None]
    tiles = visit.desk.settings.map_tiles
    pictures = [photo for photo in data["photos"] if photo["image"]]
    return Page(
        "critterdb_species.html",
        title=taxon["common_name"] or taxon["name"],
        description=f"{taxon['name']}: photos, where and when it was seen, and what the model "
        "makes of it.",
        data=data,
        view={
            "map": draw_map(places, tiles=tiles) if places else None,
            "map_credit": visit.desk.settings.map_credit if tiles else None,
            "obscured": sum(bool(place["obscured"]) for place in places),
            "placed": len(places),
            "month_chart": month_bars(data["months"]) if places else None,
        },
        preview=urls.photo_file(pictures[0]["sha256"]) if pictures else None,
        pictures_from=(tiles,) if tiles and places else (),
    )


def load_species(db: SiteDatabase, taxon_id: int, before: int | None) -> dict[str, Any]:
    """A taxon with its photos, places and what models say of it. Raises PageNotFoundError."""
    taxon = next(
        db.query(
            "SELECT id AS taxon_id, name, common_name, rank, ancestor_ids FROM taxa WHERE id = ?",
            [taxon_id],
        ),
        None,
    )
    if taxon is None:
        raise PageNotFoundError(
            f"There is no taxon {taxon_id} here. Look through the list of critters"
        )
    ancestors = json.loads(taxon.pop("ancestor_ids"))
    below = [row[0] for row in db.conn.execute(_BELOW, [taxon_id, MAX_KINDS_BELOW])]
    photos = _photos(db, below, before)
    places = _places(db, below)
    seen = Counter(place["observed_on"][5:7] for place in places if place["observed_on"])
    return {
        "taxon": taxon,
        "above": list(
            db.query(
                "SELECT id AS taxon_id, coalesce(common_name, name) AS name, rank FROM taxa "
                "WHERE id IN (SELECT value FROM json_each(?)) AND id <> ? "
                "ORDER BY rank_level DESC",
                [json.dumps(ancestors), taxon_id],
            )
        ),
        "below": list(
            db.query(
                "SELECT id AS taxon_id, coalesce(common_name, name) AS name, rank FROM taxa "
                "WHERE parent_id = ? AND id <> ? ORDER BY name LIMIT ?",
                [taxon_id, taxon_id, MAX_KINDS_BELOW],
            )
        ),
        "photos": photos[:GALLERY],
        "next_before": photos[GALLERY - 1]["observation_id"] if len(photos) > GALLERY else None,
        "places": places,
        "places_newest_only": len(places) == NEWEST_PLACES,
        "months": [
            {"month": name, "observations": seen[f"{number:02}"]}
            for number, name in enumerate(MONTHS, 1)
        ],
        "said": list(db.query(_SAID, {"taxon": taxon_id})),
    }


def _photos(db: SiteDatabase, taxa: list[int], before: int | None) -> list[dict[str, Any]]:
    """The newest photos of several taxa, one more than a page shows.

    Some observations have no photo here, so it goes back a stretch at a time.
    """
    found: list[dict[str, Any]] = []
    place = 2**62 if before is None else before
    union = " UNION ALL ".join([_NEWEST_OF] * len(taxa))
    for _ in range(STRETCHES):
        values = [value for taxon in taxa for value in (taxon, place)]
        ids = [
            row[0]
            for row in db.execute(
                f"{union} ORDER BY id DESC LIMIT {OBSERVATIONS_PER_BATCH}", values
            )
        ]
        found += (as_photo(row) for row in db.query(_PHOTOS_OF, [json.dumps(ids)]))
        if len(found) > GALLERY or len(ids) < OBSERVATIONS_PER_BATCH:
            break
        place = ids[-1]
    return found[: GALLERY + 1]


def _places(db: SiteDatabase, taxa: list[int]) -> list[dict[str, Any]]:
    # Each part of the union is in the index's order, so that SQLite merges them up to the limit.
    union = " UNION ALL ".join([_PLACES_OF] * len(taxa))
    return list(db.query(f"{union} ORDER BY observed_on DESC LIMIT {NEWEST_PLACES}", taxa))


@page("taxa", "observations", "photos", "games", "models", "model_labels")
async def species_list(visit: Visit) -> Page:
    """The kinds that the models in use know, or those that a search finds."""
    words = visit.argument("q")
    data = await visit.read(lambda db: load_kinds(db, words))
    for kind in data["kinds"]:
        kind["photo"] = kind["photo"] and shown(visit, kind["photo"])
    return Page(
        "critterdb_species_list.html",
        title=f"Critters called “{words}”" if words else "Critters",
        description="The kinds of animals that the games are about, with photos of each.",
        data={"q": words, **data},
        view={
            "is_cut": is_search_cut(words),
            "max_words": MAX_SEARCH_WORDS,
            "max_characters": MAX_SEARCH_CHARACTERS,
        },
    )


def load_kinds(db: SiteDatabase, words: str) -> dict[str, Any]:
    if words:
        query = search_query(words)
        kinds = list(db.query(_SEARCH, [query, LISTED])) if query else []
    else:
        kinds = list(db.query(_KINDS, [LISTED]))
    for kind in kinds:
        kind["photo"] = _one_photo(db, kind["taxon_id"])
    return {"kinds": kinds}


def _one_photo(db: SiteDatabase, taxon_id: int) -> dict[str, Any] | None:
    """A photo of this kind that may be shown, or of one below it."""
    below = (row[0] for row in db.execute(_BELOW, [taxon_id, MAX_KINDS_BELOW]))
    for taxon in below:
        for row in db.query(_ONE_PHOTO, [taxon]):
            return as_photo(row)
    return None
