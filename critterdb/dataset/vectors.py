"""Embeddings of more photos than fit into memory: one file of vectors, read a few rows at a time.

    vectors = VectorFile.create(folder, dimensions)     # removed when nobody holds it any more
    vectors[start:stop]                                 # float32, whichever rows are asked for

An array of vectors N×D and a VectorFile are read the same way: by slices, masks and indexes.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

STORED_AS = np.dtype("<f2")  # little-endian float16: half the room, and no error a head notices
ROWS_PER_STEP = 4096  # of 1,280 numbers in float32, 21 MB
MAX_MAPPED_ROWS = 1024
PREFIX = ".vectors-"


class _File:
    """A file that is removed with this object; the lock on it says that somebody uses it."""

    def __init__(self, folder: Path) -> None:
        _remove_abandoned(folder)
        descriptor, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.path = Path(name)
        self.descriptor = descriptor
        weakref.finalize(self, _remove, self.path, descriptor)


def _remove(path: Path, descriptor: int) -> None:
    path.unlink(missing_ok=True)
    os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Remove files that killed processes left: nobody holds their locks."""
    for path in folder.glob(f"{PREFIX}*"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except OSError:
            continue


@dataclass(frozen=True)
class VectorFile:
    """Some rows of a file of float16 vectors; `rows` are their places in it.

    Another process reads the same file: what is sent to it is the path and the rows.
    """

    path: Path
    dimensions: int
    rows: np.ndarray
    _file: _File | None = field(default=None, repr=False, compare=False)

    @classmethod
    def create(cls, folder: Path, rows: int, dimensions: int) -> VectorFile:
        """Make a file for so many vectors in a folder, filled with zeros."""
        file = _File(folder)
        os.truncate(file.path, rows * dimensions * STORED_AS.itemsize)
        return cls(file.path, dimensions, np.arange(rows), file)

    def __reduce__(self) -> tuple[type[VectorFile], tuple[Path, int, np.ndarray]]:
        return VectorFile, (self.path, self.dimensions, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.dimensions

    def __getitem__(self, chosen: slice | np.ndarray) -> np.ndarray:
        """Return vectors float32 of a slice, mask or indexes."""
        return np.asarray(self.stored(chosen), np.float32)

    def stored(self, chosen: slice | np.ndarray) -> np.ndarray:
        """Return vectors float16, as they are in the file, of a slice, mask or indexes."""
        rows = self.rows[chosen]
        # Mapped for each read: rows that were read long ago then count as nobody's memory. Each
        # row that is read brings 64 kB of the file with it.
        steps = range(0, max(1, len(rows)), MAX_MAPPED_ROWS)
        return np.concatenate(
            [self._mapped("r")[rows[start : start + MAX_MAPPED_ROWS]] for start in steps]
        )

    def write(self, rows: np.ndarray, vectors: np.ndarray) -> None:
        """Write vectors at their places."""
        self._mapped("r+")[self.rows[rows]] = vectors

    def take(self, chosen: np.ndarray) -> VectorFile:
        """Return the rows of a mask or of indexes, without reading them."""
        return VectorFile(self.path, self.dimensions, self.rows[chosen], self._file)

    def _mapped(self, mode: Literal["r", "r+"]) -> np.ndarray:
        rows = self.path.stat().st_size // (self.dimensions * STORED_AS.itemsize)
        shape = (rows, self.dimensions)
        return np.asarray(np.memmap(self.path, STORED_AS, mode, shape=shape))


Vectors: TypeAlias = np.ndarray | VectorFile
"""Embeddings N×D."""


def take(vectors: Vectors, chosen: np.ndarray) -> Vectors:
    """Return the vectors of a mask or of indexes; those of a file are not read."""
    return vectors.take(chosen) if isinstance(vectors, VectorFile) else vectors[chosen]


def blocks(vectors: Vectors) -> Iterator[tuple[slice, np.ndarray]]:
    """Return the vectors a few thousand at a time, each time with their places."""
    for start in range(0, len(vectors), ROWS_PER_STEP):
        rows = slice(start, start + ROWS_PER_STEP)
        yield rows, vectors[rows]
