"""Find labelled photos in a folder or a zip, whichever of the usual ways they are laid out.

    FOLDER/LABEL/any/depth/photo.jpg
    FOLDER/train/LABEL/photo.jpg, FOLDER/valid/LABEL/photo.jpg, FOLDER/test/LABEL/photo.jpg

What is not taken is named with its reason, but for hidden files and what systems leave in folders.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from critterdb.errors import SourceError

from .photo_files import NO_LABEL_FOLDERS, PHOTO_SUFFIXES, PhotoFile, read_original
from .photo_zip import PhotoZip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The names under which data sets keep their parts; with one of the first there are photos to learn.
TRAIN_FOLDERS = frozenset({"train", "training"})
PART_FOLDERS = TRAIN_FOLDERS | {"valid", "val", "validation", "test", "testing"}
# Left by systems in any folder; nobody misses them in a report.
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
# Photos and pictures in formats that critterdb does not read.
OTHER_PICTURES = frozenset(
    (
        *(".bmp", ".tif", ".tiff", ".jp2", ".jxl", ".psd", ".svg", ".ico"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"),
    )
)
LAYOUT = "FOLDER/LABEL/*.jpg (jpg, jpeg, png, webp, gif, heic or avif), one folder per label"


@dataclass(frozen=True)
class LeftOut:
    """A file that was not taken, as the report calls it, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class LabelledFiles:
    """What was found: photo files with their labels, files left out, and parts that were merged."""

    files: list[tuple[str, PhotoFile]]
    left_out: list[LeftOut] = field(default_factory=list)
    parts: tuple[str, ...] = ()


@contextmanager
def open_labelled_files(source: Path) -> Iterator[LabelledFiles]:
    """Find the photos of a folder or a zip, which stays open meanwhile.

    Raises SourceError if it has no labelled photos, or if the zip is not one to open.
    """
    if source.suffix.lower() == ".zip" and source.is_file():
        with PhotoZip(source) as archive:
            names = [PurePosixPath(name) for name in archive.names]
            yield _labelled(source, names, partial(_zip_photo, archive), unwrap=True)
        return
    if not source.is_dir():
        raise SourceError(
            f"{source} is not a folder or a zip of photos. Lay photos out as FOLDER/LABEL/*.jpg"
        )
    yield _labelled(source, list(_files_below(source)), partial(_folder_photo, source))


def _labelled(
    source: Path,
    names: list[PurePosixPath],
    photo_file: partial[PhotoFile],
    *,
    unwrap: bool = False,
) -> LabelledFiles:
    names = [name for name in names if not _is_ignored(name)]
    left_out = [LeftOut(str(name), reason) for name in names if (reason := _not_a_photo(name))]
    photos = [name for name in names if name.suffix.lower() in PHOTO_SUFFIXES]
    depth, parts = _depth_of_labels(photos, unwrap=unwrap)
    files: list[tuple[str, PhotoFile]] = []
    for name in photos:
        label = name.parts[depth] if len(name.parts) > depth + 1 else None
        if label is None:
            left_out.append(LeftOut(str(name), "not in the folder of a label"))
        elif not label.startswith(NO_LABEL_FOLDERS):
            # A name that is not UTF-8 has halves of surrogate pairs, which no column can hold.
            text = label.encode("utf-8", "replace").decode()
            files.append((text.replace("_", " "), photo_file(name)))
    if not files:
        seen = (
            f" (it has {len(left_out)} other files, such as {left_out[0].name})" if left_out else ""
        )
        raise SourceError(f"{source} has no labelled photos{seen}. Lay them out as {LAYOUT}")
    return LabelledFiles(files, left_out, parts)


def _files_below(folder: Path) -> Iterator[PurePosixPath]:
    """Yield the files at any depth, in order, relative to the folder.

    Folders of labels may be links, as on another disk; links below them could lead in circles.
    """
    for entry in sorted(folder.iterdir()):
        if entry.is_file():
            yield PurePosixPath(entry.name)
        if not entry.is_dir():
            continue
        for at, folders, files in os.walk(entry):
            folders.sort()
            place = PurePosixPath(Path(at).relative_to(folder))
            yield from (place / name for name in sorted(files) if (folder / place / name).is_file())


def _depth_of_labels(
    photos: Iterable[PurePosixPath], *, unwrap: bool
) -> tuple[int, tuple[str, ...]]:
    """At which depth of the paths labels stand, and the names of the parts above them, if any."""
    paths = [path.parts for path in photos]
    depth = 0
    while True:
        below = [path[depth:] for path in paths if len(path) > depth]
        tops = {
            path[0] for path in below if len(path) > 1 and not path[0].startswith(NO_LABEL_FOLDERS)
        }
        if _are_parts(tops, below):
            return depth + 1, tuple(sorted(tops))
        inner = [path[1:] for path in below]
        inner_tops = {path[0] for path in inner if len(path) > 1}
        # A zip is mostly of one folder, which is then not a label; so is a data set in a folder.
        is_wrapper = len(tops) == 1 and all(len(path) > 2 for path in below)
        if not is_wrapper or not (unwrap or _are_parts(inner_tops, inner)):
            return depth, ()
        depth += 1


def _are_parts(tops: set[str], below: Iterable[tuple[str, ...]]) -> bool:
    """Whether these folders are the parts of a data set, whose photos lie in folders of labels."""
    names = {top.lower() for top in tops}
    if not names & TRAIN_FOLDERS or not names <= PART_FOLDERS:
        return False
    return all(len(path) > 2 for path in below if path[0].lower() in TRAIN_FOLDERS)


def _is_ignored(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part.lower() in SYSTEM_FILES for part in name.parts)


def _not_a_photo(name: PurePosixPath) -> str | None:
    suffix = name.suffix.lower()
    if suffix in PHOTO_SUFFIXES:
        return None
    return f"in an unsupported format ({suffix})" if suffix in OTHER_PICTURES else "not a photo"


def _folder_photo(folder: Path, name: PurePosixPath) -> PhotoFile:
    return PhotoFile(str(name), partial(read_original, folder / name))


def _zip_photo(archive: PhotoZip, name: PurePosixPath) -> PhotoFile:
    return PhotoFile(str(name), partial(archive.read, str(name)))
