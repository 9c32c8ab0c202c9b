"""What predictions are worth, in figures: errors, calibration, risk against coverage, novelty.

Everything here is numpy, so that a light install can measure a model too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.taxonomy import Truth, is_right
from critterdb.formatting import taxon_name
from critterdb.model.decision import (
    MAX_STORED,
    NOT_A_CRITTER,
    SCORE_DIGITS,
    Classification,
    Ladders,
    decide,
)
from critterdb.model.labels import Label, Thresholds, lineage_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from critterdb.imaging.preprocessing import Area
    from critterdb.model.label_sets import SetRule

    from .figures import Figures, LabelFigures

# As in Guo et al. 2017, so that figures can be compared.
RELIABILITY_BINS = 15
NUMBERS_PER_BLOCK = 2**20  # of probabilities that are copied at a time: 8 MB


@dataclass(frozen=True)
class ScoredPhotos:
    """What a model said of N photos: probabilities N×C, novelty N, and `truth` N.

    Truth is an index into `labels`; -1 is a picture of nothing that the model knows. `looks` says
    of each how often it was looked at, and which part decided; if it is empty, once.
    """

    labels: Sequence[Label]
    thresholds: Thresholds
    probabilities: np.ndarray
    novelty: np.ndarray
    truth: np.ndarray
    looks: Sequence[tuple[int, Area | None]] = ()

    def known(self) -> ScoredPhotos:
        """Return only the photos of something that the model knows."""
        is_known = self.truth >= 0
        return self if is_known.all() else self.where(is_known)

    def where(self, kept: np.ndarray) -> ScoredPhotos:
        """Return only the photos of a mask."""
        return replace(
            self,
            probabilities=self.probabilities[kept],
            novelty=self.novelty[kept],
            truth=self.truth[kept],
            looks=[self.looks[int(index)] for index in np.flatnonzero(kept)] if self.looks else (),
        )

    def uncalibrated(self) -> ScoredPhotos:
        """Return the same with the probabilities that the head gave before temperature."""
        hotter = np.empty(self.probabilities.shape)
        for rows in _row_blocks(self.probabilities):
            # A softmax can underflow to 0, of which there is no logarithm.
            logits = np.log(self.probabilities[rows].clip(min=np.finfo(np.float64).tiny))
            hotter[rows] = softmax(logits, 1 / self.thresholds.get("temperature", 1.0))
        return replace(self, probabilities=hotter)

    def classifications(self) -> list[Classification]:
        """Decide on each photo; costs a sort a photo, so do it once.

        Of many labels, only those are kept in `predictions` that a row keeps.
        """
        looks = self.looks or [(1, None)] * len(self.truth)
        ladders = Ladders(self.labels)

        def decided(row: np.ndarray, novelty: float) -> Classification:
            return decide(
                row, novelty, self.labels, self.thresholds, ladders=ladders, most=MAX_STORED
            )

        return [
            replace(decided(row, float(novelty)), looks=times, crop=crop)
            for row, novelty, (times, crop) in zip(
                self.probabilities, self.novelty, looks, strict=True
            )
        ]

    def confusion(self) -> np.ndarray:
        """Count photos C×C, by true label and top label."""
        matrix = np.zeros((len(self.labels),) * 2, np.int64)
        np.add.at(matrix, (self.truth, self.probabilities.argmax(axis=1)), 1)
        return matrix


@dataclass(frozen=True)
class SetFigures:
    """How often sets of labels held the right one, of the share asked for, and how large they were.

    Photos that are refused as nothing known have no set and do not count.
    """

    asked: float
    covered: float | None
    size: float | None


@dataclass(frozen=True)
class Evaluation:
    """Test scores, what was decided of each photo, and the figures that follow from both."""

    scores: ScoredPhotos
    classifications: list[Classification]
    figures: Figures
    sets: SetFigures | None = None


def measure(scores: ScoredPhotos, set_rule: SetRule | None = None) -> Evaluation:
    """Decide on each photo, once, and compute the figures."""
    classifications = scores.classifications()
    figures = _figures(scores, classifications)
    if set_rule is None:
        return Evaluation(scores, classifications, figures)
    sets = _measure_sets(scores, classifications, set_rule)
    figures |= {"set_coverage": sets.covered, "set_size": sets.size}
    return Evaluation(scores, classifications, figures, sets)


def _measure_sets(
    scores: ScoredPhotos, classifications: Sequence[Classification], rule: SetRule
) -> SetFigures:
    """Measure the sets that `rule` gives photos one by one, in the digits of their predictions."""
    has_set = [
        index
        for index, photo in enumerate(classifications)
        if scores.truth[index] >= 0 and photo.reason != NOT_A_CRITTER
    ]
    shown = scores.probabilities[has_set].round(SCORE_DIGITS)
    truth = scores.truth[has_set]
    is_inside = shown >= rule.min_scores[0]
    # Where no label reaches the limit, the set is the likeliest one.
    is_empty = ~is_inside.any(axis=1)
    is_inside[is_empty, shown[is_empty].argmax(axis=1)] = True
    return SetFigures(
        rule.coverage,
        share(is_inside[np.arange(len(truth)), truth]),
        _mean(is_inside.sum(axis=1)),
    )


def _figures(scores: ScoredPhotos, classifications: Sequence[Classification]) -> Figures:
    known = scores.known()
    right, answered = judge(scores, classifications)
    is_known = scores.truth >= 0
    refused = np.array([photo.reason == NOT_A_CRITTER for photo in classifications], bool)
    confusion = known.confusion()
    recalls, _ = recall_precision(confusion)
    tested = confusion.sum(axis=1)
    top = known.probabilities.argmax(axis=1)
    answered_known = answered & is_known
    return {
        "photos": len(scores.truth),
        "error_rate": share(top != known.truth),
        "balanced_error_rate": _mean(1 - recalls[tested > 0]),
        "top3_error_rate": share(~top_k_right(known, 3)),
        "ece": calibration_error(known),
        "ece_before": calibration_error(known.uncalibrated()),
        "answered": share(answered_known[is_known]),
        "wrong_among_answered": share(~right[answered_known]),
        "novelty_auroc": auroc(scores.novelty[~is_known], scores.novelty[is_known]),
        "none_refused": share(refused[~is_known]),
        "known_refused": share(refused[is_known]) if (~is_known).any() else None,
        "labels": _label_figures(scores.labels, confusion),
    }


def _label_figures(labels: Sequence[Label], confusion: np.ndarray) -> list[LabelFigures]:
    names = [taxon_name(label) for label in labels]
    recalls, precisions = recall_precision(confusion)
    wrong = confusion * (1 - np.eye(len(labels), dtype=np.int64))
    return [
        {
            "name": name,
            "photos": int(confusion[index].sum()),
            "precision": _rounded(precisions[index]),
            "recall": _rounded(recalls[index]),
            "f1": _f1(precisions[index], recalls[index]),
            "mistaken_for": names[int(wrong[index].argmax())] if wrong[index].any() else None,
        }
        for index, name in enumerate(names)
    ]


def _f1(precision: float, recall: float) -> float | None:
    """Their harmonic mean: 0 for a label that was never right, None for one without photos."""
    if np.isnan(recall):
        return None
    if np.isnan(precision) or precision + recall == 0:
        return 0.0
    return _rounded(2 * precision * recall / (precision + recall))


def judge(
    scores: ScoredPhotos, classifications: Sequence[Classification]
) -> tuple[np.ndarray, np.ndarray]:
    """Say for each photo whether its answer is right, and whether there is one: bool N each.

    A picture of nothing that the model knows has no right answer.
    """
    # An answer may be coarser than the label: a genus is right for each of its species.
    truths = [Truth(frozenset(lineage_ids(label))) for label in scores.labels]
    right = np.zeros(len(classifications), bool)
    for photo, (decided, truth) in enumerate(zip(classifications, scores.truth, strict=True)):
        if decided.answer and truth >= 0:
            right[photo] = is_right(decided.answer["taxon_id"], truths[truth])
    return right, np.array([decided.answer is not None for decided in classifications], bool)


def recall_precision(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return recall and precision by label (C each), NaN for one that never was, or never said."""
    hits = np.diag(confusion).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / confusion.sum(axis=1), hits / confusion.sum(axis=0)


