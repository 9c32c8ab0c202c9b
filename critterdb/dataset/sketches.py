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
        return np.packbits(self.project(vectors) > 0, axis=1).view(np.uint64)

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Return the projections N×256 of vectors N×D, of which a sketch keeps the signs."""
        return np.asarray((normalized(vectors) - self.middle) @ self.planes)

    def likeness(self, vector: np.ndarray, sketches: np.ndarray) -> np.ndarray:
        """Return how like a vector D those with sketches n×4 are; more is nearer.

        Only the others are known by their signs, so fewer of the nearest are missed than by
        counting signs that differ (Dong et al. 2008, "Asymmetric Distance Estimation").
        """
        # What each value of each byte of a sketch adds, looked up: signs take three times as long.
        table = self.project(vector[None]).reshape(-1, 8) @ _SIGNS_OF_BYTE.T
        places = np.ascontiguousarray(sketches).view(np.uint8) + 256 * np.arange(len(table))
        return np.asarray(table.ravel().take(places).sum(axis=1))


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


def signs_of(sketches: np.ndarray) -> np.ndarray:
    """Return sketches n×4 as n×256 numbers, 1 or -1."""
    bits = np.unpackbits(np.ascontiguousarray(sketches).view(np.uint8), axis=1)
    return np.asarray(2 * bits.astype(np.float32) - 1)


_SIGNS_OF_BYTE = signs_of(np.arange(256, dtype=np.uint8)[:, None])


def bits_apart(left: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return how many signs differ, n×m, between sketches n×4 and others by their words 4×m."""
    apart = np.zeros((len(left), words.shape[1]), np.uint16)
    for number, word in enumerate(words):
        apart += np.bitwise_count(left[:, number, None] ^ word)
    return apart
