"""`/-/critters/models/…`: what a model knows, how far to trust it, and where it goes wrong."""

from __future__ import annotations

from collections import Counter

from critterdb.formatting import MIN_FOR_PERCENT
from critterdb.storage.stored_json import as_counts, as_text
from critterdb.web import urls
from critterdb.web.charts.bars import label_bars
from critterdb.web.charts.confusion import Label, confusion_matrix, most_confused
from critterdb.web.charts.curves import reliability_diagram, risk_coverage, training_curves
from critterdb.web.errors import PageNotFoundError
from critterdb.web.queries.models import (
    ConfusedPair,
    DescribedModel,
    ModelData,
    load_confusion_photos,
    load_model_data,
)
from critterdb.web.queries.photos import PHOTO_TABLES, preview_of, shown

from .base import Page, Visit, page
from .layout import game_name, measured, model_name

PARTS = (
    *("labels", "confusions", "reliability", "risk_coverage", "training", "mistakes", "licences"),
    "report",
)
# The JSON has them all.
LABELS_DRAWN = 40


@page(
    *("models", "games", "model_labels", "model_metrics", "confusions", "prediction_counts"),
    "game_observations",
    *PHOTO_TABLES,
)
async def model(visit: Visit) -> Page:
    """One model: its card, its charts, its surest mistakes. `?part=` gives one part as JSON."""
    model_id = visit.named("model_id")
    loaded = await visit.read(lambda db: load_model_data(db, model_id))
    mistakes = [shown(visit, photo) for photo in loaded["mistakes"]]
    data: dict[str, object] = {**loaded, "mistakes": mistakes}
    extras = {
        **_charts(visit, loaded),
        "about": _about(loaded["model"]),
        **_tables(loaded),
        "table_path": f"{visit.datasette.urls.table(visit.database.name, 'models')}/{model_id}",
    }
    part = visit.argument("part")
    if part and part not in PARTS:
        raise PageNotFoundError(f"There is no part “{part}”. Use one of: {', '.join(PARTS)}")
    return Page(
        "critterdb_model.html",
        title=f"The model of {game_name(loaded['model'])}, {model_name(loaded['model'])}",
        description=_in_a_sentence(loaded["model"], len(loaded["labels"])),
        data={part: data[part]} if part else data,
        extras={**data, **extras} if part else extras,
        preview=preview_of(mistakes),
    )


def _charts(visit: Visit, data: ModelData) -> dict[str, object]:
    model_id = data["model"]["id"]
    counts = {
        (confusion["actual_taxon_id"], confusion["predicted_taxon_id"]): confusion["photos"]
        for confusion in data["confusions"]
    }
    tested = sorted(
        (label for label in data["labels"] if label["photos_test"]),
        key=lambda label: -label["photos_test"],
    )
    drawn = most_confused([Label(label["taxon_id"], label["name"]) for label in tested], counts)
    figures = data["figures"]
    # Of fewer photos neither curve says anything.
    is_enough = (data["model"]["tests"] or 0) >= MIN_FOR_PERCENT
    return {
        "matrix": confusion_matrix(
            drawn,
            counts,
            lambda actual, predicted: visit.path(
                urls.confusion_photos(model_id, actual, predicted)
            ),
        ),
        "labels_not_drawn": len(tested) - len(drawn),
        "names": {label["taxon_id"]: label["name"] for label in data["labels"]},
        "bars": label_bars(data["labels"][:LABELS_DRAWN], _photos_said(data)),
        "reliability_chart": reliability_diagram(data["reliability"]) if is_enough else None,
        "risk_chart": risk_coverage(
            data["risk_coverage"], figures.get("answered"), figures.get("wrong_among_answered")
        ),
        "training_chart": training_curves(data["training"]) if data["training"] else None,
    }


# Steps of a training for which a sample of the photos was enough, in the words of the page.
SAMPLED = {
    "candidates": "choosing the kind of head",
    "epochs": "choosing the epoch",
    "novelty": "the spread of novelty",
    "temperature": "the temperature",
    "valid": "validation",
    "test": "testing",
}


def _about(model_row: DescribedModel) -> dict[str, object]:
    """What the page says from card and recipe, if it is what training writes there."""
    card, recipe = model_row["card"], model_row["recipe"]
    splits = as_counts(card.get("splits"))
    counts = as_counts({"observers": card.get("observers"), "epochs": recipe.get("epochs")})
    return {
        "sampled": [
            {"step": SAMPLED[step], "photos": photos}
            for step, photos in as_counts(card.get("sampled")).items()
            if step in SAMPLED
        ],
        "splits": splits if splits.keys() >= {"train", "valid", "test"} else None,
        "observers": counts.get("observers"),
        "epochs": counts.get("epochs"),
        "intended_use": as_text(card.get("intended_use")) or "Games.",
        "limits": as_text(card.get("limits")),
    }


def _tables(data: ModelData) -> dict[str, object]:
    """The figures as the page shows them, each with the number of photos that it is a share of."""
    figures, tests, said = data["figures"], data["model"]["tests"] or 0, _photos_said(data)
    validation_photos = _validation_photos(data["model"])
    top3_error = figures.get("top3_error_rate")
    return {
        "answered_photos": round((figures.get("answered") or 0) * tests),
        "top3_rate": None if top3_error is None else 1 - top3_error,
        "label_rows": [
            {**label, "photos_said": said[label["taxon_id"]]} for label in data["labels"]
        ],
        "risk_rows": [
            {
                "answered": measured(point["answered"], tests, "photos"),
                "wrong": measured(point["wrong"], round(point["answered"] * tests)),
            }
            for point in data["risk_coverage"]
        ],
        "training_rows": [{**point, "photos": validation_photos} for point in data["training"]],
    }


def _photos_said(data: ModelData) -> Counter[int]:
    """How many test photos the model called by each label."""
    said: Counter[int] = Counter()
    for confusion in data["confusions"]:
        said[confusion["predicted_taxon_id"]] += confusion["photos"]
    return said


def _validation_photos(model_row: DescribedModel) -> int:
    return as_counts(model_row["card"].get("splits")).get("valid", 0)


def _in_a_sentence(model_row: DescribedModel, labels: int) -> str:
    known = f"Tells {labels} kinds of critter apart, trained on {model_row['photos']:,} photos"
    wrong = measured(model_row["error_rate"], model_row["tests"], "photos that it had never seen")
    return f"{known}." if wrong == "–" else f"{known}. It misclassified {wrong}."


@page("models", "games", "model_labels", "confusions", *PHOTO_TABLES)
async def confusion_photos(visit: Visit) -> Page:
    """The test photos behind one cell of the confusion matrix, the surest first."""
    model_id = visit.named("model_id")
    actual, predicted = visit.number("actual"), visit.number("predicted")
    if actual is None or predicted is None:
        raise PageNotFoundError(
            "Name the cell with ?actual=TAXON&predicted=TAXON, or click it in the matrix"
        )
    cell = ConfusedPair(actual, predicted)
    data = await visit.read(lambda db: load_confusion_photos(db, model_id, cell))
    photos = [shown(visit, photo) for photo in data["photos"]]
    if actual == predicted:
        title = f"{data['actual']}, recognised correctly"
    else:
        title = f"{data['actual']}, mistaken for {data['predicted']}"
    return Page(
        "critterdb_confusion.html",
        title=title,
        description=f"Test photos of the model of {data['game']}: {data['count']:,} in this cell.",
        data={**data, "photos": photos},
        preview=preview_of(photos),
    )
