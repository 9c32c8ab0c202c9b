"""What a player's message guesses: one taxon, another animal, or nothing that may be counted.

Players guess in any form: "bobcat?", "maybe a bobcat", "not a cougar". Of several guesses the last
counts. What others said, questions about animals, jokes and a choice of two are no guesses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from . import guess_patterns as patterns
from . import learned, safeguards
from .parser import OTHER_ANIMAL, AnswerVerdict, plain_words, verdict_of
from .patterns import IDIOMS, compiled
from .roles import MAX_NAMES_PER_SENTENCE
from .spelling import in_game_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb.games import Game

    from .vocabulary import Vocabulary

MIN_VOTED_FOR = 2
MAX_CONTEXT_CHARACTERS = 80  # on each side of a name: more would cost the square of a long message

Role = Literal["guessed", "offered", "denied", "mentioned"]
Reason = Literal[
    "plain",  # a name, and nothing that speaks against it
    "hedged",  # "maybe", "I think", a question mark
    "last of several",
    "respelled",  # a typo, an emoji or a short name
    "learned",  # from the words around it, as in other guesses
    "only ruled out",  # "not a cougar"
    "two names",  # "cougar or bobcat?"
    "too coarse",  # a genus that holds the game's target
    "a joke",
    "only mentioned",  # "how long is a cougar's tail?"
    "no name",
]
# The share of the 154 guesses of one half of tests/data/guesses.jsonl that were read right, and
# less for the kinds of which there are too few to say.
CONFIDENCE: dict[Reason, float] = {
    "plain": 0.98,
    "hedged": 0.95,
    "last of several": 0.95,
    "respelled": 0.9,
    "learned": 0.9,
    "only ruled out": 0.9,
}


@dataclass(frozen=True)
class Reading:
    """What a player's message guesses.

    `verdict` is `target` or `other` in a game that asks for one taxon, `taxon` in the others, and
    None if the message holds no guess. `taxon_id` is None without one, and also if it is only known
    to be another animal: "NOT!", "a dog". `ruled_out` are taxa that the player says it is not.
    `confidence` is how often readings of this kind are right, 0 without a guess.
    """

    verdict: AnswerVerdict | None = None
    taxon_id: int | None = None
    ruled_out: frozenset[int] = frozenset()
    reason: Reason = "no name"
    confidence: float = 0.0


@dataclass(frozen=True)
class _Name:
    """A name in a message: the taxon, what it does there, and whether it is hedged or short."""

    taxon_id: int
    role: Role
    is_hedged: bool = False
    is_short: bool = False
    is_asked: bool = False


def read_guess(text: str, game: Game, vocabulary: Vocabulary) -> Reading:
    """Return what a player's message guesses. Never raises; takes time in line with its length."""
    reading = guess_by_rules(text, game, vocabulary)
    if reading.verdict or reading.reason in ("a joke", "too coarse") or learned.is_off():
        return reading
    taxon_id = learned.guessed(text, vocabulary, learned.shipped_judges())
    if taxon_id is None or taxon_id in reading.ruled_out:
        return reading
    if verdict_of(taxon_id, game, vocabulary.target, vocabulary.lineage) is None:
        return reading
    return as_reading(taxon_id, game, vocabulary, reading.ruled_out, "learned")


def guess_by_rules(text: str, game: Game, vocabulary: Vocabulary) -> Reading:
    """Return what a player's message plainly guesses."""
    theirs = patterns.NOT_THEIRS.sub(
        " ", text.replace("“", '"').replace("”", '"').replace(" > ", " rather than ")
    )
    theirs = patterns.LOOKS_AS.sub(r"\1 like ", theirs.replace(" & ", " and "))
    spelled = in_game_words(vocabulary.with_other_kinds(theirs), vocabulary.index)
    message = safeguards.in_our_words(plain_words(_with_tags_as_names(spelled.text, vocabulary)))
    message = patterns.REAR_END.sub("", patterns.BOB.sub(r"\1bobcat", message))
    if "mountain lion" in vocabulary.names:
        message = patterns.LION.sub("mountain lion", message)
    any_name = vocabulary.pattern_in(message).pattern
    for of_this_one in (patterns.SUBJECT_HERE, patterns.LET_OUT):
        message = compiled(of_this_one % any_name).sub(r"it's a \1,", message)
    message = _as_they_are_sure(_with_votes_counted(message, vocabulary), any_name)
    # A quotation mark in the middle of a word is an inch.
    message = patterns.QUOTED.sub(" , ", message)
    message = IDIOMS.sub(" ", message)
    names = list(_names(message, vocabulary))
    if not names:
        return _without_a_name(message, game)
    if patterns.JOKE.search(message) or safeguards.is_contradicted(text):
        return Reading(reason="a joke")
    if patterns.NO_AGREEMENT.search(message):
        names = _as(names, "offered")
    return _conclude(names, game, vocabulary, is_respelled=spelled.is_changed)


