"""Write very many rows to a table: without its triggers and indexes, which are made afterwards."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .database import SiteDatabase

# To make an index of a whole table is quicker than to add to it if at least this share is new.
MIN_SHARE_OF_NEW = 0.3
CACHE_KB = 64_000


@contextmanager
def bulk_writing(
    db: SiteDatabase, table: str, new_rows: int, *, keep: str | None = None
) -> Iterator[None]:
    """Take triggers, and indexes if many rows are new, off a table, and put them back at the end.

    `keep` names an index that is needed meanwhile. Python's collector of cycles, two fifths of the
    time, rests.
    Call it in a transaction: whatever happens, the table has all of them or is as it was. What its
    triggers keep up to date is the caller's.
    """
    db.conn.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    rows = db[table].count
    with_indexes = new_rows >= MIN_SHARE_OF_NEW * (rows + new_rows)
    kinds = ("trigger", "index") if with_indexes else ("trigger",)
    removed = db.execute(
        f"""
        SELECT type, name, sql FROM sqlite_master
        WHERE tbl_name = ? AND sql IS NOT NULL AND name IS NOT ?
            AND type IN ({", ".join("?" * len(kinds))})
        """,
        [table, keep, *kinds],
    ).fetchall()
    for kind, name, _ in removed:
        quoted = name.replace('"', '""')
        db.conn.execute(f'DROP {kind} "{quoted}"')
    with _without_collector():
        yield
    for _, _, sql in removed:
        db.conn.execute(sql)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Rows make no cycles, and Python would look for some with every few hundred of them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
