"""Which of two animals a host means who answers "cougar or bobcat?" with "the latter"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .guesses import Reading, as_reading, names_in_order

if TYPE_CHECKING:
    from critterdb.games import Game

    from .vocabulary import Vocabulary

_LEAD_IN = (
    r"\W*(?:(?:yes|well|so|then|it's|it is|it was|that's|definitely|i'm going with|the answer is"
    r"|answer:?)\b[ ,]*)*(?:the |your )?"
)
_END = (
    r"(?: one| guess| option| choice| of (?:the|those|these|your) two| animal| you (?:said|named))?"
)
_FIRST = re.compile(rf"{_LEAD_IN}(?:former|first|1st|(?:option|number) (?:one|1|a)){_END}\W*")
_SECOND = re.compile(
    rf"{_LEAD_IN}(?:latter|second|2nd|last|(?:option|number) (?:two|2|b)){_END}\W*"
)
_SENTENCE = re.compile(r"[^.!?,;:\n—–(]+")


def chosen(reply: str, asked: str, game: Game, vocabulary: Vocabulary) -> Reading | None:
    """Return what a host's reply picks of the two animals that a player's message names.

    `reply` is in lower case with plain apostrophes. None if it picks nothing or there are not two.
    """
    sentences = _SENTENCE.findall(reply)
    taxa = list(dict.fromkeys(names_in_order(asked, vocabulary)))
    if len(taxa) != 2:
        return None
    for pattern, taxon_id in zip((_FIRST, _SECOND), taxa, strict=True):
        if any(pattern.fullmatch(sentence) for sentence in sentences):
            return as_reading(taxon_id, game, vocabulary, frozenset(), "plain")
    return None
