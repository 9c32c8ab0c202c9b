"""What a host's message says about the animal: a verdict where it is plain, else at most a guess.

A message is read sentence by sentence, and each name of a taxon in it is taken for what it does
there: it is *said* to be the answer ("it's a bobcat"), *denied* ("not a cougar"), *doubted* ("maybe
a bobcat"), or only *mentioned* ("cougars have long tails", "many of you said cougar", "last week's
was a lynx"). A verdict needs one taxon that is said, and nothing that speaks against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from critterdb.dataset.taxonomy import Truth, is_right

from . import affirmations, inconclusive, patterns, safeguards
from .contractions import with_apostrophes
from .roles import read_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from critterdb.games import Game

    from .roles import Names

# X allows 25,000 characters; the answer of a host stands within the first sentences.
MAX_MESSAGE_CHARACTERS = 2000
_EMOTICON = re.compile(r"(?<![\w:])[:;=]['-]?[)(DPpO3/|\\](?![\w:])|<3|\^_?\^")
# A line that no full stop ends, before one of several words that begins in lower case.
_GOES_ON_IN_VERSE = re.compile(r"(?<=[^\W_])([,;—–-]?)\n(?=[a-z]\w* \w)")
_VERSE = re.compile(r"\s*[A-Z][a-z]*(?: +\S+){2,}(?:\n *\S+(?: +\S+){2,}){2,}\s*")
OTHER_ANIMAL = 0  # in the place of a taxon: an animal that is not one of the game's


AnswerVerdict = Literal["target", "other", "taxon", "inconclusive"]
# Why a message has no verdict, and waits for a person.
Reason = Literal[
    "hedged",
    "two names",
    "a joke",
    "takes itself back",
    "too coarse",
    "only mentioned",
    "only ruled out",
    "a shrug",
    "still open",
]


@dataclass(frozen=True)
class Verdict:
    """What a message says. `verdict` is None if only a guess can be made of it.

    `is_named` says that another animal than the game's is named. `is_respelled` says that a typo,
    an emoji or a code was read as a name, `is_bare` that the name stands alone, without "it's".
    `leaning` is the verdict if a sentence of a form that is not known gives one.
    `reason` says why there is no verdict; `taxa` are all that are named, `denied` those ruled out.
    """

    verdict: AnswerVerdict | None
    taxon_id: int | None = None
    guess: str | None = None
    is_named: bool = False
    is_respelled: bool = False
    is_bare: bool = False
    leaning: Verdict | None = None
    reason: Reason | None = None
    taxa: frozenset[int] = frozenset()
    denied: frozenset[int] = frozenset()


def read_answer(
    text: str,
    game: Game,
    names: Mapping[str, int],
    target: Collection[int],
    lineage: Mapping[int, Collection[int]] | None = None,
) -> Verdict | None:
    """Return what a host's message says about the animal, or None if it says nothing.

    `names` maps lower-case names to taxa (OTHER_ANIMAL for those outside the game), `target` holds
    the game's target and what is below it, `lineage` the ancestors of each taxon.
    """
    text = affirmations.with_yes_in_words(safeguards.with_marks_as_words(text))
    message = plain_words(text)
    reading = read_names(message, names)
    answer = _Answer(message, reading, game, names, target, lineage or {})
    if patterns.JOKE.search(message) or safeguards.is_contradicted(text):
        verdict = _guess(reading, "a joke")
        in_fun, seriously = patterns.JOKE.split(message)[0], patterns.JOKE.split(message)[-1]
        is_plain = not safeguards.is_contradicted(text) and not read_names(in_fun, names).all()
        if is_plain and read_names(seriously, names).stated:
            reading = read_names(seriously, names)
            after = replace(answer, message=seriously, reading=reading)
            verdict = after.conclude() or verdict
    else:
        verdict = answer.conclude()
    if verdict is None:
        return None
    denied = frozenset(answer.taxa(reading.denied))
    return replace(verdict, taxa=frozenset(answer.taxa(reading.all())), denied=denied)


@dataclass(frozen=True)
class _Answer:
    """The names of a message, and the game that it is about."""

    message: str
    reading: Names
    game: Game
    names: Mapping[str, int]
    target: Collection[int]
    lineage: Mapping[int, Collection[int]]

    def taxa(self, names: Collection[str]) -> set[int]:
        return {self.names[name] for name in names}

    def conclude(self) -> Verdict | None:
        """Return what the message says: first what it states, last what it only rules out."""
        reading = self.reading
        sentences = [match[0] for match in patterns.SENTENCE.finditer(self.message)]
        nobody_knows = any(_is_inconclusive(sentence) for sentence in sentences)
        nobody_knows = nobody_knows or bool(
            inconclusive.SEEMS_INCONCLUSIVE.search(self.message)
            and inconclusive.ENDS_THE_GAME.search(self.message)
            and not inconclusive.NOT_INCONCLUSIVE.search(self.message)
        )
        for_good = nobody_knows and _is_for_good(self.message, reading)
        if for_good and not reading.stated:
            return Verdict("inconclusive")
        if reading.said:
            return self._of_said()
        # "No idea!" may be fun with the players; only who says that nobody can tell has answered.
        if nobody_knows or any(inconclusive.SHRUG.search(sentence) for sentence in sentences):
            return _or_inconclusive(reading)
        verdict = self._of_denied() or _guess(reading)
        leaning = self._leaning()
        if verdict is None or verdict.verdict or leaning is None:
            return verdict
        return replace(verdict, leaning=self.verdict(leaning))

    def _of_said(self) -> Verdict | None:
        reading = self.reading
        if patterns.TAKEN_BACK.search(self.message) or safeguards.is_taken_back(
            self.message, reading.said
        ):
            return _guess(reading, "takes itself back")
        taxa = finest(self.taxa(reading.said), self.lineage)
        if len(taxa) > 1:
            return _guess(reading, "two names")
        if not reading.stated and (
            affirmations.asks_players(self.message) or affirmations.goes_on(self.message)
        ):
            return _guess(reading, "still open")
        denied = self.taxa(reading.denied)
        (taxon_id,) = taxa
        named = self.taxa(reading.named) - (taxa if reading.stated else set())
        against = self.taxa(reading.doubted) | named | denied
        if taxon_id == OTHER_ANIMAL and not reading.said & (reading.denied | reading.doubted):
            against -= {OTHER_ANIMAL}  # "not a fox, a dog": two animals without a taxon
        if taxon_id in against or not _agree(taxon_id, against - denied, self.lineage):
            return _guess(reading)
        verdict = self.verdict(taxon_id)
        return replace(verdict, is_bare=not reading.stated) if verdict else None

    def _leaning(self) -> int | None:
        """Return the one animal that is named in a form that is not known."""
        reading = self.reading
        taxa = finest(self.taxa(reading.named), self.lineage)
        if len(taxa) != 1 or reading.doubted or taxa & self.taxa(reading.denied):
            return None
        is_undone = (
            affirmations.is_open(self.message)
            or patterns.TAKEN_BACK.search(self.message)
            or safeguards.is_taken_back(self.message, reading.named)
        )
        return None if is_undone else next(iter(taxa))

    def _of_denied(self) -> Verdict | None:
        reading = self.reading
        if self.game.target_taxon_id is None or reading.doubted or reading.named:
            return None
        # "Answer: NOT!" is the game's own way of saying that it is another animal.
        is_a_not = not reading.mentioned and patterns.NOT_IS_THE_ANSWER.search(self.message)
        if is_a_not or self.taxa(reading.denied) & set(self.target):
            return Verdict("other")
        return None

    def verdict(self, taxon_id: int) -> Verdict | None:
        if verdict := verdict_of(taxon_id, self.game, self.target, self.lineage):
            return verdict
        return _guess(self.reading, None if taxon_id == OTHER_ANIMAL else "too coarse")


def verdict_of(
    taxon_id: int,
    game: Game,
    target: Collection[int],
    lineage: Mapping[int, Collection[int]],
) -> Verdict | None:
    """Return what an animal means in a game; None if it is too coarse, or not one of the game's."""
    if taxon_id in lineage.get(game.target_taxon_id or OTHER_ANIMAL, ()):
        return None  # a cat, in a game that asks for cougars
    if taxon_id == OTHER_ANIMAL:
        return Verdict("other", is_named=True)
    if game.target_taxon_id is None:
        return Verdict("taxon", taxon_id)
    return Verdict("target" if taxon_id in target else "other", taxon_id)


