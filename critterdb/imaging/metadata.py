"""Strip what a photo file tells beside its picture: GPS, camera, names, comments, thumbnails.

Bytes of the picture itself are copied as they are, so nothing is decoded or lost. What a decoder
needs stays: colour profiles, transparency, animation, and how the camera was held (orientation).
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError

from .decode import image_format

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
ORIENTATION, GPS_IFD, GPS_LATITUDE = 0x0112, 0x8825, 0x0002
SHORT = 3  # TIFF's number for a 16-bit integer
# More is an attack on whoever walks the directory, entry by entry.
MAX_ENTRIES = 500  # of one TIFF directory; a camera writes about 50

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks that change how a PNG looks; text, times, EXIF and private ones do not.
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD hIST pHYs sPLT acTL fcTL fdAT cICP "
    b"mDCV cLLI".split()
)
# All that is drawn or says how: EXIF and XMP are left out.
_WEBP_KEPT = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH"))
_WEBP_HAS_EXIF, _WEBP_HAS_XMP = 0x08, 0x04
_GIF_CONTROL, _GIF_APPLICATION = 0xF9, 0xFF  # times and transparency; what programs add
_GIF_KEPT_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_XMP_LATITUDE = re.compile(rb"exif:GPSLatitude(?:=\"|>)\s*[0-9]")

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP2, _APP14, _COM = 0xE0, 0xE2, 0xEE, 0xFE
_APPS = range(0xE0, 0xF0)
# Blocks that a decoder needs, by how they begin: density, colour profile, colour transform.
_JPEG_KEPT = {_APP0: b"JFIF\0", _APP2: b"ICC_PROFILE\0", _APP14: b"Adobe"}
_JFIF_BYTES, _ADOBE_BYTES = 12, 12  # up to the size of JFIF's thumbnail; all of Adobe
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN_END = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True)
class StrippedPhoto:
    """A photo file without metadata, and whether it had told where it was taken."""

    data: bytes
    had_gps: bool


@dataclass
class _Metadata:
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


def strip_metadata(data: bytes) -> StrippedPhoto:
    """A photo file with its picture, colours and orientation, and nothing else.

    Raises RejectedInputError (not_an_image) or ValueError if its structure cannot be followed, or
    if it is a HEIC or an AVIF: a site keeps those as JPEG.
    """
    strip = {"jpg": _strip_jpeg, "png": _strip_png, "webp": _strip_webp, "gif": _strip_gif}
    kind = image_format(data)
    if kind not in strip:
        raise ValueError(f"the metadata of {kind} files is not known")
    try:
        kept, metadata = strip[kind](data)
    except (IndexError, struct.error) as error:
        raise ValueError(f"the {kind} file ends within its structure") from error
    return StrippedPhoto(kept, metadata.has_gps())


def has_gps(data: bytes) -> bool:
    """Whether a photo file tells where it was taken; false if its structure cannot be followed."""
    try:
        return strip_metadata(data).had_gps
    except (RejectedInputError, ValueError):
        return False


def _strip_jpeg(data: bytes) -> tuple[bytes, _Metadata]:
    """Drop what follows the end marker too: phones append whole pictures with EXIF of their own."""
    metadata = _Metadata()
    kept: list[bytes] = []
    for marker, segment in _jpeg_segments(data):
        body = segment[4:]
        if marker == 0xE1 and body.startswith(EXIF):
            metadata.exif = metadata.exif or body[len(EXIF) :]
        elif marker == 0xE1 and body.startswith(XMP):
            metadata.xmp += body[len(XMP) :]
        if marker in _APPS or marker == _COM:
            needed = _JPEG_KEPT.get(marker)
            if needed is None or not body.startswith(needed):
                continue
            segment = _jpeg_block(marker, body)
        kept.append(segment)
    orientation = metadata.orientation()
    if orientation > 1:
        segment = _jpeg_block(0xE1, EXIF + _tiff_with_orientation(orientation))
        # JFIF wants to come first, and EXIF next.
        kept.insert(1 if kept and kept[0][1] == _APP0 else 0, segment)
    return b"\xff\xd8" + b"".join(kept), metadata


def _jpeg_block(marker: int, body: bytes) -> bytes:
    """A block as a segment; of JFIF and Adobe what the format defines, and no thumbnail.

    A thumbnail is made before the picture is cropped, so it can show what was cut away.
    """
    if marker == _APP0:
        body = body[:_JFIF_BYTES].ljust(_JFIF_BYTES, b"\0") + b"\0\0"  # 0 by 0 pixels follow
    elif marker == _APP14:
        body = body[:_ADOBE_BYTES]
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield markers with their segments, a scan's with its data, up to the end marker."""
    at = 2
    while True:
        at = data.index(b"\xff", at)  # decoders skip what is not a marker, too
        while data[at + 1] == 0xFF:
            at += 1
        marker = data[at + 1]
        if marker == _EOI:
            yield marker, data[at : at + 2]
            return
        if marker in _STANDALONE or marker in (0, _SOI):
            at += 2
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if end > len(data) or end < at + 4:
            raise ValueError("a JPEG segment is longer than its file")
        if marker == _SOS:
            match = _SCAN_END.search(data, end)
            if match is None:
                raise ValueError("the JPEG has no end marker")
            end = match.start()
        yield marker, data[at:end]
        at = end


