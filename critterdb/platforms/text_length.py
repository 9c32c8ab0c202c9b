"""How long a text is, counted as Bluesky and as X count."""

from __future__ import annotations

import re
import unicodedata

MAX_WEIGHT = 280
# X shortens every link to this length, whatever it had.
LINK_WEIGHT = 23
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # code points that weigh one

_LINK = re.compile(r"https?://\S+")
_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf"
    "\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_TONE, _TAGS = "[\U0001f3fb-\U0001f3ff]", "[\U000e0020-\U000e007f]"
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    "|[0-9#*]\ufe0f?\u20e3"  # a keycap
    f"|{_PICTURE}(?:\ufe0f|{_TONE}|{_TAGS}+)*(?:\u200d{_PICTURE}(?:\ufe0f|{_TONE})*)*"
)
# These are text unless a variation selector makes a picture of them.
_TEXT_BY_DEFAULT = frozenset("©®‼⁉™ℹ")


def count_graphemes(text: str) -> int:
    """The number of user-perceived characters, by the rules of Unicode (UAX #29)."""
    # Not at the top: the package `regex` comes with the extra `bot`, and only Bluesky needs it.
    import regex

    return len(regex.findall(r"\X", text))


def x_weight(text: str) -> int:
    """The length of a text as X counts it, of which MAX_WEIGHT is allowed.

    Characters weigh one or two, an emoji two, and a link 23, as in twitter-text's configuration v3
    (https://github.com/twitter/twitter-text).
    """
    text = unicodedata.normalize("NFC", text)
    text, links = _LINK.subn("", text)
    weight = links * LINK_WEIGHT

    def take(match: re.Match[str]) -> str:
        nonlocal weight
        if match[0] in _TEXT_BY_DEFAULT:
            return match[0]
        weight += 2
        return ""

    rest = _EMOJI.sub(take, text)
    return weight + sum(_weight(ord(character)) for character in rest)


def _weight(code: int) -> int:
    return 1 if any(first <= code <= last for first, last in LIGHT) else 2
