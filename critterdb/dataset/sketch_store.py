"""The sketches of a site's embeddings: kept in the table `sketches`, and searched in memory.

store_sketches(db, backbone)            # after photos were embedded
sketches = Sketches(backbone)
sketches.update(db)                     # reads stored ones, and makes those that are missing
sketches.candidates(vector)             # SHA-256 of the photos that are worth a look
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .embeddings import as_vectors
from .sketches import WORDS, Sketched, Sketcher, bits_apart

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from critterdb.storage.database import SiteDatabase

VERSION = 1  # of how sketches are made; others are made again
# Compared by their embeddings: with so many over 90% of the true nearest are found.
# docs/decisions.md#similar-photos-are-found-by-256-bit-sketches
CANDIDATES = 200
# Beyond so many photos, so many candidates: 97% of the nearest ten among 100,000 and a million.
MORE_CANDIDATES = ((200_000, 1000), (20_000, 500))
# Of all photos, so many times as many are compared by how like their sketches are to the vector.
LIKELY_PER_CANDIDATE = 10
ROWS_PER_STEP = 2048
PHOTOS_PER_ROW = 65_536  # of the table: 4 MB
HASH_BYTES = 32


@dataclass(frozen=True)
class Block:
    """Sketches of the embeddings from rowid `first` to rowid `last`."""

    first: int
    last: int
    hashes: np.ndarray
    bits: np.ndarray
    is_stored: bool


class Sketches:
    """The sketches of one backbone's embeddings; `update` adds those that came since."""

    def __init__(self, backbone: str) -> None:
        self.backbone = backbone
        self.blocks: list[Block] = []
        self.sketcher: Sketcher | None = None
        self.reading: asyncio.Task[bool] | None = None  # of a site's pages
        self._lock = threading.Lock()
        self._hashes = np.empty(0, f"S{HASH_BYTES}")
        # Word by word: comparing a million photos then takes 20 ms instead of 110.
        self._words = np.empty((WORDS, 0), np.uint64)

    def __len__(self) -> int:
        return len(self._hashes)

    def update(self, db: SiteDatabase) -> None:
        """Read the stored sketches, and make those of embeddings that were added since.

        What was read before an error stays, so that the next call goes on from there.
        """
        with self._lock:
            before = len(self.blocks)
            try:
                if not self.blocks:
                    for block in self._stored(db):
                        self._make(db, before=block.first)
                        self.blocks.append(block)
                self._make(db)
            finally:
                if len(self.blocks) > before:
                    new = self.blocks[before:]
                    self._hashes = np.concatenate([self._hashes, *(b.hashes for b in new)])
                    self._words = np.concatenate([self._words, *(b.bits.T for b in new)], axis=1)

    def sketch(self, vectors: np.ndarray) -> np.ndarray:
        """Return the sketches of vectors N×D: N×4 words of 64 signs."""
        if self.sketcher is None:
            self.sketcher = Sketcher.around(vectors)
        return self.sketcher.sketch(vectors)

    def candidates(self, vector: np.ndarray, count: int | None = None) -> list[str]:
        """Return the SHA-256 of the photos whose sketches are nearest to an embedding D."""
        if not len(self):
            return []
        if count is None:
            count = usual_candidates(len(self))
        assert self.sketcher
        apart = bits_apart(self.sketch(vector[None]), self._words)[0]
        likely = _first(apart, LIKELY_PER_CANDIDATE * count)
        likeness = self.sketcher.likeness(vector, self._words[:, likely].T)
        return [_hex(name) for name in self._hashes[likely[_first(-likeness, count)]]]

    def of(self, names: Sequence[str]) -> Sketched | None:
        """Return the sketches of files (SHA-256), or None if one of them has none."""
        if self.sketcher is None or not len(self):
            return None
        wanted = np.array([bytes.fromhex(name) for name in names], f"S{HASH_BYTES}")
        order = np.argsort(self._hashes)
        places = order[np.searchsorted(self._hashes, wanted, sorter=order) % len(order)]
        if not np.array_equal(self._hashes[places], wanted):
            return None
        return Sketched(self._words[:, places].T, self.sketcher.middle)

    def _make(self, db: SiteDatabase, before: int = 2**63 - 1) -> None:
        """Make the sketches of embeddings after the last block and before a rowid."""
        newest = self.blocks[-1].last if self.blocks else -(2**63)
        while rows := db.conn.execute(
            "SELECT rowid, sha256, vector FROM embeddings "
            "WHERE rowid > ? AND rowid < ? AND backbone = ? ORDER BY rowid LIMIT ?",
            [newest, before, self.backbone, ROWS_PER_STEP],
        ).fetchall():
            hashes = np.array([bytes.fromhex(row[1]) for row in rows], f"S{HASH_BYTES}")
            bits = self.sketch(as_vectors([row[2] for row in rows]))
            newest = rows[-1][0]
            self.blocks.append(Block(rows[0][0], newest, hashes, bits, is_stored=False))

    def _stored(self, db: SiteDatabase) -> list[Block]:
        """The rows of the table that still say what they said; another program may have made them.

        The rowids of embeddings change if somebody packs the database (VACUUM), and then the
        hashes at both ends differ.
        """
        blocks: list[Block] = []
        for row in db.conn.execute(
            "SELECT first, last, middle, hashes, signs FROM sketches "
            "WHERE backbone = ? AND version = ? ORDER BY first",
            [self.backbone, VERSION],
        ).fetchall():
            try:
                block, sketcher = _parse(*row)
            except ValueError:
                break
            ends = [self._embedding(db, rowid) for rowid in (block.first, block.last)]
            dimensions = len(sketcher.middle)
            if ends != [(_hex(block.hashes[end]), dimensions) for end in (0, -1)]:
                break
            self.sketcher = self.sketcher or sketcher
            if not np.array_equal(sketcher.middle, self.sketcher.middle):
                break
            blocks.append(block)
        return blocks

    def _embedding(self, db: SiteDatabase, rowid: int) -> tuple[str, int]:
        """The hash and dimensions of an embedding, if it is one of this backbone."""
        row = db.conn.execute(
            "SELECT sha256, dimensions FROM embeddings WHERE rowid = ? AND backbone = ?",
            [rowid, self.backbone],
        ).fetchone()
        return tuple(row) if row else ("", 0)


