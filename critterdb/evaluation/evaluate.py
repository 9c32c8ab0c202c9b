"""A model against photos whose truth is known → figures, and the rows that keep them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from critterdb._types import Progress
from critterdb.dataset.examples import UNREADABLE
from critterdb.errors import RejectedInputError, SourceError
from critterdb.imaging.decode import decode_image, read_image_file
from critterdb.model.loader import Model
from critterdb.model.registry import current_model, model_row
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_files import stored_files
from critterdb.storage.timestamps import utc_now

from .metrics import (
    TestScores,
    figures,
    novelty_quantiles,
    reliability,
    risk_coverage,
    share,
    top_k_right,
)

NONE_LABEL = "_none"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}


def save_evaluation(
    db: SiteDatabase, model_id: str, outcome: TestScores, photo_ids: Sequence[int]
) -> None:
    """Replace the model's evaluation rows by this one's; call it in the model's transaction."""
    found = figures(outcome)
    confusion = outcome.confusion()
    db["confusions"].delete_where("model_id = ?", [model_id])
    db["confusions"].insert_all(
        {
            "model_id": model_id,
            "actual_taxon_id": outcome.labels[actual]["taxon_id"],
            "predicted_taxon_id": outcome.labels[predicted]["taxon_id"],
            "photos": int(confusion[actual, predicted]),
        }
        for actual, predicted in np.argwhere(confusion)
    )
    for label, figure in zip(outcome.labels, found["labels"], strict=True):
        db["model_labels"].update(
            (model_id, label["taxon_id"]),
            {
                "photos_test": figure["photos"],
                "precision": figure["precision"],
                "recall": figure["recall"],
                "f1": figure["f1"],
            },
        )
    _save_metrics(db, model_id, outcome, found)
    _save_predictions(db, model_id, outcome, photo_ids)
    columns = ("error_rate", "balanced_error_rate", "ece")
    db["models"].update(model_id, {name: found[name] for name in columns})


def _save_metrics(
    db: SiteDatabase, model_id: str, outcome: TestScores, found: dict[str, Any]
) -> None:
    rows: list[tuple[str, float, float | None, int | None]] = [
        (name, 0, found[name], found["photos"])
        for name in ("answered", "wrong_among_answered", "top3_error_rate", "ece_before")
    ]
    rows += [("novelty", part, value, None) for part, value in novelty_quantiles(outcome)]
    rows += [("reliability", said, right, n) for said, right, n in reliability(outcome)]
    rows += [("risk_coverage", share, wrong, None) for share, wrong in risk_coverage(outcome)]
    for k in (1, 3, 5):
        rows.append(("top_k", k, share(top_k_right(outcome, k)), found["photos"]))
    measured = sorted({row[0] for row in rows})
    marks = ", ".join("?" * len(measured))
    db["model_metrics"].delete_where(f"model_id = ? AND name IN ({marks})", [model_id, *measured])
    db["model_metrics"].insert_all(
        {"model_id": model_id, "name": name, "x": x, "value": value, "photos": photos}
        for name, x, value, photos in rows
    )


def _save_predictions(
    db: SiteDatabase, model_id: str, outcome: TestScores, photo_ids: Sequence[int]
) -> None:
    db["predictions"].delete_where(
        "model_id = ? AND source = 'evaluation' AND id NOT IN (SELECT prediction_id FROM reviews)",
        [model_id],
    )
    now = utc_now()
    db["predictions"].insert_all(
        {
            "model_id": model_id,
            "source": "evaluation",
            "photo_id": int(photo_id),
            "label_taxon_id": outcome.labels[truth]["taxon_id"],
            **classification.as_row(),
            "created_at": now,
        }
        for photo_id, truth, classification in zip(
            photo_ids, outcome.truth, outcome.classifications(), strict=True
        )
    )


