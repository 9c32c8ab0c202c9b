"""The chunks of a PNG that a decoder needs, each no longer than the format says."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from .exif import EXIF, Metadata, tiff_with_orientation
from .icc import MAX_PROFILE_BYTES, clean_profile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks that change how a PNG looks, with their lengths; text, times, EXIF and private ones do not.
_LENGTHS = {
    b"IHDR": {13},
    b"gAMA": {4},
    b"cHRM": {32},
    b"sRGB": {1},
    b"sBIT": {1, 2, 3, 4},
    b"bKGD": {1, 2, 6},
    b"pHYs": {9},
    b"acTL": {8},
    b"cICP": {4},
    b"mDCV": {24},
    b"cLLI": {8},
}
_FRAME_BYTES = 26  # of fcTL
_PALETTE = 3  # colour type
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the colour type of IHDR
# First column and row of each pass of an interlaced picture, and the steps between.
_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_BLOCK_BYTES = 1 << 20


def strip_png(data: bytes) -> tuple[bytes, Metadata]:
    """Return a PNG without what a decoder does not need, and the metadata that it had.

    Raises ValueError if its structure cannot be followed, or if its picture data go on after the
    picture. May raise struct.error or IndexError.
    """
    metadata = Metadata()
    kept: list[bytes] = []
    seen: set[bytes] = set()
    frame = _Frame()
    for name, body in _chunks(data):
        if frame.is_open and name not in (b"IDAT", b"fdAT"):
            kept += frame.close()
        if name not in seen and len(body) in frame.lengths_of(name):
            seen.add(name)
            kept.append(_chunk(name, body))
            if name == b"IHDR":
                frame.read_header(body)
        elif name == b"iCCP" and name not in seen and (profile := _profile(body)):
            seen.add(name)
            kept.append(profile)
        elif name == b"IDAT" or (name == b"fdAT" and b"acTL" in seen):
            frame.add(name, body)
        elif name == b"fcTL" and b"acTL" in seen and len(body) == _FRAME_BYTES:
            kept.append(_chunk(name, body))
            frame.read_size(body)
        elif name == b"eXIf":
            metadata.exif = body.removeprefix(EXIF)
        elif name == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0"):
            metadata.xmp += body
    if b"IHDR" not in seen:
        raise ValueError("the PNG has no header")
    if metadata.orientation() > 1:
        kept.insert(1, _chunk(b"eXIf", tiff_with_orientation(metadata.orientation())))
    return SIGNATURE + b"".join(kept) + _chunk(b"IEND", b""), metadata


class _Frame:
    """The picture data of one frame: its chunks, of which the zlib stream is one."""

    def __init__(self) -> None:
        self.is_open = False
        self._size = (0, 0)
        self._depth, self._colour, self._interlaced = 0, 0, False
        self._parts: list[tuple[bytes, bytes, bytes]] = []

    def lengths_of(self, name: bytes) -> Collection[int]:
        """The lengths that a chunk may have; none if no decoder needs it."""
        colours = 2**self._depth
        if name == b"PLTE" and self._colour == _PALETTE:
            return range(3, 3 * colours + 1, 3)
        if name == b"tRNS":
            return {0: {2}, 2: {6}, _PALETTE: range(1, colours + 1)}.get(self._colour, ())
        return _LENGTHS.get(name, ())

    def read_header(self, header: bytes) -> None:
        width, height, self._depth, self._colour, _, _, interlace = struct.unpack(
            ">IIBBBBB", header
        )
        self._size = (width, height)
        self._interlaced = interlace == 1

    def read_size(self, control: bytes) -> None:
        self._size = struct.unpack_from(">II", control, 4)

    def add(self, name: bytes, body: bytes) -> None:
        self.is_open = True
        head = body[:4] if name == b"fdAT" else b""
        self._parts.append((name, head, body[len(head) :]))

    def close(self) -> list[bytes]:
        """The chunks of the frame, up to the end of its zlib stream."""
        self.is_open = False
        left = self._stream_bytes()
        chunks = []
        for name, head, part in self._parts:
            if part[:left] or not part:
                chunks.append(_chunk(name, head + part[:left]))
            left -= len(part[:left])
        self._parts = []
        return chunks

    def _stream_bytes(self) -> int:
        """How long the zlib stream is. Raises ValueError if it holds another number of pixels."""
        stream = zlib.decompressobj()
        expected = self._raw_bytes()
        taken = 0
        try:
            for _, _, part in self._parts:
                rest = part
                while rest and not stream.eof:
                    expected -= len(stream.decompress(rest, _BLOCK_BYTES))
                    taken += len(rest) - len(stream.unconsumed_tail) - len(stream.unused_data)
                    rest = stream.unconsumed_tail
                    if expected < 0:
                        raise ValueError("the PNG holds more than its picture")
            while expected > 0 and (more := stream.decompress(b"", _BLOCK_BYTES)):
                expected -= len(more)
        except zlib.error as error:
            raise ValueError("the picture of the PNG cannot be unpacked") from error
        if not stream.eof or expected:
            raise ValueError("the PNG ends within its picture")
        return taken

    def _raw_bytes(self) -> int:
        """Bytes of the pixels before they are packed: each row begins with its filter."""
        width, height = self._size
        bits = self._depth * _CHANNELS.get(self._colour, 0)  # of a pixel
        if not self._interlaced:
            return height * (1 + (width * bits + 7) // 8)
        total = 0
        for left, top, across, down in _PASSES:
            columns = -(-max(width - left, 0) // across)
            rows = -(-max(height - top, 0) // down)
            total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
        return total


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and bodies, up to the end chunk."""
    at = len(SIGNATURE)
    name = b""
    while name != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise ValueError("a PNG chunk is longer than its file")
        yield name, data[at + 8 : end - 4]
        at = end


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _profile(body: bytes) -> bytes | None:
    """The chunk of a cleaned colour profile, without its name; None if it is not one."""
    packed = body[body.index(b"\0") + 2 :] if b"\0" in body else b""
    try:
        profile = clean_profile(zlib.decompressobj().decompress(packed, MAX_PROFILE_BYTES))
    except zlib.error:
        return None
    return _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)) if profile else None
