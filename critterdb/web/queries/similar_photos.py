"""Similar photos, found among hundreds of thousands while a page waits.

An embedding's sketch is the signs of 256 random projections: 32 bytes. Sketches of all photos lie
in memory and say which few hundred are worth a look; their embeddings, from the database, say
which are nearest. (Charikar 2002: the share of differing signs is the angle between two vectors.)

numpy is imported where it is used: the pages are to be imported without it, in a browser's tab.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from critterdb.web.datasette.reading import SlowReadError, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from datasette.database import Database

    from critterdb.storage.database import SiteDatabase

# Embeddings of 200,000 photos would take 512 MB; their sketches take 13.
BITS = 256
WORDS = BITS // 64
# Compared by their embeddings: with so many over 90% of the true nearest are found.
# docs/decisions.md#similar-photos-are-found-by-256-bit-sketches
CANDIDATES = 200
ROWS_PER_STEP = 2048
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


class Sketches:
    """The sketches of one backbone's embeddings; `update` adds those that came since."""

    def __init__(self, backbone: str) -> None:
        import numpy as np

        self.backbone = backbone
        self.reading: asyncio.Task[bool] | None = None
        self._lock = threading.Lock()
        self._newest = 0  # rowid
        self._hashes = np.empty(0, "S32")
        self._bits = np.empty((0, WORDS), np.uint64)
        self._middle: np.ndarray | None = None
        self._planes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._hashes)

    def update(self, db: SiteDatabase) -> None:
        """Read the embeddings that were added since the last time.

        What was read before an error stays, so that the next call goes on from there.
        """
        import numpy as np

        from critterdb.dataset.embeddings import as_vectors

        with self._lock:
            hashes, bits = [self._hashes], [self._bits]
            try:
                while rows := db.conn.execute(
                    "SELECT rowid, sha256, vector FROM embeddings "
                    "WHERE rowid > ? AND backbone = ? ORDER BY rowid LIMIT ?",
                    [self._newest, self.backbone, ROWS_PER_STEP],
                ).fetchall():
                    names = np.array([bytes.fromhex(row[1]) for row in rows], "S32")
                    bits.append(self.sketch(as_vectors([row[2] for row in rows])))
                    hashes.append(names)
                    self._newest = rows[-1][0]
            finally:
                if len(hashes) > 1:
                    self._hashes, self._bits = np.concatenate(hashes), np.concatenate(bits)

    def sketch(self, vectors: np.ndarray) -> np.ndarray:
        """Return the sketches of vectors N×D: N×4 words of 64 signs."""
        import numpy as np

        from critterdb.model.novelty import normalized

        unit = normalized(vectors)
        if self._planes is None:
            # Around the middle of the first photos: all embeddings point to about one side.
            self._middle = unit.mean(axis=0)
            random = np.random.default_rng(0)
            self._planes = random.standard_normal((unit.shape[1], BITS)).astype(np.float32)
        signs = (unit - self._middle) @ self._planes > 0
        return np.packbits(signs, axis=1).view(np.uint64)

    def candidates(self, vector: np.ndarray, count: int = CANDIDATES) -> list[str]:
        """Return the SHA-256 of the photos whose sketches are nearest to an embedding D."""
        import numpy as np

        if not len(self):
            return []
        apart = np.bitwise_count(self._bits ^ self.sketch(vector[None])[0]).sum(axis=1)
        count = min(count, len(apart))
        nearest = np.argpartition(apart, count - 1)[:count]
        return [bytes(self._hashes[index]).ljust(32, b"\0").hex() for index in nearest]


async def ready(database: Database, shelf: dict[str, Sketches], backbone: str) -> Sketches | None:
    """Return a backbone's sketches, or None while a large database is still being read."""
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
    import numpy as np

    from critterdb.dataset.embeddings import as_vectors
    from critterdb.model.novelty import normalized

    marks = ", ".join("?" * len(candidates))
    rows: list[tuple[str, bytes]] = db.conn.execute(
        f"SELECT sha256, vector FROM embeddings WHERE backbone = ? AND sha256 IN ({marks})",
        [embedding.backbone, *candidates],
    ).fetchall()
    rows = [row for row in rows if row[0] != embedding.sha256]
    if not rows:
        return []
    vectors = normalized(as_vectors([vector for _, vector in rows]))
    distances = 1 - vectors @ normalized(embedding.vector[None])[0]
    order = np.argsort(distances, kind="stable")[:count]
    return [(rows[index][0], max(0.0, float(distances[index]))) for index in order]
