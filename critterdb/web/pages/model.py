"""`/-/critters/models/…`: what a model knows, how far to trust it, and where it goes wrong."""

from __future__ import annotations

import json
from typing import Any

from critterdb.storage.database import SiteDatabase
from critterdb.web import urls
from critterdb.web.charts.bars import label_bars
from critterdb.web.charts.confusion import confusion_matrix, most_confused
from critterdb.web.charts.curves import reliability_diagram, risk_coverage, training_curves
from critterdb.web.errors import PageNotFoundError
from critterdb.web.queries.photos import PHOTO_TABLES, PHOTOS, as_photo, shown

from .base import Page, Visit, page

MISTAKES = 12
CELL_PHOTOS = 48
PARTS = ("labels", "confusions", "reliability", "risk_coverage", "training", "mistakes", "licences")

_MISTAKES = f"""
SELECT found.*, mistakes.prediction_id, mistakes.predicted, mistakes.actual, mistakes.score,
    mistakes.abstained, mistakes.predicted_taxon_id
FROM (SELECT * FROM mistakes WHERE model_id = ? ORDER BY score DESC LIMIT ?) AS mistakes
JOIN ({PHOTOS}) AS found ON found.photo_id = mistakes.photo_id
ORDER BY mistakes.score DESC
"""

_CELL = f"""
SELECT found.*, cell.prediction_id, cell.score, cell.abstained
FROM (
    SELECT id AS prediction_id, photo_id, score, abstained FROM predictions
    WHERE label_taxon_id = :actual AND top_taxon_id = :predicted AND model_id = :model
    ORDER BY score DESC LIMIT :photos
) AS cell
JOIN ({PHOTOS}) AS found ON found.photo_id = cell.photo_id
ORDER BY cell.score DESC
"""

_LABELS = """
SELECT model_labels.taxon_id, coalesce(taxa.common_name, taxa.name) AS name,
    taxa.name AS scientific_name, photos_train, photos_test, precision, recall, f1
FROM model_labels JOIN taxa ON taxa.id = model_labels.taxon_id
WHERE model_id = ? ORDER BY photos_train DESC, name
"""


@page(
    *("models", "games", "model_labels", "model_metrics", "confusions", "prediction_counts"),
    *PHOTO_TABLES,
)
async def model(visit: Visit) -> Page:
    """One model: its card, its charts, its surest mistakes. `?part=` gives one part as JSON."""
    model_id = visit.named("model_id")
    data = await visit.read(lambda db: load_model_page(db, model_id))
    data["mistakes"] = [shown(visit, photo) for photo in data["mistakes"]]
    about = data["model"]
    view = {
        **_charts(visit, data),
        "table_path": f"{visit.datasette.urls.table(visit.database.name, 'models')}/{model_id}",
    }
    part = visit.argument("part")
    if part and part not in PARTS:
        raise PageNotFoundError(
            f"A model's page has no part “{part}”. There are: {', '.join(PARTS)}"
        )
    pictures = [photo for photo in data["mistakes"] if photo["image"]]
    return Page(
        "critterdb_model.html",
        title=f"The model {about['id']}",
        description=_in_a_sentence(about, data["labels"]),
        data={part: data[part]} if part else data,
        view={**data, **view} if part else view,
        preview=urls.photo_file(pictures[0]["sha256"]) if pictures else None,
    )


def load_model_page(db: SiteDatabase, model_id: str) -> dict[str, Any]:
    """Everything about a model. Raises PageNotFoundError where there is none of this id."""
    about = load_model_row(db, model_id)
    card, recipe = json.loads(about.pop("card")), json.loads(about.pop("recipe"))
    metrics = load_metrics(db, model_id)
    return {
        "model": {**about, "card": card, "recipe": recipe},
        "labels": list(db.query(_LABELS, [model_id])),
        "confusions": list(
            db.query(
                "SELECT actual_taxon_id, predicted_taxon_id, photos FROM confusions "
                "WHERE model_id = ? ORDER BY photos DESC",
                [model_id],
            )
        ),
        "reliability": [
            {"confidence": x, "right": value, "photos": photos}
            for x, value, photos in metrics.get("reliability", [])
        ],
        "risk_coverage": [
            {"answered": x, "wrong": value} for x, value, _ in metrics.get("risk_coverage", [])
        ],
        "figures": {
            name: points[0][1] for name, points in metrics.items() if [p[0] for p in points] == [0]
        },
        "training": _training(metrics),
        "licences": card.get("photos_by_license") or {},
        "mistakes": [as_photo(row) for row in db.query(_MISTAKES, [model_id, MISTAKES])],
        "predictions": list(
            db.query(
                "SELECT source, sum(predictions) AS predictions, sum(reviewed) AS reviewed "
                "FROM prediction_counts WHERE model_id = ? GROUP BY source ORDER BY source",
                [model_id],
            )
        ),
    }


