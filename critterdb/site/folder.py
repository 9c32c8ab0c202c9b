"""A site: the folder with database, metadata.json and plugins/ that Datasette serves as it is."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from critterdb.bot.platform_state import standings
from critterdb.errors import SiteError
from critterdb.storage.database import (
    DATABASE_NAME,
    SiteDatabase,
    check_readable,
    has_wal_bug,
    open_database,
    sqlite3,
)

SITE_FILES = ("metadata.json", "plugins/critterdb_plugin.py")
DOCKERFILE = "Dockerfile"
INSPECTED = "inspect-data.json"  # says to Datasette that the databases it lists never change


def site_source() -> Path:
    """Where metadata.json and plugins/ come from: the installed package, or the checkout."""
    package = Path(__file__).parent
    installed = package / "site"
    return installed if installed.is_dir() else package.parent


def init_site(folder: Path) -> Path:
    """Make a site in `folder`, or complete the one that is there; return the database's path.

    What is there already is kept: metadata.json is people's to edit. The plugin is renewed, so that
    it fits the installed critterdb. Raises SiteError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in SITE_FILES:
            target = folder / name
            source = site_source() / name
            if target.exists() and (name == "metadata.json" or target.samefile(source)):
                continue
            target.parent.mkdir(exist_ok=True)
            partial = target.with_name(target.name + ".part")
            partial.unlink(missing_ok=True)  # copyfile would follow a link there
            shutil.copyfile(source, partial)
            os.replace(partial, target)
    except OSError as error:
        raise SiteError(
            f"{folder} could not be made into a site: {error}. Choose one that you may write to"
        ) from error
    path = folder / DATABASE_NAME
    open_database(path, create=True).close()
    return path


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


def is_published(database: Path) -> bool:
    """Whether the folder says that its database never changes, as `critterdb publish` does."""
    return (database.resolve().parent / INSPECTED).is_file()


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


def site_status(db: SiteDatabase) -> dict[str, Any]:
    """What the database holds, by table; the SQLite in use; the last sync; the outbox by status."""
    tables = ("observations", "photos", "models", "predictions", "posts", "replies")
    last_sync = next(
        db.query("SELECT game, started_at, finished_at, error FROM syncs ORDER BY id DESC LIMIT 1"),
        None,
    )
    version = sqlite3.sqlite_version
    return {
        "database": db.conn.execute("PRAGMA database_list").fetchone()[2],
        "rows": {name: db[name].count for name in tables},
        "games": {
            row["slug"]: row["model_id"]
            for row in db.query("SELECT slug, model_id FROM games ORDER BY slug")
        },
        "sqlite": f"{version}{' (can corrupt a WAL: upgrade it)' if has_wal_bug(version) else ''}",
        "last_sync": last_sync,
        "outbox": {
            row["status"]: row["number"]
            for row in db.query(
                "SELECT status, count(*) AS number FROM replies GROUP BY status ORDER BY status"
            )
        },
        "bot": standings(db, datetime.now(UTC)),
    }


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
