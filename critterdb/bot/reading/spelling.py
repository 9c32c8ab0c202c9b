"""Put what people type into a game's own words: typos, spelled-out names, codes, emoji of animals.

A typo is one letter too many, too few or wrong, or two that changed places, in one word of a name.
It is only read as one if a single taxon of the game fits, and if what was typed is not another
animal or an everyday word.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .parser import first_words
from .short_names import field_codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Shorter words have too many neighbours that are words as well: there only two letters may have
# changed places ("crwo").
MIN_LETTERS_FOR_A_TYPO = 6
MIN_LETTERS_IN_CONTEXT = 5
MIN_LETTERS_TO_SWAP = 4
MAX_LETTERS = 30  # no word of a name is longer
MIN_LETTERS_OF_A_JOINED_NAME = 7  # "fishcrow"; shorter ones may be words of their own

# Animals, people and everyday words that are one letter away from an animal's name.
_REAL_WORDS = frozenset(
    re.findall(
        r"\w+",
        """abbey act acts bitter bitters boxer brown clover coal coral corals corpus cows craven
        crew crown deal dear dove fisher flicker fly foul fresh gold grand groove hair hero horse
        horses howl jager kite lark links mallet maria marlin marlins marten martens martin martins
        moose mouse mule panthera parent petrol pidgin purse rabbi ravels ravine raving robbins
        robin robins rooks sable seal shallow shallows shrew shrink stalling staring starring
        starting startling starving sterling stern stirling stork storks swallow swallows tern
        thrust thrusts turnkey vireos warble warbles widgets wrench""",
    )
)
_WORD = re.compile(r"(?<![\w@#＠＃/.'])[^\W\d_]+(?:['’][^\W\d_]+)*(?!\w*[@/])")
_SPELLED_OUT = re.compile(r"(?<![\w'’-])(?:[^\W\d_][ .-]){3,30}[^\W\d_](?![\w'’-])")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_CODE = re.compile(r"(?<![\w@#＠＃/-])[A-Z]{4}(?!\w)")
# Only what shows one kind of animal. Faces of cats smile and cry, and mean no cat.
_EMOJI = {
    "🏠🐈": "house cat",
    "🏡🐈": "house cat",
    "🏠🐱": "house cat",
    "⛰️🦁": "mountain lion",
    "🏔️🦁": "mountain lion",
    "🐈‍⬛": "house cat",
    "🐈": "house cat",
    "🐱": "house cat",
    "🐕‍🦺": "dog",
    "🐕": "dog",
    "🐶": "dog",
    "🐩": "dog",
    "🐺": "wolf",
    "🦊": "fox",
    "🦝": "raccoon",
    "🦌": "deer",
    "🫎": "moose",
    "🐻": "bear",
    "🦡": "badger",
    "🦨": "skunk",
    "🦫": "beaver",
    "🦦": "otter",
    "🐿️": "squirrel",
    "🐇": "rabbit",
    "🐰": "rabbit",
    "🐅": "tiger",
    "🐄": "cow",
    "🐎": "horse",
    "🐖": "pig",
    "🐑": "sheep",
    "🐐": "goat",
    "🦉": "owl",
    "🦅": "eagle",
    "🦆": "duck",
}
_ANY_EMOJI = re.compile("|".join(sorted(map(re.escape, _EMOJI), key=len, reverse=True)))


@dataclass(frozen=True)
class Spelled:
    """A text in the game's own words, and whether anything had to be changed for that."""

    text: str
    is_changed: bool = False


class NameIndex:
    """A game's names by the words that are one letter away from one of theirs."""

    def __init__(self, names: Mapping[str, int]) -> None:
        self.names = names
        self.words = {word for name in names for word in _split(name)}
        self.codes = field_codes(names)
        self.joined = {
            name.replace(" ", ""): name
            for name in names
            if " " in name and len(name) > MIN_LETTERS_OF_A_JOINED_NAME
        }
        self._places: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for name, taxon_id in names.items():
            for position, word in enumerate(_split(name) if taxon_id else ()):
                self._places[word].append((name, position))
        self._near: dict[str, set[str]] = defaultdict(set)
        for word in self._places:
            for form in (word, f"{word}s"):
                for key in _keys(form):
                    self._near[key].add(word)

    def correct(self, words: list[str], position: int) -> str | None:
        """Return the word that a misspelt one stands for, if one taxon's name has it there."""
        near = {word for key in _keys(words[position]) for word in self._near.get(key, ())}
        fitting: dict[int, str] = {}
        for name, place in (found for word in sorted(near) for found in self._places[word]):
            if correction := self._fits(words, position, name, place):
                fitting[self.names[name]] = correction
        return next(iter(fitting.values())) if len(fitting) == 1 else None

    def _fits(self, words: list[str], position: int, name: str, place: int) -> str | None:
        parts = _split(name)
        begin = position - place
        around = words[max(begin, 0) : begin + len(parts)]
        if begin < 0 or len(around) != len(parts):
            return None
        if any(around[n] != part for n, part in enumerate(parts) if n != place):
            return None
        typed, part = words[position], parts[place]
        for form in (part, f"{part}s"):
            if _is_typo_of(typed, form, in_context=len(parts) > 1):
                return form
        return None


