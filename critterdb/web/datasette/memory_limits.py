"""Limits on the memory that SQL takes in the server, whoever wrote it.

Visitors of a Datasette may run SQL of their own, and one short SELECT can build a value of a
gigabyte, or a thousand rows of megabytes, within the time limit.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from critterdb.storage.database import sqlite3
from critterdb.web.http.headers import cors_headers, data_headers

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

# Of all connections of a process together: SQLite's hard_heap_limit, which no SQL can raise again.
# A connection's cache takes 2 MB.
MAX_SQLITE_BYTES = 128_000_000
# Of one statement. The largest of our own reads 2,048 embeddings, which are 10 to 17 MB
# (web/queries/similar_photos.py).
MAX_RESULT_BYTES = 32_000_000
TOO_MUCH = "This SQL needs more memory than this site allows. Select fewer or smaller values."


class CountedRows:
    """A row factory that stops a statement whose rows have more than MAX_RESULT_BYTES."""

    def __init__(self) -> None:
        self._cursor: weakref.ref[Any] | None = None
        self._bytes = 0

    def __call__(self, cursor: Any, values: tuple[Any, ...]) -> Any:
        if self._cursor is None or self._cursor() is not cursor:
            self._cursor, self._bytes = weakref.ref(cursor), 0
        self._bytes += sum(len(value) for value in values if isinstance(value, (str, bytes)))
        if self._bytes > MAX_RESULT_BYTES:
            raise sqlite3.OperationalError(TOO_MUCH)
        return sqlite3.Row(cursor, values)


def limit_results(conn: Any) -> None:
    """Limit the values and the results of a connection."""
    # Datasette fetches up to 1,001 rows at once; rows of a megabyte each took 1.4 GB.
    conn.row_factory = CountedRows()
    # pysqlite3 has no setlimit: there the limit of the process has to do.
    if hasattr(conn, "setlimit"):
        conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_RESULT_BYTES)


def refuse(datasette: Datasette, request: Request, exception: BaseException) -> Response | None:
    """Answer a request for which SQLite found no memory; None for any other failure."""
    from datasette.utils.asgi import Response

    if not isinstance(exception, MemoryError):
        return None
    # Datasette's own handler runs too and prints the exception: one line of it is enough for what
    # any visitor can cause as often as they like.
    exception.args, exception.__traceback__ = (TOO_MUCH,), None
    exception.__cause__, exception.__suppress_context__ = None, True
    body = {"ok": False, "error": TOO_MUCH, "status": 400, "title": None}
    headers = {**data_headers(), **cors_headers(datasette)}
    if not request.path.endswith(".json"):
        return Response.text(TOO_MUCH, status=400, headers=headers)
    return Response.json(body, status=400, headers=headers)