def first_words(text: str) -> str:
    """Return the whole words of a text's first MAX_MESSAGE_CHARACTERS."""
    if len(text) <= MAX_MESSAGE_CHARACTERS:
        return text
    whole_words, _, _ = text[:MAX_MESSAGE_CHARACTERS].rpartition(" ")
    return whole_words or text[:MAX_MESSAGE_CHARACTERS]


# "Puma (=cougar =mountain lion)": another name of the same animal.
_SAME_NAME = re.compile(r" ?\((?:=|aka\b|a\.k\.a\.|also (?:called|known as)\b)[^()?!]*\)", re.I)


def plain_words(text: str) -> str:
    """Lower case, without handles, links and hashtags: the game's own tag names an animal.

    An emoji separates as a comma does. What follows the first MAX_MESSAGE_CHARACTERS is left out.
    """
    words = re.sub(r"https?://\S+|[@#＠＃][\w.@-]*\w", " ", first_words(text))
    words = re.sub(rf"(?:{_EMOTICON.pattern})(?=\s+[A-Z][a-z])", ". ", words)
    words = _EMOTICON.sub(", ", _without_line_breaks(words))
    words = re.sub("[⬇👇⤵]\ufe0f?", ". ", words)
    words = re.sub("[“”„«»]", '"', re.sub("[📷📸]", " photo ", words))
    words = with_apostrophes(words).lower()
    words = re.sub(r"[^\w\s'\".,!?;:()…—–/%&+=-]", ",", _SAME_NAME.sub("", words))
    return re.sub(r"[^\S\n]+", " ", words).strip()


