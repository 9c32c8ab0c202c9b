"""A copy of a site with openly licensed data only, ready for a container or `datasette publish`.

`rules.sql` says table by table and column by column what is published: what it does not name
stays at home, so that a new column is published only when somebody has decided so.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.dataset.sketch_store import store_all_sketches
from critterdb.errors import SiteError, SourceError
from critterdb.licences import DEFAULT_LICENSES
from critterdb.site.folder import COPY_MARKER, DOCKERFILE, INSPECTED, site_source
from critterdb.storage.database import (
    DATABASE_NAME,
    SiteDatabase,
    open_database,
    site_folder,
    sqlite3,
)

from .photos_and_models import CopiedFiles, copy_models, copy_photos, copy_pictures
from .replacing import new_folder, put_in_place
from .rules import MADE_BY_THE_COPY, WITHHELD, statements, table_rules
from .site_files import PLUGINS, copy_site_files
from .wheel import write_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb._types import Progress

    from .earlier_photos import EarlierPhotos

# In place of the time at which a copy's tables were made.
BEGINNING = "1970-01-01 00:00:00+00:00"
WHEEL_FOLDER = PLUGINS  # `datasette publish` takes no folder but this, templates and static ones


@dataclass(frozen=True)
class PublishOptions:
    """What goes into a copy, and how it is to be served."""

    photos: bool = True
    licenses: Sequence[str] = DEFAULT_LICENSES
    keep_exif: bool = False
    read_only: bool = True


@dataclass(frozen=True)
class Published:
    """What a published folder holds, and of each table how many rows stayed at home."""

    folder: str
    rows: dict[str, int]
    withheld: dict[str, int]
    licenses: dict[str, int]
    photo_files: int
    photo_bytes: int
    model_files: int
    database_bytes: int
    read_only: bool
    missing: list[str]
    notes: list[str]


def publish_site(
    db: SiteDatabase,
    folder: Path,
    options: PublishOptions | None = None,
    *,
    earlier: EarlierPhotos | None = None,
    progress: Progress | None = None,
) -> Published:
    """Write the copy to `folder`, which appears whole or not at all; an earlier copy is replaced.

    Photo files that an `earlier` copy has, which may lie elsewhere, are linked from there.

    Raises SiteError if the folder holds something else, lies inside the site, or cannot be written.
    """
    folder = folder.absolute()
    home = site_folder(db)
    check_target(folder, home)
    try:
        with new_folder(folder, COPY_MARKER) as made:
            report = _fill(db, folder, made, options or PublishOptions(), earlier, progress)
            put_in_place(made, folder, check=lambda: check_target(folder, home))
    except (OSError, SourceError, sqlite3.OperationalError) as error:
        raise SiteError(
            f"{folder} could not be written: {error}. Choose another folder with enough space"
        ) from error
    return report


def _fill(
    db: SiteDatabase,
    folder: Path,
    made: Path,
    options: PublishOptions,
    earlier: EarlierPhotos | None,
    progress: Progress | None,
) -> Published:
    """Put everything into the empty folder `made`, which is to become `folder`."""
    home = site_folder(db)
    notes = copy_site_files(home, made)
    with closing(_new_database(made)) as copy:
        _copy_rows(copy, home / _file_name(db), options.licenses)
        photos = CopiedFiles()
        if options.photos:
            photos = copy_photos(
                copy, home, made, keep_exif=options.keep_exif, earlier=earlier, progress=progress
            )
            copy_pictures(copy, home, made)
        else:
            copy.execute("UPDATE photos SET path = NULL")
        models = copy_models(copy, home, made)
        store_all_sketches(copy)
        rows, withheld = _count_rows(db, copy)
        licenses = _count_licenses(copy)
        _check_and_close(copy)
    unused = sorted(set(options.licenses) - set(licenses) - set(DEFAULT_LICENSES))
    notes += [*photos.notes, *models.notes]
    notes += [f"no photo of this site has the licence {code}" for code in unused]
    database = made / DATABASE_NAME
    report = Published(
        folder=str(folder.resolve()),
        rows=rows,
        withheld=withheld,
        licenses=licenses,
        photo_files=photos.number,
        photo_bytes=photos.bytes,
        model_files=models.number,
        database_bytes=database.stat().st_size,
        read_only=options.read_only,
        missing=[*photos.missing, *models.missing],
        notes=notes,
    )
    if options.read_only:
        _mark_immutable(database, rows)
    _write_container_files(made, report)
    return report


def check_target(
    folder: Path, home: Path, marker: str = COPY_MARKER, command: str = "critterdb publish"
) -> None:
    """Raise SiteError unless `folder` is free, or was made by `command`, which left `marker`."""
    resolved = folder.resolve()
    if resolved == home or home.is_relative_to(resolved):
        raise SiteError(f"{folder} contains the site itself. Choose another folder for the copy")
    if folder.exists() and not folder.is_dir():
        raise SiteError(f"{folder} is a file. Choose another folder for the copy")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file():
        raise SiteError(f"{folder} was not made by {command}. Choose another folder for the copy")


def _file_name(db: SiteDatabase) -> str:
    return Path(db.conn.execute("PRAGMA database_list").fetchone()[2]).name


def _new_database(made: Path) -> SiteDatabase:
    try:
        return open_database(made / DATABASE_NAME, create=True)
    except SiteError as error:
        # It is the disk: the file is new, so none of the reasons that it names can hold.
        raise OSError(str(error.__cause__ or error)) from error


def _copy_rows(copy: SiteDatabase, source: Path, licenses: Sequence[str]) -> None:
    """Every statement in one transaction, so that the copy is of one moment."""
    conn = copy.conn
    conn.execute("ATTACH ? AS site", [str(source)])
    conn.execute("CREATE TEMP TABLE wanted_licenses (code TEXT PRIMARY KEY)")
    conn.executemany("INSERT INTO wanted_licenses VALUES (?)", [(code,) for code in set(licenses)])
    # What is deleted or replaced leaves no trace in a file that others get.
    conn.execute("PRAGMA secure_delete = ON")
    # Deferred: an immediate transaction would keep everybody from writing to the site meanwhile.
    conn.execute("BEGIN")
    # Tables are written in the order that their rules need, which is not that of their keys.
    conn.execute("PRAGMA defer_foreign_keys = ON")
    for sql, _ in statements():
        conn.execute(sql)
    # The same rows are to give the same file, whenever it is made.
    conn.execute("UPDATE _sqlite_migrations SET applied_at = ?", [BEGINNING])
    conn.execute("COMMIT")
    conn.execute("DETACH site")


def _count_rows(db: SiteDatabase, copy: SiteDatabase) -> tuple[dict[str, int], dict[str, int]]:
    """How many rows of each table went along, and how many stayed at home."""
    decided = {*table_rules(), *WITHHELD} - MADE_BY_THE_COPY
    rows = {table: copy[table].count for table in copy.table_names()}
    left = {table: db[table].count - count for table, count in rows.items() if table in decided}
    return rows, {table: count for table, count in left.items() if count > 0}


def _count_licenses(copy: SiteDatabase) -> dict[str, int]:
    return dict(
        copy.execute(
            "SELECT license_code, count(*) FROM photos GROUP BY license_code ORDER BY 2 DESC"
        ).fetchall()
    )


def _check_and_close(copy: SiteDatabase) -> None:
    """Check that the copy is whole, and fold its write-ahead log in."""
    broken = copy.execute("PRAGMA foreign_key_check").fetchall()
    # What is published may be copied by others for years.
    verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if broken or verdict != "ok":
        raise SiteError(
            f"The copy failed its check: {broken[:3] or verdict}. Check the disk and try again"
        )
    # One file, which can be served where nothing may be written.
    copy.conn.execute("PRAGMA journal_mode = DELETE")


def _mark_immutable(database: Path, rows: dict[str, int]) -> None:
    """Write what `datasette inspect` does: with it Datasette opens the file as immutable."""
    with database.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    described = {
        "hash": digest,
        "size": database.stat().st_size,
        "file": DATABASE_NAME,
        "tables": {name: {"count": count} for name, count in rows.items()},
    }
    (database.parent / INSPECTED).write_text(
        json.dumps({database.stem: described}, indent=2) + "\n", "utf-8"
    )


def _write_container_files(made: Path, report: Published) -> None:
    wheel = write_wheel(made / WHEEL_FOLDER)
    shutil.copyfile(site_source() / DOCKERFILE, made / DOCKERFILE)
    template = files("critterdb.publish").joinpath("README.template.md").read_text("utf-8")
    words = {
        "photos": f"{report.rows['photos']:,}",
        "observations": f"{report.rows['observations']:,}",
        "licenses": ", ".join(f"{n:,} {code}" for code, n in report.licenses.items()) or "none",
        "models": f"{report.rows['models']:,}",
        "wheel": f"{WHEEL_FOLDER}/{wheel.name}",
        "static": " ".join(
            f"--static {name}:{name}"
            for name in ("models", "photos", "pictures")
            if (made / name).is_dir()
        ),
    }
    (made / "README.md").write_text(template.format(**words), "utf-8")
    _let_all_read(made)


def _let_all_read(made: Path) -> None:
    """Add the permission to read for everybody: in a container the files are root's."""
    for path in made.rglob("*"):
        mode = path.stat().st_mode
        # Read for all, and nothing else changed.
        path.chmod(stat.S_IMODE(mode) | (0o555 if path.is_dir() else 0o444))
