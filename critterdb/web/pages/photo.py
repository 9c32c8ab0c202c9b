"""`/-/critters/photos/…`: one photo, whose it is, what models say of it, what is like it."""

from __future__ import annotations

import json
from typing import Any

from critterdb.storage.database import SiteDatabase
from critterdb.web import urls
from critterdb.web.charts.maps import draw_map
from critterdb.web.errors import PageNotFoundError
from critterdb.web.queries import similar_photos
from critterdb.web.queries.photos import PHOTO_TABLES, PHOTOS, as_photo, shown
from critterdb.web.queries.taxa import score_bars, taxon_names

from .base import Page, Visit, page

SIMILAR = 8
MAX_PREDICTIONS = 12

_WHERE = """
SELECT observations.latitude, observations.longitude, observations.positional_accuracy,
    observations.obscured, observations.quality_grade, observations.captive,
    observers.login AS observer, observers.name AS observer_name
FROM observations LEFT JOIN observers ON observers.id = observations.observer_id
WHERE observations.id = ?
"""

_PREDICTIONS = """
SELECT predictions.id AS prediction_id, predictions.model_id, predictions.source,
    predictions.created_at, predictions.score, predictions.abstained, predictions.reason,
    predictions.taxon_id, coalesce(taxa.common_name, taxa.name) AS answer, predictions.scores,
    predictions.novelty
FROM predictions LEFT JOIN taxa ON taxa.id = predictions.taxon_id
WHERE photo_id = ? ORDER BY predictions.id DESC LIMIT ?
"""

_REVIEWS = """
SELECT reviews.prediction_id, reviews.verdict, reviews.actor, reviews.created_at,
    coalesce(taxa.common_name, taxa.name) AS truth
FROM reviews LEFT JOIN taxa ON taxa.id = reviews.taxon_id
WHERE prediction_id IN (SELECT value FROM json_each(?)) ORDER BY reviews.id
"""


@page(
    *PHOTO_TABLES,
    *("observers", "reviews", "embeddings", "models", "games", "game_observations", "splits"),
)
async def photo(visit: Visit) -> Page:
    """A photo's page. A photo that may not be shown still has its facts and its predictions."""
    photo_id = int(visit.request.url_vars["photo_id"])
    data = await visit.read(lambda db: load_photo(db, photo_id))
    sha256 = data["photo"]["sha256"]
    data["photo"] = shown(visit, data["photo"])
    near = await _similar(visit, sha256) if sha256 else []
    data["similar"] = None if near is None else [shown(visit, one) for one in near]
    what, place = data["photo"]["what"], data["where"]
    tiles = visit.desk.settings.map_tiles
    placed = place["latitude"] is not None
    return Page(
        "critterdb_photo.html",
        title=f"{what}, photo {photo_id}",
        description=f"A photo of {what}"
        + (f", {data['photo']['place_guess']}" if data["photo"]["place_guess"] else "")
        + ", and what the models say of it.",
        data=data,
        view={
            "map": draw_map([place], tiles=tiles) if placed else None,
            "map_credit": visit.desk.settings.map_credit if tiles else None,
        },
        preview=urls.photo_file(sha256) if data["photo"]["image"] else None,
        pictures_from=(tiles,) if tiles and placed else (),
    )


def load_photo(db: SiteDatabase, photo_id: int) -> dict[str, Any]:
    """A photo with its observation and predictions. Raises PageNotFoundError."""
    row = next(db.query(f"{PHOTOS} WHERE photos.id = ?", [photo_id]), None)
    if row is None:
        raise PageNotFoundError(f"There is no photo {photo_id} here")
    found = as_photo(row)
    predictions = list(db.query(_PREDICTIONS, [photo_id, MAX_PREDICTIONS]))
    scores = [json.loads(prediction.pop("scores")) for prediction in predictions]
    names = taxon_names(db, {int(taxon) for each in scores for taxon in each})
    reviews: dict[int, list[dict[str, Any]]] = {}
    for review in db.query(_REVIEWS, [json.dumps([p["prediction_id"] for p in predictions])]):
        reviews.setdefault(review.pop("prediction_id"), []).append(review)
    for prediction, each in zip(predictions, scores, strict=True):
        prediction["bars"] = score_bars(each, names)
        prediction["reviews"] = reviews.get(prediction["prediction_id"], [])
    return {
        "photo": found,
        "where": next(db.query(_WHERE, [found["observation_id"]])),
        "games": list(
            db.query(
                "SELECT seen.game, splits.part FROM game_observations AS seen "
                "LEFT JOIN splits ON splits.game = seen.game "
                "AND splits.observation_id = seen.observation_id "
                "WHERE seen.observation_id = ? AND seen.left_at IS NULL",
                [found["observation_id"]],
            )
        ),
        "predictions": predictions,
    }


async def _similar(visit: Visit, sha256: str) -> list[dict[str, Any]] | None:
    """The photos nearest to this one; None while a large database is still being read."""
    found = await visit.read(lambda db: similar_photos.load_embedding(db, sha256))
    if found is None:
        return []
    backbone, vector = found
    sketches = await similar_photos.ready(visit.database, visit.desk.sketches, backbone)
    if sketches is None:
        return None
    candidates = sketches.candidates(vector)

    def nearest(db: SiteDatabase) -> list[dict[str, Any]]:
        near = similar_photos.nearest_photos(db, backbone, vector, candidates, sha256, SIMILAR)
        photos = []
        for other, distance in near:
            row = next(
                db.query(
                    f"{PHOTOS} WHERE photos.sha256 = ? AND photos.withdrawn_at IS NULL "
                    "AND observations.withdrawn_at IS NULL LIMIT 1",
                    [other],
                ),
                None,
            )
            if row:
                photos.append({**as_photo(row), "distance": round(distance, 4)})
        return photos

    return await visit.read(nearest)
