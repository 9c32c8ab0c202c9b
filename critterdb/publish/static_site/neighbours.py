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
    from critterdb.storage.database import SiteDatabase

ROWS_PER_STEP = 256

Near = list[tuple[str, float]]


class Neighbours:
    """The nearest photos of each photo, as its page shows them."""

    def __init__(self, db: SiteDatabase) -> None:
        self._db = db
        self._of_all = cache(lambda backbone: _nearest_of_all(db, backbone))

    def of(self, embedding: Embedding) -> Near:
        """Return the nearest photos (SHA-256) of one, with their distances."""
        return self._of_all(embedding.backbone)[embedding.sha256]

    def digest(self, sha256: str) -> str:
        """Return a digest of a photo's nearest photos, which changes when its page shows others."""
        embedding = load_embedding(self._db, sha256)
        if embedding is None:
            return ""
        near = [(name, round(distance, 4)) for name, distance in self.of(embedding)]
        return hashlib.sha256(repr(near).encode()).hexdigest()


def _nearest_of_all(db: SiteDatabase, backbone: str) -> dict[str, Near]:
    rows = db.conn.execute(
        "SELECT sha256, vector FROM embeddings WHERE backbone = ? ORDER BY rowid", [backbone]
    ).fetchall()
    names = [sha256 for sha256, _ in rows]
    sketches = Sketches(backbone)
    sketches.update(db)
    sketched = sketches.of(names)
    assert sketched, "every embedding has a sketch"
    words = np.ascontiguousarray(sketched.bits.T)
    unit = normalized(as_vectors([vector for _, vector in rows]))
    count = min(len(names), MANY_CANDIDATES if len(names) > MANY_PHOTOS else CANDIDATES)
    nearest = {}
    for start in range(0, len(names), ROWS_PER_STEP):
        apart = bits_apart(sketched.bits[start : start + ROWS_PER_STEP], words)
        candidates = np.argpartition(apart, count - 1, axis=1)[:, :count]
        for number, row in enumerate(candidates, start):
            others = row[row != number]
            distances = 1 - unit[others] @ unit[number]
            near = in_order([names[other] for other in others], distances, SIMILAR)
            nearest[names[number]] = near
    return nearest
