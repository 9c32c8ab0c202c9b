"""Small linear models that read what the rules leave open: which name is the answer, or a guess.

They choose among the names that a message has, or say that it means yes to a guess, that nobody can
tell, or that the host has changed the answer. Their weights were learned from the texts in
tests/data by `python -m benchmarks.learned_reading`.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from .affirmations import with_yes_in_words
from .clues import Answered, Name, clues_of_message, clues_of_names, names_in
from .guess_patterns import NOT_THEIRS, QUOTED
from .parser import finest, plain_words
from .safeguards import without_quotations
from .spelling import in_game_words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .vocabulary import Vocabulary

RULES_ONLY = "CRITTERDB_RULES_ONLY"
WEIGHTS = "weights.json"
UNIT = 100  # weights are stored as whole hundredths
# Chosen by leaving out one author at a time; docs/benchmarks.md, "A learned reader".
MIN_CHANCE_OF_AN_ANSWER = 0.75
MIN_CHANCE_OF_A_NEW_ANSWER = 0.6  # where the host has changed the first one
MIN_CHANCE_OF_A_YES = 0.85
MIN_CHANCE_OF_A_GUESS = 0.7
MIN_CHANCE_THAT_NOBODY_KNOWS = 0.5
MIN_CHANCE_OF_A_CHANGE = 0.5
MIN_CHANCE_OF_TAKING_BACK = 0.7  # without another answer in its place
MAX_CHANCE_OF_ANOTHER = 0.4

_REPOST = re.compile(r"\bRT @\S+:.*", re.DOTALL)

Kind = Literal["answer", "yes", "nobody", "change", "guess"]


@dataclass(frozen=True)
class Judge:
    """A logistic regression on clues."""

    bias: float
    weights: Mapping[str, float]

    def chance(self, clues: Collection[str]) -> float:
        """Return the probability that what the clues surround is the answer."""
        # Summed in order, because sets differ in theirs from one process to the next.
        logit = self.bias + sum(self.weights.get(clue, 0.0) for clue in sorted(clues))
        return 1 / (1 + math.exp(-logit))


@dataclass(frozen=True)
class Opinion:
    """What a host's message seems to say: which animal it is, or that nobody can tell.

    `changes` says that it changes an earlier answer, `takes_back` the same with more certainty.
    """

    taxon_id: int | None = None
    nobody_knows: bool = False
    changes: bool = False
    takes_back: bool = False


def is_off() -> bool:
    """Whether the site's owner wants to be asked about whatever the rules leave open."""
    return os.environ.get(RULES_ONLY, "").strip() == "1"


@cache
def shipped_judges() -> Mapping[Kind, Judge]:
    """Return the judges that come with critterdb."""
    stored = json.loads(files(__package__).joinpath(WEIGHTS).read_text("utf-8"))
    return {kind: from_stored(judge) for kind, judge in stored.items()}


def from_stored(stored: Mapping[str, Mapping[str, int]]) -> Judge:
    """Return a judge from its JSON: hundredths by group and words, the bias without a group."""
    weights = {
        f"{group}:{words}": weight / UNIT
        for group, by_words in stored.items()
        for words, weight in by_words.items()
    }
    return Judge(weights.pop(":", 0.0), weights)


def words_of_host(text: str, vocabulary: Vocabulary) -> str:
    """Return a host's message as it is judged: without what it quotes."""
    own = _REPOST.sub(" ", vocabulary.in_full(text))
    spelled = in_game_words(own, vocabulary.index).text
    message, _ = without_quotations(plain_words(with_yes_in_words(spelled)))
    return message


def words_of_player(text: str, vocabulary: Vocabulary) -> str:
    """Return a player's message as it is judged: without what others said."""
    theirs = NOT_THEIRS.sub(" ", text.replace("“", '"').replace("”", '"'))
    known = vocabulary.with_other_kinds(theirs)
    return QUOTED.sub(" , ", plain_words(in_game_words(known, vocabulary.index).text))


def guessed(text: str, vocabulary: Vocabulary, judges: Mapping[Kind, Judge]) -> int | None:
    """Return the taxon that a player's message guesses, or None if that is not clear."""
    message = words_of_player(text, vocabulary)
    chances = _chances(message, names_in(message, vocabulary), judges["guess"])
    return _likeliest(chances, MIN_CHANCE_OF_A_GUESS, vocabulary)


def judge_host(
    text: str, to: Answered | None, vocabulary: Vocabulary, judges: Mapping[Kind, Judge]
) -> Opinion:
    """Return what a host's message seems to say; `to` is the player's message that it answers."""
    message = words_of_host(text, vocabulary)
    names = names_in(message, vocabulary)
    chances = _chances(message, names, judges["answer"], to)
    clues = clues_of_message(message, names, to)
    if to is not None and to.guess is not None and to.guess not in chances:
        yes = judges["yes"].chance(clues)
        if yes >= MIN_CHANCE_OF_A_YES:
            chances[to.guess] = yes
    change = judges["change"].chance(clues)
    changes = change >= MIN_CHANCE_OF_A_CHANGE
    at_least = MIN_CHANCE_OF_A_NEW_ANSWER if changes else MIN_CHANCE_OF_AN_ANSWER
    return Opinion(
        _likeliest(chances, at_least, vocabulary),
        judges["nobody"].chance(clues) >= MIN_CHANCE_THAT_NOBODY_KNOWS,
        changes,
        change >= MIN_CHANCE_OF_TAKING_BACK,
    )


def _chances(
    message: str, names: list[Name], judge: Judge, to: Answered | None = None
) -> dict[int, float]:
    clues = clues_of_names(message, names, to)
    return {taxon_id: judge.chance(found) for taxon_id, found in clues.items()}


def _likeliest(chances: Mapping[int, float], at_least: float, vocabulary: Vocabulary) -> int | None:
    """Return the one taxon that is likely, apart from those that are only coarser."""
    likely = {taxon_id for taxon_id, chance in chances.items() if chance > MAX_CHANCE_OF_ANOTHER}
    taxa = finest(likely, vocabulary.lineage)
    if len(taxa) != 1:
        return None
    (taxon_id,) = taxa
    return taxon_id if chances[taxon_id] >= at_least else None
