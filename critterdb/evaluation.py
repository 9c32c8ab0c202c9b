"""Predictions against truth → figures, and the rows that keep them.

Everything here is numpy and SQL, so that a light install can measure a model too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .answering import NOT_A_CRITTER, Classification, decide
from .errors import Refusal, SourceError
from .images import decode_image
from .models import Model, current_model, model_row
from .schema import SiteDatabase, site_folder, utc_now

RELIABILITY_BINS = 15
NONE_LABEL = "_none"
WEAK_RECALL = 0.8
FEW_PHOTOS = 50
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What a model said of N photos: probabilities N×C, novelty N, and the true places N.

    A true place of -1 is a picture of nothing that the model knows.
    """

    labels: list[dict[str, Any]]
    thresholds: dict[str, float]
    probabilities: np.ndarray
    novelty: np.ndarray
    truth: np.ndarray

    def known(self) -> Outcome:
        """Only the photos of something that the model knows."""
        kept = self.truth >= 0
        return Outcome(
            self.labels,
            self.thresholds,
            self.probabilities[kept],
            self.novelty[kept],
            self.truth[kept],
        )

    def classifications(self) -> list[Classification]:
        return [
            decide(row, float(novelty), self.labels, self.thresholds)
            for row, novelty in zip(self.probabilities, self.novelty, strict=True)
        ]

    def confusion(self) -> np.ndarray:
        """Photos C×C, by true label and top label."""
        matrix = np.zeros((len(self.labels),) * 2, np.int64)
        np.add.at(matrix, (self.truth, self.probabilities.argmax(axis=1)), 1)
        return matrix


def figures(outcome: Outcome) -> dict[str, Any]:
    """The figures of `train --json` and `evaluate --json`, but for model and seconds."""
    known = outcome.known()
    classifications = outcome.classifications()
    right, answered = judge(outcome, classifications)
    is_known = outcome.truth >= 0
    refused = np.array([one.reason == NOT_A_CRITTER for one in classifications], bool)
    confusion = known.confusion()
    recalls, precisions = recall_precision(confusion)
    tested = confusion.sum(axis=1)
    top = known.probabilities.argmax(axis=1)
    answered_known = answered & is_known
    return {
        "photos": len(outcome.truth),
        "error_rate": _rate(top != known.truth),
        "balanced_error_rate": _mean(1 - recalls[tested > 0]),
        "top3_error_rate": _rate(~top_k_right(known, 3)),
        "ece": calibration_error(known),
        "answered": _rate(answered_known[is_known]),
        "wrong_among_answered": _rate(~right[answered_known]),
        "novelty_auroc": auroc(outcome.novelty[~is_known], outcome.novelty[is_known]),
        "none_refused": _rate(refused[~is_known]),
        "known_refused": _rate(refused[is_known]) if (~is_known).any() else None,
        "labels": [
            {
                "name": label["common_name"] or label["name"],
                "photos": int(photos),
                "precision": _rounded(precision),
                "recall": _rounded(recall),
            }
            for label, photos, precision, recall in zip(
                outcome.labels, tested, precisions, recalls, strict=True
            )
        ],
    }


def judge(
    outcome: Outcome, classifications: Sequence[Classification]
) -> tuple[np.ndarray, np.ndarray]:
    """For each photo whether its answer is right, and whether there is one.

    An answer is right when it is the true label or an ancestor of it.
    """
    right = np.zeros(len(classifications), bool)
    for place, (one, truth) in enumerate(zip(classifications, outcome.truth, strict=True)):
        if one.answer and truth >= 0:
            label = outcome.labels[truth]
            lineage = {label["taxon_id"]} | {a["taxon_id"] for a in label.get("ancestors", [])}
            right[place] = one.answer["taxon_id"] in lineage
    return right, np.array([one.answer is not None for one in classifications], bool)


