"""What a photo's metadata says of the picture itself: how to turn it, and where it was taken."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from PIL import Image

EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
ORIENTATION, GPS_IFD, GPS_LATITUDE = 0x0112, 0x8825, 0x0002
EXIF_IFD, TAKEN_AT = 0x8769, 0x9003
# The hemisphere's tag stands before that of the degrees, and its letters for negative and positive.
LATITUDE, LONGITUDE = (1, 2, "SN"), (3, 4, "WE")
MAX_LATITUDE, MAX_LONGITUDE = 90, 180  # degrees
SHORT = 3  # TIFF's number for a 16-bit integer
# More is an attack on whoever walks the directory, entry by entry.
MAX_ENTRIES = 500  # of one TIFF directory; a camera writes about 50

_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_XMP_LATITUDE = re.compile(rb"exif:GPSLatitude(?:=\"|>)\s*[0-9]")
_DAY = re.compile(r"(\d{4})[:-](\d{2})[:-](\d{2})(?!\d)", re.ASCII)


class ExifPlace(TypedDict):
    """Where a photo was taken, in degrees, and the day that its camera showed, as YYYY-MM-DD.

    The day may be null, and may be none of the calendar.
    """

    latitude: float
    longitude: float
    on: str | None


def read_place(exif: Image.Exif) -> ExifPlace | None:
    """Return where and when a photo was taken, by its EXIF block, or None if it does not say where.

    Raises nearly anything for values that no camera writes.
    """
    gps = exif.get_ifd(GPS_IFD)
    latitude = _signed_degrees(gps, *LATITUDE)
    longitude = _signed_degrees(gps, *LONGITUDE)
    # Cameras that have not found their satellites yet write zeros.
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    taken = _DAY.match(str(exif.get_ifd(EXIF_IFD).get(TAKEN_AT, "")))
    place: ExifPlace = {
        "latitude": latitude,
        "longitude": longitude,
        "on": "-".join(taken.groups()) if taken else None,
    }
    return place if is_place(place) else None


def _signed_degrees(
    gps: dict[int, object], hemisphere: int, degrees: int, letters: str
) -> float | None:
    letter, parts = gps.get(hemisphere), gps.get(degrees)
    if isinstance(letter, bytes):
        letter = letter.decode("ascii", "replace")
    letter = str(letter).strip("\0 ").upper()
    if letter not in tuple(letters) or not isinstance(parts, tuple) or len(parts) != 3:
        return None
    whole, minutes, seconds = map(float, parts)
    if not (whole >= 0 and 0 <= minutes <= 60 and 0 <= seconds <= 60):
        return None
    sign = 1 - 2 * (letter == letters[0])
    return sign * (whole + minutes / 60 + seconds / 3600)


def is_place(value: object) -> bool:
    """Say whether a value from a process that read hostile bytes is an ExifPlace."""
    if not isinstance(value, dict) or value.keys() != ExifPlace.__annotations__.keys():
        return False
    latitude, longitude, on = value["latitude"], value["longitude"], value["on"]
    return (
        isinstance(latitude, float)
        and isinstance(longitude, float)
        and math.isfinite(latitude)
        and math.isfinite(longitude)
        and abs(latitude) <= MAX_LATITUDE
        and abs(longitude) <= MAX_LONGITUDE
        and (on is None or (isinstance(on, str) and _DAY.fullmatch(on) is not None))
    )


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
