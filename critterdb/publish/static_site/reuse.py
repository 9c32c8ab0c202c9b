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

from .neighbours import Neighbours
from .reads import Read, noted, rows_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

# Looked up for one photo; what follows from it depends on all other embeddings.
_OWN_EMBEDDING = re.compile(r"FROM embeddings WHERE sha256 = (?:\?|'([0-9a-f]{64})')")
_OTHER_EMBEDDINGS = re.compile(r"FROM embeddings WHERE (rowid >|backbone = )")
_SCHEMA = "sqlite_master"
NEAR = "near:"
_READS = re.compile(rf"{NEAR}|\s*(SELECT|WITH)\b", re.IGNORECASE)


@dataclass
class Record:
    """A page: what it read and a digest of that, its links, and those that had no page."""

    reads: list[Read] = field(default_factory=list)
    digest: str = ""
    links: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


class Memory:
    """What each page was made from: `known` in the last run, `records` in this one."""

    def __init__(self, db: SiteDatabase, known: Mapping[str, Record] | None = None) -> None:
        self._db = db
        self.neighbours = Neighbours(db)
        self._known = known or {}
        self._reads: list[Read] = []
        self._results: dict[Read, bytes] = {}
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
        self._reads.clear()
        record = self.records[place] = Record()
        yield record
        record.reads = _without_neighbours(self._reads)
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
                return noted(conn, function, self._reads)

            return await execute(run, *more, **options)

        database.execute_fn = watched

    def _digest(self, reads: list[Read]) -> str:
        digest = hashlib.sha256()
        for read in reads:
            if read not in self._results:
                self._results[read] = self._result(read)
            digest.update(self._results[read])
        return digest.hexdigest()

    def _result(self, read: Read) -> bytes:
        if read.sql.startswith(NEAR):
            return self.neighbours.digest(read.sql.removeprefix(NEAR))
        return rows_digest(self._db.conn, read)


def _without_neighbours(reads: list[Read]) -> list[Read]:
    """What a page read, each once; those that compare embeddings as one mark."""
    kept: dict[Read, None] = {}
    for read in reads:
        # The tables are those of this version of the code, which the recipe counts.
        if _OTHER_EMBEDDINGS.search(read.sql) or _SCHEMA in read.sql:
            continue
        if own := _OWN_EMBEDDING.search(read.sql):
            kept[Read(NEAR + (own[1] or json.loads(read.values)[0]))] = None
        kept[read] = None
    return [read for read in kept if _READS.match(read.sql)]


@dataclass(frozen=True)
class RecordFile:
    """The records of the last run, which hold if `recipe` is what it was.

    `recipe` is all that pages are made from but rows.
    """

    path: Path
    recipe: str

    def save(self, records: Mapping[str, Record], edition: str) -> None:
        """Write the records of a run, which made this edition. An error costs only time."""
        # Pages share statements, and each is long.
        numbers: dict[str, int] = {}
        lines: list[list[Any]] = []
        for place, record in records.items():
            reads = [
                (numbers.setdefault(sql, len(numbers)), values) for sql, values in record.reads
            ]
            lines.append([place, reads, record.digest, record.links, record.dropped])
        head = {"recipe": self.recipe, "edition": edition, "statements": list(numbers)}
        text = "\n".join(json.dumps(line) for line in (head, *lines))
        with suppress(OSError):
            write_atomically(self.path, gzip.compress(text.encode(), 1), mode=0o600)

    def read(self, edition: str) -> dict[str, Record]:
        """Return the records by place; none if they are not those of this edition."""
        try:
            lines = gzip.decompress(self.path.read_bytes()).decode().splitlines()
            head, *rest = (json.loads(line) for line in lines)
            if (head["recipe"], head["edition"]) != (self.recipe, edition):
                return {}
            statements = head["statements"]
            return {
                place: Record([Read(statements[number], values) for number, values in reads], *more)
                for place, reads, *more in rest
            }
        except (OSError, EOFError, ValueError, TypeError, LookupError, zlib.error):
            return {}
