"""Which photos are near to which: whether a page's similar photos are still the same.

It follows web/queries/similar_photos.py: candidates by their sketches, and of these the nearest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.embeddings import as_vectors
from critterdb.dataset.sketch_store import Sketches
from critterdb.model.novelty import normalized
from critterdb.web.pages.photo import SIMILAR

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase


@dataclass
class _Shelf:
    """The embeddings of one backbone."""

    sketches: Sketches
    index: dict[str, int]
    raw: np.ndarray
    unit: np.ndarray


class Neighbours:
    """The nearest photos of each photo, as a digest that changes when a page shows others."""

    def __init__(self, db: SiteDatabase) -> None:
        self._db = db

    def of(self, sha256: str) -> str:
        """Return a digest of a photo's nearest photos and of their distances."""
        parts = [_nearest(shelf, sha256) for shelf in self._shelves if sha256 in shelf.index]
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @cached_property
    def _shelves(self) -> list[_Shelf]:
        backbones = self._db.execute("SELECT DISTINCT backbone FROM embeddings ORDER BY 1")
        return [_read_shelf(self._db, row[0]) for row in backbones.fetchall()]


def _read_shelf(db: SiteDatabase, backbone: str) -> _Shelf:
    sketches = Sketches(backbone)
    sketches.update(db)
    rows = db.conn.execute(
        "SELECT sha256, vector FROM embeddings WHERE backbone = ? ORDER BY rowid", [backbone]
    ).fetchall()
    raw = as_vectors([vector for _, vector in rows])
    index = {sha256: number for number, (sha256, _) in enumerate(rows)}
    return _Shelf(sketches, index, raw, normalized(raw))


def _nearest(shelf: _Shelf, sha256: str) -> list[tuple[str, float]]:
    number = shelf.index[sha256]
    candidates = [name for name in shelf.sketches.candidates(shelf.raw[number]) if name != sha256]
    if not candidates:
        return []
    distances = 1 - shelf.unit[[shelf.index[name] for name in candidates]] @ shelf.unit[number]
    order = np.argsort(distances, kind="stable")[:SIMILAR]
    return [(candidates[position], round(float(distances[position]), 4)) for position in order]
