"""What a photo's metadata says of the picture itself: how to turn it, and where it was taken."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
ORIENTATION, GPS_IFD, GPS_LATITUDE = 0x0112, 0x8825, 0x0002
SHORT = 3  # TIFF's number for a 16-bit integer
# More is an attack on whoever walks the directory, entry by entry.
MAX_ENTRIES = 500  # of one TIFF directory; a camera writes about 50

_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_XMP_LATITUDE = re.compile(rb"exif:GPSLatitude(?:=\"|>)\s*[0-9]")


@dataclass
class Metadata:
    """The metadata blocks of a file: TIFF as EXIF wraps it, and XMP."""

    exif: bytes = b""
    xmp: bytes = b""

    def orientation(self) -> int:
        """How the picture is to be turned, 1 (not at all) to 8, as TIFF counts."""
        value = _entry(self.exif, ORIENTATION)
        if value is None and (match := _XMP_ORIENTATION.search(self.xmp)):
            value = int(match[1])
        return value if value is not None and 1 <= value <= 8 else 1

    def has_gps(self) -> bool:
        directory = _entry(self.exif, GPS_IFD)
        in_exif = directory is not None and _has_entry(self.exif, directory, GPS_LATITUDE)
        return in_exif or _XMP_LATITUDE.search(self.xmp) is not None


def tiff_with_orientation(orientation: int) -> bytes:
    """The smallest TIFF structure that says how to turn a picture."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, SHORT, 1, orientation, 0, 0)


def _entry(tiff: bytes, tag: int) -> int | None:
    """The number that a TIFF structure's first directory gives for a tag; null if it has none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return None
    return _find(tiff, order, struct.unpack_from(f"{order}I", tiff, 4)[0], tag)


def _has_entry(tiff: bytes, directory: int, tag: int) -> bool:
    order = "<" if tiff[:2] == b"II" else ">"
    return _find(tiff, order, directory, tag) is not None


def _find(tiff: bytes, order: str, directory: int, tag: int) -> int | None:
    try:
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * min(count, MAX_ENTRIES), 12):
            number, kind = struct.unpack_from(f"{order}HH", tiff, entry)
            if number == tag:
                form = "H" if kind == SHORT else "I"
                return int(struct.unpack_from(order + form, tiff, entry + 8)[0])
    except struct.error:
        return None
    return None
