"""Start Datasette on a site."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

from critterdb.errors import SiteError
from critterdb.storage.database import (
    DATABASE_NAME,
    check_readable,
    open_database,
    sqlite3,
)

from .folder import is_published, site_source


def serve_arguments(database: Path, host: str, port: int, *, read_only: bool = False) -> list[str]:
    """The arguments of `datasette` that serve a site with its plugin, wherever the site came from.

    A site that lost its plugins/ or metadata.json is served with those of the package. Datasette
    finds everything in a folder by itself; only where the file has another name, or is to be
    immutable though its folder does not say so, file and furniture are named one by one.
    """
    database = database.resolve()
    folder, usual = database.parent, database.name == DATABASE_NAME
    by_folder = usual and (not read_only or is_published(database))
    arguments = ["serve", "--host", host, "--port", str(port)]
    if by_folder:
        arguments.append(str(folder))
    else:
        arguments += ["--immutable", str(database)] if read_only else [str(database)]
    if not usual or not (folder / "plugins").is_dir():
        arguments += ["--plugins-dir", str(site_source() / "plugins")]
    elif not by_folder:
        arguments += ["--plugins-dir", str(folder / "plugins")]
    told = [folder / f"metadata.{kind}" for kind in ("json", "yaml", "yml")]
    metadata = next((file for file in told if usual and file.exists()), None)
    if metadata is None or not by_folder:
        arguments += ["--metadata", str(metadata or site_source() / "metadata.json")]
    if usual and not by_folder:
        arguments += _furniture_arguments(folder)
    settings = folder / "settings.json"
    if usual and settings.is_file():
        arguments += _setting_arguments(settings)
    else:
        # Datasette tries every column as a facet, at 50 ms each where a table is large, and gives
        # those that a page begins with 200 ms each.
        arguments += ["--setting", "suggest_facets", "off"]
        arguments += ["--setting", "facet_time_limit_ms", "100"]
    return arguments


def _furniture_arguments(folder: Path) -> list[str]:
    """What Datasette would find in a folder that it was given as a whole."""
    arguments = []
    if (folder / "templates").is_dir():
        arguments += ["--template-dir", str(folder / "templates")]
    if (folder / "static").is_dir():
        arguments += ["--static", f"static:{folder / 'static'}"]
    return arguments


def _setting_arguments(file: Path) -> list[str]:
    """What settings.json says, which Datasette 1.0 does not read any more. Raises SiteError."""
    try:
        settings = dict(json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise SiteError(f"{file} should be JSON such as {{}}: {error}. Mend it") from error
    arguments = []
    for name, value in settings.items():
        text = value if isinstance(value, str) else json.dumps(value)
        arguments += ["--setting", name, text if value is not None else ""]
    return arguments


def settle_for_reading(path: Path) -> None:
    """Make sure that `path` can be served as a file that never changes.

    Its write-ahead log is folded in where the file may be written. Raises SiteError where the file
    is missing, older than this critterdb, or in use by a process that writes.
    """
    if path.is_file() and not is_published(path) and os.access(path.parent, os.W_OK):
        with closing(open_database(path)) as db:
            try:
                db.conn.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.OperationalError as error:
                raise SiteError(
                    f"Another process has {path} open: {error}. Stop it, or serve without "
                    "--read-only"
                ) from error
        return
    check_readable(path)
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise SiteError(
            f"{log} holds changes that cannot be folded in here. Run `critterdb status` where the "
            "folder may be written"
        )
