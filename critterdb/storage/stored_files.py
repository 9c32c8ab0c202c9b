"""Paths in the rows of a site → files, wherever one is read, copied, removed, served or loaded.

A database may come from somebody else. What its rows call a photo or a model is only taken for one
where it is named as critterdb names them and is in the site's folder, with no link on the way.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, BinaryIO, Literal

from critterdb.errors import SiteError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Kind = Literal["photos", "models", "pictures", "rounds"]

# What place_photo writes: the folder is the first two digits of the name, the name is a SHA-256.
PHOTO_PATH = re.compile(r"photos/([0-9a-f]{2})/(\1[0-9a-f]{62})\.(?:jpg|png|webp|gif)")
# `models/GAME-TIME-XXXX.onnx`; an imported game's slug could be anything, so only what is never a
# plain name is left out: hidden files, separators and control characters.
MODEL_PATH = re.compile(r"models/[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,200}\.onnx")
# Pictures of posts that no server keeps: those of a replayed file, and the demo's.
PICTURE_PATH = re.compile(PHOTO_PATH.pattern.replace("photos", "pictures", 1))
# Photos that hosts uploaded for rounds, which nothing serves or publishes.
ROUND_PATH = re.compile(PHOTO_PATH.pattern.replace("photos", "rounds", 1))
_PATTERNS = {
    "photos": PHOTO_PATH,
    "models": MODEL_PATH,
    "pictures": PICTURE_PATH,
    "rounds": ROUND_PATH,
}
_WORDS = {
    "photos": "a photo",
    "models": "a model",
    "pictures": "a picture of a post",
    "rounds": "the photo of a round",
}


def photo_path(sha256: str, suffix: str, kind: Kind = "photos") -> str:
    """Where a photo lies, or a picture of a post, relative to its site."""
    return f"{kind}/{sha256[:2]}/{sha256}.{suffix}"


def stored_file(site: Path, kind: Kind, path: object) -> Path:
    """The file that a row's `path` stands for; it may be missing.

    Raises SiteError where the path is not one that critterdb writes, where a part of it below the
    site is a symbolic link, or where something else than a file lies there.
    """
    if not isinstance(path, str) or not _PATTERNS[kind].fullmatch(path):
        raise SiteError(
            f"The database refers to {_WORDS[kind]} outside the folder {kind}/ of this site. "
            "Restore the database from a backup, or ask the person who made it"
        )
    reached = site
    parts = path.split("/")
    for part in parts:
        reached = reached / part
        try:
            mode = reached.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            break
        if stat.S_ISLNK(mode):
            raise SiteError(
                f"{reached.relative_to(site)} is a symbolic link, which critterdb does not follow. "
                "Move the files there, or mount the other disk there"
            )
        if reached == site / path and not stat.S_ISREG(mode):
            raise SiteError(f"{path} is not a file. Remove it and try again")
    return site / path


def stored_files(site: Path, kind: Kind, paths: Iterable[object]) -> list[Path]:
    """The files of several rows; as stored_file."""
    return [stored_file(site, kind, path) for path in paths]


def open_stored(site: Path, kind: Kind, path: object) -> BinaryIO:
    """Open a row's file for reading. Raises SiteError as stored_file does, and OSError."""
    return open_regular(stored_file(site, kind, path), follow=False)


def open_regular(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open `path` for reading where it is a regular file. Raises OSError.

    A pipe or a device is refused before anything is read of it, so that nothing waits for it.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    handle = os.open(path, flags)
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, "It is not a regular file", str(path))
    return os.fdopen(handle, "rb")
