"""Sketches of vectors: the signs of 256 random projections, 32 bytes.

The share of signs in which two differ is the angle between their vectors (Charikar 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from critterdb.model.novelty import normalized

BITS = 256
SAMPLE = 256  # vectors, whose middle all are compared with


@dataclass(frozen=True)
class Sketcher:
    """Makes sketches around the middle of some unit vectors: embeddings point to about one side."""

    middle: np.ndarray

    @classmethod
    def around(cls, vectors: np.ndarray) -> Sketcher:
        """Return one for vectors like these, N×D."""
        return cls(normalized(vectors).mean(axis=0).astype(np.float32))

    @cached_property
    def _planes(self) -> np.ndarray:
        random = np.random.default_rng(0)
        return random.standard_normal((len(self.middle), BITS)).astype(np.float32)

    def sketch(self, vectors: np.ndarray) -> np.ndarray:
        """Return the sketches of vectors N×D as bytes N×32."""
        return np.packbits((normalized(vectors) - self.middle) @ self._planes > 0, axis=1)
