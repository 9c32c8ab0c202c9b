"""Back up a site: its database alone, or with its photos, models and settings as a folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from critterdb.errors import SiteError
from critterdb.storage.atomic_files import replacing
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, site_folder, sqlite3
from critterdb.storage.stored_files import Kind, open_stored, stored_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from critterdb._types import Progress

# What people edit in a site's folder. Sessions and keys, which are hidden files, are in no backup.
OWN_FILES = ("metadata.json", "metadata.yaml", "metadata.yml", "datasette.yaml", "datasette.json",
             "settings.json", "words.toml", "catalogue.toml")  # fmt: skip
OWN_FOLDERS = ("plugins", "templates", "static")


@dataclass(frozen=True)
class SiteFile:
    """A photo or model that a row names: its path relative to the site, and its SHA-256."""

    kind: Kind
    path: str
    sha256: str


@dataclass
class Backup:
    """What a backup holds; `missing` are files that rows name and that are not there."""

    path: Path
    database_bytes: int
    photos: int = 0
    models: int = 0
    file_bytes: int = 0
    missing: list[str] = field(default_factory=list)


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


def backup_site(db: SiteDatabase, folder: Path, *, progress: Progress | None = None) -> Backup:
    """Copy the whole site to `folder`, which appears whole or not at all.

    It is a site itself. Raises SiteError if the folder exists, is inside the site, or cannot be
    written.
    """
    home = site_folder(db)
    if os.path.lexists(folder):
        raise SiteError(f"{folder} already exists. Choose another name for the backup")
    folder = folder.resolve()
    if folder.is_relative_to(home):
        raise SiteError(f"{folder} is inside the site itself. Choose a folder outside {home}")
    made = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        # For its owner only: it holds drafts, who opted out, and photos without a licence.
        made.mkdir(parents=True, mode=0o700)
        # The database first: a file that a later row names is simply not in this backup.
        report = Backup(folder, backup_database(db, made / DATABASE_NAME))
        with closing(sqlite3.connect(str(made / DATABASE_NAME))) as copy:
            _copy_files(list(site_files(copy)), home, made, report, progress)
        copy_own_files(home, made)
        made.rename(folder)
    except OSError as error:
        raise SiteError(
            f"{folder} could not be written: {error}. Choose another folder with enough space"
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return report


def site_files(conn: Any) -> Iterator[SiteFile]:
    """List the photos and models that the rows of a site's database, however old, name."""
    tables = {row[0] for row in conn.execute("SELECT name FROM sqlite_master")}
    sources: dict[Kind, str] = {
        "photos": "SELECT path, sha256 FROM photos",
        "models": "SELECT path, sha256 FROM models",
        "rounds": "SELECT picture AS path, image_sha256 FROM rounds",
    }
    for kind, sql in sources.items():
        if kind not in tables:
            continue
        rows = conn.execute(f"SELECT DISTINCT * FROM ({sql}) WHERE path IS NOT NULL ORDER BY path")
        yield from (SiteFile(kind, str(path), str(sha256)) for path, sha256 in rows)


def copy_own_files(source: Path, target: Path) -> None:
    """Copy settings, words, templates, static files and plugins; no links. Raises OSError."""
    for name in OWN_FILES:
        if (source / name).is_file() and not (source / name).is_symlink():
            with replacing(target / name) as partial:
                shutil.copyfile(source / name, partial)
    for name in OWN_FOLDERS:
        if (source / name).is_dir() and not (source / name).is_symlink():
            shutil.copytree(source / name, target / name, ignore=_unwanted, dirs_exist_ok=True)


def copy_stored(file: SiteFile, source: Path, target: Path) -> int:
    """Copy one photo or model from site to site, and return its bytes.

    Raises FileNotFoundError, other OSErrors, and SiteError if the file is not the one that its row
    names.
    """
    copy = stored_file(target, file.kind, file.path)
    with open_stored(source, file.kind, file.path) as original:
        if (
            hashlib.file_digest(cast("BufferedReader", original), "sha256").hexdigest()
            != file.sha256
        ):
            raise SiteError(f"{file.path} does not match its row")
        original.seek(0)
        if not _holds(copy, file.sha256):
            copy.parent.mkdir(parents=True, exist_ok=True)
            with replacing(copy) as partial, partial.open("wb") as written:
                shutil.copyfileobj(original, written)
    return copy.stat().st_size


def _holds(file: Path, sha256: str) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as bytes_there:
        return hashlib.file_digest(bytes_there, "sha256").hexdigest() == sha256


def _copy_files(
    files: list[SiteFile], home: Path, made: Path, report: Backup, progress: Progress | None
) -> None:
    for number, file in enumerate(files, start=1):
        try:
            report.file_bytes += copy_stored(file, home, made)
        except (FileNotFoundError, SiteError):
            report.missing.append(file.path)
        else:
            report.photos += file.kind == "photos"
            report.models += file.kind == "models"
        if progress:
            progress(number, len(files))


def _unwanted(folder: str, names: list[str]) -> list[str]:
    """Links, hidden files and what Python made."""
    return [
        name
        for name in names
        if name.startswith((".", "__pycache__")) or Path(folder, name).is_symlink()
    ]


def _mode_of(db: SiteDatabase) -> int:
    """The permissions of the database's own file."""
    return Path(db.conn.execute("PRAGMA database_list").fetchone()[2]).stat().st_mode & 0o777
