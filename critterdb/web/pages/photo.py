"""`/-/critters/photos/…`: one photo, whose it is, what models say of it, what is like it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypedDict, cast

from critterdb.dataset.taxonomy import taxon_names
from critterdb.errors import RejectedInputError
from critterdb.formatting import display_name_sql
from critterdb.licences import IS_PHOTO_HERE
from critterdb.model.evidence_words import NOT_AVAILABLE
from critterdb.model.whereabouts import UNUSUAL_WORDS
from critterdb.storage.stored_json import read_scores
from critterdb.web.charts.maps import Place, draw_map
from critterdb.web.datasette.permissions import CLASSIFY, REVIEW, may
from critterdb.web.errors import PageNotFoundError
from critterdb.web.photo_evidence import find_evidence
from critterdb.web.queries import similar_photos
from critterdb.web.queries.photos import PHOTO_TABLES, PHOTOS, Photo, as_photo, preview_of, shown
from critterdb.web.queries.reasons import load_reasons
from critterdb.web.queries.taxa import ScoreBar, names_in, score_bars
from critterdb.web.urls import photo_page

from .base import Page, Visit, busy, page
from .evidence import show_evidence, show_second_look
from .unusual import unusual_observation

if TYPE_CHECKING:
    from critterdb.model.evidence import EvidencePayload
    from critterdb.storage.database import SiteDatabase
    from critterdb.web.queries.photos import ShownPhoto

    from .evidence import EvidenceView, SecondLookView

SIMILAR = 8
# Each training adds one to every test photo.
MAX_PREDICTIONS = 12

_WHERE = """
SELECT observations.latitude, observations.longitude, observations.positional_accuracy,
    observations.obscured, observations.quality_grade, observations.captive,
    observers.login AS observer, observers.name AS observer_name
FROM observations LEFT JOIN observers ON observers.id = observations.observer_id
WHERE observations.id = ?
"""

_PREDICTIONS = f"""
SELECT predictions.id AS prediction_id, predictions.model_id, predictions.source,
    predictions.created_at, predictions.score, predictions.abstained, predictions.reason,
    predictions.taxon_id, {display_name_sql()} AS answer, predictions.scores,
    predictions.novelty, predictions.thresholds, models.created_at AS model_created_at
FROM predictions LEFT JOIN taxa ON taxa.id = predictions.taxon_id
LEFT JOIN models ON models.id = predictions.model_id
WHERE photo_id = ? ORDER BY predictions.id DESC LIMIT ?
"""

_REVIEWS = f"""
SELECT reviews.prediction_id, reviews.verdict, reviews.actor, reviews.created_at,
    {display_name_sql()} AS truth
