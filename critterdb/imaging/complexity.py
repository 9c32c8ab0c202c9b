"""How much work a picture is, counted before any decoder does it.

A decoder that takes a million parts one by one is ended by the time that it takes, but where that
is near the limit, chance decides. What can be counted beforehand is refused for sure, and at once.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .heif import HeifStructure
    from .jpeg import JpegStructure

MAX_PARTS = 10_000  # chunks, segments or blocks; a photo has some hundreds
MAX_SCANS = 64  # of a JPEG; a progressive photo has about ten
# A progressive JPEG is decoded once for each scan: its cost is their product, not the size alone.
SCANS_PER_PIXEL = 10  # on average, of the largest picture that is accepted
# A PNG of 64 bits a pixel unpacks to twice as much as one of 32, so half as many pixels may have
# them. The half byte over is for filters, one a row.
BYTES_PER_PIXEL = 4.5  # likewise, unpacked; 64 bits each are a matter for smaller ones
# A HEIC can be made of tiles that are larger than it is, or of one tile a thousand times.
DECODED_PER_PIXEL = 2  # likewise; a picture with transparency is two

_PNG_BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_GIF_EXTENSION, _GIF_IMAGE, _GIF_END = 0x21, 0x2C, 0x3B


def has_too_many_parts(data: bytes, kind: str) -> bool:
    """Whether a PNG, WebP or GIF consists of more parts than MAX_PARTS."""
    parts = {"png": _png_parts, "webp": _webp_parts, "gif": _gif_parts}[kind](data)
    # Stops at the limit: counting a million parts in Python would be the attack.
    return any(number >= MAX_PARTS for number, _ in enumerate(parts))


def runs_out(data: bytes, kind: str) -> bool:
    """Whether a PNG or WebP says itself that more of it should be there."""
    if kind == "webp":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    ends = (at + 12 + int.from_bytes(data[at : at + 4], "big") for at in _png_parts(data))
    return kind == "png" and any(end > len(data) for end in islice(ends, MAX_PARTS))


def is_too_much_jpeg(structure: JpegStructure, pixels: int, max_pixels: int) -> bool:
    """Whether a JPEG has more parts, scans, or pixels times scans than any photo."""
    if structure.parts > MAX_PARTS or structure.scans > MAX_SCANS:
        return True
    return structure.scans * pixels > SCANS_PER_PIXEL * max_pixels


def is_too_much_heif(structure: HeifStructure, max_pixels: int) -> bool:
    """Whether a HEIC or AVIF is made of more pixels than the largest picture and its mask."""
    return structure.decoded_pixels > DECODED_PER_PIXEL * max_pixels


def is_too_much_png(data: bytes, pixels: int, max_pixels: int) -> bool:
    """Whether a PNG unpacks to more bytes than the largest picture of 32 bits a pixel."""
    bits = data[24] * _PNG_BANDS.get(data[25], 4)
    return pixels * bits / 8 > BYTES_PER_PIXEL * max_pixels


def _png_parts(data: bytes) -> Iterator[int]:
    at = 8
    while at < len(data):
        yield at
        # Length, type and checksum of a chunk take 4 bytes each.
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _webp_parts(data: bytes) -> Iterator[int]:
    at = 12
    while at < len(data):
        yield at
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        # A RIFF chunk is padded to an even length.
        at += 8 + length + length % 2


def _gif_parts(data: bytes) -> Iterator[int]:
    """Yield the blocks before the first picture; skip bytes that do not start a block."""
    colours = data[10] if len(data) > 10 else 0
    at = 13 + (3 << (colours & 7) + 1 if colours & 0x80 else 0)
    while at < len(data) and data[at] not in (_GIF_IMAGE, _GIF_END):
        yield at
        if data[at] != _GIF_EXTENSION:
            at += 1
            continue
        at += 2
        while at < len(data) and data[at]:
            yield at
            at += 1 + data[at]
        at += 1
