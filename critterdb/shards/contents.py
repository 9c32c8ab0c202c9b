"""What a shard holds: a row for each photo, with its vector or the reason why it has none."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class ShardRow(NamedTuple):
    """A photo with its vector (float16, little-endian) and sketch, or with an error."""

    photo_id: int
    sha256: str
    vector: bytes | None
    sketch: bytes | None
    error: str | None


def digest_of(rows: Iterable[ShardRow]) -> str:
    """Return a digest of rows that depends on nothing else: not on who made them, or how often."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.photo_id}\t{row.sha256}\t{row.error or ''}\n".encode())
        digest.update(row.vector or b"")
        digest.update(row.sketch or b"")
    return digest.hexdigest()
