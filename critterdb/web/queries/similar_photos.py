"""Similar photos, found among hundreds of thousands while a page waits.

Sketches of all photos lie in memory and say which few hundred are worth a look; their embeddings,
from the database, say which are nearest.

numpy is imported where it is used: the pages are to be imported without it, in a browser's tab.
"""

from __future__ import annotations

import asyncio
import heapq
import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from critterdb.web.datasette.reading import SlowReadError, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from datasette.database import Database

    from critterdb.dataset.sketch_store import Sketches
    from critterdb.storage.database import SiteDatabase

PATIENCE_SECONDS = 0.1  # a page does not wait longer for sketches that are still being made


def is_possible() -> bool:
    """Whether numpy is installed, which it is not in a browser's tab."""
    return find_spec("numpy") is not None


@dataclass(frozen=True)
class Embedding:
    """What a backbone made of a photo file: a vector of D numbers."""

    sha256: str
    backbone: str
    vector: np.ndarray


async def ready(database: Database, shelf: dict[str, Sketches], backbone: str) -> Sketches | None:
    """Return a backbone's sketches, or None while a large database is still being read."""
    from critterdb.dataset.sketch_store import Sketches

    sketches = shelf.setdefault(backbone, Sketches(backbone))

    async def update() -> bool:
        try:
            await read(database, sketches.update)
        except SlowReadError:
            return False  # the next visit goes on from there
        return True

    # One at a time: each takes one of the few threads that all pages are read with.
    if sketches.reading is None or sketches.reading.done():
        sketches.reading = asyncio.ensure_future(update())
    done, _ = await asyncio.wait([sketches.reading], timeout=PATIENCE_SECONDS)
    return sketches if done and all(task.result() for task in done) else None


def load_embedding(db: SiteDatabase, sha256: str) -> Embedding | None:
    """Return a photo's embedding, that of a model in use if there is one."""
    from critterdb.dataset.embeddings import as_vectors

    row = db.execute(
        "SELECT backbone, vector FROM embeddings WHERE sha256 = ? ORDER BY backbone IN "
        "(SELECT backbone FROM models JOIN games ON games.model_id = models.id) DESC LIMIT 1",
        [sha256],
    ).fetchone()
    return Embedding(sha256, str(row[0]), as_vectors([row[1]])[0]) if row else None


def nearest_photos(
    db: SiteDatabase, embedding: Embedding, candidates: Sequence[str], count: int
) -> list[tuple[str, float]]:
    """Return (sha256, distance) of the candidates nearest to a photo, without the photo itself.

    The distance is 1 − cosine similarity, from 0 to 2.
    """
    from critterdb.dataset.embeddings import as_vectors
    from critterdb.model.novelty import normalized

    # The embeddings of 200,000 photos would need 512 MB of memory: only candidates are read. To
    # count the bytes of so few rows (datasette/memory_limits.py) would take as long as the query.
    cursor = db.conn.cursor()
    cursor.row_factory = None
    rows: list[tuple[str, bytes]] = cursor.execute(
        "SELECT sha256, vector FROM embeddings "
        "WHERE backbone = ? AND sha256 IN (SELECT value FROM json_each(?))",
        [embedding.backbone, json.dumps(list(candidates))],
    ).fetchall()
    rows = [row for row in rows if row[0] != embedding.sha256]
    if not rows:
        return []
    vectors = normalized(as_vectors([vector for _, vector in rows]))
    distances = 1 - vectors @ normalized(embedding.vector[None])[0]
    return in_order([sha256 for sha256, _ in rows], distances, count)


def in_order(names: Iterable[str], distances: np.ndarray, count: int) -> list[tuple[str, float]]:
    """Return the nearest of N photos with their distances; of equally near ones by name.

    Rounded first: the last digits depend on how many were computed at once.
    """
    pairs = zip(distances.clip(0).round(6).tolist(), names, strict=True)
    return [(name, distance) for distance, name in heapq.nsmallest(count, pairs)]
