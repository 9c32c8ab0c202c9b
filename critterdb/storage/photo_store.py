"""Keep photo files under their hashes, and remove those that no row names."""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from critterdb.errors import SiteError, SourceError

from .atomic_files import replacing
from .database import SiteDatabase, site_folder
from .stored_files import PHOTO_PATH, PICTURE_PATH, Kind, photo_path, stored_file

if TYPE_CHECKING:
    from pathlib import Path

IMAGE_SUFFIXES = ("jpg", "png", "webp", "gif")

# A process that was killed between placing a photo and writing its row may never get to it again.
# docs/decisions.md#unnamed-files-are-removed-after-an-hour
STRAY_AGE_S = 3600  # whoever writes a file has named it, or is dead, by then
_PARTIAL = re.compile(r"tmp\w+\.\d+\.part")  # as place_photo names them


def place_photo(site: Path, data: bytes, suffix: str, kind: Kind = "photos") -> tuple[str, str]:
    """Keep `data` under its SHA-256 in the site; return the hash and the path relative to the site.

    Written and flushed beside its place, then renamed, so that neither a killed process nor a power
    cut leaves half a photo there. Raises SourceError where the disk does not take it, and SiteError
    if a link is in the way.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    path = photo_path(sha256, suffix, kind)
    target = stored_file(site, kind, path)
    try:
        # The same length under the same SHA-256 is the same photo. A shorter file is what a crash
        # of the whole machine left, and is written again.
        if target.is_file() and target.stat().st_size == len(data):
            os.utime(target)  # it is wanted again: not a stray, whatever its age
            return sha256, path
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, folder=site / kind, suffix=f".{os.getpid()}.part") as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise SourceError(
            f"A photo could not be stored: {error}. Free some disk space and run the command again"
        ) from error
    return sha256, path


def is_placed(site: Path, path: str) -> bool:
    """Whether a photo that was placed is still there; ask in the transaction that names it.

    Another process may have removed the same picture in the meantime, when no row named it.
    """
    return (site / path).is_file()


def kept_picture(site: Path, sha256: object) -> str | None:
    """Return the path of a post's picture that the site keeps, relative to it; None if it has none.

    Pictures stay where they were posted, but those of a replayed file and of the demo are nowhere
    else.
    """
    # A row of somebody else's database may hold anything.
    paths = (photo_path(str(sha256), suffix, "pictures") for suffix in IMAGE_SUFFIXES)
    named = (path for path in paths if PICTURE_PATH.fullmatch(path))
    return next((path for path in named if (site / path).is_file()), None)


def tidy_photos(db: SiteDatabase) -> None:
    """Remove what killed processes left (halves, files that no row names) and withdrawn photos."""
    site = site_folder(db)
    _remove_strays(db, site)
    withdrawn = list(
        db.query("SELECT id, path FROM photos WHERE withdrawn_at IS NOT NULL AND path IS NOT NULL")
    )
    with db.atomic():
        for photo in withdrawn:
            db["photos"].update(photo["id"], {"path": None})
        # Before the commit: killed in between, the next run finds the same rows and does it again.
        remove_unnamed_files(db, [photo["path"] for photo in withdrawn])


def _remove_strays(db: SiteDatabase, site: Path) -> None:
    """Remove halves and unnamed photos: nothing but files that critterdb itself names so."""
    # A link could lead to a folder of somebody else's files, where a name such as ab/… says
    # nothing.
    if (site / "photos").is_symlink():
        return
    for partial in (site / "photos").glob("*.part"):
        if _PARTIAL.fullmatch(partial.name) and not _writer_lives(partial):
            partial.unlink(missing_ok=True)
    named = {row["path"] for row in db.query("SELECT path FROM photos WHERE path IS NOT NULL")}
    for file in (site / "photos").glob("??/*"):
        path = str(file.relative_to(site))
        if path in named or file.parent.is_symlink() or not PHOTO_PATH.fullmatch(path):
            continue
        if _age_s(file) > STRAY_AGE_S:
            file.unlink(missing_ok=True)


def remove_unnamed_files(db: SiteDatabase, paths: list[str]) -> None:
    """Remove those of the files (paths relative to the site) that no row of `photos` names.

    A path that does not lead to a photo of the site is passed over.
    """
    site = site_folder(db)
    # In a transaction, as is_placed is asked: in between, another process could name the file.
    with db.atomic():
        for path in set(paths):
            if not db["photos"].count_where("path = ?", [path]):
                with suppress(SiteError):
                    stored_file(site, "photos", path).unlink(missing_ok=True)


def _age_s(file: Path) -> float:
    return time.time() - file.lstat().st_mtime


def _writer_lives(partial: Path) -> bool:
    """Whether the process that writes this file may still be at it."""
    try:
        if _age_s(partial) > STRAY_AGE_S:
            return False
        os.kill(int(partial.suffixes[-2][1:]), 0)
    except (ProcessLookupError, FileNotFoundError, ValueError, IndexError):
        return False
    # There is such a process, of another user.
    except PermissionError:
        return True
    return True
