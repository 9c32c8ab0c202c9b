"""The chunks of a WebP that a decoder needs, each no longer than the format says."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from .exif import EXIF, Metadata, tiff_with_orientation
from .icc import clean_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

_HAS_ANIMATION, _HAS_XMP, _HAS_EXIF, _HAS_ALPHA, _HAS_PROFILE = 0x02, 0x04, 0x08, 0x10, 0x20
_HEADER_BYTES, _ANIMATION_BYTES, _FRAME_BYTES = 10, 6, 16
_PICTURES = (b"VP8 ", b"VP8L")


def strip_webp(data: bytes) -> tuple[bytes, Metadata]:
    """Return a WebP without what a decoder does not need, and the metadata that it had.

    Raises ValueError if its structure cannot be followed. May raise struct.error or IndexError.
    """
    end = min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    chunks = list(_chunks(data, 12, end))
    if not chunks or chunks[0][0] != b"VP8X":
        # Without VP8X, the extended header, a decoder looks at the first picture only.
        return _riff(_pictures(chunks)), Metadata()
    return _strip_extended(chunks)


def _strip_extended(chunks: list[tuple[bytes, bytes]]) -> tuple[bytes, Metadata]:
    metadata = Metadata()
    header = chunks[0][1][:_HEADER_BYTES]
    flags = header[0] & (_HAS_ANIMATION | _HAS_ALPHA)
    kept: list[bytes] = []
    profile = None
    for name, body in chunks:
        if name == b"ICCP":
            profile = profile or clean_profile(body)
        elif name == b"EXIF":
            metadata.exif = body.removeprefix(EXIF)
        elif name == b"XMP ":
            metadata.xmp += body
        elif name == b"ANMF" and flags & _HAS_ANIMATION:
            kept.append(_chunk(name, _strip_frame(body)))
    if flags & _HAS_ANIMATION:
        control = next((body for name, body in chunks if name == b"ANIM"), b"")
        kept.insert(0, _chunk(b"ANIM", control[:_ANIMATION_BYTES]))
    else:
        kept = _pictures(chunks, _size(header, 4))
    if profile:
        kept.insert(0, _chunk(b"ICCP", profile))
        flags |= _HAS_PROFILE
    if metadata.orientation() > 1:
        kept.append(_chunk(b"EXIF", tiff_with_orientation(metadata.orientation())))
        flags |= _HAS_EXIF
    header = bytes([flags, 0, 0, 0]) + header[4:]
    return _riff([_chunk(b"VP8X", header), *kept]), metadata


def _strip_frame(body: bytes) -> bytes:
    """A frame of an animation: its place, and the chunks of its picture."""
    head = body[:_FRAME_BYTES]
    chunks = list(_chunks(body, _FRAME_BYTES, len(body)))
    return head + b"".join(_pictures(chunks, _size(head, 6)))


def _pictures(
    chunks: list[tuple[bytes, bytes]], size: tuple[int, int] | None = None
) -> list[bytes]:
    """The first picture among chunks, with the transparency before it if there may be one."""
    kept: list[bytes] = []
    for name, body in chunks:
        if name == b"ALPH" and size and not kept:
            kept.append(_chunk(name, _strip_alpha(body, size)))
        elif name in _PICTURES:
            return [*kept, _chunk(name, body)]
    raise ValueError("the WebP has no picture")


def _strip_alpha(body: bytes, size: tuple[int, int]) -> bytes:
    """Transparency; if it is not packed (lowest two bits), it has a byte for each pixel."""
    return body if body[0] & 3 else body[: 1 + size[0] * size[1]]


def _size(head: bytes, at: int) -> tuple[int, int]:
    """Width and height, two numbers of 24 bits, each one less than it says."""
    return (
        1 + int.from_bytes(head[at : at + 3], "little"),
        1 + int.from_bytes(head[at + 3 : at + 6], "little"),
    )


def _chunks(data: bytes, at: int, end_of_all: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= end_of_all:
        name, (length,) = data[at : at + 4], struct.unpack_from("<I", data, at + 4)
        end = at + 8 + length
        if end > len(data):
            raise ValueError("a WebP chunk is longer than its file")
        yield name, data[at + 8 : end]
        at = end + length % 2


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _riff(chunks: list[bytes]) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