def _with_votes_counted(message: str, vocabulary: Vocabulary) -> str:
    """Turn "it came out bobcat 17, cougar 3" into the animal that has most votes."""
    if not patterns.VOTED.search(message):
        return message
    names = vocabulary.pattern_in(message)
    counted = compiled(patterns.COUNTED.format(any_name=names.pattern))
    votes: dict[str, int] = {}
    for match in counted.finditer(message):
        name = names.fullmatch(match["name"] or match["after"])
        votes[name[1] if name else ""] = int(match["votes"] or match["before"])
    if len(votes) < MIN_VOTED_FOR:
        return message
    first, second, *_ = sorted(votes, key=lambda name: -votes[name])
    if "%" in message and votes[first] < patterns.MIN_PERCENT_OF_A_GUESS:
        return message
    if votes[first] == votes[second]:
        return counted.sub(" ", message)
    return f"{counted.sub(' ', message)}. it's a {first}"


def _as_they_are_sure(message: str, any_name: str) -> str:
    """Turn "if this isn't a cougar I'll eat my hat" into "it's a cougar"."""
    pattern, is_named = compiled(patterns.SURE_OF_IT % (any_name, any_name)), compiled(any_name)

    def as_sure(match: re.Match[str]) -> str:
        name = is_named.search(match[0])
        goes_on = is_named.search(message, match.end())
        return match[0] if goes_on or name is None else f"it's a {name[1]}, "

    return pattern.sub(as_sure, message)


def names_in_order(text: str, vocabulary: Vocabulary) -> list[int]:
    """Return the taxa that a message names, whatever it says of them."""
    message = safeguards.in_our_words(plain_words(in_game_words(text, vocabulary.index).text))
    return [
        vocabulary.names.get(match[1], vocabulary.short.get(match[1], OTHER_ANIMAL))
        for match in vocabulary.pattern_in(message).finditer(message)
    ]


def _with_tags_as_names(text: str, vocabulary: Vocabulary) -> str:
    """Turn hashtags that are a name into that name, and handles inside a message into somebody."""

    def as_name(match: re.Match[str]) -> str:
        tag = match[1].lower()
        return tag if tag in vocabulary.names else match[0]

    text = re.sub(r"[#＃](\w+)", as_name, text)
    text = re.sub(r"^\s*(?:[@＠][\w.@-]+[\s,:]*)+", " ", text)
    return re.sub(r"[@＠][\w.@-]*\w", "somebody", text)


def _without_a_name(message: str, game: Game) -> Reading:
    """Read "NOT!", which names nothing and is a guess all the same."""
    tag = re.escape((game.hashtag or "").lower())
    answer = (
        re.sub(rf"^\W*{tag}\W*\bnope?\b|^\W*{tag}\W*\bno\b", "not", message) if tag else message
    )
    if game.target_taxon_id is None or not patterns.NOT_IS_THE_GUESS.search(answer):
        return Reading()
    ruled_out = frozenset({game.target_taxon_id})
    return Reading("other", None, ruled_out, "only ruled out", CONFIDENCE["only ruled out"])


