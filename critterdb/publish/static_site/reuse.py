"""What each page was made from, so that the next run makes only the pages that changed.

A page is a function of the code, the site's settings, and of what its statements read. These are
recorded while it is made, each with its values; a page is as it was if they still give the same
rows. The records lie in the user's cache: without them everything is made again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from critterdb.storage.atomic_files import write_atomically
from critterdb.storage.database import sqlite3

from .neighbours import Neighbours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

# Looked up for one photo; what follows from it depends on all other embeddings.
_OWN_EMBEDDING = re.compile(r"FROM embeddings WHERE sha256 = '([0-9a-f]{64})'")
_OTHER_EMBEDDINGS = re.compile(r"FROM embeddings WHERE (rowid >|backbone = )")
_SCHEMA = "sqlite_master"
NEAR = "near:"
_READS = re.compile(rf"{NEAR}|\s*(SELECT|WITH)\b", re.IGNORECASE)


@dataclass
class Record:
    """A page: what it read and a digest of that, its links, and those that had no page."""

    reads: list[str] = field(default_factory=list)
    digest: str = ""
    links: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


class Memory:
    """Records of pages, from the last run to the next.

    `file` has the records of the last run, which hold if it had the same `recipe` (all that pages
    are made from but rows) and made the edition `before`.
    """

    def __init__(self, file: Path, recipe: str, before: str, db: SiteDatabase) -> None:
        self._file = file
        self._recipe = recipe
        self._db = db
        self.neighbours = Neighbours(db)
        self._known = _read_records(file, recipe, before)
        self._statements: list[str] = []
        self._results: dict[str, str] = {}
        self.records: dict[str, Record] = {}

    def unchanged(self, place: str) -> list[str] | None:
        """Return the links of a page that would be as it was; None if it has to be made."""
        record = self._known.get(place)
        if record is None or self._digest(record.reads) != record.digest:
            return None
        self.records[place] = record
        return record.links

    @contextmanager
    def recording(self, place: str) -> Iterator[Record]:
        """Record what the page that is made meanwhile reads. No two pages are made at a time."""
        self._statements.clear()
        record = self.records[place] = Record()
        yield record
        record.reads = _without_neighbours(self._statements)
        record.digest = self._digest(record.reads)

    def share(self, place: str, record: Record) -> None:
        """Note that the file at `place` was made from what a page read, and has no links."""
        self.records[place] = Record(record.reads, record.digest)

    def forget(self, place: str) -> None:
        """Keep no record of a page that is not there: it is asked for again the next time."""
        self.records.pop(place, None)

    def watch(self, database: Any) -> None:
        """Record every statement that Datasette's `database` runs from now on."""
        execute = database.execute_fn

        async def watched(function: Callable[[Any], Any], *more: Any, **options: Any) -> Any:
            def run(conn: Any) -> Any:
                conn.set_trace_callback(self._statements.append)
                try:
                    return function(conn)
                finally:
                    conn.set_trace_callback(None)

            return await execute(run, *more, **options)

        database.execute_fn = watched

    def save(self, edition: str) -> None:
        """Write the records of this run, which made this edition. An error costs only time."""
        # Pages share statements, and each is long.
        numbers: dict[str, int] = {}
        lines: list[list[Any]] = []
        for place, record in self.records.items():
            reads = [numbers.setdefault(sql, len(numbers)) for sql in record.reads]
            lines.append([place, reads, record.digest, record.links, record.dropped])
        head = {"recipe": self._recipe, "edition": edition, "statements": list(numbers)}
        text = "\n".join(json.dumps(line) for line in (head, *lines))
        with suppress(OSError):
            write_atomically(self._file, gzip.compress(text.encode(), 1), mode=0o600)

    def _digest(self, reads: list[str]) -> str:
        digest = hashlib.sha256()
        for sql in reads:
            if sql not in self._results:
                self._results[sql] = self._result(sql)
            digest.update(self._results[sql].encode())
        return digest.hexdigest()

    def _result(self, sql: str) -> str:
        if sql.startswith(NEAR):
            return self.neighbours.digest(sql.removeprefix(NEAR))
        try:
            rows = self._db.conn.execute(sql).fetchall()
        except sqlite3.Error as error:
            return f"error: {error}"
        return hashlib.sha256(repr(rows).encode()).hexdigest()


def _without_neighbours(statements: list[str]) -> list[str]:
    """The statements of a page, each once; those that compare embeddings as one mark."""
    reads: dict[str, None] = {}
    for sql in statements:
        # The tables are those of this version of the code, which the recipe counts.
        if _OTHER_EMBEDDINGS.search(sql) or _SCHEMA in sql:
            continue
        if own := _OWN_EMBEDDING.search(sql):
            reads[NEAR + own[1]] = None
        reads[sql] = None
    return [sql for sql in reads if _READS.match(sql)]


def _read_records(file: Path, recipe: str, before: str) -> dict[str, Record]:
    try:
        lines = gzip.decompress(file.read_bytes()).decode().splitlines()
        head, *rest = (json.loads(line) for line in lines)
        if (head["recipe"], head["edition"]) != (recipe, before):
            return {}
        statements = head["statements"]
        return {
            place: Record([statements[number] for number in reads], *others)
            for place, reads, *others in rest
        }
    except (OSError, EOFError, ValueError, TypeError, LookupError, zlib.error):
        return {}
