"""What surrounds the names in a message, as short strings that a linear model can weigh.

A clue never holds a name: in the words around it, the name itself is `A` and any other `B`. So what
was learned of bobcats is known of kestrels. A clue is `group:words`, for example `l2:it's a`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .parser import OTHER_ANIMAL

if TYPE_CHECKING:
    from .vocabulary import Vocabulary

# Each name is read against all the words, so that more of them would cost the square.
MAX_NAMES = 20
MAX_WORDS = 400
WORDS_BESIDE = 8  # on each side of a name, within its sentence
_SIZES = (1, 2, 4, 8, 16, 32)
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*'?|[.!?…]+|[^\w\s]")
_END = re.compile(r"[.!?…]+")
_BEGIN, _STOP, _SELF, _OTHER = "^", "$", "A", "B"


@dataclass(frozen=True)
class Name:
    """A name in a message: where it stands, and the taxon; OTHER_ANIMAL for all without one."""

    begin: int
    end: int
    taxon_id: int
    is_plural: bool


@dataclass(frozen=True)
class Answered:
    """The message of a player that a host answers: the taxon that it guesses, and those it names.

    `guess` is None if it guesses nothing, `is_asking` says that it has a question mark, `is_own`
    that it shows or tells of another animal than the host's.
    """

    guess: int | None
    names: frozenset[int]
    is_asking: bool
    is_own: bool


def names_in(message: str, vocabulary: Vocabulary) -> list[Name]:
    """Return the names in a message as `plain_words` gives it, in order."""
    return [
        Name(
            *match.span(),
            vocabulary.names.get(match[1], vocabulary.short.get(match[1], OTHER_ANIMAL)),
            bool(match[2]),
        )
        for match in vocabulary.pattern_in(message).finditer(message)
    ][:MAX_NAMES]


def clues_of_names(
    message: str, names: list[Name], answered: Answered | None = None
) -> dict[int, set[str]]:
    """Return the clues to what each taxon does that a message names, by taxon."""
    taxa = list(dict.fromkeys(name.taxon_id for name in names))
    clues = {}
    for place, taxon_id in enumerate(taxa):
        words = _words(message, names, taxon_id)
        own = [name for name in names if name.taxon_id == taxon_id]
        found = _of_message(words) | _of_answered(answered)
        for position, word in enumerate(words):
            if word == _SELF:
                found |= _of_place(words, position)
        found |= {f"is:{min(len(taxa), 3)} taxa", f"is:{min(len(own), 3)} times"}
        marks = {
            "first taxon": place == 0,
            "last taxon": place == len(taxa) - 1,
            "other animal": taxon_id == OTHER_ANIMAL,
            "plural": any(name.is_plural for name in own),
            "only plural": all(name.is_plural for name in own),
            "guess": answered is not None and answered.guess == taxon_id,
            "in question": answered is not None and taxon_id in answered.names,
        }
        clues[taxon_id] = found | {f"is:{mark}" for mark, holds in marks.items() if holds}
    return clues


def clues_of_message(message: str, names: list[Name], answered: Answered | None) -> set[str]:
    """Return the clues to what a message says as a whole, whatever it names."""
    others = {"is:with names"} if names else set()
    return _of_message(_words(message, names, None)) | _of_answered(answered) | others


def _words(message: str, names: list[Name], taxon_id: int | None) -> list[str]:
    """The words and marks of a message, names of the taxon as A and others as B."""
    words, end = [], 0
    for name in names:
        words += _TOKEN.findall(message[end : name.begin])
        words.append(_SELF if name.taxon_id == taxon_id else _OTHER)
        end = name.end
    return (words + _TOKEN.findall(message[end:]))[:MAX_WORDS]


def _of_message(words: list[str]) -> set[str]:
    """Its words and pairs of words, its first word and its length."""
    pairs = {f"mm:{first} {second}" for first, second in pairwise(words)}
    size = f"is:{_size(len(words))} long"
    return pairs | {f"m:{word}" for word in words} | {f"m1:{''.join(words[:1])}", size}


def _of_answered(answered: Answered | None) -> set[str]:
    if answered is None:
        return set()
    marks = {
        "to a player": True,
        "to a guess": answered.guess is not None,
        "to a question": answered.is_asking,
        "to an owner": answered.is_own,
    }
    return {f"is:{mark}" for mark, holds in marks.items() if holds}


def _of_place(words: list[str], position: int) -> set[str]:
    """The words beside one mention, and where it stands in its sentence and the message."""
    begin = end = position
    while begin and not _END.fullmatch(words[begin - 1]):
        begin -= 1
    while end < len(words) and not _END.fullmatch(words[end]):
        end += 1
    left, right = words[begin:position], words[position + 1 : end]
    before = [_BEGIN] * 3 + words[:position]
    after = words[position + 1 :] + [_STOP] * 2
    marks = {
        "first sentence": begin == 0,
        "last sentence": end >= len(words) - 1,
        "alone": not left and not right,
        "B left": _OTHER in left,
        "B right": _OTHER in right,
        "B before": _OTHER in words[:begin],
        "B after": _OTHER in words[end:],
    }
    return (
        {f"l1:{before[-1]}", f"l2:{' '.join(before[-2:])}", f"l3:{' '.join(before[-3:])}"}
        | {f"r1:{after[0]}", f"r2:{' '.join(after[:2])}", f"lr:{before[-1]} {after[0]}"}
        | {f"e:{(words[end] if end < len(words) else _STOP)[:2]}"}
        | {f"is:{_size(len(left))} left", f"is:{_size(len(right))} right"}
        | {f"l:{word}" for word in left[-WORDS_BESIDE:]}
        | {f"r:{word}" for word in right[:WORDS_BESIDE]}
        | {f"ll:{first} {second}" for first, second in pairwise(left)}
        | {f"rr:{first} {second}" for first, second in pairwise(right)}
        | {f"is:{mark}" for mark, holds in marks.items() if holds}
    )


def _size(count: int) -> int:
    return sum(count > limit for limit in _SIZES)
