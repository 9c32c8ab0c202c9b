"""How long a text is in what a reader calls characters."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_VARIATIONS = range(0xFE00, 0xFE10)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
_FLAGS = range(0x1F1E6, 0x1F200)


def count_graphemes(text: str) -> int:
    """User-perceived characters: what is put on, or joined to, the one before does not count.

    Where Unicode's rules know more cases than these (Hangul in single jamo), this counts too many
    rather than too few.
    """
    count = 0
    joined = False
    open_flag = False
    for character in text:
        code = ord(character)
        extends = (
            character == _JOINER
            or unicodedata.category(character) in ("Mn", "Me", "Mc")
            or code in _VARIATIONS
            or code in _SKIN_TONES
            or code in _TAGS
        )
        closes_flag = open_flag and code in _FLAGS
        is_joined = joined and unicodedata.category(character) == "So"
        if not (extends or is_joined or closes_flag):
            count += 1
        joined = character == _JOINER
        open_flag = code in _FLAGS and not closes_flag
    return count