def _names(message: str, vocabulary: Vocabulary) -> Iterator[_Name]:
    """Yield each name of a message with its role, in order."""
    any_name = vocabulary.pattern_in(message)
    of_game = compiled(rf"({any_name.pattern}){patterns.NAME_OF_GAME}")
    message = of_game.sub(" ", message)
    earlier: list[_Name] = []
    for sentence in patterns.SENTENCE.findall(message):
        if patterns.NO.match(sentence) and earlier:
            earlier[-1] = _Name(earlier[-1].taxon_id, "denied")
            continue
        yield from earlier
        found = list(_names_in_sentence(sentence, any_name, vocabulary))
        earlier = found if len(found) <= MAX_NAMES_PER_SENTENCE else _as(found, "offered")
    yield from earlier


def _names_in_sentence(
    sentence: str, any_name: re.Pattern[str], vocabulary: Vocabulary
) -> Iterator[_Name]:
    found: list[_Name] = []
    last_end = 0
    is_theirs = patterns.LABEL_OF_OTHERS.match(sentence) or patterns.IF_IT_IS.match(sentence)
    for begin, end in _clauses(sentence):
        for match in any_name.finditer(sentence, begin, end):
            before = sentence[max(begin, match.start() - MAX_CONTEXT_CHARACTERS) : match.start()]
            after = sentence[match.end() : min(end, match.end() + MAX_CONTEXT_CHARACTERS)]
            is_short = match[1] not in vocabulary.names
            if is_short and len(sentence[begin:end].split()) > patterns.STANDS_ALONE:
                continue
            between = sentence[last_end : match.start()] if found else ""
            role = _role(before, after, f"{match[2] or ''}{after}")
            rest = sentence[match.end() : match.end() + MAX_CONTEXT_CHARACTERS]
            if patterns.ALWAYS.search(before) and patterns.AS_ALWAYS.search(rest):
                role = "guessed"
            if role == "guessed" and is_theirs:
                role = "mentioned"
            elif role == "guessed" and patterns.BETWEEN.search(before):
                role = "offered"
            elif found:
                crossed = bool(patterns.CROSSED_OFF.search(sentence[:last_end]))
                role = _role_after(found[-1].role, between, role, is_crossed_off=crossed)
                if role == "offered" and found[-1].role == "guessed":
                    found[-1] = replace(found[-1], role="offered")
            taxon_id = vocabulary.names.get(match[1], vocabulary.short.get(match[1], OTHER_ANIMAL))
            hedged = bool(patterns.MAYBE.search(sentence))
            found.append(_Name(taxon_id, role, hedged, is_short, "?" in sentence))
            last_end = match.end()
    yield from _undecided(found, sentence)


def _role_after(earlier: Role, between: str, role: Role, *, is_crossed_off: bool) -> Role:
    """Return the role of a name that may be joined to one before it: "or", "nor", "and"."""
    if earlier == "denied" and patterns.JOINED_DENIAL.search(between):
        is_joined = " or" in between or " nor" in between or (is_crossed_off and " and" in between)
        return "denied" if is_joined else role
    if earlier == "offered" and patterns.BETWEEN_AND.search(between):
        return "offered"
    if role == "guessed" and patterns.ALTERNATIVE.search(between):
        return "offered"
    return role


def _clauses(sentence: str) -> Iterator[tuple[int, int]]:
    begin = 0
    for match in patterns.CLAUSE.finditer(sentence):
        yield begin, match.start()
        begin = match.end()
    yield begin, len(sentence)


def _undecided(names: list[_Name], sentence: str) -> list[_Name]:
    """Return names as offered only if a sentence weighs several against each other."""
    weighed = {name.taxon_id for name in names if name.role != "denied"}
    if patterns.ASKS.search(sentence):
        return [replace(name, role="mentioned") for name in names]
    if patterns.COULD_BE_ANYTHING.search(sentence):
        return _as(names, "offered" if len(weighed) > 1 else "mentioned")
    weighs = (
        patterns.UNDECIDED.search(sentence)
        or len(patterns.COULD.findall(sentence)) > 1
        or len(patterns.SHARE.findall(sentence)) > 1
    )
    if len(weighed) > 1 and weighs:
        return _as(names, "offered")
    return names


def _as(names: list[_Name], role: Role) -> list[_Name]:
    return [replace(name, role=role) if name.role != "denied" else name for name in names]


