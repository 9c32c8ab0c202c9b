"""Contractions without an apostrophe ("dont", "thats"), and small words of Scots ("cannae")."""

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

# Hosts and players in Scotland write these. "Ken" is a name too, except after some words; "kent"
# and "moose" are left out, and capitals, because WI is a state, and Tae and Wee are names.
_SCOTS = {f"{verb}nae": f"{verb}n't" for verb in _NOT} | {
    **{"cannae": "can't", "dinnae": "don't", "winnae": "won't", "wisnae": "wasn't"},
    **{"isny": "isn't", "wisny": "wasn't", "didny": "didn't", "nae": "no", "naw": "no"},
    **{"never ken": "never know", "dinnae ken": "don't know", "ye ken": "you know"},
    **{"yon": "that", "yon's": "that's", "whit": "what", "wis": "was", "the morn": "tomorrow"},
    **{"aboot": "about", "wee": "little", "braw": "fine"},
    **{"auld": "old", "oor": "our", "hoose": "house", "ye": "you", "yer": "your", "tae": "to"},
    **{"jist": "just", "juist": "just", "wi": "with", "gey": "very", "muckle": "big"},
}
_WORD, _SCOTS_ENDS = re.compile(r"[\w']+"), {words.split()[-1] for words in _SCOTS}
_SCOTS_WORD = re.compile(
    rf"(?<![\w'@#])(?:{'|'.join(sorted(_SCOTS, key=len, reverse=True))})(?![\w'])", re.IGNORECASE
)
_NAMES = frozenset({"tae", "wi", "wee", "ye", "gey", "yon", "naw", "braw"})
_BEFORE_A_SENTENCE = re.compile(r"(?:^|\n|[^\w\s,;'’-])\s*$")


def with_apostrophes(text: str) -> str:
    """The text with straight apostrophes, also where a contraction lacks its own."""
    text = text.replace("’", "'").replace("‘", "'")
    text = _BARE.sub(lambda match: _in_full(match[0]), text)
    if not _SCOTS_ENDS.isdisjoint(_WORD.findall(text.lower())):
        text = _SCOTS_WORD.sub(_in_english, text)
    return _ITS.sub(r"\1's", text)


def _in_full(word: str) -> str:
    full = _WHOLE[word.lower()]
    return word[:1] + full[1:]


def _in_english(match: re.Match[str]) -> str:
    words, before = match[0], match.string[max(match.start() - 3, 0) : match.start()]
    is_begin = _BEFORE_A_SENTENCE.search(before) and words.lower() not in _NAMES
    is_a_name = words != words.lower() and not is_begin
    return words if is_a_name or words.isupper() else _SCOTS[words.lower()]
