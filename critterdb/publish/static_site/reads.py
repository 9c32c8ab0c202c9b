"""Note what a page reads: each statement with the values that it got.

Statements with values in place of their `?` would each have to be prepared by themselves, which
takes longer than to run them.
"""

from __future__ import annotations

import hashlib
import json
import marshal
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from critterdb.storage.database import sqlite3

if TYPE_CHECKING:
    from collections.abc import Callable

NO_VALUES = "[]"


class Read(NamedTuple):
    """A statement, and the values for it as JSON."""

    sql: str
    values: str = NO_VALUES


def noted(conn: Any, function: Callable[[Any], Any], reads: list[Read]) -> Any:
    """Return `function(conn)`; every statement that it runs is added to `reads`."""
    own: list[Read] = []
    traced: list[str] = []
    conn.set_trace_callback(traced.append)
    try:
        return function(_NotingConnection(conn, own))
    finally:
        conn.set_trace_callback(None)
        # SQLite knows all that ran, with its values in it: also what came another way.
        is_whole = len(own) == len(traced)
        reads += own if is_whole else map(Read, traced)


def rows_digest(conn: Any, read: Read) -> bytes:
    """Return a digest of the rows that a statement gives now, or of its error."""
    try:
        rows = conn.execute(read.sql, json.loads(read.values)).fetchall()
    except sqlite3.Error as error:
        return f"error: {error}".encode()
    # Version 2 writes equal values as the same bytes.
    return hashlib.sha256(marshal.dumps(rows, 2)).digest()


class _NotingCursor(sqlite3.Cursor):  # type: ignore[misc]
    reads: list[Read]

    def execute(self, sql: str, values: Any = ()) -> Any:
        with suppress(TypeError):  # of bytes, for example; SQLite's own trace has the statement
            self.reads.append(Read(sql, json.dumps(values)))
        return super().execute(sql, values)


class _NotingConnection:
    """A connection whose cursors note what they run."""

    def __init__(self, conn: Any, reads: list[Read]) -> None:
        self._conn = conn
        self._reads = reads

    def cursor(self) -> Any:
        cursor = self._conn.cursor(_NotingCursor)
        cursor.reads = self._reads
        return cursor

    def execute(self, sql: str, values: Any = ()) -> Any:
        return self.cursor().execute(sql, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)
