"""What a page of a static site read is noted with its values, however it was read."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.publish.static_site.reads import Read, noted, rows_digest
from critterdb.storage.database import sqlite3

if TYPE_CHECKING:
    from collections.abc import Iterator

CHOSEN = "SELECT name FROM cats WHERE id = ?"


@pytest.fixture
def conn() -> Iterator[Any]:
    with closing(sqlite3.connect(":memory:")) as conn:
        conn.execute("CREATE TABLE cats (id INTEGER PRIMARY KEY, name TEXT, picture BLOB)")
        conn.execute("INSERT INTO cats VALUES (1, 'bobcat', x'00'), (2, 'it''s', x'01')")
        yield conn


def test_a_statement_and_its_values_are_kept_apart(conn: Any) -> None:
    reads: list[Read] = []

    def read(conn: Any) -> list[Any]:
        rows = conn.execute(CHOSEN, [1]).fetchall()
        return [*rows, *conn.cursor().execute("SELECT :a", {"a": "x"}).fetchall()]

    assert noted(conn, read, reads) == [("bobcat",), ("x",)]
    assert reads == [Read(CHOSEN, "[1]"), Read("SELECT :a", '{"a": "x"}')]


@pytest.mark.parametrize(
    "read",
    [
        lambda conn: conn.execute("SELECT name FROM cats WHERE picture = ?", [b"\x01"]).fetchall(),
        lambda conn: conn.executescript("SELECT name FROM cats WHERE picture = x'01'"),
    ],
    ids=["a value that JSON has not", "another way to read"],
)
def test_what_cannot_be_kept_apart_is_kept_as_sqlite_saw_it(conn: Any, read: Any) -> None:
    reads: list[Read] = []
    noted(conn, read, reads)
    assert reads[-1] == Read("SELECT name FROM cats WHERE picture = x'01'")
    assert rows_digest(conn, reads[-1]) == rows_digest(conn, Read(CHOSEN, "[2]"))


def test_reads_before_an_error_are_kept(conn: Any) -> None:
    reads: list[Read] = []

    def fails(conn: Any) -> None:
        conn.execute(CHOSEN, [1])
        raise LookupError

    with pytest.raises(LookupError):
        noted(conn, fails, reads)
    assert reads == [Read(CHOSEN, "[1]")]


def test_a_digest_tells_rows_and_errors_apart(conn: Any) -> None:
    read = Read(CHOSEN, "[1]")
    before = rows_digest(conn, read)
    assert rows_digest(conn, read) == before
    conn.execute("UPDATE cats SET name = 'puma' WHERE id = 2")
    assert rows_digest(conn, read) == before
    conn.execute("UPDATE cats SET name = 'puma' WHERE id = 1")
    assert rows_digest(conn, read) != before
    assert rows_digest(conn, Read("SELECT 1 FROM nowhere")).startswith(b"error: no such table")
