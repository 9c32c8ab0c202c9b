"""Which photos are near to which: whether a page's similar photos are still the same.

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
from critterdb.web.queries.similar_photos import load_embedding

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

ROWS_PER_STEP = 256


class Neighbours:
    """The nearest photos of each photo, as a digest that changes when a page shows others."""

    def __init__(self, db: SiteDatabase) -> None:
        self._db = db
        self._digests = cache(lambda backbone: _digests(db, backbone))

    def of(self, sha256: str) -> str:
        """Return a digest of a photo's nearest photos and of their distances."""
        embedding = load_embedding(self._db, sha256)
        return self._digests(embedding.backbone)[sha256] if embedding else ""


def _digests(db: SiteDatabase, backbone: str) -> dict[str, str]:
    """The digests of all photos that a backbone has seen, at once: page by page takes longer."""
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
    digests = {}
    for start in range(0, len(names), ROWS_PER_STEP):
        apart = bits_apart(sketched.bits[start : start + ROWS_PER_STEP], words)
        candidates = np.argpartition(apart, count - 1, axis=1)[:, :count]
        for number, row in enumerate(candidates, start):
            near = _nearest(names, unit, number, row[row != number])
            digests[names[number]] = hashlib.sha256(repr(near).encode()).hexdigest()
    return digests


def _nearest(
    names: list[str], unit: np.ndarray, number: int, candidates: np.ndarray
) -> list[tuple[str, float]]:
    distances = 1 - unit[candidates] @ unit[number]
    order = np.argsort(distances, kind="stable")[:SIMILAR]
    return [(names[candidates[at]], round(float(distances[at]), 4)) for at in order]
