"""Train a head on embeddings: a few candidates, of which validation chooses one.

Each is a linear map in the end. Embeddings are scaled to one length first, so that how strongly a
backbone fires says nothing and one learning rate suits them all. Labels with few photos are helped:
left alone, most errors go towards the commonest label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from critterdb.evaluation.metrics import negative_log_likelihood
from critterdb.model.novelty import normalized

from .calibration import fit_temperature
from .candidates import CANDIDATES, Candidate, Epoch, LabelledVectors
from .head_learner import fit_heads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb._types import Progress

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

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Return logits N×C, before temperature, of embeddings N×D as the backbone gives them."""
        return np.asarray(normalized(vectors) @ self.weight.T + self.bias)


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
    lowest loss on the validation photos, and the best of them, temperature included, is taken.
    Raises TrainingError if fastai is not installed.
    """
    # Inputs of unit variance train at the usual rates; the factor goes into the weights after.
    scale = math.sqrt(train.vectors.shape[1])
    learned = fit_heads(
        LabelledVectors(normalized(train.vectors) * scale, train.truth),
        LabelledVectors(normalized(valid.vectors) * scale, valid.truth),
        options.candidates,
        weights=label_weights(train.truth, labels, options.weight_power),
        seed=seed,
        progress=progress,
    )
    shift = prior_shift(train.truth, labels, options.logit_adjustment)
    heads = [
        Head(
            weight=best.weight * np.float32(scale),
            bias=best.bias - shift,
            candidate=candidate,
            history=best.history,
        )
        for candidate, best in zip(options.candidates, learned, strict=True)
    ]
    return min(heads, key=lambda head: calibrated_loss(head, valid))


def calibrated_loss(head: Head, photos: LabelledVectors) -> float:
    """Return the log loss of a head on photos that its temperature is fitted to."""
    logits = head.logits(photos.vectors)
    temperature = fit_temperature(logits, photos.truth)
    return negative_log_likelihood(logits / temperature, photos.truth)
