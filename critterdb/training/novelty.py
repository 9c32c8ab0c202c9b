"""Fit what makes an embedding unlike the training photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from critterdb.model.novelty import NoveltyParameters, normalized

# On ten_cats against 200 everyday pictures that is an AUROC above 0.999, and adds 160 kB to a file.
# docs/decisions.md#novelty-is-a-mahalanobis-distance-with-32-directions
MAX_DIRECTIONS = 32
PHOTOS_PER_DIRECTION = 4  # fewer would fit the photos, not the label
# Photos that are all alike have a distance of nothing; a division by it would call everything
# novel.
SMALLEST_SCALE = 1e-6


def fit_novelty(embeddings: np.ndarray, labels: np.ndarray) -> NoveltyParameters:
    """Learn what known photos look like from embeddings N×D and their labels N (of any kind)."""
    vectors = normalized(embeddings).astype(np.float64)
    _, numbers = np.unique(np.asarray(labels), return_inverse=True)
    means = np.stack([vectors[numbers == n].mean(axis=0) for n in range(numbers.max() + 1)])
    directions = _usual_directions(vectors - means[numbers], labels=len(means))
    spread = means @ directions
    unscaled = NoveltyParameters(
        directions=directions.astype(np.float32),
        linear=(-2 * (means - spread @ directions.T).T).astype(np.float32),
        constant=((means**2).sum(axis=1) - (spread**2).sum(axis=1)).astype(np.float32),
        scale=1.0,
    )
    typical = float(unscaled.score(embeddings).mean())
    return replace(unscaled, scale=max(typical, SMALLEST_SCALE))


def _usual_directions(deviations: np.ndarray, *, labels: int) -> np.ndarray:
    """The directions D×Q in which photos differ most from their label's mean.

    Each is as long as the root of the share of the squared distance along it that is forgiven.
    """
    from scipy.linalg import eigh  # of the train extra: numpy finds all directions or none

    photos, dimensions = deviations.shape
    wanted = (photos - labels) // PHOTOS_PER_DIRECTION
    count = int(np.clip(wanted, 1, min(MAX_DIRECTIONS, dimensions - 1)))
    covariance = deviations.T @ deviations / photos
    largest = [dimensions - count, dimensions - 1]
    variances, vectors = eigh(covariance, subset_by_index=largest)
    rest = max(0.0, float(np.trace(covariance) - variances.sum()) / (dimensions - count))
    kept = np.maximum(variances, max(rest, float(np.finfo(np.float64).tiny)))
    return np.asarray(vectors * np.sqrt(1 - rest / kept))
