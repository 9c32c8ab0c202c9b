"""iNaturalist's monthly tables: checked, and kept as Parquet beside the files that came.

A table is converted once. The name of its Parquet file says which download it was made from, so a
new download is converted again, and nobody ever reads half of a file.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from critterdb.errors import SourceError
from critterdb.formatting import printable_line
from critterdb.storage.duckdb import quoted, run_with_progress

from .responses import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from critterdb._types import Progress

DOWNLOAD = "https://github.com/inaturalist/inaturalist-open-data"
FORMAT = 1  # raise it if the columns or checks below change: tables are then converted again
# Not all of it: the table of photos has 19.6 GB.
HEAD_BYTES = 1 << 20  # of a download, which tell it from another one of the same size
MAX_HEADER_BYTES = 10_000
MAX_REASON_LENGTH = 300  # characters of what DuckDB says


@dataclass(frozen=True)
class Column:
    """A column that is read: its type, and what its values are to be, as SQL about `{}`."""

    type: str
    rule: str = ""
    is_needed: bool = False


# SQLite would hold a NUL, and show the text up to there.
_TEXT = Column("VARCHAR", "NOT contains({}, chr(0))")
_ID = Column("BIGINT", f"{{}} BETWEEN 1 AND {MAX_ID}")
_KEY = Column("BIGINT", _ID.rule, is_needed=True)
_UUID = Column("UUID", "{} IS NOT NULL", is_needed=True)
_LINEAGE = Column("VARCHAR", "regexp_full_match({}, '[0-9]{{1,15}}(/[0-9]{{1,15}})*')")

# What a column says in an odd way (a place off the map, a day that never was) is left out by the
# query and spoils nothing else; what cannot be a key or a number means that the file is damaged.
TABLES: dict[str, dict[str, Column]] = {
    "taxa": {
        "taxon_id": _KEY,
        "ancestry": _LINEAGE,
        "rank_level": Column("DOUBLE"),
        "rank": _TEXT,
        "name": _TEXT,
        "active": Column("BOOLEAN"),
    },
    "observers": {"observer_id": _KEY, "login": _TEXT, "name": _TEXT},
    "observations": {
        "observation_uuid": _UUID,
        "observer_id": _ID,
        "latitude": Column("DOUBLE"),
        "longitude": Column("DOUBLE"),
        "positional_accuracy": Column("DOUBLE"),
        "taxon_id": _ID,
        "quality_grade": _TEXT,
        "observed_on": _TEXT,
    },
    "photos": {
        "photo_id": _KEY,
        "observation_uuid": _UUID,
        "observer_id": _ID,
        "extension": _TEXT,
        "license": _TEXT,
        "position": Column("INTEGER"),
    },
}


@dataclass(frozen=True)
class Download:
    """One of the tables as it was downloaded, with the names of its columns in order."""

    table: str
    path: Path
    columns: tuple[str, ...]

    @property
    def parquet(self) -> Path:
        """Where its Parquet file is, or is to be."""
        state = self.path.stat()
        with self.path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        identity = hashlib.sha256(f"{FORMAT} {state.st_size} {state.st_mtime_ns} ".encode() + head)
        return self.path.with_name(f"{self.table}-{identity.hexdigest()[:16]}.parquet")

    @property
    def is_converted(self) -> bool:
        return self.parquet.is_file()


def find_downloads(folder: Path) -> list[Download]:
    """Return the four tables of a folder. Raises SourceError if one is missing or is another."""
    return [_find(folder, table) for table in TABLES]


def _find(folder: Path, table: str) -> Download:
    files = [folder / f"{table}.csv.gz", folder / f"{table}.csv"]
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        raise SourceError(
            f"{folder} has no {table}.csv.gz. Download iNaturalist's tables as {DOWNLOAD} says"
        )
    columns = _read_header(path)
    if missing := [name for name in TABLES[table] if name not in columns]:
        raise SourceError(
            f"{path} has no column {missing[0]}. Its columns, separated by tabs, are to be: "
            f"{', '.join(TABLES[table])}. Download it again"
        )
    if len(set(columns)) < len(columns):
        raise SourceError(f"{path} has two columns of one name. Download it again")
    return Download(table, path, columns)


def _read_header(path: Path) -> tuple[str, ...]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            line = file.readline(MAX_HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} could not be read: {error}. Download it again") from error
    return tuple(line.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n").split("\t"))


def convert(con: Any, download: Download, progress: Progress | None = None) -> Path:
    """Return the Parquet file of a table, made and checked now unless it is there.

    Raises SourceError if the table is damaged or the disk has no room; nothing is kept then.
    """
    target = download.parquet
    if target.is_file():
        return target
    partial = target.with_suffix(".part")
    # gzip cannot be split. From Parquet, a filter takes 0.1 to 0.9 s for 5 million photos.
    # docs/decisions.md#the-monthly-tables-are-read-by-duckdb-in-one-process
    names = ", ".join(TABLES[download.table])
    try:
        run_with_progress(
            con,
            f"COPY (SELECT {names} FROM {_as_sql(download)}) TO {quoted(partial)} "
            "(FORMAT parquet, COMPRESSION zstd)",
            progress,
        )
        _check_values(con, download, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        _remove_earlier(download)
        partial.replace(target)
    except OSError as error:
        raise SourceError(f"{target} could not be written: {error}. Free some space") from error
    except Exception as error:
        if not _is_duckdbs(error):
            raise
        raise SourceError(
            f"{download.path} could not be read as iNaturalist's table of {download.table}: "
            f"{_one_line(error)}. Download it again, or free some space if the disk is full"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return target


def _as_sql(download: Download) -> str:
    """A table as DuckDB reads it: no quoting, as iNaturalist's own instructions say."""
    known = TABLES[download.table]
    columns = ", ".join(
        f"{quoted(name)}: '{known[name].type if name in known else 'VARCHAR'}'"
        for name in download.columns
    )
    return (
        rf"read_csv({quoted(download.path)}, delim = '\t', quote = '', escape = '', "
        f"header = true, auto_detect = false, columns = {{{columns}}})"
    )


