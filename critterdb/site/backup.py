"""Back up a site's database."""

from __future__ import annotations

import os
from pathlib import Path

from critterdb.errors import SiteError
from critterdb.storage.database import (
    SiteDatabase,
    sqlite3,
)


def backup_database(db: SiteDatabase, file: Path) -> int:
    """Copy the database to `file` while others go on writing; return the copy's bytes.

    Raises SiteError where the file exists, cannot be written, or its integrity check fails.
    """
    if file.exists():
        raise SiteError(f"{file} exists already. Choose another name for the backup")
    partial = file.with_name(file.name + ".part")
    try:
        copy = sqlite3.connect(str(partial), isolation_level=None)
        try:
            db.conn.backup(copy)
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
        finally:
            copy.close()
        if verdict != "ok":
            raise SiteError(
                f"The copy failed its check: {verdict}. Look at the disk, then try again"
            )
        os.replace(partial, file)
    except (OSError, sqlite3.Error) as error:
        raise SiteError(
            f"{file} could not be written: {error}. Choose another place with room for it"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return file.stat().st_size