FROM reviews LEFT JOIN taxa ON taxa.id = reviews.taxon_id
WHERE prediction_id IN (SELECT value FROM json_each(?)) ORDER BY reviews.id
"""


_GAMES = """
SELECT seen.game, splits.part FROM game_observations AS seen
LEFT JOIN splits ON splits.game = seen.game AND splits.observation_id = seen.observation_id
WHERE seen.observation_id = ? AND seen.left_at IS NULL
"""

_MODELS_IN_USE = """
SELECT games.model_id FROM game_observations AS seen JOIN games ON games.slug = seen.game
WHERE seen.observation_id = ? AND seen.left_at IS NULL AND games.model_id IS NOT NULL
"""

_OF_FILE = f"{PHOTOS} WHERE photos.sha256 = ? AND {IS_PHOTO_HERE} LIMIT 1"


class Sighting(TypedDict):
    """Where an animal was observed, by which observer, and how well that is known."""

    latitude: float | None
    longitude: float | None
    positional_accuracy: float | None
    obscured: int | None
    quality_grade: str | None
    captive: int | None
    observer: str | None
    observer_name: str | None


class GamePart(TypedDict):
    """A game that the photo belongs to, and whether its models learn from it or are tested."""

    game: str
    part: str | None


class PhotoReview(TypedDict):
    """What a person said of a prediction about the photo."""

    verdict: str
    actor: str | None
    created_at: str
    truth: str | None


class PhotoPrediction(TypedDict):
    """What a model said of the photo and why, with what people said of that."""

    prediction_id: int
    model_id: str
    model_created_at: str | None
    source: str
    created_at: str
    score: float
    abstained: int
    reason: str | None
    taxon_id: int | None
    answer: str | None
    novelty: float | None
    why: list[str]
    bars: list[ScoreBar]
    reviews: list[PhotoReview]


class PhotoData(TypedDict):
    """The data of a photo's page, yet to be checked for what may be shown.

    `explainer` is the id of the model that can say where in the photo its evidence is.
    """

    photo: Photo
    where: Sighting
    games: list[GamePart]
    predictions: list[PhotoPrediction]
    explainer: str | None


NOWHERE = cast("Sighting", dict.fromkeys(Sighting.__annotations__))


@page(
    *PHOTO_TABLES,
    *("observers", "reviews", "embeddings", "models", "games", "game_observations", "splits"),
)
async def photo(visit: Visit) -> Page:
    """A photo's page. A photo that may not be shown still has its taxon and its predictions."""
    photo_id = int(visit.request.url_vars["photo_id"])
    data = await visit.read(lambda db: load_photo(db, photo_id))
    if not await may(visit.datasette, visit.request.actor, REVIEW):
        _hide_reviewers(data["predictions"])
    sha256 = data["photo"]["sha256"]
    shown_photo = shown(visit, data["photo"])
    near = await _similar(visit, sha256) if sha256 else []
    evidence = await _evidence(visit, data, shown_photo) if visit.argument("evidence") else None
    # A withdrawn photo's observer is neither named nor located.
    is_withdrawn = data["photo"]["withdrawn_at"] or data["photo"]["observation_withdrawn_at"]
    sighting = NOWHERE if is_withdrawn else data["where"]
    place, tiles = _place_of(sighting), visit.state.settings.map_tiles
    because = await unusual_observation(visit, shown_photo["observation_id"]) if place else None
    where = f", {shown_photo['place_guess']}" if shown_photo["place_guess"] else ""
    return Page(
        "critterdb_photo.html",
        title=f"{shown_photo['what']}, photo {photo_id}",
        description=f"A photo of {shown_photo['what']}{where}, and what the models say about it.",
        data={
            **data,
            "photo": shown_photo,
            "where": sighting,
            "unusual_because": because,
            "similar": None if near is None else [shown(visit, other) for other in near],
            "evidence": evidence and evidence["data"],
        },
        extras={
            "evidence": evidence and evidence["view"],
            "second_look": evidence and evidence["second_look"],
            "no_evidence": NOT_AVAILABLE if visit.argument("evidence") else None,
            "evidence_path": _evidence_path(visit, data, shown_photo),
            "map": draw_map([place], tiles=tiles) if place else None,
            "unusual": UNUSUAL_WORDS[because] if because else None,
            "map_credit": visit.state.settings.map_credit if tiles else None,
        },
        preview=preview_of([shown_photo]),
        pictures_from=(tiles,) if tiles and place else (),
    )


class _Evidence(TypedDict):
    """The evidence in a photo, as JSON and as the page shows it."""

    data: EvidencePayload
    view: EvidenceView
    second_look: SecondLookView | None


def _evidence_path(visit: Visit, data: PhotoData, shown_photo: ShownPhoto) -> str | None:
    """The path of the page with the evidence, if there may be any to show."""
    if not shown_photo["image"] or not data["explainer"]:
        return None
    return visit.path(f"{photo_page(shown_photo['photo_id'])}?evidence=1")


