"""A copy of a site with openly licensed data only, ready for a container or `datasette publish`.

`rules.sql` says table by table and column by column what goes along: what it does not name
stays at home, so that a new column is published only when somebody has decided so.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from critterdb._types import Progress
from critterdb.errors import SiteError
from critterdb.licences import DEFAULT_LICENSES
from critterdb.site.folder import DOCKERFILE, INSPECTED, site_source
from critterdb.storage.database import (
    DATABASE_NAME,
    SiteDatabase,
    open_database,
    site_folder,
    sqlite3,
)
from critterdb.storage.stored_files import Kind, open_stored, stored_file

from .replacing import new_folder, put_in_place
from .site_files import PLUGINS, copy_furniture
from .wheel import write_wheel

MARKER = ".critterdb-published"  # says that a folder may be made anew
WHEEL_FOLDER = PLUGINS  # `datasette publish` takes no folder but this, templates and static ones

WITHHELD = {
    "accounts": "What a person said of other people's accounts.",
    "answer_candidates": "Other people's posts that wait for a person to read them.",
    "cursors": "How far the bot has read: of use to the site that goes on only.",
    "ledger": "What limits are counted from: of use to the site that goes on only.",
    "opt_outs": "Who asked to be left alone is nobody's business.",
    "platforms": "How the bot stands with each platform: of use to the bot that goes on only.",
    "prediction_counts": "The copy counts its own predictions.",
    "_sqlite_migrations": "Written by the copy itself.",
}
MADE_BY_THE_COPY = {"prediction_counts", "_sqlite_migrations"}
WITHHELD_COLUMNS = {
    "images": {"url": "Somebody may have asked about it in private."},
    "observations": {"withdrawn_at": "Nothing withdrawn is published."},
    "photos": {
        "attempts": "The copy fetches nothing.",
        "error": "The copy fetches nothing.",
        "withdrawn_at": "Nothing withdrawn is published.",
    },
    "posts": {
        "author_id": "The address of the post names its author already.",
        "deleted_at": "No deleted post is published.",
        "photos_author": "Somebody who did not ask the bot.",
        "photos_author_id": "Somebody who did not ask the bot.",
        "photos_deleted_at": "No photo of a deleted post is published.",
        "photos_post_id": "A post of somebody who did not ask the bot.",
        "tries": "The copy fetches nothing.",
        "try_from": "The copy fetches nothing.",
    },
    "replies": {
        "attempt_boot": "Of use to the bot that goes on only.",
        "attempt_ended_at": "Of use to the bot that goes on only.",
        "attempt_uptime": "Of use to the bot that goes on only.",
        "error": "What a platform said to the bot alone.",
        "looks": "Of use to the bot that goes on only.",
        "send_key": "Of use to the bot that goes on only.",
        "send_record": "Of use to the bot that goes on only.",
    },
    "reviews": {"actor": "Who reviewed is theirs to say."},
    "syncs": {"error": "Of use to the site that goes on only."},
}


@dataclass
class Published:
    """What a published folder holds, and of each table how many rows stayed at home."""

    folder: str
    rows: dict[str, int] = field(default_factory=dict)
    withheld: dict[str, int] = field(default_factory=dict)
    licenses: dict[str, int] = field(default_factory=dict)
    photo_files: int = 0
    photo_bytes: int = 0
    model_files: int = 0
    database_bytes: int = 0
    read_only: bool = True
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def publish_site(
    db: SiteDatabase,
    folder: Path,
    *,
    photos: bool = True,
    licenses: Sequence[str] = DEFAULT_LICENSES,
    read_only: bool = True,
    progress: Progress | None = None,
) -> Published:
    """Write the copy to `folder`, which appears whole or not at all; an earlier copy is replaced.

    Raises SiteError where the folder holds something else, lies inside the site, or cannot be
    written.
    """
    folder = folder.absolute()
    home = site_folder(db)
    _check_target(folder, home)
    report = Published(str(folder), read_only=read_only)
    try:
        with new_folder(folder, MARKER) as made:
            report.notes += copy_furniture(home, made)
            with closing(_new_database(made)) as copy:
                _copy_rows(copy, home / _file_name(db), licenses)
                _copy_photos(copy, home, made, report, wanted=photos, progress=progress)
                _copy_models(copy, home, made, report)
                _settle(db, copy, report)
                unused = sorted(set(licenses) - set(report.licenses) - set(DEFAULT_LICENSES))
                report.notes += [f"no photo of this site has the licence {code}" for code in unused]
            _describe(made / DATABASE_NAME, report)
            _write_container_files(made, report)
            put_in_place(made, folder, check=lambda: _check_target(folder, home))
    except (OSError, sqlite3.OperationalError) as error:
        raise SiteError(
            f"{folder} could not be written: {error}. Choose another place with room for it"
        ) from error
    return report


def statements() -> list[tuple[str, str]]:
    """The statements of rules.sql in order, each with the words of its comment."""
    text = files("critterdb.publish").joinpath("rules.sql").read_text("utf-8")
    found = []
    for part in text.split("\n\n"):
        comment = " ".join(re.findall(r"^-- (.+)$", part, re.MULTILINE))
        sql = re.sub(r"^--.*\n?", "", part, flags=re.MULTILINE).strip()
        if sql:
            found.append((sql, comment))
    return found


def published_columns() -> dict[str, list[str]]:
    """The columns of each table that go along."""
    told = {}
    for sql, _ in statements():
        match = re.match(r"INSERT INTO main\.(\w+) \(([^)]+)\)", sql)
        if match:
            told[match[1]] = re.findall(r"\w+", match[2])
    return told


def table_rules() -> dict[str, str]:
    """What of each table goes along, in words."""
    told = {}
    for sql, comment in statements():
        match = re.match(r"INSERT INTO main\.(\w+)", sql)
        if match:
            told[match[1]] = comment
    return told


def _check_target(folder: Path, home: Path) -> None:
    resolved = folder.resolve()
    if resolved == home or home.is_relative_to(resolved):
        raise SiteError(f"{folder} holds the site itself. Name another folder for the copy")
    if folder.exists() and not folder.is_dir():
        raise SiteError(f"{folder} is a file. Name another folder for the copy")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise SiteError(
            f"{folder} holds something that critterdb publish did not make. "
            "Name another folder for the copy"
        )


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
    # Deferred: an immediate transaction would keep everybody from writing to the site meanwhile.
    conn.execute("BEGIN")
    conn.execute("PRAGMA defer_foreign_keys = ON")
    for sql, _ in statements():
        conn.execute(sql)
    conn.execute("COMMIT")
    conn.execute("DETACH site")


def _copy_photos(
    copy: SiteDatabase,
    home: Path,
    made: Path,
    report: Published,
    *,
    wanted: bool,
    progress: Progress | None,
) -> None:
    """The files of published photos, each checked; a row whose file is not right says so."""
    if not wanted:
        copy.execute("UPDATE photos SET path = NULL")
        return
    rows = copy.execute(
        "SELECT path, min(sha256) FROM photos WHERE path IS NOT NULL GROUP BY path"
    ).fetchall()
    for number, (path, sha256) in enumerate(rows, 1):
        size = _copy_checked(home, made, "photos", path, sha256)
        if size is None:
            report.missing.append(path)
        else:
            report.photo_files += 1
            report.photo_bytes += size
        if progress:
            progress(number, len(rows))
    copy.execute(
        "UPDATE photos SET path = NULL WHERE path IN (SELECT value FROM json_each(?))",
        [json.dumps(report.missing)],
    )


def _copy_models(copy: SiteDatabase, home: Path, made: Path, report: Published) -> None:
    for row in copy.query("SELECT id, path, sha256, card FROM models ORDER BY id"):
        if _copy_checked(home, made, "models", row["path"], row["sha256"]) is None:
            report.missing.append(row["path"])
            continue
        report.model_files += 1
        learnt_from = json.loads(row["card"]).get("photos_by_license") or {}
        closed = sum(n for code, n in learnt_from.items() if code not in DEFAULT_LICENSES)
        if closed:
            report.notes.append(
                f"{row['id']} learnt from {closed:,} photos that are not openly licensed: "
                "the model goes along, they do not"
            )


def _copy_checked(home: Path, made: Path, kind: Kind, path: str, sha256: str) -> int | None:
    """Copy a file that its row names; its bytes, or None where it is not there or not the same."""
    digest, size = hashlib.sha256(), 0
    try:
        reading = open_stored(home, kind, path)
    except (SiteError, FileNotFoundError):
        return None
    with reading:
        target = stored_file(made, kind, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.part")
        with partial.open("xb") as writing:
            while block := reading.read(1 << 20):
                digest.update(block)
                size += writing.write(block)
    if digest.hexdigest() != sha256:
        partial.unlink()
        return None
    os.replace(partial, target)
    return size


def _settle(db: SiteDatabase, copy: SiteDatabase, report: Published) -> None:
    """Count what went along and what stayed, check that the copy is whole, fold its log in."""
    decided = {*table_rules(), *WITHHELD} - MADE_BY_THE_COPY
    for table in copy.table_names():
        report.rows[table] = copy[table].count
        left = db[table].count - report.rows[table]
        if left > 0 and table in decided:
            report.withheld[table] = left
    report.licenses = dict(
        copy.execute(
            "SELECT license_code, count(*) FROM photos GROUP BY license_code ORDER BY 2 DESC"
        ).fetchall()
    )
    broken = copy.execute("PRAGMA foreign_key_check").fetchall()
    verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if broken or verdict != "ok":
        raise SiteError(
            f"The copy failed its check: {broken[:3] or verdict}. Look at the disk, then try again"
        )
    # One file, which can be served where nothing may be written.
    copy.conn.execute("PRAGMA journal_mode = DELETE")


def _describe(database: Path, report: Published) -> None:
    """Write what `datasette inspect` does: with it Datasette opens the file as immutable."""
    report.database_bytes = database.stat().st_size
    if not report.read_only:
        return
    with database.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    counts = {name: {"count": count} for name, count in report.rows.items()}
    told = {"hash": digest, "size": report.database_bytes, "file": DATABASE_NAME, "tables": counts}
    (database.parent / INSPECTED).write_text(
        json.dumps({database.stem: told}, indent=2) + "\n", "utf-8"
    )


def _write_container_files(made: Path, report: Published) -> None:
    wheel = write_wheel(made / WHEEL_FOLDER)
    shutil.copyfile(site_source() / DOCKERFILE, made / DOCKERFILE)
    template = files("critterdb.publish").joinpath("README.template.md").read_text("utf-8")
    words: dict[str, Any] = {
        "photos": f"{report.rows['photos']:,}",
        "observations": f"{report.rows['observations']:,}",
        "licenses": ", ".join(f"{n:,} {code}" for code, n in report.licenses.items()) or "none",
        "models": f"{report.rows['models']:,}",
        "wheel": f"{WHEEL_FOLDER}/{wheel.name}",
        "static": " ".join(
            f"--static {name}:{name}" for name in ("models", "photos") if (made / name).is_dir()
        ),
    }
    (made / "README.md").write_text(template.format(**words), "utf-8")
