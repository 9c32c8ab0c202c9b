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
SMALLEST_DISTANCE = 1e-6


@dataclass(frozen=True)
class NoveltyParameters:
    """`means` C×D of the labels, `directions` D×Q of length 1 along which photos of a label differ,
    `forgiven` Q shares of the squared distance along each that do not count, and `scale`, which
    makes the novelty of a training photo 1 on average. Embeddings are scaled to length 1 first."""

    means: np.ndarray
    directions: np.ndarray
    forgiven: np.ndarray
    scale: float

    def measure(self, embeddings: np.ndarray) -> np.ndarray:
        """Novelty float32 N of embeddings N×D as the backbone gives them."""
        vectors = _of_length_one(embeddings)
        squared = 1 - 2 * vectors @ self.means.T + (self.means**2).sum(axis=1)
        along = (vectors @ self.directions)[:, None] - (self.means @ self.directions)[None]
        pardon = (along**2 * self.forgiven).sum(axis=2)
        return np.asarray((squared - pardon).min(axis=1) * self.scale, np.float32)


def fit_novelty(embeddings: np.ndarray, labels: np.ndarray) -> NoveltyParameters:
    """Learn what known photos look like from embeddings N×D and their labels N (of any kind)."""
    vectors = _of_length_one(embeddings).astype(np.float64)
    _, places = np.unique(np.asarray(labels), return_inverse=True)
    means = np.stack([vectors[places == place].mean(axis=0) for place in range(places.max() + 1)])
    directions, forgiven = _usual_directions(vectors - means[places], labels=len(means))
    unscaled = NoveltyParameters(
        np.float32(means), np.float32(directions), np.float32(forgiven), scale=1.0
    )
    typical = float(unscaled.measure(embeddings).mean())
    return replace(unscaled, scale=1 / max(typical, SMALLEST_DISTANCE))


def _usual_directions(deviations: np.ndarray, *, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """The directions D×Q in which photos differ most from their label's mean; what they forgive."""
    photos, dimensions = deviations.shape
    wanted = (photos - labels) // PHOTOS_PER_DIRECTION
    count = int(np.clip(wanted, 1, min(MAX_DIRECTIONS, dimensions - 1)))
    variances, vectors = np.linalg.eigh(deviations.T @ deviations / photos)
    rest = float(variances[:-count].clip(min=0).mean())
    kept = np.maximum(variances[-count:], max(rest, np.finfo(np.float64).tiny))
    return vectors[:, -count:], 1 - rest / kept


def _of_length_one(embeddings: np.ndarray) -> np.ndarray:
    vectors = np.asarray(embeddings, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, SMALLEST_LENGTH))
