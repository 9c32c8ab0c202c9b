"""Read photos out of a zip that may come from anybody, in memory: nothing of it is extracted.

A zip that tries something (a way out of its folder, a link, a bomb) is refused as a whole, before
anything is read of it.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Self

from critterdb.errors import SourceError
from critterdb.imaging.sandbox import MAX_ORIGINAL_BYTES
from critterdb.storage.stored_files import open_regular

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

MAX_ENTRIES = 200_000  # files and folders; the list of so many takes 100 MB of memory
MAX_DIRECTORY_BYTES = 30_000_000  # of that list in the file
# Photos are compressed already, so a zip of them unpacks to its own size.
MAX_RATIO = 20
FREE_BYTES = 10_000_000  # of text and the like, which may unpack to more
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

_END, _END_BYTES = b"PK\5\6", 22
_END_64, _LOCATOR_64, _LOCATOR_64_BYTES = b"PK\6\6", b"PK\6\7", 20
_COMMENT_BYTES = 65_535
_DRIVE = re.compile("[A-Za-z]:")
_ENCRYPTED = 0x1
_UNIX = 3  # the system whose modes the upper half of external_attr holds


class PhotoZip:
    """An open zip, all of whose entries are plain files below it; `names` are those of its files.

    Raises SourceError for a file that is not a zip, or not one to open.
    """

    def __init__(self, path: Path) -> None:
        self._file = open_regular(path)
        try:
            _check_end(path, self._file)
            self._zip = zipfile.ZipFile(self._file)
            entries = self._zip.infolist()
            _check_entries(path, entries, self._file.seek(0, 2))
        except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError) as error:
            self._file.close()
            raise SourceError(
                f"{path} is not a zip that can be read ({error}). Download it again, or unpack it "
                "and import the folder"
            ) from error
        except BaseException:
            self._file.close()
            raise
        # A zip may write "./" and "//"; of two entries of one name the last one counts.
        self._entries = {
            str(PurePosixPath(entry.filename)): entry for entry in entries if not entry.is_dir()
        }
        self.names = sorted(self._entries)

    def read(self, name: str) -> bytes:
        """The bytes of a file, one more than a photo may have of a larger one. Raises OSError."""
        try:
            with self._zip.open(self._entries[name]) as file:
                return file.read(MAX_ORIGINAL_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise OSError(None, "damaged in the zip") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._file.close()


def _check_end(path: Path, file: BinaryIO) -> None:
    """Refuse a list of entries that is too long to be read at all: Python reads all of it."""
    size = file.seek(0, 2)
    start = max(0, size - _END_BYTES - _COMMENT_BYTES - _LOCATOR_64_BYTES)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0:
        raise zipfile.BadZipFile("it has no list of files")
    entries, length = struct.unpack_from("<HI", tail, at + 10)
    locator = at - _LOCATOR_64_BYTES
    if locator >= 0 and tail[locator:].startswith(_LOCATOR_64):
        file.seek(struct.unpack_from("<Q", tail, locator + 8)[0])
        record = file.read(56)
        if not record.startswith(_END_64):
            raise zipfile.BadZipFile("its end is damaged")
        entries, length = struct.unpack_from("<QQ", record, 32)
    if entries > MAX_ENTRIES or length > MAX_DIRECTORY_BYTES:
        raise _refused(path, f"has more than {MAX_ENTRIES:,} entries")


def _check_entries(path: Path, entries: list[zipfile.ZipInfo], size: int) -> None:
    if len(entries) > MAX_ENTRIES:
        raise _refused(path, f"has more than {MAX_ENTRIES:,} entries")
    for entry in entries:
        if problem := _problem(entry):
            raise _refused(path, f"{problem}: {entry.filename[:100]}")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_RATIO * size + FREE_BYTES:
        raise _refused(path, f"would unpack from {size / 1e6:,.1f} MB to {unpacked / 1e6:,.0f} MB")


def _problem(entry: zipfile.ZipInfo) -> str | None:
    """What speaks against a zip with this entry."""
    name = PurePosixPath(entry.filename)
    # Python has made slashes of backslashes only where they are the system's own.
    if (
        name.is_absolute()
        or ".." in name.parts
        or "\\" in entry.filename
        or _DRIVE.match(entry.filename)
    ):
        return "has an entry with a path outside the zip"
    mode = entry.external_attr >> 16
    if (
        entry.create_system == _UNIX
        and mode
        and stat.S_IFMT(mode)
        not in (
            0,
            stat.S_IFREG,
            stat.S_IFDIR,
        )
    ):
        return "has an entry that is a link or a device"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in METHODS:
        return "uses an unsupported compression method (only deflate is supported)"
    return None


def _refused(path: Path, problem: str) -> SourceError:
    return SourceError(
        f"{path} {problem}. Unpack it yourself, if you trust it, and import the folder"
    )
