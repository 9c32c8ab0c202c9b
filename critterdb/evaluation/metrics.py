"""What predictions are worth, in figures: errors, calibration, risk against coverage, novelty.

Everything here is numpy, so that a light install can measure a model too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from critterdb.model.decision import NOT_A_CRITTER, Classification, decide

RELIABILITY_BINS = 15


@dataclass(frozen=True)
class TestScores:
    """What a model said of N photos: probabilities N×C, novelty N, and the true places N.

    A true place of -1 is a picture of nothing that the model knows.
    """

    labels: list[dict[str, Any]]
    thresholds: dict[str, float]
    probabilities: np.ndarray
    novelty: np.ndarray
    truth: np.ndarray

    def known(self) -> TestScores:
        """Only the photos of something that the model knows."""
        kept = self.truth >= 0
        return TestScores(
            self.labels,
            self.thresholds,
            self.probabilities[kept],
            self.novelty[kept],
            self.truth[kept],
        )

    def uncalibrated(self) -> TestScores:
        """The same with the probabilities that the head gave before temperature."""
        logits = np.log(self.probabilities.clip(min=np.finfo(np.float64).tiny))
        hotter = softmax(logits, 1 / self.thresholds.get("temperature", 1.0))
        return replace(self, probabilities=hotter)

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


def figures(outcome: TestScores) -> dict[str, Any]:
    """The figures of `train --json` and `evaluate --json`, but for model and seconds."""
    known = outcome.known()
    classifications = outcome.classifications()
    right, answered = judge(outcome, classifications)
    is_known = outcome.truth >= 0
    refused = np.array([one.reason == NOT_A_CRITTER for one in classifications], bool)
    confusion = known.confusion()
    recalls, _ = recall_precision(confusion)
    tested = confusion.sum(axis=1)
    top = known.probabilities.argmax(axis=1)
    answered_known = answered & is_known
    return {
        "photos": len(outcome.truth),
        "error_rate": share(top != known.truth),
        "balanced_error_rate": _mean(1 - recalls[tested > 0]),
        "top3_error_rate": share(~top_k_right(known, 3)),
        "ece": calibration_error(known),
        "ece_before": calibration_error(known.uncalibrated()),
        "answered": share(answered_known[is_known]),
        "wrong_among_answered": share(~right[answered_known]),
        "novelty_auroc": auroc(outcome.novelty[~is_known], outcome.novelty[is_known]),
        "none_refused": share(refused[~is_known]),
        "known_refused": share(refused[is_known]) if (~is_known).any() else None,
        "labels": _label_figures(outcome.labels, confusion),
    }


def _label_figures(labels: list[dict[str, Any]], confusion: np.ndarray) -> list[dict[str, Any]]:
    names = [label["common_name"] or label["name"] for label in labels]
    recalls, precisions = recall_precision(confusion)
    wrong = confusion * (1 - np.eye(len(labels), dtype=np.int64))
    return [
        {
            "name": name,
            "photos": int(confusion[place].sum()),
            "precision": _rounded(precisions[place]),
            "recall": _rounded(recalls[place]),
            "f1": _f1(precisions[place], recalls[place]),
            "mistaken_for": names[int(wrong[place].argmax())] if wrong[place].any() else None,
        }
        for place, name in enumerate(names)
    ]


def _f1(precision: float, recall: float) -> float | None:
    """Their harmonic mean; 0 where the label was never said of a photo that is there."""
    if np.isnan(recall):
        return None
    if np.isnan(precision) or precision + recall == 0:
        return 0.0
    return _rounded(2 * precision * recall / (precision + recall))


def judge(
    outcome: TestScores, classifications: Sequence[Classification]
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


def top_k_right(outcome: TestScores, k: int) -> np.ndarray:
    """Whether the truth is among the k likeliest labels: bool N."""
    likeliest = np.argsort(-outcome.probabilities, axis=1)[:, :k]
    return np.asarray((likeliest == outcome.truth[:, None]).any(axis=1))


def reliability(outcome: TestScores) -> list[tuple[float, float, int]]:
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


def calibration_error(outcome: TestScores) -> float | None:
    """Expected calibration error (Guo et al. 2017), in 15 equal bins of confidence."""
    if not len(outcome.truth):
        return None
    gaps = [abs(said - right) * photos for said, right, photos in reliability(outcome)]
    return _rounded(sum(gaps) / len(outcome.truth))


def risk_coverage(outcome: TestScores) -> list[tuple[float, float]]:
    """(share answered, share wrong among them) when the surest photos are answered first."""
    order = np.argsort(-outcome.probabilities.max(axis=1, initial=0), kind="stable")
    wrong = (outcome.probabilities.argmax(axis=1) != outcome.truth)[order]
    count = len(wrong)
    places = sorted({max(1, round(count * part / 20)) for part in range(1, 21)}) if count else []
    return [(place / count, float(wrong[:place].mean())) for place in places]


def novelty_quantiles(outcome: TestScores) -> list[tuple[float, float]]:
    """(share of the known photos, the novelty that they stay below), in steps of a twentieth."""
    known = outcome.novelty[outcome.truth >= 0]
    if not len(known):
        return []
    return [(part / 20, float(np.quantile(known, part / 20))) for part in range(21)]


def auroc(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """How often a positive value is above a negative one (ties half); None where either lacks."""
    if not len(positive) or not len(negative):
        return None
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    upto = np.searchsorted(ordered, positive, side="right")
    return _rounded(float((below + upto).mean() / 2 / len(negative)))


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 5)


def share(flags: np.ndarray) -> float | None:
    return _rounded(float(np.mean(flags))) if len(flags) else None


def _mean(values: np.ndarray) -> float | None:
    return _rounded(float(values.mean())) if len(values) else None


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities N×C of logits N×C."""
    scaled = np.asarray(logits, np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def negative_log_likelihood(logits: np.ndarray, truth: np.ndarray) -> float:
    """Mean surprise in nats of label places N under logits N×C."""
    scaled = np.asarray(logits, np.float64)
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_probabilities = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return float(-log_probabilities[np.arange(len(truth)), truth].mean())


def brier_score(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean squared distance of probabilities N×C from the truth, label places N (Brier 1950)."""
    certain = np.eye(probabilities.shape[1])[truth]
    return float(((probabilities - certain) ** 2).sum(axis=1).mean())