def top_k_right(scores: ScoredPhotos, k: int) -> np.ndarray:
    """Say whether the truth is among the k likeliest labels: bool N."""
    right = np.zeros(len(scores.truth), bool)
    for rows in _row_blocks(scores.probabilities):
        likeliest = np.argsort(-scores.probabilities[rows], axis=1)[:, :k]
        right[rows] = (likeliest == scores.truth[rows, None]).any(axis=1)
    return right


def reliability(scores: ScoredPhotos) -> list[tuple[float, float, int]]:
    """List (mean confidence, share right, photos) of each bin of confidence that has photos."""
    confidence = scores.probabilities.max(axis=1, initial=0)
    right = scores.probabilities.argmax(axis=1) == scores.truth
    # A confidence of exactly 1 belongs to the last bin.
    bins = np.minimum((confidence * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    return [
        (
            float(confidence[bins == number].mean()),
            float(right[bins == number].mean()),
            int((bins == number).sum()),
        )
        for number in np.unique(bins)
    ]


def calibration_error(scores: ScoredPhotos) -> float | None:
    """Return the expected calibration error (Guo et al. 2017), in 15 equal bins of confidence."""
    if not len(scores.truth):
        return None
    gaps = [abs(sure - right) * photos for sure, right, photos in reliability(scores)]
    return _rounded(sum(gaps) / len(scores.truth))


def risk_coverage(scores: ScoredPhotos) -> list[tuple[float, float]]:
    """List (share answered, share wrong among them) if the surest photos are answered first."""
    # Stable, so that photos of one confidence keep their order and two runs give one curve.
    order = np.argsort(-scores.probabilities.max(axis=1, initial=0), kind="stable")
    wrong = (scores.probabilities.argmax(axis=1) != scores.truth)[order]
    count = len(wrong)
    steps = sorted({max(1, round(count * part / 20)) for part in range(1, 21)}) if count else []
    return [(answered / count, float(wrong[:answered].mean())) for answered in steps]


def novelty_quantiles(scores: ScoredPhotos) -> list[tuple[float, float]]:
    """List (share of the known photos, the novelty that they stay below), in twentieths."""
    known = scores.novelty[scores.truth >= 0]
    if not len(known):
        return []
    return [(part / 20, float(np.quantile(known, part / 20))) for part in range(21)]


def auroc(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """Return how often a positive value is above a negative one (ties half); None without both."""
    if not len(positive) or not len(negative):
        return None
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    upto = np.searchsorted(ordered, positive, side="right")
    return _rounded(float((below + upto).mean() / 2 / len(negative)))


def _row_blocks(matrix: np.ndarray) -> Iterator[slice]:
    """Cut the rows of a matrix N×C into blocks whose copies are small."""
    rows = max(1, NUMBERS_PER_BLOCK // max(1, matrix.shape[1]))
    return (slice(start, start + rows) for start in range(0, len(matrix), rows))


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 5)


def share(flags: np.ndarray) -> float | None:
    """Return the share of true flags to five digits, or None of none."""
    return _rounded(float(np.mean(flags))) if len(flags) else None


def _mean(values: np.ndarray) -> float | None:
    return _rounded(float(values.mean())) if len(values) else None


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return probabilities N×C of logits N×C."""
    probabilities = np.empty(logits.shape)
    for rows in _row_blocks(logits):
        scaled = np.asarray(logits[rows], np.float64) / temperature
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        np.divide(weights, weights.sum(axis=1, keepdims=True), out=probabilities[rows])
    return probabilities


def negative_log_likelihood(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean surprise in nats of label indexes N under logits N×C."""
    scaled = np.asarray(logits, np.float64)
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_probabilities = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return float(-log_probabilities[np.arange(len(truth)), truth].mean())


def brier_score(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean squared distance of probabilities N×C from label indexes N (Brier 1950)."""
    squared = probabilities**2
    photos = np.arange(len(truth))
    squared[photos, truth] = (probabilities[photos, truth] - 1) ** 2
    return float(squared.sum(axis=1).mean())
