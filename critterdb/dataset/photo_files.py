"""Read photo files for training and measuring; one that cannot be read is counted, not fatal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError, SiteError
from critterdb.imaging.decode import MAX_IMAGE_BYTES, decode_image
from critterdb.imaging.sandbox import MAX_ORIGINAL_BYTES, as_kept
from critterdb.storage.stored_files import open_regular, open_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from PIL import Image

PHOTO_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif"),
        *(".heic", ".heif", ".hif", ".avif"),
    )
)
NONE_FOLDER = "_none"  # of pictures that show nothing a model knows
NEAR_FOLDER = "_near"  # of animals that look like the labels and are none of them
NO_LABEL_FOLDERS = (NONE_FOLDER, NEAR_FOLDER)

UNREADABLE_ERRORS = (OSError, RejectedInputError, SiteError)
"""What `PhotoFile.decode` raises, for a missing or damaged file as for a path that is not ours."""


@dataclass(frozen=True)
class PhotoFile:
    """A photo in a site or a folder; `name` is what an error calls it."""

    name: str
    read: Callable[[], bytes]

    def decode(self, shorter_side: int) -> Image.Image:
        """Return the photo, upright and RGB, at about this many pixels of its shorter side."""
        return decode_image(self.read(), shorter_side=shorter_side)


def stored_photos(site: Path, paths: Iterable[object]) -> list[PhotoFile]:
    """Return the photo files that rows of a site name; reading checks that they are the site's."""
    return [PhotoFile(str(path), partial(read_stored_photo, site, path)) for path in paths]


def folder_photos(paths: Iterable[Path]) -> list[PhotoFile]:
    """Return photo files that a person named."""
    return [PhotoFile(str(path), partial(_read_own_photo, path)) for path in paths]


def read_original(path: Path) -> bytes:
    """The bytes of a file, which may be too many for a photo, but only one byte too many.

    Raises OSError where it cannot be read or is a pipe or a device.
    """
    with open_regular(path) as file:
        return file.read(MAX_ORIGINAL_BYTES + 1)


def _read_own_photo(path: Path) -> bytes:
    return as_kept(read_original(path))


def list_photos(folder: Path) -> list[Path]:
    """List the photo files right below a folder, by name."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()
    ]


def read_stored_photo(site: Path, path: object) -> bytes:
    """Return the bytes of a row's photo, one more than allowed of one that is too large.

    Raises OSError, and SiteError if the path is not that of a photo of the site.
    """
    with open_stored(site, "photos", path) as file:
        return file.read(MAX_IMAGE_BYTES + 1)
