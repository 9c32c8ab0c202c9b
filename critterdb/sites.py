"""A site: the folder with database, metadata.json and plugins/ that Datasette serves as it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from .errors import SiteError
from .schema import DATABASE_NAME, SiteDatabase, open_database, site_folder, sqlite3

SITE_FILES = ("metadata.json", "plugins/critterdb_plugin.py")


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
            shutil.copyfile(source, partial)
            os.replace(partial, target)
    except OSError as error:
        raise SiteError(
            f"{folder} could not be made into a site: {error}. Choose one that you may write to"
        ) from error
    path = folder / DATABASE_NAME
    open_database(path, create=True).close()
    return path


def serve_arguments(database: Path, host: str, port: int) -> list[str]:
    """The arguments of `datasette` that serve a site with its plugin, wherever the site came from.

    A site that lost its plugins/ or metadata.json is served with those of the package. The
    database is named only where its name is not the one that Datasette finds by itself.
    """
    folder = database.resolve().parent
    arguments = ["serve", "--host", host, "--port", str(port)]
    if database.name != DATABASE_NAME:
        arguments.append(str(database.resolve()))
    else:
        arguments.append(str(folder))
    named_file = database.name != DATABASE_NAME
    if named_file or not (folder / "plugins").is_dir():
        arguments += ["--plugins-dir", str(site_source() / "plugins")]
    if named_file or not any((folder / f"metadata.{kind}").exists() for kind in ("json", "yaml")):
        arguments += ["--metadata", str(site_source() / "metadata.json")]
    return arguments


def site_status(db: SiteDatabase) -> dict[str, Any]:
    """What the database holds, by table; the SQLite in use; the last sync; the outbox by status."""
    tables = ("observations", "photos", "models", "predictions", "posts", "replies")
    last_sync = next(
        db.query("SELECT game, started_at, finished_at, error FROM syncs ORDER BY id DESC LIMIT 1"),
        None,
    )
    version = sqlite3.sqlite_version
    return {
        "database": str(site_folder(db) / DATABASE_NAME),
        "rows": {name: db[name].count for name in tables},
        "sqlite": f"{version}{' (can corrupt a WAL: upgrade it)' if has_wal_bug(version) else ''}",
        "last_sync": last_sync,
        "outbox": {
            row["status"]: row["number"]
            for row in db.query("SELECT status, count(*) AS number FROM replies GROUP BY status")
        },
    }


def has_wal_bug(version: str) -> bool:
    """Whether this SQLite can corrupt a write-ahead log under two checkpointing writers."""
    return (3, 7, 0) <= tuple(int(part) for part in version.split(".")) <= (3, 51, 2)


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
