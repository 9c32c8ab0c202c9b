"""What a JPEG's structure tells, and its decoder does not: how many scans, and whether all came.

libjpeg fills in whatever is missing before an end marker and calls it a warning, which Pillow does
not pass on. So the markers are read here; no pixel is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # stuffed bytes and restarts do not end one
# C4, C8 and CC are Huffman tables, a reserved marker and arithmetic conditioning: no frames.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# SOF2, 6, 10 and 14: frames whose coefficients come in several scans.
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_FILL = re.compile(rb"\xff+")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SOS, _EOI, _DRI = 0xDA, 0xD9, 0xDD
_OTHER_DATA = bytes(range(1, 251)) * 16  # any bytes that are not a marker
_ALL_COEFFICIENTS = (1 << 64) - 1


@dataclass
class JpegStructure:
    """`parts` and `scans` that there are; the offsets between which the last scan's data lie.

    `runs_out` is whether a segment is said to be longer than what is left of the file.
    `complete` is whether an end marker came and the scans before it bring every coefficient of
    every component at full precision.
    """

    parts: int = 0
    scans: int = 0
    last_scan_start: int = 0
    last_scan_end: int = 0
    has_restarts: bool = False
    runs_out: bool = False
    complete: bool = False
    _progressive: bool = False
    _wanted: dict[int, int] = field(default_factory=dict)  # component → bits, one a coefficient


def read_structure(data: bytes, *, max_parts: int) -> JpegStructure:
    """Walk the markers of the first image in `data`; stop after `max_parts`."""
    structure = JpegStructure()
    at = 2
    while at + 1 < len(data) and structure.parts <= max_parts:
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)  # libjpeg skips other bytes, too
            if at < 0:
                break
            continue
        marker = data[at + 1]
        if marker == 0xFF:
            fill = len(_FILL.match(data, at).group()) - 1  # type: ignore[union-attr]
            structure.parts += fill  # Pillow takes them one by one
            at += fill
            continue
        structure.parts += 1
        if marker == _EOI:
            structure.complete = bool(structure.scans) and not any(structure._wanted.values())
            break
        if marker in _WITHOUT_LENGTH or marker == 0:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + length]
        # A length counts its own two bytes; a smaller one is a lie that would hold the walk in
        # place.
        at += 2 + max(length, 2)
        structure.runs_out = at > len(data)
        if marker in _FRAMES:
            _note_frame(structure, marker, segment)
        elif marker == _DRI:
            structure.has_restarts = any(segment[:2])
        elif marker == _SOS:
            _note_scan(structure, segment)
            structure.last_scan_start = at
            end = _SCAN_END.search(data, at)
            structure.last_scan_end = at = end.start() if end else len(data)
    return structure


def with_more_data(data: bytes, structure: JpegStructure) -> bytes:
    """The image with other bytes before its end marker: pixels that had none are made of them."""
    scan = data[structure.last_scan_start : structure.last_scan_end]
    restart = b""
    if structure.has_restarts:
        # A decoder that has come to the end of an interval looks for its marker and no further.
        restart = bytes([0xFF, 0xD0 + len(_RESTART.findall(scan)) % 8])
    return data[: structure.last_scan_end] + restart + _OTHER_DATA + bytes([0xFF, _EOI])


def _note_frame(structure: JpegStructure, marker: int, segment: bytes) -> None:
    structure._progressive = marker in _PROGRESSIVE
    for index in range(6, min(len(segment), 6 + 3 * segment[5]) if len(segment) > 5 else 0, 3):
        structure._wanted.setdefault(segment[index], _ALL_COEFFICIENTS)


def _note_scan(structure: JpegStructure, segment: bytes) -> None:
    structure.scans += 1
    if not segment or len(segment) < 4 + 2 * segment[0]:
        return
    count = segment[0]
    first, last, precision = segment[1 + 2 * count : 4 + 2 * count]
    if not structure._progressive:
        brought = _ALL_COEFFICIENTS
    elif precision & 0x0F:
        return  # a first look at these coefficients: lower bits of them are still to come
    else:
        brought = ((1 << (min(last, 63) + 1)) - 1) & ~((1 << min(first, 63)) - 1)
    for index in range(1, 1 + 2 * count, 2):
        component = segment[index]
        structure._wanted[component] = structure._wanted.get(component, 0) & ~brought