def _strip_png(data: bytes) -> tuple[bytes, _Metadata]:
    metadata = _Metadata()
    kept: list[bytes] = []
    at = len(_PNG_SIGNATURE)
    name = b""
    while name != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise ValueError("a PNG chunk is longer than its file")
        body = data[at + 8 : end - 4]
        if name in _PNG_KEPT:
            kept.append(data[at:end])
        elif name == b"eXIf":
            metadata.exif = body.removeprefix(EXIF)
        elif name == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0"):
            metadata.xmp += body
        at = end
    orientation = metadata.orientation()
    if orientation > 1:
        exif = b"eXIf" + _tiff_with_orientation(orientation)
        chunk = struct.pack(">I", len(exif) - 4) + exif + struct.pack(">I", zlib.crc32(exif))
        kept.insert(1, chunk)
    return _PNG_SIGNATURE + b"".join(kept), metadata


def _strip_webp(data: bytes) -> tuple[bytes, _Metadata]:
    metadata = _Metadata()
    kept: list[bytes] = []
    at, end_of_file = 12, min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while at + 8 <= end_of_file:
        name, (length,) = data[at : at + 4], struct.unpack_from("<I", data, at + 4)
        end = at + 8 + length
        if end > len(data):
            raise ValueError("a WebP chunk is longer than its file")
        body = data[at + 8 : end]
        if name in _WEBP_KEPT:
            kept.append(data[at:end] + b"\0" * (length % 2))
        elif name == b"EXIF":
            metadata.exif = body.removeprefix(EXIF)
        elif name == b"XMP ":
            metadata.xmp += body
        at = end + length % 2
    orientation = metadata.orientation()
    # Without VP8X, the extended header, a WebP has no EXIF that a decoder would look at.
    if kept and kept[0].startswith(b"VP8X"):
        flags = kept[0][8] & ~(_WEBP_HAS_EXIF | _WEBP_HAS_XMP)
        if orientation > 1:
            tiff = _tiff_with_orientation(orientation)
            kept.append(b"EXIF" + struct.pack("<I", len(tiff)) + tiff)
            flags |= _WEBP_HAS_EXIF
        kept[0] = kept[0][:8] + bytes([flags]) + kept[0][9:]
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body, metadata


def _strip_gif(data: bytes) -> tuple[bytes, _Metadata]:
    metadata = _Metadata()
    start = at = 13 + _gif_colours(data[10])
    kept = [data[:start]]
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x2C:
            at += 10 + _gif_colours(data[at + 9])
            at = _gif_blocks_end(data, at + 1)
            kept.append(data[start:at])
        elif data[at] == 0x21:
            label, application = data[at + 1], data[at + 3 : at + 14]
            at = _gif_blocks_end(data, at + 2)
            if label == _GIF_APPLICATION and application == b"XMP DataXMP":
                metadata.xmp += data[start:at]
            is_known = label == _GIF_APPLICATION and application in _GIF_KEPT_APPLICATIONS
            if label == _GIF_CONTROL or is_known:
                kept.append(data[start:at])
        else:
            raise ValueError("the GIF holds something that is not a block")
    return b"".join(kept) + b"\x3b", metadata


def _gif_colours(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _tiff_with_orientation(orientation: int) -> bytes:
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
