"""Train a head on embeddings: a few candidates, of which validation chooses one.

Each is a linear map in the end. Embeddings are scaled to one length first, so that how strongly a
backbone fires says nothing and one learning rate suits them all. Labels with few photos are helped:
left alone, most errors go towards the commonest label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.vectors import blocks, take
from critterdb.evaluation.metrics import negative_log_likelihood
from critterdb.model.novelty import normalized

from .calibration import fit_temperature
from .candidates import CANDIDATES, Candidate, Epoch, LabelledVectors
from .head_learner import FitOptions, fit_heads
from .sampling import CANDIDATE_LABELS, CANDIDATE_PHOTOS, MAX_VALIDATION, is_large, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb._types import Progress
    from critterdb.dataset.vectors import Vectors

# Where the commonest label has thirty times the photos of the rarest, the balanced error falls from
# 13.4% to 6.8%. On photos as they come it makes 5.0% errors, the whole adjustment 5.8%, none 4.4%.
# Of the remedies in docs/benchmarks.md the one with the lowest balanced error, 6.77%.
# docs/decisions.md#logits-are-adjusted-by-09-of-the-log-prior
LOGIT_ADJUSTMENT = 0.9  # times the logarithm of a label's share (Menon et al. 2021)


@dataclass(frozen=True)
class Head:
    """A linear map: logits N×C are `normalized(vectors) @ weight.T + bias`; weight is C×D."""

    weight: np.ndarray
    bias: np.ndarray
    candidate: Candidate
    history: list[Epoch] = field(default_factory=list)

    def logits(self, vectors: Vectors) -> np.ndarray:
        """Return logits N×C, before temperature, of embeddings N×D as the backbone gives them."""
        if isinstance(vectors, np.ndarray):
            return np.asarray(normalized(vectors) @ self.weight.T + self.bias)
        logits = np.empty((len(vectors), len(self.bias)), np.float32)
        for rows, block in blocks(vectors):
            logits[rows] = self.logits(block)
        return logits


def label_weights(truth: np.ndarray, labels: int, power: float) -> np.ndarray:
    """Return how much a photo of each label counts, 1 on average over the photos."""
    photos = np.bincount(truth, minlength=labels).clip(min=1)
    weights = photos ** -float(power)
    return np.asarray(weights / weights[truth].mean(), np.float32)


def prior_shift(truth: np.ndarray, labels: int, adjustment: float = LOGIT_ADJUSTMENT) -> np.ndarray:
    """Return what comes off the logits C, so that a label is not said because it is common."""
    shares = np.bincount(truth, minlength=labels).clip(min=1) / len(truth)
    return np.asarray(adjustment * np.log(shares), np.float32)


@dataclass(frozen=True)
class HeadOptions:
    """How heads are trained: a photo counts by the photos of its label to minus `weight_power`."""

    candidates: Sequence[Candidate] = CANDIDATES
    weight_power: float = 0.0
    logit_adjustment: float = LOGIT_ADJUSTMENT


def train_head(
    train: LabelledVectors,
    valid: LabelledVectors,
    options: HeadOptions = HeadOptions(),
    *,
    labels: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> Head:
    """Train a head of this many labels; the same seed gives the same head.

    The candidates are trained side by side, from the same batches; each keeps the epoch with its
    lowest loss on the validation photos, and the best of them, temperature included, is taken. In a
    large training, the photos of some labels choose, and only the best is trained on all.
    Raises TrainingError if fastai is not installed.
    """
    candidates = options.candidates
    if is_large(len(train.truth), labels):
        valid = _some(valid, MAX_VALIDATION)
        if len(candidates) > 1:
            candidates = (_choose_candidate(train, valid, options, labels, seed),)
    heads = _train(train, valid, replace(options, candidates=candidates), labels, seed, progress)
    if len(heads) == 1:
        return heads[0]
    return min(heads, key=lambda head: calibrated_loss(head, valid))


def _choose_candidate(
    train: LabelledVectors, valid: LabelledVectors, options: HeadOptions, labels: int, seed: int
) -> Candidate:
    """Choose a candidate on the photos of some labels: a label has as many as in earnest."""
    chosen = sample(labels, CANDIDATE_LABELS)
    few_train = _some(_of_labels(train, chosen), CANDIDATE_PHOTOS)
    few_valid = _of_labels(valid, chosen)
    tried = _train(few_train, few_valid, options, len(chosen), seed)
    return min(tried, key=lambda head: calibrated_loss(head, few_valid)).candidate


def _of_labels(photos: LabelledVectors, labels: np.ndarray) -> LabelledVectors:
    """Return only the photos of some labels, which are numbered anew."""
    kept = np.isin(photos.truth, labels)
    truth = np.searchsorted(labels, photos.truth[kept])
    return LabelledVectors(take(photos.vectors, kept), truth)


def _some(photos: LabelledVectors, most: int) -> LabelledVectors:
    chosen = sample(len(photos.truth), most)
    return LabelledVectors(take(photos.vectors, chosen), photos.truth[chosen])


def _train(
    train: LabelledVectors,
    valid: LabelledVectors,
    options: HeadOptions,
    labels: int,
    seed: int,
    progress: Progress | None = None,
) -> list[Head]:
    """Train a head of each candidate."""
    # Inputs of unit variance train at the usual rates; the factor goes into the weights after.
    scale = math.sqrt(train.vectors.shape[1])
    learned = fit_heads(
        train,
        valid,
        options.candidates,
        FitOptions(
            label_weights(train.truth, labels, options.weight_power),
            seed,
            is_large(len(train.truth), labels),
        ),
        progress=progress,
    )
    shift = prior_shift(train.truth, labels, options.logit_adjustment)
    return [
        Head(
            weight=best.weight * np.float32(scale),
            bias=best.bias - shift,
            candidate=candidate,
            history=best.history,
        )
        for candidate, best in zip(options.candidates, learned, strict=True)
    ]


def calibrated_loss(head: Head, photos: LabelledVectors) -> float:
    """Return the log loss of a head on photos that its temperature is fitted to."""
    logits = head.logits(photos.vectors)
    temperature = fit_temperature(logits, photos.truth)
    return negative_log_likelihood(logits / temperature, photos.truth)