def load_model_row(db: SiteDatabase, model_id: str) -> dict[str, Any]:
    """The model, its game, and whether it is the one in use. Raises PageNotFoundError."""
    rows = db.query(
        """
        SELECT models.id, models.game, games.hashtag, games.question, backbone, created_at, bytes,
            photos, error_rate, balanced_error_rate, ece, temperature, threshold,
            novelty_threshold, seconds, recipe, card, games.model_id IS models.id AS in_use
        FROM models JOIN games ON games.slug = models.game WHERE models.id = ?
        """,
        [model_id],
    )
    for row in rows:
        return dict(row)
    raise PageNotFoundError(
        f"There is no model {model_id} here. The list of models names those there are"
    )


def load_metrics(db: SiteDatabase, model_id: str) -> dict[str, list[tuple[float, Any, Any]]]:
    """A model's figures and curves by name: (x, value, photos), along x."""
    found: dict[str, list[tuple[float, Any, Any]]] = {}
    for row in db.query(
        "SELECT name, x, value, photos FROM model_metrics WHERE model_id = ? ORDER BY name, x",
        [model_id],
    ):
        found.setdefault(row["name"], []).append((row["x"], row["value"], row["photos"]))
    return found


def _training(metrics: dict[str, list[tuple[float, Any, Any]]]) -> list[dict[str, Any]]:
    losses = {x: value for x, value, _ in metrics.get("valid_loss", [])}
    errors = {x: value for x, value, _ in metrics.get("valid_error_rate", [])}
    return [
        {"epoch": x, "loss": losses.get(x), "error_rate": errors.get(x)}
        for x in sorted(losses | errors)
    ]


def _charts(visit: Visit, data: dict[str, Any]) -> dict[str, Any]:
    model_id = data["model"]["id"]
    counts = {
        (cell["actual_taxon_id"], cell["predicted_taxon_id"]): cell["photos"]
        for cell in data["confusions"]
    }
    tested = sorted(
        (label for label in data["labels"] if label["photos_test"]),
        key=lambda label: -label["photos_test"],
    )
    drawn = most_confused(tested, counts)
    figures = data["figures"]
    names = {label["taxon_id"]: label["name"] for label in data["labels"]}
    return {
        "matrix": confusion_matrix(
            drawn,
            counts,
            lambda actual, said: visit.path(urls.cell_page(model_id, actual, said)),
        ),
        "labels_not_drawn": len(tested) - len(drawn),
        "names": names,
        "bars": label_bars(data["labels"][:40]),
        "reliability_chart": reliability_diagram(data["reliability"]),
        "risk_chart": risk_coverage(
            data["risk_coverage"], figures.get("answered"), figures.get("wrong_among_answered")
        ),
        "training_chart": training_curves(data["training"]) if data["training"] else None,
    }


def _in_a_sentence(about: dict[str, Any], labels: list[dict[str, Any]]) -> str:
    known = f"Tells {len(labels)} kinds of critter apart, from {about['photos']:,} photos"
    if about["error_rate"] is None:
        return f"{known}."
    return f"{known}. Of photos that it had never seen it got {about['error_rate']:.1%} wrong."


@page("models", "games", "model_labels", "confusions", *PHOTO_TABLES)
async def cell(visit: Visit) -> Page:
    """The test photos behind one cell of the confusion matrix, the surest first."""
    model_id = visit.named("model_id")
    actual, predicted = visit.number("actual"), visit.number("predicted")
    if actual is None or predicted is None:
        raise PageNotFoundError(
            "Name the cell with ?actual=TAXON&predicted=TAXON, or pick it on the matrix"
        )
    data = await visit.read(lambda db: load_cell(db, model_id, actual, predicted))
    data["photos"] = [shown(visit, photo) for photo in data["photos"]]
    if actual == predicted:
        title = f"{data['actual']}, known as such"
    else:
        title = f"{data['actual']}, taken for {data['predicted']}"
    pictures = [photo for photo in data["photos"] if photo["image"]]
    return Page(
        "critterdb_cell.html",
        title=title,
        description=f"{data['count']:,} test photos of the model {model_id}.",
        data=data,
        preview=urls.photo_file(pictures[0]["sha256"]) if pictures else None,
    )


def load_cell(db: SiteDatabase, model_id: str, actual: int, predicted: int) -> dict[str, Any]:
    """A cell's photos and names. Raises PageNotFoundError where the model has no such labels."""
    load_model_row(db, model_id)
    names = {label["taxon_id"]: label["name"] for label in db.query(_LABELS, [model_id])}
    if actual not in names or predicted not in names:
        raise PageNotFoundError("The model does not know these labels. Pick a cell on its matrix")
    keys = {"model": model_id, "actual": actual, "predicted": predicted, "photos": CELL_PHOTOS}
    counted = db.query(
        "SELECT photos FROM confusions WHERE model_id = :model "
        "AND actual_taxon_id = :actual AND predicted_taxon_id = :predicted",
        keys,
    )
    return {
        "model_id": model_id,
        "actual": names[actual],
        "predicted": names[predicted],
        "actual_taxon_id": actual,
        "predicted_taxon_id": predicted,
        "count": next((row["photos"] for row in counted), 0),
        "photos": [as_photo(row) for row in db.query(_CELL, keys)],
    }
