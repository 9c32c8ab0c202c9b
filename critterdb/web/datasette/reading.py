"""Read from the site's database with a limit of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from critterdb.storage.database import SiteDatabase, sqlite3

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasette.database import Database

T = TypeVar("T")

# The slowest page of a large site reads for tens of milliseconds; a cold disk takes longer.
# A page is one trip to one of three threads that read for everybody: one that never ends would take
# a third of the site.
READ_LIMIT_MS = 3000


class SlowReadError(Exception):
    """The database took longer than READ_LIMIT_MS to answer."""


async def read(database: Database, function: Callable[[SiteDatabase], T]) -> T:
    """Return `function(db)` on one of Datasette's reading connections.

    Raises SlowReadError when the time is up: Datasette has three threads that read, and its own
    limit holds for SQL that it runs itself only.
    """
    from datasette.utils import sqlite_timelimit

    def read_in_time(conn: Any) -> T:
        with sqlite_timelimit(conn, READ_LIMIT_MS):
            return function(SiteDatabase(conn))

    try:
        result: T = await database.execute_fn(read_in_time)
    except sqlite3.OperationalError as error:
        if error.args == ("interrupted",):
            raise SlowReadError("The database took too long to answer") from error
        raise
    return result
