"""Read stored embeddings as vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.examples import UNREADABLE, Examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.storage.database import SiteDatabase

STORED_AS = "<f2"  # little-endian float16: half the room, and no error that a head notices


def load_embeddings(
    db: SiteDatabase, examples: Examples, recipe: str
) -> tuple[Examples, np.ndarray]:
    """Return the examples whose files could be read, and their vectors float32 N×D."""
    rows = db.conn.execute("SELECT sha256, vector FROM embeddings WHERE backbone = ?", [recipe])
    wanted = set(examples.sha256s)
    vectors = {sha256: vector for sha256, vector in rows if sha256 in wanted}
    readable = np.array([sha256 in vectors for sha256 in examples.sha256s], bool)
    examples = examples.where(readable, UNREADABLE)
    return examples, as_vectors([vectors[sha256] for sha256 in examples.sha256s])


def as_vectors(blobs: Sequence[bytes]) -> np.ndarray:
    """Return vectors float32 N×D of what `embeddings.vector` holds; 0×0 of nothing."""
    if not blobs:
        return np.empty((0, 0), np.float32)
    return np.stack([np.frombuffer(blob, STORED_AS) for blob in blobs]).astype(np.float32)
