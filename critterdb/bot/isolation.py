"""Keep one stranger's odd data from stopping everybody else's."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from critterdb.errors import CritterError
from critterdb.storage.database import sqlite3

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

log = logging.getLogger(__name__)

# What SQLite raises about a value that it cannot hold; all else it raises is about the database.
_ABOUT_A_VALUE = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


def concerns_one_item(error: Exception) -> bool:
    """Return whether an exception is about the item at hand, so that the next one may succeed.

    A full disk, a damaged database or a lack of memory would meet every item.
    """
    if isinstance(error, CritterError | OSError | MemoryError):
        return False
    return not isinstance(error, sqlite3.Error) or isinstance(error, _ABOUT_A_VALUE)


@contextmanager
def isolated(errors: Counter[str]) -> Iterator[None]:
    """Count an exception that concerns one item, by its class, and go on after the block."""
    try:
        yield
    except Exception as error:
        if not concerns_one_item(error):
            raise
        log.debug("an item was passed over", exc_info=True)
        errors[type(error).__name__] += 1
