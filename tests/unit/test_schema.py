"""The database: what a fresh one holds, how it is opened, what it refuses."""

import sqlite3 as standard_sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from critterdb.errors import SiteError
from critterdb.storage.database import (
    SiteDatabase,
    migrations,
    open_database,
    site_folder,
    split_statements,
)

TABLES = {
    "taxa", "observers", "observations", "photos", "embeddings", "games", "game_observations",
    "splits", "models", "model_labels", "model_metrics", "confusions", "images", "predictions",
    "posts", "post_images", "replies", "answers", "reviews", "syncs", "cursors", "ledger",
    "opt_outs", "answer_candidates", "rounds", "guesses", "players", "own_posts",
}  # fmt: skip
VIEWS = {"bot_history", "mistakes", "scoreboard", "photo_credits"}


def test_a_fresh_database_has_every_table_and_view(db: SiteDatabase) -> None:
    assert set(db.table_names()) >= TABLES
    assert set(db.view_names()) >= VIEWS
    for name in VIEWS:
        assert list(db.query(f"SELECT * FROM {name}")) == []


def test_tables_are_strict_and_foreign_keys_indexed(db: SiteDatabase) -> None:
    for name in TABLES:
        table = db[name]
        assert table.strict, name
        led_by_index = {index.columns[0] for index in table.indexes} | {table.pks[0]}
        for key in table.foreign_keys:
            assert key.column in led_by_index, f"{name}.{key.column} has no index"


def test_opened_the_right_way(db: SiteDatabase) -> None:
    def pragma(name: str) -> object:
        return db.conn.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("foreign_keys") == 1
    assert pragma("busy_timeout") == 15_000


@pytest.mark.skipif(sys.platform != "linux", reason="pysqlite3 is a dependency on Linux only")
def test_sqlite_is_without_the_wal_bug(db: SiteDatabase) -> None:
    version = db.conn.execute("SELECT sqlite_version()").fetchone()[0]
    assert tuple(map(int, version.split("."))) >= (3, 51, 3)


def test_foreign_keys_hold(db: SiteDatabase) -> None:
    with pytest.raises(Exception, match="FOREIGN KEY"):
        db["observations"].insert({"id": 1, "taxon_id": 404})


def test_a_second_opening_applies_no_migration(db: SiteDatabase, site: Path) -> None:
    before = [m.applied_at for m in migrations.applied(db)]
    again = open_database(site / "critters.db")
    assert [m.applied_at for m in migrations.applied(again)] == before
    assert site_folder(again) == site.resolve()


def test_an_error_leaves_nothing_of_its_transaction(db: SiteDatabase) -> None:
    def write_then_fail() -> None:
        with db.atomic():
            db["observers"].insert({"id": 1, "login": "kueda"})
            raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        write_then_fail()
    assert db["observers"].count == 0


def test_readers_that_write_later_wait_for_each_other(site: Path) -> None:
    """Read-then-write in threads: a deferred transaction would fail with a locked database."""
    open_database(site / "critters.db")["observers"].insert({"id": 1, "login": "0"})

    def count_up() -> None:
        db = open_database(site / "critters.db")
        for _ in range(50):
            with db.atomic():
                login = int(db["observers"].get(1)["login"])
                db["observers"].update(1, {"login": str(login + 1)})

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert open_database(site / "critters.db")["observers"].get(1)["login"] == "150"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"hello " * 500, "could not be opened"), (b"\x89PNG\r\n\x1a\n" + b"\0" * 2000, "opened")],
)
def test_a_file_that_is_not_a_database(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "critters.db"
    path.write_bytes(content)
    with pytest.raises(SiteError, match=words):
        open_database(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "dogs.db"
    conn = standard_sqlite3.connect(path)
    conn.execute("CREATE TABLE dogs (name TEXT)")
    conn.commit()
    conn.close()
    before = path.read_bytes()
    with pytest.raises(SiteError, match="not one of critterdb's"):
        open_database(path)
    assert path.read_bytes() == before


def test_a_database_of_a_newer_critterdb(site: Path) -> None:
    db = open_database(site / "critters.db")
    db["_sqlite_migrations"].insert(
        {"migration_set": "critterdb", "name": "m999_future", "applied_at": "2030"}
    )
    with pytest.raises(SiteError, match="newer critterdb"):
        open_database(site / "critters.db")


def test_times_of_strangers_that_nothing_could_parse_are_repaired(site: Path) -> None:
    db = open_database(site / "critters.db")
    db["games"].insert({"slug": "g"})
    seen = "2026-11-20T10:00:00Z"
    times = ["1-01-01T00:00:00Z", "999-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "nonsense",
             "9998-01-01T00:00:00Z", "2026-11-19T10:00:00Z"]  # fmt: skip
    post = {"platform": "x", "game": "g", "author": "ann", "seen_at": seen}
    db["posts"].insert_all(
        post | {"id": f"x:{n}", "posted_at": time} for n, time in enumerate(times)
    )
    db["observations"].insert_all(
        {"id": n, "updated_at": time}
        for n, time in enumerate(["9-01-02T00:00:00Z", "999-01-02T00:00:00Z", seen], start=1)
    )
    db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm011_times'")
    db = open_database(site / "critters.db")
    earliest = "2006-01-01T00:00:00Z"
    rows = [row["posted_at"] for row in db["posts"].rows_where(order_by="id")]
    assert rows == [earliest] * 4 + [seen, times[-1]]
    rows = [row["updated_at"] for row in db["observations"].rows_where(order_by="id")]
    assert rows == ["0009-01-02T00:00:00Z", "0999-01-02T00:00:00Z", seen]


def test_no_database_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="critterdb init"):
        open_database(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_killed_in_a_transaction(site: Path) -> None:
    script = (
        "import os, sys; from critterdb.storage.database import open_database\n"
        "db = open_database(sys.argv[1])\n"
        "with db.atomic():\n"
        "    db['observers'].insert({'id': 1, 'login': 'kueda'})\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(site / "critters.db")], check=False)
    db = open_database(site / "critters.db")
    assert db["observers"].count == 0
    assert db.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_blank_line_inside_a_trigger_cuts_nothing(db: SiteDatabase) -> None:
    script = """
    -- A table; with a comment that ends in a semicolon;

    CREATE TABLE notes (text TEXT);

    CREATE TRIGGER shout AFTER INSERT ON notes
    BEGIN
        UPDATE notes SET text = upper(text) || ';' WHERE rowid = new.rowid;

        INSERT INTO notes_log VALUES ('a;

b');
    END;

    CREATE TABLE notes_log (text TEXT)
    -- The end.
    """
    statements = split_statements(script)
    assert len(statements) == 3
    for statement in statements:
        db.conn.execute(statement)
    db.execute("INSERT INTO notes VALUES ('hi')")
    assert [row["text"] for row in db.query("SELECT text FROM notes")] == ["HI;"]
    assert [row["text"] for row in db.query("SELECT text FROM notes_log")] == ["a;\n\nb"]
