"""Read stored embeddings as vectors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.examples import UNREADABLE, Examples
from critterdb.storage.database import site_folder

from .vectors import STORED_AS, VectorFile, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.storage.database import SiteDatabase

    from .vectors import Vectors

__all__ = ["STORED_AS", "as_vectors", "load_embeddings"]

# Of so many photos, vectors of 1,280 numbers take 100 MB in memory; those of more are in a file.
MAX_IN_MEMORY = 20_000
ROWS_PER_STEP = 2048


def load_embeddings(db: SiteDatabase, examples: Examples, recipe: str) -> tuple[Examples, Vectors]:
    """Return the examples whose files could be read, and their vectors N×D.

    Those of many photos are in a file in the site's folder, which is removed with them.
    """
    is_readable, vectors = read_vectors(db, examples.sha256s.tolist(), recipe)
    return examples.where(is_readable, UNREADABLE), vectors


def read_vectors(db: SiteDatabase, names: Sequence[str], recipe: str) -> tuple[np.ndarray, Vectors]:
    """Say which files (SHA-256) have a vector of a recipe, bool N, and return those vectors."""
    index = {sha256: number for number, sha256 in enumerate(names)}
    is_readable = np.zeros(len(names), bool)
    vectors: Vectors | None = None
    cursor = db.conn.execute("SELECT sha256, vector FROM embeddings WHERE backbone = ?", [recipe])
    while stored := cursor.fetchmany(ROWS_PER_STEP):
        rows = [(index[sha256], vector) for sha256, vector in stored if sha256 in index]
        if not rows:
            continue
        chosen = np.array([number for number, _ in rows])
        block = _stack([vector for _, vector in rows])
        if vectors is None:
            vectors = _room(db, len(names), block.shape[1])
        if isinstance(vectors, VectorFile):
            vectors.write(chosen, block)
        else:
            vectors[chosen] = block
        is_readable[chosen] = True
    if vectors is None:
        return is_readable, as_vectors([])
    return is_readable, vectors if is_readable.all() else take(vectors, is_readable)


def find_vectors(db: SiteDatabase, names: Sequence[str], recipe: str) -> dict[str, np.ndarray]:
    """Return the vectors D of a few files (SHA-256), without those that have none."""
    rows = db.execute(
        "SELECT sha256, vector FROM embeddings "
        "WHERE backbone = ? AND sha256 IN (SELECT value FROM json_each(?))",
        [recipe, json.dumps(list(names))],
    ).fetchall()
    vectors = as_vectors([vector for _, vector in rows])
    return {name: vector for (name, _), vector in zip(rows, vectors, strict=True)}


def _room(db: SiteDatabase, photos: int, dimensions: int) -> Vectors:
    if photos > MAX_IN_MEMORY:
        return VectorFile.create(site_folder(db), photos, dimensions)
    return np.zeros((photos, dimensions), np.float32)


def as_vectors(blobs: Sequence[bytes]) -> np.ndarray:
    """Return vectors float32 N×D of what `embeddings.vector` holds; 0×0 of nothing."""
    return _stack(blobs).astype(np.float32)


def _stack(blobs: Sequence[bytes]) -> np.ndarray:
    if not blobs:
        return np.empty((0, 0), STORED_AS)
    return np.stack([np.frombuffer(blob, STORED_AS) for blob in blobs])
