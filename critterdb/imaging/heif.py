"""What the boxes of a HEIC or AVIF file tell before a decoder sees them: parts, pixels, its end.

Both are HEIF (ISO/IEC 23008-12): a `meta` box names the items of the file, says where their bytes
lie and of which smaller pictures a large one is made. No pixel is decoded here.
"""

from __future__ import annotations

import importlib.util
import struct
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEIF_KINDS = ("heic", "avif")

# The brands by which Pillow and libheif know their own files; `mif1` and `msf1` are both's.
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_SHARED_BRANDS = (b"mif1", b"msf1")
MAX_BRANDS_BYTES = 256
# A grid is made of tiles, and `iden` and `tmap` of another picture: two levels in files of phones.
MAX_DEPTH = 8
ENDLESS = 1 << 62  # pixels of a picture that is made of itself


@dataclass
class HeifStructure:
    """`parts` (boxes, items and references) of a file, and what decoding its picture takes.

    `decoded_pixels` counts each tile of a grid, and what lies over the picture, such as
    transparency. `runs_out` is whether a box or an item should go on beyond the end of the file.
    `is_broken` is whether the boxes contradict themselves.
    """

    parts: int = 0
    decoded_pixels: int = 0
    runs_out: bool = False
    is_broken: bool = False
    _primary: int = 0
    _sizes: list[int] = field(default_factory=list)  # pixels by property; 0 if it is not a size
    _properties: dict[int, list[int]] = field(default_factory=dict)  # of an item
    _made_of: dict[int, list[int]] = field(default_factory=dict)
    _lies_over: dict[int, list[int]] = field(default_factory=dict)


@cache
def reads_heic() -> bool:
    """Whether the package that decodes HEIC is installed."""
    # Found and not imported: its decoders are for the sandbox.
    return importlib.util.find_spec("pillow_heif") is not None


def heif_kind(data: bytes) -> str | None:
    """Return `heic` or `avif` by the brands at the start of a file; None if it has neither."""
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), len(data), MAX_BRANDS_BYTES)
    major = data[8:12]
    brands = {major, *(data[at : at + 4] for at in range(16, end - 3, 4))}
    if major in (*_AVIF_BRANDS, *_SHARED_BRANDS) and brands & set(_AVIF_BRANDS):
        return "avif"
    return "heic" if major in (*_HEIC_BRANDS, *_SHARED_BRANDS) else None


def read_heif(data: bytes, *, max_parts: int) -> HeifStructure:
    """Walk the boxes of a HEIF file; stop after `max_parts`."""
    found = HeifStructure()
    try:
        for name, start, end in _boxes(data, 0, len(data), found, max_parts):
            if end > len(data):
                found.runs_out = True
            elif name == b"meta":
                _read_meta(data, start + 4, end, found, max_parts)
        found.decoded_pixels = _pixels(found, found._primary, {}, 0)
    except (IndexError, ValueError, struct.error):
        found.is_broken = True
    return found


