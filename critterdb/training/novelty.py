"""Fit what makes an embedding unlike the training photos."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.vectors import ROWS_PER_STEP, blocks, take
from critterdb.model.novelty import NoveltyParameters, normalized

from .sampling import MAX_NOVELTY_PHOTOS, sample

if TYPE_CHECKING:
    from critterdb.dataset.vectors import Vectors

# On ten_cats against 200 everyday pictures that is an AUROC above 0.999, and adds 160 kB to a file.
# docs/decisions.md#novelty-is-a-mahalanobis-distance-with-32-directions
MAX_DIRECTIONS = 32
MAX_AT_ONCE = 20_000  # photos; of more, a few thousand at a time are in memory
PHOTOS_PER_DIRECTION = 4  # fewer would fit the photos, not the label
# Photos that are all alike have a distance of nothing; a division by it would call everything
# novel.
SMALLEST_SCALE = 1e-6


def fit_novelty(embeddings: Vectors, labels: np.ndarray) -> NoveltyParameters:
    """Learn what known photos look like from embeddings N×D and their labels N (of any kind)."""
    _, numbers = np.unique(np.asarray(labels), return_inverse=True)
    means = _label_means(embeddings, numbers)
    if len(numbers) > MAX_NOVELTY_PHOTOS:
        # All photos say where labels are, and enough of them how photos of a label differ.
        chosen = sample(len(numbers), MAX_NOVELTY_PHOTOS)
        embeddings, numbers = take(embeddings, chosen), numbers[chosen]
    covariance = _covariance(embeddings, means, numbers)
    directions = _usual_directions(covariance, photos=len(numbers), labels=len(means))
    spread = means @ directions
    unscaled = NoveltyParameters(
        directions=directions.astype(np.float32),
        linear=(-2 * (means - spread @ directions.T).T).astype(np.float32),
        constant=((means**2).sum(axis=1) - (spread**2).sum(axis=1)).astype(np.float32),
        scale=1.0,
    )
    typical = float(unscaled.score(embeddings).mean())
    return replace(unscaled, scale=max(typical, SMALLEST_SCALE))


def _label_means(embeddings: Vectors, numbers: np.ndarray) -> np.ndarray:
    """The mean unit vector of each label, C×D, of label numbers N."""
    if len(numbers) <= MAX_AT_ONCE:
        vectors = normalized(embeddings[:]).astype(np.float64)
        return np.stack([vectors[numbers == n].mean(axis=0) for n in range(numbers.max() + 1)])
    sums = np.zeros((numbers.max() + 1, embeddings.shape[1]))
    for rows, block in blocks(embeddings):
        order = np.argsort(numbers[rows], kind="stable")
        labels, firsts = np.unique(numbers[rows][order], return_index=True)
        sums[labels] += np.add.reduceat(normalized(block)[order].astype(np.float64), firsts)
    return np.asarray(sums / np.bincount(numbers)[:, None])


def _covariance(embeddings: Vectors, means: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """How photos differ from their label's mean: D×D."""
    total = np.zeros((embeddings.shape[1],) * 2)
    step = MAX_AT_ONCE if isinstance(embeddings, np.ndarray) else ROWS_PER_STEP
    for start in range(0, len(numbers), step):
        rows = slice(start, start + step)
        deviations = normalized(embeddings[rows]).astype(np.float64)
        deviations -= means[numbers[rows]]
        total += deviations.T @ deviations
    return np.asarray(total / len(numbers))


def _usual_directions(covariance: np.ndarray, *, photos: int, labels: int) -> np.ndarray:
    """The directions D×Q in which photos differ most from their label's mean.

    Each is as long as the root of the share of the squared distance along it that is forgiven.
    """
    from scipy.linalg import eigh  # of the train extra: numpy finds all directions or none

    dimensions = len(covariance)
    wanted = (photos - labels) // PHOTOS_PER_DIRECTION
    count = int(np.clip(wanted, 1, min(MAX_DIRECTIONS, dimensions - 1)))
    largest = [dimensions - count, dimensions - 1]
    variances, vectors = eigh(covariance, subset_by_index=largest)
    rest = max(0.0, float(np.trace(covariance) - variances.sum()) / (dimensions - count))
    kept = np.maximum(variances, max(rest, float(np.finfo(np.float64).tiny)))
    return np.asarray(vectors * np.sqrt(1 - rest / kept))
