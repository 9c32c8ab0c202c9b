"""Strip what a photo file tells beside its picture: GPS, camera, names, comments, thumbnails.

Bytes of the picture itself are copied as they are, so nothing is decoded or lost. What a decoder
needs stays: colour profiles, transparency, animation, and how the camera was held (orientation).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError

from .decode import image_format
from .exif import EXIF, XMP, Metadata, tiff_with_orientation
from .gif import strip_gif
from .icc import clean_profile
from .png import strip_png
from .webp import strip_webp

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP2, _APP14, _COM = 0xE0, 0xE2, 0xEE, 0xFE
_APPS = range(0xE0, 0xF0)
_JFIF, _ICC, _ADOBE = b"JFIF\0", b"ICC_PROFILE\0", b"Adobe"
# Blocks that a decoder needs, by how they begin: density, colour transform.
_JPEG_KEPT = {_APP0: _JFIF, _APP14: _ADOBE}
_JFIF_BYTES, _ADOBE_BYTES = 12, 12  # up to the size of JFIF's thumbnail; all of Adobe
_ICC_PART_BYTES = 65_519  # of a segment, after its name and two numbers
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDD})  # Huffman, arithmetic, quantization, restarts
_SEQUENTIAL, _PROGRESSIVE = frozenset({0xC0, 0xC1, 0xC9}), frozenset({0xC2, 0xCA})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN_END = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True)
class StrippedPhoto:
    """A photo file without metadata, and whether it had told where it was taken."""

    data: bytes
    had_gps: bool


def strip_metadata(data: bytes) -> StrippedPhoto:
    """A photo file with its picture, colours and orientation, and nothing else.

    Raises RejectedInputError (not_an_image) or ValueError if its structure cannot be followed, or
    if it holds more picture data than its picture has, or if it is a HEIC or an AVIF: a site keeps
    those as JPEG.
    """
    strip = {"jpg": _strip_jpeg, "png": strip_png, "webp": strip_webp, "gif": strip_gif}
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


def _strip_jpeg(data: bytes) -> tuple[bytes, Metadata]:
    """Drop what follows the picture too: phones append whole pictures with EXIF of their own."""
    metadata = Metadata()
    kept: dict[int, bytes] = {}
    profile: list[bytes] = []
    picture: list[bytes] = []
    frame = _Components()
    for marker, segment in _jpeg_segments(data):
        body = segment[4:]
        if marker == 0xE1 and body.startswith(EXIF):
            metadata.exif = metadata.exif or body[len(EXIF) :]
        elif marker == 0xE1 and body.startswith(XMP):
            metadata.xmp += body[len(XMP) :]
        elif marker == _APP2 and body.startswith(_ICC):
            profile.append(body[len(_ICC) :])
        elif marker in _JPEG_KEPT and body.startswith(_JPEG_KEPT[marker]):
            kept.setdefault(marker, _jpeg_block(marker, body))
        elif marker in _TABLES or marker == _SOS or frame.is_frame(marker, segment):
            picture.append(segment)
        if frame.is_last_scan(marker, segment):
            break
    head = [kept[_APP0]] if _APP0 in kept else []
    orientation = metadata.orientation()
    if orientation > 1:
        # JFIF wants to come first, and EXIF next.
        head.append(_segment(0xE1, EXIF + tiff_with_orientation(orientation)))
    head += [*_profile_segments(profile), *([kept[_APP14]] if _APP14 in kept else [])]
    return b"\xff\xd8" + b"".join([*head, *picture]) + b"\xff\xd9", metadata


class _Components:
    """The colour components of a JPEG's frame, and which of them a scan has brought."""

    def __init__(self) -> None:
        self._marker = 0
        self._missing: set[int] = set()

    def is_frame(self, marker: int, segment: bytes) -> bool:
        """Whether this is the frame's header, which it then reads."""
        if marker not in _SEQUENTIAL | _PROGRESSIVE:
            return False
        if self._marker:
            raise ValueError("the JPEG has two frames")
        self._marker = marker
        self._missing = {segment[10 + 3 * number] for number in range(segment[9])}
        return True

    def is_last_scan(self, marker: int, segment: bytes) -> bool:
        """Whether nothing that follows is drawn: a progressive picture may always go on."""
        if marker != _SOS or self._marker not in _SEQUENTIAL:
            return marker == _EOI
        self._missing -= {segment[5 + 2 * number] for number in range(segment[4])}
        return not self._missing


def _profile_segments(parts: list[bytes]) -> list[bytes]:
    """The segments of a cleaned colour profile; none if the parts do not make one."""
    numbered = {part[0]: part[2:] for part in parts if len(part) > 2}
    whole = b"".join(numbered[number] for number in sorted(numbered))
    profile = clean_profile(whole)
    if profile is None:
        return []
    pieces = [
        profile[start : start + _ICC_PART_BYTES]
        for start in range(0, len(profile), _ICC_PART_BYTES)
    ]
    return [
        _segment(_APP2, _ICC + bytes([number, len(pieces)]) + piece)
        for number, piece in enumerate(pieces, 1)
    ]


def _jpeg_block(marker: int, body: bytes) -> bytes:
    """A block as a segment; of JFIF and Adobe what the format defines, and no thumbnail.

    A thumbnail is made before the picture is cropped, so it can show what was cut away.
    """
    if marker == _APP0:
        body = body[:_JFIF_BYTES].ljust(_JFIF_BYTES, b"\0") + b"\0\0"  # 0 by 0 pixels follow
    elif marker == _APP14:
        # Decoders look at the last byte: how colours are transformed. The rest is a version.
        body = _ADOBE + b"\0\x64\0\0\0\0" + body[_ADOBE_BYTES - 1 : _ADOBE_BYTES]
    return _segment(marker, body)


def _segment(marker: int, body: bytes) -> bytes:
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
