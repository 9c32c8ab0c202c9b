"""Shards as Parquet files in a folder: a file that is there is whole, and its shard is done.

A worker writes beside the file's place, flushes and renames. So it does not matter who did a shard,
how often, or who was killed over it.
"""

from __future__ import annotations

import io
import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.dataset.sketches import Sketcher
from critterdb.errors import SiteError
from critterdb.formatting import printable_line
from critterdb.storage.atomic_files import replacing, write_atomically
from critterdb.storage.duckdb import open_duckdb, quoted
from critterdb.storage.timestamps import utc_now

from .contents import ShardRow, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MEMORY_MB = 200  # of DuckDB, for a shard of 11 MB
ROWS_PER_READ = 10_000
# Named, because a column without a value has no type.
_TYPED_ROWS = """
SELECT photo_id, CAST(sha256 AS VARCHAR) AS sha256, CAST(vector AS BLOB) AS vector,
    CAST(sketch AS BLOB) AS sketch, CAST(error AS VARCHAR) AS error
FROM shard_rows
"""
ABANDONED_AFTER_S = 3600  # a part that nobody wrote to for so long


@dataclass(frozen=True)
class Receipt:
    """That a shard is finished: how many photos it was made from, and what is in its file.

    `photos` were planned, `rows` are there now, `errors` among them have no vector.
    """

    name: str
    recipe: str
    photos: int
    rows: int
    errors: int
    digest: str
    worker: str
    seconds: float
    finished_at: str


@dataclass(frozen=True)
class ShardStore:
    """The shards of one recipe, in a folder of their own below `root`."""

    root: Path
    recipe: str

    @property
    def folder(self) -> Path:
        return self.root / self.recipe.replace("/", "_")

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def is_finished(self, name: str) -> bool:
        return self.path(name).is_file()

    def save(self, receipt: Receipt, rows: Sequence[ShardRow]) -> Receipt:
        """Write a shard's file whole; return its receipt with what the rows say."""
        receipt = Receipt(
            **{
                **asdict(receipt),
                "rows": len(rows),
                "errors": sum(row.vector is None for row in rows),
                "digest": digest_of(rows),
                "finished_at": utc_now(),
            }
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            replacing(self.path(receipt.name), suffix=f".{receipt.name}.part") as partial,
            self._opened() as con,
        ):
            con.register("shard_rows", _as_columns(rows))
            con.execute(
                f"COPY ({_TYPED_ROWS}) TO {quoted(partial)} (FORMAT parquet, COMPRESSION zstd, "
                # The receipt is in the file itself: no kill can come between the two.
                # docs/decisions.md#a-shard-is-done-when-its-file-is-there
                f"KV_METADATA {{receipt: {quoted(json.dumps(asdict(receipt)))}}})"
            )
        return receipt

    def read(self, name: str) -> list[ShardRow]:
        """Return the rows of a finished shard in their order. Raises SiteError if it is damaged."""
        with self._opened() as con:
            rows = con.execute(
                "SELECT photo_id, sha256, vector, sketch, error "
                f"FROM read_parquet({quoted(self.path(name))})"
            ).fetchall()
        return [ShardRow(*row) for row in rows]

    def receipts(self, name: str = "*") -> dict[str, Receipt]:
        """Return the receipts that finished files carry by name, or only that of `name`."""
        if not any(self.folder.glob(f"{name}.parquet")):
            return {}
        with self._opened() as con:
            rows = con.execute(
                "SELECT decode(value) FROM parquet_kv_metadata("
                f"{quoted(self.path(name))}) WHERE decode(key) = 'receipt'"
            ).fetchall()
        receipts = [Receipt(**json.loads(row[0])) for row in rows]
        return {receipt.name: receipt for receipt in receipts}

    def hashes(self, *, with_errors: bool = True) -> Iterator[list[str]]:
        """Yield the SHA-256 of all photos in finished shards, in batches."""
        if not any(self.folder.glob("*.parquet")):
            return
        with self._opened() as con:
            result = con.execute(
                f"SELECT sha256 FROM read_parquet({quoted(self.path('*'))})"
                + ("" if with_errors else " WHERE error IS NULL")
            )
            while rows := result.fetchmany(ROWS_PER_READ):
                yield [row[0] for row in rows]

    def read_sketcher(self) -> Sketcher | None:
        """Return what makes this recipe's sketches, once write_sketcher has kept it."""
        path = self.folder / "middle.npy"
        if not path.is_file():
            return None
        return Sketcher(np.load(io.BytesIO(path.read_bytes()), allow_pickle=False))

    def write_sketcher(self, sketcher: Sketcher) -> None:
        """Keep what makes this recipe's sketches: those of all shards are compared."""
        data = io.BytesIO()
        np.save(data, sketcher.middle, allow_pickle=False)
        write_atomically(self.folder / "middle.npy", data.getvalue())

    def parts(self) -> list[Path]:
        """Return files that killed workers left unfinished, or living ones are writing."""
        return sorted(self.folder.glob("*.part"))

    def remove_abandoned(self) -> None:
        """Remove parts that nobody has written to for an hour."""
        for part in self.parts():
            if time.time() - part.stat().st_mtime > ABANDONED_AFTER_S:
                part.unlink(missing_ok=True)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        temporary = self.folder / ".duckdb"
        con = open_duckdb("A folder of shards", temporary=temporary, memory_mb=MEMORY_MB)
        with con:
            try:
                yield con
            except Exception as error:
                if not type(error).__module__.startswith(("duckdb", "_duckdb")):
                    raise
                raise SiteError(
                    f"The shards in {self.folder} could not be used: "
                    f"{printable_line(error)[:300]}. Look at them with: critterdb check"
                ) from error


def _as_columns(rows: Sequence[ShardRow]) -> dict[str, np.ndarray]:
    """Rows as arrays, which DuckDB takes without a copy of each value."""
    columns = {}
    for position, name in enumerate(ShardRow._fields):
        values = np.empty(len(rows), np.int64 if name == "photo_id" else object)
        values[:] = [row[position] for row in rows]
        columns[name] = values
    return columns