def evaluate_model(
    db: SiteDatabase, model_id: str | None = None, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Measure a model on its test photos again, from their files, and renew its rows."""
    started = time.perf_counter()
    model = current_model(db, model_id=model_id)
    places = {label["taxon_id"]: place for place, label in enumerate(model.labels)}
    rows = _test_photos(db, model)
    site = site_folder(db)
    outcome, read = _run(
        model,
        stored_files(site, "photos", [row["path"] for row in rows]),
        np.array([places[row["label"]] for row in rows], np.int64),
        progress,
    )
    photo_ids = [row["id"] for row, kept in zip(rows, read, strict=True) if kept]
    with db.atomic():
        save_evaluation(db, model.id, outcome, photo_ids)
    return _result(model, outcome, read, started)


def _test_photos(db: SiteDatabase, model: Model) -> list[dict[str, Any]]:
    """The photos that training left for the test, near-duplicates of others aside."""
    from critterdb.dataset.embeddings import load_embeddings
    from critterdb.dataset.examples import label_photos
    from critterdb.dataset.similarity import separate_parts
    from critterdb.games import get_game

    labels = {label["taxon_id"] for label in model.labels}
    examples = label_photos(db, get_game(db, model.game), labels)
    recipe = json.loads(model_row(db, model.id)["recipe"]).get("near_duplicates_by", model.backbone)
    examples, _ = separate_parts(*load_embeddings(db, examples, recipe))
    return [
        {"id": int(photo_id), "path": str(path), "label": int(label)}
        for photo_id, path, label, part in zip(
            examples.photo_ids, examples.paths, examples.taxon_ids, examples.parts, strict=True
        )
        if part == "test"
    ]


def evaluate_folder(
    db: SiteDatabase,
    model_id: str | None,
    folder: Path,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a model on FOLDER/LABEL/*.jpg; `_none` holds pictures of nothing that it knows.

    What these say of its novelty measure is kept in `model_metrics`: the test photos cannot. Raises
    SourceError where a folder's name is no label.
    """
    started = time.perf_counter()
    if model_id:
        model_row(db, model_id)
    model = current_model(db, model_id=model_id)
    names = _label_names(model.labels)
    files: list[Path] = []
    truth: list[int] = []
    for label_folder in sorted(path for path in folder.iterdir() if path.is_dir()):
        name = label_folder.name
        place = -1 if name == NONE_LABEL else names.get(name.replace("_", " ").casefold())
        if place is None:
            known = ", ".join(label["common_name"] or label["name"] for label in model.labels)
            raise SourceError(
                f"{name} is no label of {model.id}. Its labels: {known}, {NONE_LABEL}"
            )
        photos = sorted(p for p in label_folder.iterdir() if p.suffix.lower() in SUFFIXES)
        files += photos
        truth += [place] * len(photos)
    if not files:
        raise SourceError(f"{folder} holds no photos. Lay them out as FOLDER/LABEL/*.jpg")
    outcome, read = _run(model, files, np.array(truth, np.int64), progress)
    result = _result(model, outcome, read, started)
    _save_novelty(db, model.id, result)
    return result


def _save_novelty(db: SiteDatabase, model_id: str, result: dict[str, Any]) -> None:
    measured = {
        name: result[name]
        for name in ("novelty_auroc", "none_refused", "known_refused")
        if result[name] is not None
    }
    with db.atomic():
        for name, value in measured.items():
            db["model_metrics"].upsert(
                {
                    "model_id": model_id,
                    "name": name,
                    "x": 0,
                    "value": value,
                    "photos": result["photos"],
                },
                pk=("model_id", "name", "x"),
            )


def _label_names(labels: Sequence[dict[str, Any]]) -> dict[str, int]:
    names = {}
    for place, label in enumerate(labels):
        for name in filter(None, (label["name"], label["common_name"])):
            names[name.replace("_", " ").casefold()] = place
    return names


def _run(
    model: Model, files: Sequence[Path], truth: np.ndarray, progress: Progress | None
) -> tuple[TestScores, np.ndarray]:
    """What the model says of the files that can be read, and which those are.

    Raises SourceError where there are files and none can be read.
    """
    probabilities, novelty, read = [], [], np.zeros(len(files), bool)
    for done, path in enumerate(files, start=1):
        try:
            image = decode_image(read_image_file(path), shorter_side=model.view.shorter_side)
        except (RejectedInputError, OSError) as error:
            if done == len(files) and not read.any():
                raise SourceError(
                    f"No photo could be read. Of {path}: {error}. Check the files"
                ) from error
        else:
            row, _, distance = model.run(model.pixels(image)[None])
            probabilities.append(row[0])
            novelty.append(float(distance[0]))
            read[done - 1] = True
        if progress:
            progress(done, len(files))
    count = len(model.labels)
    outcome = TestScores(
        model.labels,
        model.thresholds,
        np.array(probabilities, np.float64).reshape(-1, count),
        np.array(novelty),
        truth[read],
    )
    return outcome, read


def _result(model: Model, outcome: TestScores, read: np.ndarray, started: float) -> dict[str, Any]:
    seconds = round(time.perf_counter() - started, 2)
    unreadable = int((~read).sum())
    left_out = {UNREADABLE: unreadable} if unreadable else {}
    return {"model": model.id, **figures(outcome), "seconds": seconds, "left_out": left_out}