def _boxes(
    data: bytes, at: int, stop: int, found: HeifStructure, max_parts: int
) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes between two offsets: name, and where the content begins and ends."""
    while at + 8 <= stop and found.parts <= max_parts:
        found.parts += 1
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:  # the size takes 64 bits
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:  # up to the end
            size = stop - at
        if size < head or (stop < len(data) and at + size > stop):
            raise ValueError("a box is shorter than its header, or longer than its container")
        yield name, at + head, at + size
        at += size


def _read_meta(data: bytes, start: int, stop: int, found: HeifStructure, max_parts: int) -> None:
    for name, at, end in _boxes(data, start, stop, found, max_parts):
        if name == b"pitm":
            found._primary = _number(data, at + 4, 4 if data[at] else 2)
        elif name == b"iloc":
            _read_places(data, at, found, max_parts)
        elif name == b"iref":
            wide = 4 if data[at] else 2
            for kind, first, _ in _boxes(data, at + 4, end, found, max_parts):
                _read_reference(data, first, kind, wide, found)
        elif name == b"iprp":
            for kind, first, last in _boxes(data, at, end, found, max_parts):
                if kind == b"ipco":
                    _read_properties(data, first, last, found, max_parts)
                elif kind == b"ipma":
                    _read_associations(data, first, found, max_parts)


def _read_properties(
    data: bytes, start: int, stop: int, found: HeifStructure, max_parts: int
) -> None:
    for name, at, _ in _boxes(data, start, stop, found, max_parts):
        width, height = struct.unpack_from(">II", data, at + 4) if name == b"ispe" else (0, 0)
        found._sizes.append(width * height)


def _read_associations(data: bytes, at: int, found: HeifStructure, max_parts: int) -> None:
    """Read which properties each item has."""
    wide_id, wide_index = (4 if data[at] else 2), (2 if data[at + 3] & 1 else 1)
    count = _number(data, at + 4, 4)
    at += 8
    for _ in range(count):
        item, many = _number(data, at, wide_id), data[at + wide_id]
        at += wide_id + 1
        found.parts += many + 1
        if found.parts > max_parts:
            return
        # The highest bit says whether a reader must know the property.
        mask = (1 << (8 * wide_index - 1)) - 1
        found._properties[item] = [
            _number(data, at + index * wide_index, wide_index) & mask for index in range(many)
        ]
        at += many * wide_index


def _read_reference(data: bytes, at: int, kind: bytes, wide: int, found: HeifStructure) -> None:
    source, many = _number(data, at, wide), _number(data, at + wide, 2)
    found.parts += many
    first = at + wide + 2
    targets = [_number(data, first + index * wide, wide) for index in range(many)]
    if kind == b"dimg":
        found._made_of.setdefault(source, []).extend(targets)
    elif kind == b"auxl":
        for target in targets:
            found._lies_over.setdefault(target, []).append(source)


def _read_places(data: bytes, at: int, found: HeifStructure, max_parts: int) -> None:
    """Read where the bytes of each item lie, and notice those beyond the end."""
    version = data[at]
    wide_offset, wide_length = data[at + 4] >> 4, data[at + 4] & 15
    wide_base, wide_index = data[at + 5] >> 4, (data[at + 5] & 15 if version else 0)
    wide_id = 2 if version < 2 else 4
    count = _number(data, at + 6, wide_id)
    at += 6 + wide_id
    for _ in range(count):
        at += wide_id
        in_file = True
        if version:
            in_file = _number(data, at, 2) & 15 == 0
            at += 2
        base = _number(data, at + 2, wide_base)
        extents = _number(data, at + 2 + wide_base, 2)
        at += 4 + wide_base
        found.parts += extents + 1
        if found.parts > max_parts:
            return
        for _ in range(extents):
            offset = _number(data, at + wide_index, wide_offset)
            length = _number(data, at + wide_index + wide_offset, wide_length)
            at += wide_index + wide_offset + wide_length
            if in_file and base + offset + length > len(data):
                found.runs_out = True


def _pixels(found: HeifStructure, item: int, known: dict[int, int], depth: int) -> int:
    """How many pixels are decoded for an item: its own, or those that it is made of."""
    if item in known:
        return known[item]
    known[item] = ENDLESS  # until it is counted: whatever is made of itself never ends
    if depth < MAX_DEPTH:
        sizes = [
            found._sizes[index - 1]
            for index in found._properties.get(item, ())
            if 0 < index <= len(found._sizes)
        ]
        below = (*found._made_of.get(item, ()), *found._lies_over.get(item, ()))
        own = 0 if item in found._made_of else max(sizes, default=0)
        known[item] = own + sum(_pixels(found, each, known, depth + 1) for each in below)
    return known[item]


def _number(data: bytes, at: int, width: int) -> int:
    if at + width > len(data):
        raise ValueError("a number lies beyond the end of the file")
    return int.from_bytes(data[at : at + width], "big")
