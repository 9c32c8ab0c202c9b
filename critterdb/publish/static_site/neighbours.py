"""Which photos are near to which, for all photos at once: page by page takes longer.

It follows web/queries/similar_photos.py: candidates by their sketches, and of these the nearest.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.embeddings import as_vectors
from critterdb.dataset.sketch_store import Sketches
from critterdb.model.novelty import normalized
from critterdb.web.pages.photo import SIMILAR
from critterdb.web.queries.similar_photos import Embedding, in_order, load_embedding

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

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
        sketches = Sketches(backbone)
        sketches.update(db)
        for number, name in enumerate(self._names):
            names = [other for other in sketches.candidates(unit[number]) if other != name]
            candidates = [self._numbers[other] for other in names]
            near = in_order(names, 1 - unit[candidates] @ unit[number], SIMILAR)
            self._near[number, : len(near)] = [self._numbers[name] for name, _ in near]
            self._distances[number, : len(near)] = [distance for _, distance in near]

    def of(self, sha256: str) -> Near:
        number = self._numbers[sha256]
        near = zip(self._near[number].tolist(), self._distances[number].tolist(), strict=True)
        return [(self._names[other], distance) for other, distance in near if other >= 0]
