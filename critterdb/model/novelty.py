"""How far a photo is from everything that a model was trained on.

The squared distance to the nearest label's mean embedding, in which the directions along which
photos of one label differ anyway count less: a Mahalanobis distance with one covariance for all
labels (Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples"),
kept to a few directions and one variance for the rest (Tipping and Bishop 1999), so that it can be
fitted to a hundred photos and adds little to the model file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

MAX_DIRECTIONS = 32
PHOTOS_PER_DIRECTION = 4  # fewer would fit the photos, not the label
SMALLEST_LENGTH = 1e-12
SMALLEST_SCALE = 1e-6


@dataclass(frozen=True)
class NoveltyParameters:
    """Novelty is (|x|² - |x @ directions|² + min(x @ linear + constant)) / scale.

    `x` is an embedding scaled to length 1; `directions` D×Q are as long as what is forgiven along
    them, `linear` D×C and `constant` C hold the labels' means, and `scale` makes the novelty of a
    training photo 1 on average.
    """

    directions: np.ndarray
    linear: np.ndarray
    constant: np.ndarray
    scale: float

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Novelty float32 N of embeddings N×D as the backbone gives them."""
        vectors = normalized(embeddings)
        usual = ((vectors @ self.directions) ** 2).sum(axis=1)
        nearest = (vectors @ self.linear + self.constant).min(axis=1)
        squared = (vectors**2).sum(axis=1) - usual + nearest
        return np.asarray(squared.clip(min=0) / self.scale, np.float32)


def fit_novelty(embeddings: np.ndarray, labels: np.ndarray) -> NoveltyParameters:
    """Learn what known photos look like from embeddings N×D and their labels N (of any kind)."""
    vectors = normalized(embeddings).astype(np.float64)
    _, places = np.unique(np.asarray(labels), return_inverse=True)
    means = np.stack([vectors[places == place].mean(axis=0) for place in range(places.max() + 1)])
    directions = _usual_directions(vectors - means[places], labels=len(means))
    spread = means @ directions
    unscaled = NoveltyParameters(
        directions=directions.astype(np.float32),
        linear=(-2 * (means - spread @ directions.T).T).astype(np.float32),
        constant=((means**2).sum(axis=1) - (spread**2).sum(axis=1)).astype(np.float32),
        scale=1.0,
    )
    typical = float(unscaled.score(embeddings).mean())
    return replace(unscaled, scale=max(typical, SMALLEST_SCALE))


def normalized(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings N×D scaled to length 1, float32."""
    vectors = np.asarray(embeddings, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, SMALLEST_LENGTH))


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
