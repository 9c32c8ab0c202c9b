"""The database of a site: opened the right way, and brought up to date by migrations.

Every process that opens the file must use one and the same SQLite library: `sqlite3` here is the
one that sqlite-utils and Datasette choose too (pysqlite3 where it is installed). SQLite 3.7.0 to
3.51.2 can corrupt a write-ahead log under two checkpointing writers, so on Linux pysqlite3, which
brings a newer one, is a dependency.
"""

from __future__ import annotations

import os
import re
from contextlib import closing, contextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from critterdb.errors import SiteError

from .light_import import without_heavy_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlite_utils.db import Table

# sqlite-utils imports numpy and pandas if they are installed: half of the time `critterdb init`
# takes. It needs them only to make tables from values; here migrations make every table.
with without_heavy_packages():
    from sqlite_utils import Database, Migrations
    from sqlite_utils import utils as sqlite_utils_utils

sqlite3: Any = vars(sqlite_utils_utils)["sqlite3"]  # pysqlite3 where it is installed

DATABASE_NAME = "critters.db"
# A sync, a bot and the site write to one file. Their transactions take milliseconds, so whoever
# waits this long has met something that hangs.
BUSY_TIMEOUT_MS = 15_000
DISK_TROUBLES = ("disk I/O error", "disk is full")  # in SQLite's messages
DBCONFIG_DEFENSIVE = 1010  # SQLITE_DBCONFIG_DEFENSIVE, by its number in sqlite3.h

migrations = Migrations("critterdb")


class SiteDatabase(Database):
    """A sqlite-utils database whose every write transaction begins IMMEDIATE.

    A deferred transaction that reads before it writes fails at once with "database is locked" when
    another process wrote in between: the busy timeout is not consulted. An immediate one waits.
    """

    @contextmanager
    def atomic(self) -> Generator[Database, None, None]:
        if self.conn.in_transaction:
            with super().atomic():
                yield self
            return
        # Also for what sqlite-utils does inside (inserts, upserts, migrations): no caller has to
        # remember it.
        # docs/decisions.md#write-transactions-begin-immediate
        self.conn.execute("BEGIN IMMEDIATE")
        try:
            yield self
            self.conn.execute("COMMIT")
        except BaseException:
            if self.conn.in_transaction:
                self.conn.execute("ROLLBACK")
            raise

    def __getitem__(self, table_name: str) -> Table:
        # sqlite-utils says "Table or View"; nobody writes to a view here.
        return cast("Table", super().__getitem__(table_name))