def _role(before: str, after: str, ending: str) -> Role:
    """Return what a name does between the words before and after it in its clause."""
    if (
        patterns.THING_AFTER.search(after)
        or patterns.SUBJECT.search(ending)
        or patterns.NOT_SEEN.search(before)
    ):
        return "mentioned"
    if patterns.IF.search(before) or patterns.UNSURE.search(before):
        return "mentioned"
    if patterns.NO_SUCH.search(before) and patterns.AROUND.search(ending):
        return "mentioned"
    if patterns.DENIED.search(before) or patterns.DENIED_AFTER.search(after):
        return "denied"
    if patterns.OF_A_KIND.search(before) and patterns.LACKS.search(ending):
        return "denied"
    if not patterns.LEAD.search(before) or not patterns.FOLLOW.search(after):
        return "mentioned"
    if patterns.EARLIER.search(after):
        return "mentioned"
    if patterns.FORETOLD.search(before):
        return "mentioned"
    if patterns.OUR_OWN.search(before):
        return "guessed"
    by_others = patterns.BY_OTHERS.search(before) or patterns.BY_SOMEBODY.search(before)
    if by_others and patterns.TRUSTS.search(after):
        return "guessed"
    if by_others or patterns.ASIDE.search(before):
        return "mentioned"
    return "guessed"


def _conclude(
    names: list[_Name], game: Game, vocabulary: Vocabulary, *, is_respelled: bool
) -> Reading:
    """Return the last guess of a message, unless a choice of two comes after it."""
    denied = {name.taxon_id for name in names if name.role == "denied"}
    ruled_out = frozenset(denied - {OTHER_ANIMAL})
    weighed = [name for name in names if name.role in ("guessed", "offered")]
    if not weighed:
        if denied & vocabulary.target:
            confidence = CONFIDENCE["only ruled out"]
            return Reading("other", None, ruled_out, "only ruled out", confidence)
        return Reading(ruled_out=ruled_out, reason="only ruled out" if denied else "only mentioned")
    last = _finest(weighed, vocabulary)
    taxa = [name.taxon_id for name in weighed]
    offered = {name.taxon_id for name in weighed if name.role == "offered"}
    is_choice = last.role == "offered" and len(offered) > 1
    # "Cougar? Bobcat? Help!"
    if is_choice or (len(set(taxa)) > 1 and all(name.is_asked for name in weighed)):
        return Reading(ruled_out=ruled_out, reason="two names")
    taxon_id = last.taxon_id
    is_last_word = names[-1].role != "denied" or names[-1].taxon_id != taxon_id
    if not is_last_word:
        return Reading(ruled_out=ruled_out, reason="only ruled out")
    above = vocabulary.lineage.get(game.target_taxon_id or OTHER_ANIMAL, frozenset())
    if taxon_id in above and taxon_id != OTHER_ANIMAL:
        return Reading(ruled_out=ruled_out, reason="too coarse")
    reason: Reason = "plain"
    if is_respelled or last.is_short:
        reason = "respelled"
    elif len({name.taxon_id for name in weighed}) > 1:
        reason = "last of several"
    elif last.is_hedged:
        reason = "hedged"
    return as_reading(taxon_id, game, vocabulary, ruled_out - {taxon_id}, reason)


def _finest(weighed: list[_Name], vocabulary: Vocabulary) -> _Name:
    """Return the last of the names, or the one before it that says the same more precisely."""
    last = weighed[-1]
    if len(weighed) > 1:
        before = weighed[-2]
        if last.taxon_id in vocabulary.lineage.get(before.taxon_id, ()):
            return before
    return last


def as_reading(
    taxon_id: int,
    game: Game,
    vocabulary: Vocabulary,
    ruled_out: frozenset[int],
    reason: Reason,
) -> Reading:
    """Return the guess of one taxon, as the game counts it."""
    confidence = CONFIDENCE[reason]
    if game.target_taxon_id is None and taxon_id != OTHER_ANIMAL:
        return Reading("taxon", taxon_id, ruled_out, reason, confidence)
    verdict: AnswerVerdict = "target" if taxon_id in vocabulary.target else "other"
    return Reading(verdict, taxon_id or None, ruled_out, reason, confidence)