def _parse(
    first: int, last: int, middle: bytes, hashes: bytes, signs: bytes
) -> tuple[Block, Sketcher]:
    """Return the sketches of a row and how they were made. Raises ValueError if it is odd."""
    names = np.frombuffer(hashes, f"S{HASH_BYTES}")
    bits = np.frombuffer(signs, np.uint64).reshape(-1, WORDS)
    sketcher = Sketcher(np.frombuffer(middle, np.float32))
    if not len(names) or len(bits) != len(names) or not np.isfinite(sketcher.middle).all():
        raise ValueError("sketches and hashes are not of the same photos")
    return Block(first, last, names, bits, is_stored=True), sketcher


def store_sketches(db: SiteDatabase, backbone: str) -> Sketches:
    """Write the sketches that are not stored yet; return all of the backbone's."""
    sketches = Sketches(backbone)
    sketches.update(db)
    if all(block.is_stored for block in sketches.blocks):
        return sketches
    assert sketches.sketcher
    groups = _groups(sketches.blocks)
    kept = [group[0].first for group in groups if len(group) == 1 and group[0].is_stored]
    middle = sketches.sketcher.middle.astype(np.float32).tobytes()
    with db.atomic():
        db["sketches"].delete_where(
            "backbone = ? AND first NOT IN (SELECT value FROM json_each(?))",
            [backbone, json.dumps(kept)],
        )
        db["sketches"].insert_all(
            {
                "backbone": backbone,
                "first": group[0].first,
                "last": group[-1].last,
                "version": VERSION,
                "photos": sum(len(block.hashes) for block in group),
                "middle": middle,
                "hashes": b"".join(block.hashes.tobytes() for block in group),
                "signs": b"".join(block.bits.tobytes() for block in group),
            }
            for group in groups
            if group[0].first not in kept
        )
    return sketches


def store_all_sketches(db: SiteDatabase) -> None:
    """Write the sketches of every backbone; not of one whose embeddings nobody can read."""
    backbones = db.execute("SELECT DISTINCT backbone FROM embeddings").fetchall()
    for (backbone,) in backbones:
        with suppress(ValueError):
            store_sketches(db, backbone)


def _groups(blocks: list[Block]) -> list[list[Block]]:
    """Blocks as they go into rows: neighbours together as long as there is room."""
    groups: list[list[Block]] = []
    room = 0
    for block in blocks:
        if len(block.hashes) > room:
            groups.append([])
            room = PHOTOS_PER_ROW
        groups[-1].append(block)
        room -= len(block.hashes)
    return groups


def usual_candidates(photos: int) -> int:
    """Return how many photos of a site are compared by their embeddings."""
    return next((count for beyond, count in MORE_CANDIDATES if photos > beyond), CANDIDATES)


def _first(numbers: np.ndarray, count: int) -> np.ndarray:
    """Return the indexes of the smallest numbers, in any order."""
    if count >= len(numbers):
        return np.arange(len(numbers))
    # np.argpartition takes 15 ms for a million, and this 2.
    limit = np.partition(numbers, count - 1)[count - 1]
    below = np.flatnonzero(numbers < limit)
    return np.concatenate([below, np.flatnonzero(numbers == limit)[: count - len(below)]])


def _hex(name: np.bytes_) -> str:
    # numpy takes zeros at the end of bytes for padding.
    return bytes(name).ljust(HASH_BYTES, b"\0").hex()
