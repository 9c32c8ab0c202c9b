"""Back up a site's database."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from critterdb.errors import SiteError
from critterdb.storage.atomic_files import replacing
from critterdb.storage.database import SiteDatabase, sqlite3


def backup_database(db: SiteDatabase, file: Path) -> int:
    """Copy the database to `file` while others go on writing; return the copy's bytes.

    Raises SiteError where the file exists, cannot be written, or its integrity check fails.
    """
    if file.exists():
        raise SiteError(f"{file} already exists. Choose another name for the backup")
    try:
        # For its owner only, as the database may be: it holds who opted out, and drafts.
        with replacing(file, mode=_mode_of(db)) as partial:
            with closing(sqlite3.connect(str(partial), isolation_level=None)) as copy:
                # SQLite's own: a copy of the file alone would miss the write-ahead log.
                db.conn.backup(copy)
                verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise SiteError(
                    f"The copy failed its check: {verdict}. Check the disk and try again"
                )
    except (OSError, sqlite3.Error) as error:
        raise SiteError(
            f"{file} could not be written: {error}. Choose another folder with enough space"
        ) from error
    return file.stat().st_size


def _mode_of(db: SiteDatabase) -> int:
    """The permissions of the database's own file."""
    return Path(db.conn.execute("PRAGMA database_list").fetchone()[2]).stat().st_mode & 0o777