def open_database(path: str | Path, *, create: bool = False) -> SiteDatabase:
    """Open a site's database for reading and writing, migrated to the newest schema.

    Raises SiteError if the file is missing (unless `create`), is not an SQLite database, belongs to
    another program, or was made by a newer critterdb.
    """
    path = Path(path)
    if not create and not path.is_file():
        raise _no_database(path)
    if path.is_file() and not os.access(path.parent, os.W_OK):
        raise SiteError(
            f"{path.resolve().parent} is read-only, and critterdb writes beside its database. "
            "Make the folder writable; to view the site only: critterdb serve --read-only"
        )
    try:
        conn = sqlite3.connect(str(path), timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
        distrust_schema(conn)
        db = SiteDatabase(conn)
        _check_ownership(db, path)
        # Pages are read while a sync writes: with a write-ahead log neither waits for the other.
        conn.execute("PRAGMA journal_mode = WAL")
        # With a write-ahead log this cannot damage the file. A power cut may undo the last
        # transactions, which a sync or a round of the bot does again; what must not be forgotten
        # uses durable().
        conn.execute("PRAGMA synchronous = NORMAL")
        # SQLite checks references only where each connection asks for it.
        conn.execute("PRAGMA foreign_keys = ON")
        if migrations.pending(db):
            migrations.apply(db)
    except sqlite3.Error as error:
        advice = "Name another file with --db, or make a site with: critterdb init FOLDER"
        # Reading needs a little of the disk as well: the index of the write-ahead log.
        if any(words in str(error) for words in DISK_TROUBLES):
            advice = "Check the free disk space and try again"
        raise SiteError(
            f"{path} could not be opened as a critterdb database: {error}. {advice}"
        ) from error
    return db


def _no_database(path: Path) -> SiteError:
    return SiteError(
        f"There is no database at {path}. Change to your site's folder, name its database with "
        "--db, or make a site with: critterdb init FOLDER"
    )


def distrust_schema(conn: Any) -> None:
    """Let views, triggers and indexes of the file do no more than a site's own need.

    Somebody else may have made the file. Its schema then calls no function with side effects, and
    where the library can be told so, no statement writes to the schema or to a shadow table.
    """
    connect: Any = type(conn)
    if _is_fit_for_distrust(connect):
        conn.execute("PRAGMA trusted_schema = OFF")
    if hasattr(conn, "setconfig"):  # Python 3.12 and later; pysqlite3 has no such method
        conn.setconfig(DBCONFIG_DEFENSIVE, True)


@lru_cache
def _is_fit_for_distrust(connect: Callable[[str], Any]) -> bool:
    """Whether the library still lets a site's own indexes and views use JSON; 3.40 does not."""
    with closing(connect(":memory:")) as conn:
        conn.execute("PRAGMA trusted_schema = OFF")
        try:
            conn.execute("CREATE TABLE told (scores)")
            conn.execute("CREATE INDEX told_by_score ON told (json_extract(scores, '$.a'))")
            conn.execute("CREATE VIEW told_each AS SELECT value FROM told, json_each(scores)")
            conn.execute("INSERT INTO told VALUES ('[1]')")
            conn.execute("SELECT value FROM told_each").fetchall()
        except conn.Error:
            return False
    return True


@contextmanager
def durable(db: SiteDatabase) -> Generator[None, None, None]:
    """A transaction that is on the disk when it ends, whatever happens to the power.

    The others are whole after a power cut, but the last ones may be missing.
    """
    # Only the claim of a reply is written so: a power cut must not make the bot forget that it was
    # about to send.
    db.conn.execute("PRAGMA synchronous = FULL")
    try:
        with db.atomic():
            yield
    finally:
        db.conn.execute("PRAGMA synchronous = NORMAL")


def check_readable(path: Path) -> None:
    """See without writing that `path` is a database of this critterdb. Raises SiteError if not."""
    # Immutable: without it a read-only folder would refuse the files of a write-ahead log.
    open_read_only(path, immutable=True).close()


def open_read_only(path: Path, *, immutable: bool = False) -> SiteDatabase:
    """Open a site's database for reading; `immutable` if nobody can change it meanwhile.

    Raises SiteError as open_database does, and if the database was made by an older critterdb.
    """
    if not path.is_file():
        raise _no_database(path)
    try:
        address = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' * immutable}"
        conn = sqlite3.connect(
            address, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None
        )
        distrust_schema(conn)
        db = SiteDatabase(conn)
        _check_ownership(db, path)
        is_old = bool(migrations.pending(db))
    except sqlite3.Error as error:
        raise SiteError(
            f"{path} could not be read as a critterdb database: {error}. "
            "Name another file with --db, or make a site with: critterdb init FOLDER"
        ) from error
    if is_old:
        db.close()
        raise SiteError(
            f"{path} was made by an older critterdb. "
            "Make it writable and update it with: critterdb status"
        )
    return db


def open_readonly(path: Path) -> SiteDatabase:
    """Open a database of critterdb, of whatever age, to read it. Raises SiteError if it is none."""
    if not path.is_file():
        raise SiteError(f"There is no database at {path}. Check the name of the backup")
    try:
        # Immutable where there is no write-ahead log: the folder may be read-only.
        log = path.with_name(path.name + "-wal")
        immutable = "" if log.exists() else "&immutable=1"
        conn = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{immutable}", uri=True)
        distrust_schema(conn)
        db = SiteDatabase(conn)
        _check_ownership(db, path)
    except sqlite3.Error as error:
        raise SiteError(
            f"{path} could not be read as a critterdb database: {error}. Name another backup"
        ) from error
    return db


def site_folder(db: Database) -> Path:
    """The folder that holds the database; paths in `photos` and `models` are relative to it."""
    row = db.conn.execute("PRAGMA database_list").fetchone()
    return _folder_of(row[2])


@lru_cache
def _folder_of(database: str) -> Path:
    return Path(database).resolve().parent


def _check_ownership(db: Database, path: Path) -> None:
    known = {migration.name for migration in migrations.pending(db) + migrations.applied(db)}
    ours = {migration.name for migration in migrations._migrations}
    if known - ours:
        raise SiteError(
            f"{path} was made by a newer critterdb. Upgrade with: pip install -U critterdb"
        )
    if not migrations.applied(db) and db.table_names():
        raise SiteError(
            f"{path} is an SQLite database, but not one of critterdb's. "
            "Name another file with --db, or make a site with: critterdb init FOLDER"
        )


def split_statements(script: str) -> list[str]:
    """The statements of an SQL script; a trigger with semicolons and blank lines is one of them."""
    statements, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            statements.append(statement.strip())
            statement = ""
    # The last one may lack its semicolon, and what is left may be a comment.
    rest = re.sub(r"--.*", "", statement).strip()
    return [*statements, statement.strip()] if rest else statements


def _run_script(db: Database, name: str) -> None:
    # executescript() would commit the migration's transaction, so one statement at a time.
    script = files("critterdb.storage").joinpath("migrations", f"{name}.sql").read_text("utf-8")
    for statement in split_statements(script):
        db.conn.execute(statement)


def _register(name: str) -> Callable[[Database], None]:
    @migrations(name=name)
    def migrate(db: Database) -> None:
        _run_script(db, name)

    return migrate


# There never was an m007. Sites record the names, not a count, so the gap does no harm; to fill it
# now would run a new change before older ones on a fresh site and after them on the others.
for _name in (
    "m001_tables",
    "m002_views",
    "m003_sync",
    "m004_models",
    "m005_bot",
    "m006_platforms",
    "m008_pages",
    "m009_accounts",
    "m010_uptime",
    "m011_times",
    "m012_identity",
    "m013_privacy",
    "m014_guarded_views",
    "m015_evidence",
    "m016_second_look",
    "m017_rounds",
    "m018_reading",
    "m019_scale",
    "m020_scale",
    "m021_mistakes",
):
    _register(_name)


def has_wal_bug(version: str) -> bool:
    """Whether this SQLite can corrupt a write-ahead log under two checkpointing writers."""
    return (3, 7, 0) <= tuple(int(part) for part in version.split(".")) <= (3, 51, 2)