def recall_precision(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision by label (C each); NaN where a label was never there, or never said."""
    hits = np.diag(confusion).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / confusion.sum(axis=1), hits / confusion.sum(axis=0)


def top_k_right(outcome: Outcome, k: int) -> np.ndarray:
    """Whether the truth is among the k likeliest labels: bool N."""
    likeliest = np.argsort(-outcome.probabilities, axis=1)[:, :k]
    return np.asarray((likeliest == outcome.truth[:, None]).any(axis=1))


def reliability(outcome: Outcome) -> list[tuple[float, float, int]]:
    """(mean confidence, share right, photos) of each bin of confidence that has photos."""
    confidence = outcome.probabilities.max(axis=1, initial=0)
    right = outcome.probabilities.argmax(axis=1) == outcome.truth
    bins = np.minimum((confidence * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    return [
        (
            float(confidence[bins == each].mean()),
            float(right[bins == each].mean()),
            int((bins == each).sum()),
        )
        for each in np.unique(bins)
    ]


def calibration_error(outcome: Outcome) -> float | None:
    """Expected calibration error (Guo et al. 2017), in 15 equal bins of confidence."""
    if not len(outcome.truth):
        return None
    gaps = [abs(said - right) * photos for said, right, photos in reliability(outcome)]
    return _rounded(sum(gaps) / len(outcome.truth))


def risk_coverage(outcome: Outcome) -> list[tuple[float, float]]:
    """(share answered, share wrong among them) when the surest photos are answered first."""
    order = np.argsort(-outcome.probabilities.max(axis=1, initial=0), kind="stable")
    wrong = (outcome.probabilities.argmax(axis=1) != outcome.truth)[order]
    count = len(wrong)
    places = sorted({max(1, round(count * share / 20)) for share in range(1, 21)}) if count else []
    return [(place / count, float(wrong[:place].mean())) for place in places]


def auroc(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """How often a positive value is above a negative one (ties half); None where either lacks."""
    if not len(positive) or not len(negative):
        return None
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    upto = np.searchsorted(ordered, positive, side="right")
    return _rounded(float((below + upto).mean() / 2 / len(negative)))


def save_evaluation(
    db: SiteDatabase, model_id: str, outcome: Outcome, photo_ids: Sequence[int]
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
            },
        )
    _save_metrics(db, model_id, outcome, found)
    _save_predictions(db, model_id, outcome, photo_ids)
    columns = ("error_rate", "balanced_error_rate", "ece")
    db["models"].update(model_id, {name: found[name] for name in columns})


def _save_metrics(db: SiteDatabase, model_id: str, outcome: Outcome, found: dict[str, Any]) -> None:
    rows: list[tuple[str, float, float | None, int | None]] = [
        (name, 0, found[name], found["photos"])
        for name in ("answered", "wrong_among_answered", "top3_error_rate")
    ]
    rows += [("reliability", said, right, n) for said, right, n in reliability(outcome)]
    rows += [("risk_coverage", share, wrong, None) for share, wrong in risk_coverage(outcome)]
    for k in (1, 3, 5):
        rows.append(("top_k", k, _rate(top_k_right(outcome, k)), found["photos"]))
    measured = sorted({row[0] for row in rows})
    marks = ", ".join("?" * len(measured))
    db["model_metrics"].delete_where(f"model_id = ? AND name IN ({marks})", [model_id, *measured])
    db["model_metrics"].insert_all(
        {"model_id": model_id, "name": name, "x": x, "value": value, "photos": photos}
        for name, x, value, photos in rows
    )


def _save_predictions(
    db: SiteDatabase, model_id: str, outcome: Outcome, photo_ids: Sequence[int]
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
            **classification.as_row(),
            "created_at": now,
        }
        for photo_id, classification in zip(photo_ids, outcome.classifications(), strict=True)
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
    outcome = _run(
        model,
        [site / row["path"] for row in rows],
        np.array([places[row["label"]] for row in rows], np.int64),
        progress,
    )
    with db.atomic():
        save_evaluation(db, model.id, outcome, [row["id"] for row in rows])
    return _result(model, outcome, started)


def _test_photos(db: SiteDatabase, model: Model) -> list[dict[str, Any]]:
    from .games import get_game
    from .labels import label_photos

    labels = {label["taxon_id"] for label in model.labels}
    examples = label_photos(db, get_game(db, model.game), labels)
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

    Raises SourceError where a folder's name is no label.
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
    outcome = _run(model, files, np.array(truth, np.int64), progress)
    return _result(model, outcome, started)


def _label_names(labels: Sequence[dict[str, Any]]) -> dict[str, int]:
    names = {}
    for place, label in enumerate(labels):
        for name in filter(None, (label["name"], label["common_name"])):
            names[name.replace("_", " ").casefold()] = place
    return names


def _run(
    model: Model, files: Sequence[Path], truth: np.ndarray, progress: Progress | None
) -> Outcome:
    """Classify files in order; those that cannot be read are left out of the outcome's photos."""
    probabilities, novelty = [], []
    for done, path in enumerate(files, start=1):
        try:
            image = decode_image(path.read_bytes(), shorter_side=model.size)
        except (Refusal, OSError) as error:
            raise SourceError(
                f"{path} could not be read: {error}. Remove it, then run it again"
            ) from error
        row, _, distance = model.run(model.pixels(image)[None])
        probabilities.append(row[0])
        novelty.append(float(distance[0]))
        if progress:
            progress(done, len(files))
    count = len(model.labels)
    return Outcome(
        model.labels,
        model.thresholds,
        np.array(probabilities, np.float64).reshape(-1, count),
        np.array(novelty),
        truth,
    )


def _result(model: Model, outcome: Outcome, started: float) -> dict[str, Any]:
    seconds = round(time.perf_counter() - started, 2)
    return {"model": model.id, **figures(outcome), "seconds": seconds}


def report_lines(result: dict[str, Any]) -> list[str]:
    """The figures in words, with what a person can do about them."""
    lines = [f"{result['model']}: measured on {result['photos']} photos."]
    if result["error_rate"] is not None:
        lines.append(
            f"  Wrong on {result['error_rate']:.1%} of them "
            f"({_or_dash(result['balanced_error_rate'])} when every label counts the same)."
        )
        lines.append(
            f"  Answers {_or_dash(result['answered'])} and is wrong on "
            f"{_or_dash(result['wrong_among_answered'])} of its answers; "
            f"its percentages are off by {_or_dash(result['ece'])} on average."
        )
    if result["none_refused"] is not None:
        lines.append(
            f"  Of pictures of nothing it knows it refused {result['none_refused']:.1%}, "
            f"of known ones {_or_dash(result['known_refused'])}."
        )
    weak = [one for one in result["labels"] if (one["recall"] or 1) < WEAK_RECALL]
    for one in sorted(weak, key=lambda one: one["recall"]):
        lines.append(f"  Weak at {one['name']}: found {one['recall']:.0%} of {one['photos']}.")
    few = [one["name"] for one in result["labels"] if 0 < one["photos"] < FEW_PHOTOS / 10]
    if few:
        lines.append(f"  Too few test photos to be sure of: {', '.join(few)}. Add more.")
    lines.append(f"  Took {result['seconds']:.1f} s.")
    return lines


def _or_dash(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 5)


def _rate(flags: np.ndarray) -> float | None:
    return _rounded(float(np.mean(flags))) if len(flags) else None


def _mean(values: np.ndarray) -> float | None:
    return _rounded(float(values.mean())) if len(values) else None


def card_counts(values: Sequence[object]) -> dict[str, int]:
    """How often each value occurs, for a model's card; null is `none`."""
    return dict(Counter(str(value or "none") for value in values).most_common())
