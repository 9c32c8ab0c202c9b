"""Which photos are near to which, for all photos at once: page by page takes longer.

It follows web/queries/similar_photos.py: candidates by their sketches, and of these the nearest.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.embeddings import as_vectors
from critterdb.dataset.sketch_store import CANDIDATES, MANY_CANDIDATES, MANY_PHOTOS, Sketches
from critterdb.dataset.sketches import bits_apart
from critterdb.model.novelty import normalized
from critterdb.web.pages.photo import SIMILAR
from critterdb.web.queries.similar_photos import Embedding, in_order, load_embedding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb.storage.database import SiteDatabase

ROWS_PER_STEP = 256

Near = list[tuple[str, float]]


class Neighbours:
    """The nearest photos of each photo, as its page shows them."""

    def __init__(self, db: SiteDatabase) -> None:
        self._db = db
        self._of_all = cache(lambda backbone: _NearestOfAll(db, backbone))

    def of(self, embedding: Embedding) -> Near:
        """Return the nearest photos (SHA-256) of one, with their distances."""
        return self._of_all(embedding.backbone).of(embedding.sha256)

    def digest(self, sha256: str) -> bytes:
        """Return a digest of a photo's nearest photos, which changes when its page shows others."""
        embedding = load_embedding(self._db, sha256)
        if embedding is None:
            return b""
        near = [(name, round(distance, 4)) for name, distance in self.of(embedding)]
        return hashlib.sha256(repr(near).encode()).digest()


class _NearestOfAll:
    """The nearest of each of N photos that a backbone has seen: N×SIMILAR indices and distances."""

    def __init__(self, db: SiteDatabase, backbone: str) -> None:
        rows = db.conn.execute(
            "SELECT sha256, vector FROM embeddings WHERE backbone = ? ORDER BY rowid", [backbone]
        ).fetchall()
        self._names = [sha256 for sha256, _ in rows]
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._near = np.full((len(rows), SIMILAR), -1, np.int32)
        self._distances = np.zeros((len(rows), SIMILAR))
        unit = normalized(as_vectors([vector for _, vector in rows]))
        for number, candidates in self._candidates(db, backbone):
            distances = 1 - unit[candidates] @ unit[number]
            near = in_order([self._names[other] for other in candidates], distances, SIMILAR)
            self._near[number, : len(near)] = [self._numbers[name] for name, _ in near]
            self._distances[number, : len(near)] = [distance for _, distance in near]

    def of(self, sha256: str) -> Near:
        number = self._numbers[sha256]
        near = zip(self._near[number].tolist(), self._distances[number].tolist(), strict=True)
        return [(self._names[other], distance) for other, distance in near if other >= 0]

    def _candidates(self, db: SiteDatabase, backbone: str) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each photo's number, and those of the photos whose sketches are like its own."""
        sketches = Sketches(backbone)
        sketches.update(db)
        sketched = sketches.of(self._names)
        assert sketched, "every embedding has a sketch"
        words = np.ascontiguousarray(sketched.bits.T)
        photos = len(self._names)
        count = min(photos, MANY_CANDIDATES if photos > MANY_PHOTOS else CANDIDATES)
        for start in range(0, photos, ROWS_PER_STEP):
            apart = bits_apart(sketched.bits[start : start + ROWS_PER_STEP], words)
            candidates = np.argpartition(apart, count - 1, axis=1)[:, :count]
            for number, row in enumerate(candidates, start):
                yield number, row[row != number]
