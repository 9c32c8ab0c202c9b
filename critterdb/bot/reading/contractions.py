"""Contractions that people type without an apostrophe: "dont", "thats"."""

from __future__ import annotations

import re

# Without "its", "ill", "well", "were", "shell", "hell", "wed" and "id", which are words as well.
_NOT = re.findall(
    r"\w+", "do does did is are was were ca could would should wo have has had ai need must"
)
_WHOLE = {f"{verb}nt": f"{verb}n't" for verb in _NOT} | {
    f"{first}{last}": f"{first}'{last}"
    for last, firsts in {
        "s": "that what there here who he she where how",
        "re": "you they",
        "ve": "we you they i who could would should",
        "m": "i",
        "ll": "you they it that",
    }.items()
    for first in firsts.split()
}
_BARE = re.compile(rf"(?<![\w'@#])(?:{'|'.join(_WHOLE)})(?![\w'])", re.IGNORECASE)
_ITS = re.compile(
    r"(?<![\w'])(it)s(?= (?:an?|not|just|only|definitely|clearly|indeed|in fact)\b)", re.I
)


def with_apostrophes(text: str) -> str:
    """The text with straight apostrophes, also where a contraction lacks its own."""
    text = text.replace("’", "'").replace("‘", "'")
    text = _BARE.sub(lambda match: _in_full(match[0]), text)
    return _ITS.sub(r"\1's", text)


def _in_full(word: str) -> str:
    full = _WHOLE[word.lower()]
    return word[:1] + full[1:]