def in_game_words(text: str, index: NameIndex) -> Spelled:
    """Return a text with typos, spelled-out names, codes and emoji as names of the game."""
    text = first_words(text).replace("’", "'")
    spelled = _SPELLED_OUT.sub(lambda match: _joined(match[0], index), text)
    spelled = _CODE.sub(lambda match: index.codes.get(match[0], match[0]), spelled)
    spelled = _WORD.sub(lambda match: _unstretched(match[0], index), spelled)
    spelled = _without_typos(spelled, index)
    if not any(_names_in(spelled, index)):
        spelled = _ANY_EMOJI.sub(lambda match: _named(match[0], index), spelled)
    return Spelled(spelled, spelled != text)


def _joined(letters: str, index: NameIndex) -> str:
    word = re.sub(r"[ .-]", "", letters)
    return word if word.lower() in index.words else letters


def _unstretched(word: str, index: NameIndex) -> str:
    """The word of a name that somebody shouts, "cougaaaar", or the word as it is."""
    if _STRETCHED.search(word):
        for letters in (r"\1", r"\1\1"):
            short = _STRETCHED.sub(letters, word)
            if not index.words.isdisjoint({short.lower(), short.lower().removesuffix("s")}):
                return short
    return word


def _named(emoji: str, index: NameIndex) -> str:
    name = _EMOJI[emoji]
    return f" {name} " if name in index.names else emoji


def _names_in(text: str, index: NameIndex) -> Iterator[str]:
    words = _WORD.findall(text.lower())
    for begin in range(len(words)):
        for length in (1, 2, 3):
            name = " ".join(words[begin : begin + length])
            if name in index.names or name.removesuffix("s") in index.names:
                yield name


def _without_typos(text: str, index: NameIndex) -> str:
    matches = list(_WORD.finditer(text))
    words = [match[0].lower() for match in matches]
    parts, end = [], 0
    for position, match in enumerate(matches):
        word = words[position]
        is_known = not index.words.isdisjoint(
            {word, word.removesuffix("s"), word.removesuffix("'s")}
        )
        if is_known or word in _REAL_WORDS or len(word) > MAX_LETTERS:
            continue
        joined = index.joined.get(word) or index.joined.get(word.removesuffix("s"))
        if correction := joined or index.correct(words, position):
            parts += [text[end : match.start()], correction]
            end = match.end()
            words[position] = correction
    return "".join([*parts, text[end:]])


def _split(name: str) -> list[str]:
    return name.split()


def _keys(word: str) -> set[str]:
    """A word, and what is left of it without one letter: two words one letter apart share a key."""
    return {word, *(word[:n] + word[n + 1 :] for n in range(len(word)))}


def _is_typo_of(typed: str, word: str, *, in_context: bool) -> bool:
    """Whether a word was typed with one slip; `in_context` if the rest of a name is beside it."""
    if typed[:1] != word[:1] or typed == word:
        return False
    if _is_swapped(typed, word):
        return len(word) >= (3 if in_context else MIN_LETTERS_TO_SWAP)
    if not re.search("[aeiouy]", typed):
        return in_context and _differ_by_one(typed, word)
    least = MIN_LETTERS_IN_CONTEXT if in_context else MIN_LETTERS_FOR_A_TYPO
    return len(word) >= least and _differ_by_one(typed, word)


def _is_swapped(typed: str, word: str) -> bool:
    if len(typed) != len(word):
        return False
    wrong = [n for n, letter in enumerate(typed) if letter != word[n]]
    return (
        len(wrong) == 2
        and wrong[1] == wrong[0] + 1
        and typed[wrong[0]] == word[wrong[1]]
        and typed[wrong[1]] == word[wrong[0]]
    )


def _differ_by_one(typed: str, word: str) -> bool:
    """Whether one letter was left out, added or replaced."""
    if len(typed) == len(word):
        return sum(a != b for a, b in zip(typed, word, strict=True)) == 1
    shorter, longer = sorted((typed, word), key=len)
    if len(longer) - len(shorter) != 1:
        return False
    return any(longer[:n] + longer[n + 1 :] == shorter for n in range(len(longer)))