def _check_values(con: Any, download: Download, parquet: Path) -> None:
    """Look at each value of a converted table. Raises SourceError for the first that is wrong."""
    for name, column in TABLES[download.table].items():
        if not column.rule:
            continue
        # Of null a rule says null: an empty value fits unless it is needed.
        wrong = f"NOT coalesce({column.rule.format(name)}, {str(not column.is_needed).lower()})"
        row = con.execute(
            f"SELECT count(*), min(file_row_number) FROM "
            f"read_parquet({quoted(parquet)}, file_row_number = true) WHERE {wrong}"
        ).fetchone()
        if row[0]:
            raise SourceError(
                f"{download.path}, line {row[1] + 2}: {name} is not usable, as in {row[0]:,} rows. "
                "Download it again"
            )


def _remove_earlier(download: Download) -> None:
    """Remove what was made from earlier downloads of this table."""
    for file in download.path.parent.glob(f"{download.table}-*.parquet"):
        file.unlink(missing_ok=True)


def _is_duckdbs(error: Exception) -> bool:
    return type(error).__module__.startswith(("duckdb", "_duckdb"))


def _one_line(error: Exception) -> str:
    """What DuckDB says, without the row itself and its advice about options."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith("Original Line")]
    return printable_line("; ".join(kept[:2]))[:MAX_REASON_LENGTH].rstrip(". ")


def name_tables(con: Any, downloads: Sequence[Download]) -> None:
    """Give a connection the tables by their names, from Parquet where that has been made.

    `place` is a row's place in its file, from 0.
    """
    for download in downloads:
        if download.is_converted:
            source = f"read_parquet({quoted(download.parquet)}, file_row_number = true)"
            place = "file_row_number"
        else:
            source, place = _as_sql(download), "row_number() OVER () - 1"
        con.execute(f"CREATE VIEW {download.table} AS SELECT *, {place} AS place FROM {source}")


@contextmanager
def explaining(folder: Path) -> Iterator[None]:
    """Raise what DuckDB says of a folder's tables as SourceError, in one line."""
    try:
        yield
    except Exception as error:
        if not _is_duckdbs(error):
            raise
        raise SourceError(
            f"The tables in {folder} could not be read: {_one_line(error)}. Download them again, "
            "or free some space if the disk or the memory is full"
        ) from error