def _without_line_breaks(text: str) -> str:
    """Join the lines of a verse: three or more, of three words at least."""
    return _GOES_ON_IN_VERSE.sub(r"\1 ", text) if _VERSE.fullmatch(text) else text


def _guess(reading: Names, reason: Reason | None = None) -> Verdict | None:
    """Return what a person may make of a message that is not plain."""
    names = reading.said | reading.named | reading.doubted | reading.mentioned
    guess = ", ".join(sorted(names) or [f"not {name}" for name in sorted(reading.denied)])
    if not guess:
        return None
    if reason is None and (reading.doubted or reading.said or reading.named):
        reason = "hedged"
    elif reason is None:
        reason = "only mentioned" if reading.mentioned else "only ruled out"
    return Verdict(None, guess=guess, reason=reason)


def finest(taxa: set[int], lineage: Mapping[int, Collection[int]]) -> set[int]:
    """Return taxa without those that are only coarser than another of them: a lynx, a bobcat."""
    return {
        taxon
        for taxon in taxa
        if not any(taxon in lineage.get(other, ()) for other in taxa - {taxon})
    }


def _agree(taxon_id: int, others: set[int], lineage: Mapping[int, Collection[int]]) -> bool:
    truth = Truth(frozenset((taxon_id, *lineage.get(taxon_id, ()))))
    return all(is_right(other, truth) for other in others)


def _is_inconclusive(sentence: str) -> bool:
    return bool(
        inconclusive.INCONCLUSIVE.search(sentence)
        and not inconclusive.SHRUG.search(sentence)
        and not inconclusive.NOT_INCONCLUSIVE.search(sentence)
        and not safeguards.is_no_verdict(sentence)
    )


def _is_for_good(message: str, reading: Names) -> bool:
    """Whether it stays so: the host asks nobody, guesses nothing, and speaks not only of now."""
    if inconclusive.FOR_NOW.search(message):
        return False
    asks = inconclusive.ASKS.search(message) or reading.doubted
    return bool(inconclusive.FOR_GOOD.search(message)) or not asks


def _or_inconclusive(reading: Names) -> Verdict:
    """Return what a person may make of a shrug."""
    return _guess(reading, "a shrug") or Verdict(None, guess="inconclusive", reason="a shrug")
