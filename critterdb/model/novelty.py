"""How far a photo is from everything that a model was trained on.

The squared distance to the nearest label's mean embedding, in which the directions along which
photos of one label differ anyway count less: a Mahalanobis distance with one covariance for all
labels (Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples"),
kept to a few directions and one variance for the rest (Tipping and Bishop 1999), so that it can be
fitted to a hundred photos and adds little to the model file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

# An embedding of nothing but zeros has no direction; divided by this it stays zero.
SMALLEST_LENGTH = 1e-12
MAX_AT_ONCE = 50_000  # embeddings; of many labels, the nearness to each takes most memory
MAX_READ = 4096  # embeddings of a file that are in memory at once


class Rows(Protocol):
    """Embeddings N×D that are read by slices: an array, or vectors in a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: slice, /) -> np.ndarray: ...


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

    def score(self, embeddings: Rows) -> np.ndarray:
        """Novelty float32 N of embeddings N×D as the backbone gives them."""
        step = MAX_AT_ONCE if isinstance(embeddings, np.ndarray) else MAX_READ
        if len(embeddings) > step:
            starts = range(0, len(embeddings), step)
            return np.concatenate(
                [self.score(embeddings[start : start + step]) for start in starts]
            )
        vectors = normalized(embeddings[:])
        usual = ((vectors @ self.directions) ** 2).sum(axis=1)
        nearest = (vectors @ self.linear + self.constant).min(axis=1)
        squared = (vectors**2).sum(axis=1) - usual + nearest
        return np.asarray(squared.clip(min=0) / self.scale, np.float32)


def normalized(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings N×D scaled to length 1, float32."""
    vectors = np.asarray(embeddings, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, SMALLEST_LENGTH))
