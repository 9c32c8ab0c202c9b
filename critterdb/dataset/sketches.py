"""Sketches of embeddings: the signs of 256 random projections, 32 bytes for each photo.

The share of differing signs of two sketches is about the angle between the vectors (Charikar 2002),
so sketches say which few photos are worth a look at their embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from critterdb.model.novelty import normalized

from .vectors import blocks

if TYPE_CHECKING:
    from .vectors import Vectors

BITS = 256
WORDS = BITS // 64
MIDDLE_OF = 2048  # photos, the first ones


@dataclass(frozen=True)
class Sketcher:
    """How vectors become sketches: around a middle D, since all embeddings point to about one side.

    Sketches can be compared only if they were made around the same middle.
    """

    middle: np.ndarray

    @classmethod
    def around(cls, vectors: np.ndarray) -> Sketcher:
        """Return the sketcher whose middle is that of these vectors N×D."""
        return cls(normalized(vectors).mean(axis=0))

    @cached_property
    def planes(self) -> np.ndarray:
        """The projections D×256."""
        random = np.random.default_rng(0)
        return random.standard_normal((len(self.middle), BITS)).astype(np.float32)

    def sketch(self, vectors: np.ndarray) -> np.ndarray:
        """Return the sketches of vectors N×D: N×4 words of 64 signs."""
        signs = (normalized(vectors) - self.middle) @ self.planes > 0
        return np.packbits(signs, axis=1).view(np.uint64)


@dataclass(frozen=True)
class Sketched:
    """The sketches N×4 of vectors, and the middle D that they were made around."""

    bits: np.ndarray
    middle: np.ndarray

    @classmethod
    def of(cls, vectors: Vectors) -> Sketched:
        """Return the sketches of vectors N×D, around the middle of the first ones."""
        sketcher = Sketcher.around(vectors[:MIDDLE_OF])
        bits = np.empty((len(vectors), WORDS), np.uint64)
        for rows, block in blocks(vectors):
            bits[rows] = sketcher.sketch(block)
        return cls(bits, sketcher.middle)


def bits_apart(left: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return how many signs differ, n×m, between sketches n×4 and others by their words 4×m."""
    apart = np.zeros((len(left), words.shape[1]), np.uint16)
    for number, word in enumerate(words):
        apart += np.bitwise_count(left[:, number, None] ^ word)
    return apart
