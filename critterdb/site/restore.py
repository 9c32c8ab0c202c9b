"""Make a site from a backup, or put a backup in the place of a site's database."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from critterdb.errors import SiteError
from critterdb.storage.atomic_files import OWNER_ONLY, replacing
from critterdb.storage.database import (
    BUSY_TIMEOUT_MS,
    DATABASE_NAME,
    open_database,
    open_readonly,
    sqlite3,
)

from .backup import SiteFile, copy_own_files, copy_stored, site_files
from .folder import init_site, is_published

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb._types import Progress


@dataclass
class Restored:
    """What a restore brought back; `missing` are files that neither backup nor site holds."""

    database: Path
    photos: int = 0
    models: int = 0
    missing: list[str] = field(default_factory=list)


def restore_site(
    backup: Path, database: Path, *, force: bool = False, progress: Progress | None = None
) -> Restored:
    """Restore a file or folder of `critterdb backup` as the site of `database`.

    Files come first and the database last, in one transaction, so that until then the site is what
    it was. Raises SiteError if the backup is damaged, or if there is a database and no `force`.
    """
    database = database.parent.resolve() / database.name
    source = backup / DATABASE_NAME if backup.is_dir() else backup
    _check_target(source, database, force=force)
    site, report = database.parent, Restored(database)
    with closing(open_readonly(source)) as db:
        _check_whole(db.conn, source)
        try:
            site.mkdir(parents=True, exist_ok=True)
            for number, file in enumerate(files := list(site_files(db.conn)), start=1):
                _restore_file(file, source.parent, report)
                if progress:
                    progress(number, len(files))
            if backup.is_dir():
                copy_own_files(source.parent, site)
            _put_in_place(db.conn, database)
            if database.name == DATABASE_NAME:
                init_site(site)
            open_database(database).close()  # an older backup is migrated
        except (OSError, sqlite3.Error) as error:
            raise SiteError(
                f"{database} could not be restored: {error}. Stop the programs that use the site, "
                "check that its folder is writable and has space, and run it again"
            ) from error
    return report


def _check_target(source: Path, database: Path, *, force: bool) -> None:
    if source.exists() and database.exists() and source.samefile(database):
        raise SiteError(f"{source} is the database of this site. Name a backup")
    if is_published(database):
        raise SiteError(
            f"{database.parent} is a published copy. Choose another folder to restore into"
        )
    if os.path.lexists(database) and not force:
        raise SiteError(
            f"There is a site already: {database}. Restore into another folder, or replace its "
            "database with --force"
        )


def _check_whole(conn: Any, source: Path) -> None:
    try:
        verdict = conn.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        verdict = error
    if verdict != "ok":
        raise SiteError(f"{source} is damaged: {verdict}. Use another backup; nothing was changed")


def _restore_file(file: SiteFile, source: Path, report: Restored) -> None:
    """Copy a file from a backup that is a folder; one that the site holds already is enough."""
    site = report.database.parent
    for holder in (source, site):
        try:
            copy_stored(file, holder, site)
        except (FileNotFoundError, SiteError):
            continue
        report.photos += file.kind == "photos"
        report.models += file.kind == "models"
        return
    report.missing.append(file.path)


def _put_in_place(backup: Any, database: Path) -> None:
    """Write the backup over the database in one transaction, or as a new file."""
    if _is_readable(database):
        # By SQLite, and not by a rename: a process that has the file open sees the new rows, and
        # the write-ahead log of the old ones is never applied to them.
        timeout_s = BUSY_TIMEOUT_MS / 1000
        target = sqlite3.connect(str(database), timeout=timeout_s, isolation_level=None)
        with closing(target):
            backup.backup(target)
        return
    mode = database.stat().st_mode & 0o777 if database.exists() else OWNER_ONLY
    with replacing(database, mode=mode) as partial:
        with closing(sqlite3.connect(str(partial), isolation_level=None)) as copy:
            backup.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        for suffix in ("-wal", "-shm"):  # of a database that SQLite cannot read
            database.with_name(database.name + suffix).unlink(missing_ok=True)


def _is_readable(database: Path) -> bool:
    if not database.is_file() or database.is_symlink():
        return False
    try:
        with closing(sqlite3.connect(str(database))) as conn:
            conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        return isinstance(error, sqlite3.OperationalError)  # locked, for example
    return True
