"""Copy the files that published rows name: photos without their metadata, models as they are."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from critterdb.errors import RejectedInputError, SiteError
from critterdb.formatting import count_of
from critterdb.imaging.decode import MAX_IMAGE_BYTES, image_format
from critterdb.imaging.metadata import StrippedPhoto, has_gps, strip_metadata
from critterdb.licences import DEFAULT_LICENSES
from critterdb.storage.photo_store import kept_picture
from critterdb.storage.stored_files import open_stored, photo_path, stored_file
from critterdb.storage.stored_json import as_counts, read_object
from critterdb.system import cores

from .earlier_photos import PhotoFile, PhotoSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb._types import Json, Progress
    from critterdb.storage.database import SiteDatabase

    from .earlier_photos import EarlierPhotos

# A megabyte: larger blocks are no faster and stay in memory.
BLOCK_BYTES = 1 << 20
PHOTOS_AT_ONCE = 1000  # each takes a kilobyte while it waits for a thread


@dataclass(frozen=True)
class CopiedFiles:
    """Files that went along and their bytes; paths of rows whose file did not; notes for people."""

    number: int = 0
    bytes: int = 0
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def copy_photos(
    copy: SiteDatabase,
    home: Path,
    made: Path,
    *,
    keep_exif: bool = False,
    earlier: EarlierPhotos | None = None,
    progress: Progress | None = None,
) -> CopiedFiles:
    """Copy the files of published photos, each checked against its row; the rows follow the files.

    Without `keep_exif` a file keeps its picture, colour profile and orientation only. A row whose
    file is missing, changed or cannot be stripped loses its path. Files that an `earlier` copy has
    are linked from there. Raises OSError.
    """
    rows = copy.execute(
        "SELECT path, min(sha256) FROM photos WHERE path IS NOT NULL GROUP BY path"
    ).fetchall()
    missing: list[str] = []
    placed: dict[str, PhotoFile] = {}

    def copied(row: tuple[str, str]) -> PhotoFile | None:
        return _copy_photo(home, made, *row, keep_exif=keep_exif, earlier=earlier)

    # Reading, hashing and writing leave Python to other threads.
    pool = ThreadPoolExecutor(cores())
    try:
        for start in range(0, len(rows), PHOTOS_AT_ONCE):
            batch = rows[start : start + PHOTOS_AT_ONCE]
            for (path, _), file in zip(batch, pool.map(copied, batch), strict=True):
                if file is None:
                    missing.append(path)
                else:
                    placed[path] = file
                if progress:
                    progress(len(missing) + len(placed), len(rows))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, the rest is not started
    _follow_files(copy, {path: file for path, file in placed.items() if file.path != path})
    copy.execute(
        "UPDATE photos SET path = NULL WHERE path IN (SELECT value FROM json_each(?))",
        [json.dumps(missing)],
    )
    sizes = {file.path: file.bytes for file in placed.values()}
    located = sum(file.had_gps for file in placed.values())
    notes = (_gps_note(located, keep_exif=keep_exif),) if located else ()
    return CopiedFiles(len(sizes), sum(sizes.values()), tuple(missing), notes)


def copy_pictures(copy: SiteDatabase, home: Path, made: Path) -> None:
    """Copy the pictures of published posts that the site keeps, such as the demo's.

    One with coordinates stays at home: without them it would be another file than the one that was
    classified. Raises OSError.
    """
    for (sha256,) in copy.execute(
        "SELECT DISTINCT image_sha256 FROM post_images WHERE image_sha256 IS NOT NULL"
    ).fetchall():
        path = kept_picture(home, sha256)
        if path is None:
            continue
        with open_stored(home, "pictures", path) as file:
            data = file.read(MAX_IMAGE_BYTES + 1)
        if hashlib.sha256(data).hexdigest() == sha256 and not has_gps(data):
            target = stored_file(made, "pictures", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def copy_models(copy: SiteDatabase, home: Path, made: Path) -> CopiedFiles:
    """Copy the files of models, each checked against its row. Raises OSError."""
    number, missing, notes = 0, [], []
    for row in copy.query("SELECT id, path, sha256, card FROM models ORDER BY id"):
        if not _copy_model(home, made, row["path"], row["sha256"]):
            missing.append(row["path"])
            continue
        number += 1
        if closed := _closed_photos(read_object(row["card"])):
            notes.append(
                f"{row['id']} learned from {closed:,} photos without an open licence: "
                "the model is published, those photos are not"
            )
    return CopiedFiles(number, missing=tuple(missing), notes=tuple(notes))


def _closed_photos(card: Json) -> int:
    """How many photos without an open licence a model learned from, as far as its card tells."""
    counts = as_counts(card.get("photos_by_license"))
    return sum(number for code, number in counts.items() if code not in DEFAULT_LICENSES)


def _gps_note(located: int, *, keep_exif: bool) -> str:
    files = count_of(located, "photo")
    if keep_exif:
        return (
            f"{files} with GPS coordinates: the copy has them, because of --keep-exif. "
            "Anyone can see where they were taken"
        )
    return f"{files} with GPS coordinates, which the copy leaves out (--keep-exif would keep them)"


def _copy_photo(
    home: Path,
    made: Path,
    path: str,
    sha256: str,
    *,
    keep_exif: bool,
    earlier: EarlierPhotos | None,
) -> PhotoFile | None:
    """Copy a photo that its row names; null if the file is missing or not what the row says."""
    try:
        with open_stored(home, "photos", path) as file:
            status = os.fstat(file.fileno())
            source = PhotoSource(path, sha256, status.st_size, status.st_mtime_ns, keep_exif)
            if earlier and (linked := earlier.link(source, made)):
                return linked
            data = file.read(MAX_IMAGE_BYTES + 1)
    except (SiteError, FileNotFoundError):
        return None
    copied = _copy_data(made, data, sha256, keep_exif=keep_exif)
    if earlier and copied:
        earlier.note(source, copied)
    return copied


def _copy_data(made: Path, data: bytes, sha256: str, *, keep_exif: bool) -> PhotoFile | None:
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    try:
        photo = StrippedPhoto(data, has_gps(data)) if keep_exif else strip_metadata(data)
        suffix = image_format(photo.data)
    except (RejectedInputError, ValueError):
        return None  # what it tells cannot be found, so it cannot be left out
    new_sha256 = hashlib.sha256(photo.data).hexdigest()
    new_path = photo_path(new_sha256, suffix)
    target = stored_file(made, "photos", new_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not place_photo: it waits for the disk at each photo, and the folder gets its name at the end.
    # A file that is there has the same bytes, and may be the earlier copy's.
    with suppress(FileExistsError), target.open("xb") as file:
        file.write(photo.data)
    return PhotoFile(new_sha256, new_path, len(photo.data), photo.had_gps)


def _follow_files(copy: SiteDatabase, moved: dict[str, PhotoFile]) -> None:
    """Bring rows up to date with files whose bytes, and so whose hashes, are new ones."""
    with copy.atomic():
        for path, file in moved.items():
            before = copy.execute("SELECT min(sha256) FROM photos WHERE path = ?", [path])
            old_sha256 = before.fetchone()[0]
            copy.execute(
                "UPDATE photos SET sha256 = ?, path = ?, bytes = ? WHERE path = ?",
                [file.sha256, file.path, file.bytes, path],
            )
            # Two photos can differ in their metadata only; one embedding of the picture is enough.
            copy.execute(
                "UPDATE OR IGNORE embeddings SET sha256 = ? WHERE sha256 = ?",
                [file.sha256, old_sha256],
            )
        copy.execute("DELETE FROM embeddings WHERE sha256 NOT IN (SELECT sha256 FROM photos)")


def _copy_model(home: Path, made: Path, path: str, sha256: str) -> bool:
    """Copy a model that its row names; false if the file is missing or not what the row says."""
    digest = hashlib.sha256()
    try:
        source = open_stored(home, "models", path)
    except (SiteError, FileNotFoundError):
        return False
    with source:
        # A model can be hundreds of megabytes, so it is copied and hashed in blocks. Its name waits
        # for the hash and not for the disk, so `replacing` is not used.
        target = stored_file(made, "models", path)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.part")
        with partial.open("xb") as writing:
            for block in _blocks(source):
                digest.update(block)
                writing.write(block)
    if digest.hexdigest() != sha256:
        partial.unlink()
        return False
    os.replace(partial, target)
    return True


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block