async def _evidence(visit: Visit, data: PhotoData, shown_photo: ShownPhoto) -> _Evidence | None:
    """Where in the photo the evidence is, for who may see the photo and may classify."""
    path, model_id = data["photo"]["path"], data["explainer"]
    may_ask = shown_photo["image"] and await may(visit.datasette, visit.request.actor, CLASSIFY)
    if not path or not model_id or not may_ask:
        return None
    try:
        evidence = await find_evidence(visit.state, visit.database, model_id, path)
    except RejectedInputError as error:
        raise busy(str(error)) from error
    if evidence is None:
        return None
    width, height = evidence["size"]
    taxa = [evidence["evidence"][part]["taxon_id"] for part in ("top", "runner_up")]
    names = await visit.read(lambda db: taxon_names(db, taxa))
    view = show_evidence(evidence["evidence"], names, (width, height))
    crop = evidence["crop"]
    again = show_second_look(crop, (width, height)) if crop else None
    return {"data": evidence["evidence"], "view": view, "second_look": again}


def _hide_reviewers(predictions: list[PhotoPrediction]) -> None:
    """Keep the ids of reviewers from visitors who do not review themselves."""
    for prediction in predictions:
        for review in prediction["reviews"]:
            review["actor"] = None


def _place_of(sighting: Sighting) -> Place | None:
    latitude, longitude = sighting["latitude"], sighting["longitude"]
    if latitude is None or longitude is None:
        return None
    return Place(latitude, longitude, bool(sighting["obscured"]))


def load_photo(db: SiteDatabase, photo_id: int) -> PhotoData:
    """Return a photo with its observation and predictions. Raises PageNotFoundError."""
    row = next(db.query(f"{PHOTOS} WHERE photos.id = ?", [photo_id]), None)
    if row is None:
        raise PageNotFoundError(f"There is no photo {photo_id} here")
    observation_id = row["observation_id"]
    predictions = _predictions(db, photo_id)
    models = [prediction["model_id"] for prediction in predictions]
    models += [row["model_id"] for row in db.query(_MODELS_IN_USE, [observation_id])]
    return {
        "photo": as_photo(row),
        "where": cast("Sighting", next(db.query(_WHERE, [observation_id]))),
        "games": cast("list[GamePart]", list(db.query(_GAMES, [observation_id]))),
        "predictions": predictions,
        "explainer": models[0] if models else None,
    }


def _predictions(db: SiteDatabase, photo_id: int) -> list[PhotoPrediction]:
    rows = list(db.query(_PREDICTIONS, [photo_id, MAX_PREDICTIONS]))
    reasons = load_reasons(db, rows)
    scores = [read_scores(row.pop("scores")) for row in rows]
    for row in rows:
        del row["thresholds"]
    names = names_in(db, scores)
    reviews: dict[int, list[PhotoReview]] = {}
    for review in db.query(_REVIEWS, [json.dumps([row["prediction_id"] for row in rows])]):
        prediction_id = review.pop("prediction_id")
        reviews.setdefault(prediction_id, []).append(cast("PhotoReview", review))
    return [
        cast(
            "PhotoPrediction",
            {
                **row,
                "why": why,
                "bars": score_bars(its_scores, names),
                "reviews": reviews.get(row["prediction_id"], []),
            },
        )
        for row, why, its_scores in zip(rows, reasons, scores, strict=True)
    ]


async def _similar(visit: Visit, sha256: str) -> list[Photo] | None:
    """The photos nearest to this one; None while a large database is still being read."""
    if not similar_photos.is_possible():
        return []
    embedding = await visit.read(lambda db: similar_photos.load_embedding(db, sha256))
    if embedding is None:
        return []
    if visit.state.nearest:
        near = visit.state.nearest(embedding)
        return await visit.read(lambda db: _as_photos(db, near))
    sketches = await similar_photos.ready(visit.database, visit.state.sketches, embedding.backbone)
    if sketches is None:
        return None
    candidates = sketches.candidates(embedding.vector)
    return await visit.read(
        lambda db: _as_photos(db, similar_photos.nearest_photos(db, embedding, candidates, SIMILAR))
    )


def _as_photos(db: SiteDatabase, near: list[tuple[str, float]]) -> list[Photo]:
    photos = []
    for sha256, distance in near:
        row = next(db.query(_OF_FILE, [sha256]), None)
        if row:
            photos.append(as_photo({**row, "distance": round(distance, 4)}))
    return photos
