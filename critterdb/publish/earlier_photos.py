"""Photo files of an earlier copy, which a new one links instead of stripping them again.

A file in a site's folder is named by its SHA-256 and does not change; if its size or time differ
from what they were, it is read and checked again. What is known of a copy's files lies in the
user's cache, because it says more than the copy does.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from critterdb.storage.atomic_files import write_atomically
from critterdb.storage.stored_files import stored_file

if TYPE_CHECKING:
    from pathlib import Path


class PhotoSource(NamedTuple):
    """A photo's file at home, as its row and its folder describe it, and how it is copied."""

    path: str
    sha256: str
    bytes: int
    mtime_ns: int
    keep_exif: bool


class PhotoFile(NamedTuple):
    """A photo's file in the copy, whose bytes and so whose name may be others than at home."""

    sha256: str
    path: str
    bytes: int
    had_gps: bool


@dataclass(frozen=True)
class EarlierPhotos:
    """What became of photo files in the copy at `folder`, by what they were at home."""

    folder: Path
    known: dict[PhotoSource, PhotoFile]
    now: dict[PhotoSource, PhotoFile] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, file: Path, recipe: str) -> EarlierPhotos:
        """Read what `save` wrote, if the code was the same; otherwise nothing is known."""
        try:
            contents = json.loads(gzip.decompress(file.read_bytes()))
            rows = contents["photos"] if contents["recipe"] == recipe else []
            return cls(folder, {PhotoSource(*row[:5]): PhotoFile(*row[5:]) for row in rows})
        except (OSError, EOFError, ValueError, TypeError, LookupError, zlib.error):
            return cls(folder, {})

    def save(self, file: Path, recipe: str) -> None:
        """Write what became of the files of this run. An error costs only time."""
        rows = [[*source, *photo] for source, photo in self.now.items()]
        text = json.dumps({"recipe": recipe, "photos": rows})
        with suppress(OSError):
            write_atomically(file, gzip.compress(text.encode(), 1), mode=0o600)

    def link(self, source: PhotoSource, made: Path) -> PhotoFile | None:
        """Put the earlier copy's file into a new copy; None if there is none, or no link to it."""
        photo = self.known.get(source)
        if photo is None:
            return None
        target = stored_file(made, "photos", photo.path)
        earlier = self.folder / photo.path
        try:
            if earlier.stat(follow_symlinks=False).st_size != photo.bytes:
                return None  # it was cut short
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(earlier, target, follow_symlinks=False)
        except FileExistsError:
            pass  # two photos that differ in their metadata only
        except OSError:
            return None
        self.now[source] = photo
        return photo

    def note(self, source: PhotoSource, photo: PhotoFile) -> None:
        """Note what became of a file in this run."""
        self.now[source] = photo
