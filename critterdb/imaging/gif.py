"""The blocks of a GIF that a decoder needs, each no longer than the format says."""

from __future__ import annotations

from .exif import Metadata

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF  # times and transparency; what programs add
_CONTROL_BYTES = 4
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")  # how often an animation is repeated
_LOOP_BYTES = 3
MAX_CODES = 4096  # of a table, whose codes have at most 12 bits
MAX_CODE_BITS = 12


def strip_gif(data: bytes) -> tuple[bytes, Metadata]:
    """Return a GIF without what a decoder does not need, and the metadata that it had.

    Raises ValueError if its structure cannot be followed, or if the data of a picture go on after
    it. May raise IndexError.
    """
    metadata = Metadata()
    at = 13 + _colours(data[10])
    kept = [data[:at]]
    while data[at] != _TRAILER:
        start = at
        if data[at] == _IMAGE:
            at += 10 + _colours(data[at + 9])
            kept.append(data[start : at + 1])
            packed, at = _blocks(data, at + 1)
            width = int.from_bytes(data[start + 5 : start + 7], "little")
            height = int.from_bytes(data[start + 7 : start + 9], "little")
            end = _lzw_end(packed, kept[-1][-1], width * height)
            kept.append(_as_blocks(packed[:end]))
        elif data[at] == _EXTENSION:
            label = data[at + 1]
            first = data[at + 3 : at + 3 + data[at + 2]]
            rest, at = _blocks(data, at + 3 + data[at + 2])
            if label == _APPLICATION and first == b"XMP DataXMP":
                metadata.xmp += data[start:at]
            elif label == _APPLICATION and first in _LOOPS:
                kept.append(bytes([_EXTENSION, label]) + _as_blocks(first)[:-1])
                kept.append(_as_blocks(rest[:_LOOP_BYTES]))
            elif label == _CONTROL and len(first) == _CONTROL_BYTES:
                kept.append(bytes([_EXTENSION, label]) + _as_blocks(first))
        else:
            raise ValueError("the GIF holds something that is not a block")
    return b"".join(kept) + b"\x3b", metadata


def _colours(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(data: bytes, at: int) -> tuple[bytes, int]:
    """What the blocks from here on contain, and where they end."""
    parts = []
    while data[at]:
        parts.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return b"".join(parts), at + 1


def _as_blocks(content: bytes) -> bytes:
    """Content in blocks of at most 255 bytes, and the empty one that ends them."""
    parts = (content[start : start + 255] for start in range(0, len(content), 255))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def _lzw_end(packed: bytes, root_bits: int, pixels: int) -> int:
    """Bytes of packed pixels up to their end code, or all if they end without one.

    Raises ValueError if there are more pixels than the picture has, or a code that is not defined.
    """
    if not 1 <= root_bits < MAX_CODE_BITS:
        raise ValueError("the GIF has codes of an impossible size")
    clear, end = 2**root_bits, 2**root_bits + 1
    lengths = [1] * (clear + 2)  # of the pixels that each code stands for
    width, previous, unpacked = root_bits + 1, 0, 0
    bits = available = 0
    for position, byte in enumerate(packed, 1):
        bits |= byte << available
        available += 8
        while available >= width:
            code = bits & ((1 << width) - 1)
            bits >>= width
            available -= width
            if code == end:
                return position
            if code == clear:
                del lengths[clear + 2 :]
                width, previous = root_bits + 1, 0
                continue
            if previous and len(lengths) < MAX_CODES:
                lengths.append(previous + 1)
                if len(lengths) == 1 << width and width < MAX_CODE_BITS:
                    width += 1
            if code >= len(lengths):
                raise ValueError("the picture of the GIF cannot be unpacked")
            previous = lengths[code]
            unpacked += previous
            if unpacked > pixels:
                raise ValueError("the GIF holds more than its picture")
    return len(packed)
