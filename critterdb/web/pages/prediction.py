"""`/-/critters/predictions/…`: an answer that somebody got on the page or the command line.

Its photo was not stored. Answers about photos of the site and about posts have pages of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast

from critterdb.storage.stored_json import read_scores
from critterdb.web import urls
from critterdb.web.errors import PageNotFoundError
from critterdb.web.http.headers import data_headers
from critterdb.web.queries.reasons import load_labels, load_reasons

from .base import Page, Visit, page
from .verdict import Given, bars_of, describe, with_references

if TYPE_CHECKING:
    from datasette.utils.asgi import Response

    from critterdb.model.labels import Answer, Label, Reason, ScoredTaxon, Taxon
    from critterdb.storage.database import SiteDatabase

_PREDICTION = """
SELECT predictions.id AS prediction_id, predictions.model_id, predictions.taxon_id,
    predictions.score, predictions.reason, predictions.novelty, predictions.scores,
    predictions.thresholds, predictions.created_at, predictions.photo_id, predictions.post_id,
    games.question
FROM predictions
JOIN models ON models.id = predictions.model_id
JOIN games ON games.slug = models.game
WHERE predictions.id = ?
"""


class PredictionData(Given):
    """An answer with its model, time and game, and why it is not a label."""

    prediction_id: int
    model_id: str
    created_at: str
    question: str | None
    why: list[str]


class Loaded(TypedDict):
    """The data of an answer's page; `elsewhere` is the path of the page that has it instead."""

    prediction: PredictionData
    labels: list[Label]
    elsewhere: str | None


@page("predictions", "models", "games", "model_labels", "taxa")
async def prediction(visit: Visit) -> Page | Response:
    """One answer, by the number of its row."""
    prediction_id = int(visit.request.url_vars["prediction_id"])
    loaded = await visit.read(lambda db: load_prediction(db, prediction_id))
    if loaded["elsewhere"]:
        return _redirect(visit, loaded["elsewhere"])
    data = loaded["prediction"]
    description = describe(data, loaded["labels"])
    table = visit.datasette.urls.table(visit.database.name, "predictions")
    bars = bars_of(data["predictions"])
    return Page(
        "critterdb_prediction.html",
        title=description["headline"],
        description=description["explanation"],
        data=cast("dict[str, object]", data),
        extras={
            **description,
            "bars": await with_references(visit.request, visit.datasette, bars),
            "is_linked": True,
            "prediction_path": f"{table}/{prediction_id}",
        },
    )


def load_prediction(db: SiteDatabase, prediction_id: int) -> Loaded:
    """Return an answer by the number of its row. Raises PageNotFoundError if there is none."""
    row = next(db.query(_PREDICTION, [prediction_id]), None)
    if row is None:
        raise PageNotFoundError(f"There is no prediction {prediction_id} here")
    labels = load_labels(db, [row["model_id"]]).get(row["model_id"], [])
    known = {label["taxon_id"]: label for label in labels}
    scores = sorted(read_scores(row["scores"]).items(), key=lambda item: -item[1])
    predictions = [_scored(known[taxon], score) for taxon, score in scores if taxon in known]
    elsewhere = None
    if row["photo_id"] is not None:
        elsewhere = urls.photo_page(row["photo_id"])
    elif row["post_id"]:
        elsewhere = urls.post_page(row["post_id"])
    return {
        "prediction": {
            "prediction_id": row["prediction_id"],
            "model_id": row["model_id"],
            "created_at": row["created_at"],
            "question": row["question"],
            "answer": _answer(db, row["taxon_id"], row["score"]),
            "reason": cast("Reason | None", row["reason"]),
            "predictions": predictions,
            "why": load_reasons(db, [row])[0],
        },
        "labels": labels,
        "elsewhere": elsewhere,
    }


def _scored(label: Taxon, score: float) -> ScoredTaxon:
    name, common_name = label["name"], label["common_name"]
    return {"taxon_id": label["taxon_id"], "name": name, "common_name": common_name, "score": score}


def _answer(db: SiteDatabase, taxon_id: int | None, score: float) -> Answer | None:
    rows = db.query(
        "SELECT id AS taxon_id, name, common_name, rank FROM taxa WHERE id = ?", [taxon_id]
    )
    taxon = next(rows, None)
    return cast("Answer", {**taxon, "score": score}) if taxon else None


def _redirect(visit: Visit, address: str) -> Response:
    from datasette.utils.asgi import Response

    return Response("", status=302, headers={**data_headers(), "Location": visit.path(address)})
