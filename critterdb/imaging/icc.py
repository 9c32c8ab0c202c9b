"""Colour profiles (ICC.1) with what says how colours are meant, and nothing else."""

from __future__ import annotations

import struct

MAX_PROFILE_BYTES = 4_000_000  # printers' profiles have about 2 MB, cameras' half a kilobyte
MAX_TAGS = 100
HEADER_BYTES, TAG_ENTRY_BYTES = 128, 12
SIGNATURE, SIGNATURE_AT = b"acsp", 36
# What a program needs to convert colours. All else is words: names of displays, copyright, dates.
_KEPT_TAGS = frozenset(
    b"wtpt bkpt chad chrm cicp gamt lumi rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC A2B0 A2B1 A2B2 "
    b"B2A0 B2A1 B2A2 D2B0 D2B1 D2B2 D2B3 B2D0 B2D1 B2D2 B2D3".split()
)
# Of the header: size, version, class, colour spaces, signature, intent and white point. The rest
# names programs, makers and models, and when it was made.
_KEPT_OF_HEADER = ((0, 4), (8, 24), (36, 40), (64, 80))
# textDescriptionType with one empty text, and its Unicode and Macintosh ones; textType;
# multiLocalizedUnicodeType without a record.
_EMPTY_DESC = b"desc\0\0\0\0" + struct.pack(">I", 1) + bytes(1 + 8 + 3 + 67)
_EMPTY_TEXT = b"text\0\0\0\0\0"
_EMPTY_MLUC = b"mluc\0\0\0\0" + struct.pack(">II", 0, 12)


def clean_profile(profile: bytes) -> bytes | None:
    """Return a profile without what it says in words; None if it is not a colour profile.

    A decoder ignores what is not one, so the picture looks the same without it.
    """
    if len(profile) < HEADER_BYTES + 4 or len(profile) > MAX_PROFILE_BYTES:
        return None
    size, count = struct.unpack_from(">I", profile)[0], struct.unpack_from(">I", profile, 128)[0]
    is_profile = profile[SIGNATURE_AT : SIGNATURE_AT + 4] == SIGNATURE
    if not is_profile or size > len(profile) or not 0 < count <= MAX_TAGS:
        return None
    tags: dict[bytes, bytes] = {}
    for number in range(count):
        entry = HEADER_BYTES + 4 + TAG_ENTRY_BYTES * number
        if entry + TAG_ENTRY_BYTES > size:
            return None
        name, start, length = struct.unpack_from(">4sII", profile, entry)
        if start + length > size:
            return None
        if name in _KEPT_TAGS:
            tags.setdefault(name, profile[start : start + length])
    # Tags may share a value, but a hundred that overlap would be as many copies.
    if not tags or sum(map(len, set(tags.values()))) > size:
        return None
    return _assemble(profile, tags)


def _assemble(profile: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of these tags, each value once; the texts that the format asks for are empty."""
    is_v4 = profile[8] >= 4
    tags = {b"desc": _EMPTY_MLUC if is_v4 else _EMPTY_DESC, **tags}
    tags[b"cprt"] = _EMPTY_MLUC if is_v4 else _EMPTY_TEXT
    at = HEADER_BYTES + 4 + TAG_ENTRY_BYTES * len(tags)
    places: dict[bytes, int] = {}
    values = b""
    table = struct.pack(">I", len(tags))
    for name, value in tags.items():
        # Red, green and blue often share one curve.
        if value not in places:
            places[value] = at + len(values)
            values += value + b"\0" * (-len(value) % 4)
        table += struct.pack(">4sII", name, places[value], len(value))
    header = bytearray(HEADER_BYTES)
    for start, end in _KEPT_OF_HEADER:
        header[start:end] = profile[start:end]
    struct.pack_into(">I", header, 0, at + len(values))
    return bytes(header) + table + values
