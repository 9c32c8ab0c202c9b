"""The database of a site that is named by its folder or its file, opened for reading."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.site.folder import is_published
from critterdb.storage.database import DATABASE_NAME, open_read_only

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase


def database_file(path: str | os.PathLike[str]) -> Path:
    """Return the database of a site's folder, or the file itself."""
    path = Path(path)
    return path / DATABASE_NAME if path.is_dir() else path


def open_reading(path: str | os.PathLike[str]) -> SiteDatabase:
    """Open a site's database so that nothing can change it. Raises SiteError."""
    file = database_file(path)
    log = file.with_name(file.name + "-wal")
    # SQLite keeps its write-ahead log beside the database, for readers too. Without a writable
    # folder the file can only be read as one that nobody changes.
    is_writable = os.access(file.resolve().parent, os.W_OK)
    has_log = log.exists() and log.stat().st_size > 0
    return open_read_only(file, immutable=is_published(file) or not (is_writable or has_log))
