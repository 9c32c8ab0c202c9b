"""What a host's message says about the animal: a verdict where it is plain, else at most a guess.

A message is read sentence by sentence, and each name of a taxon in it is taken for what it does
there: it is *said* to be the answer ("it's a bobcat"), *denied* ("not a cougar"), *doubted* ("maybe
a bobcat"), or only *mentioned* ("cougars have long tails", "many of you said cougar", "last week's
was a lynx"). A verdict needs one taxon that is said, and nothing that speaks against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from critterdb.dataset.taxonomy import Truth, is_right

from . import patterns, safeguards

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from critterdb.games import Game

# X allows 25,000 characters; the answer of a host stands within the first sentences.
MAX_MESSAGE_CHARACTERS = 2000
# Each name is read against its whole sentence, so that many of them would cost the square.
MAX_NAMES_PER_SENTENCE = 20
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
]
Role = Literal["said", "denied", "doubted", "mentioned"]


@dataclass(frozen=True)
class Verdict:
    """What a message says. `verdict` is None if only a guess can be made of it.

    `is_named` says that another animal than the game's is named. `is_respelled` says that a typo,
    an emoji or a code was read as a name. `reason` says why there is no verdict.
    """

    verdict: AnswerVerdict | None
    taxon_id: int | None = None
    guess: str | None = None
    is_named: bool = False
    is_respelled: bool = False
    reason: Reason | None = None


@dataclass
class _Reading:
    """The names of a message by what they do in it."""

    said: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    doubted: set[str] = field(default_factory=set)
    mentioned: set[str] = field(default_factory=set)


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
    text = safeguards.with_marks_as_words(text)
    message = plain_words(text)
    reading = _read_names(message, names)
    named = _finest({names[name] for name in reading.said}, lineage or {})
    denied = {names[name] for name in reading.denied}
    if patterns.JOKE.search(message) or safeguards.is_contradicted(text):
        return _guess(reading, "a joke")
    if reading.said and (
        patterns.TAKEN_BACK.search(message) or safeguards.is_taken_back(message, reading.said)
    ):
        return _guess(reading, "takes itself back")
    against = {names[name] for name in reading.doubted} | denied
    if len(named) == 1:
        (taxon_id,) = named
        if taxon_id in against or not _agree(taxon_id, against - denied, lineage or {}):
            return _guess(reading)
        above = (lineage or {}).get(game.target_taxon_id or OTHER_ANIMAL, ())
        if taxon_id in above:  # a cat, in a game that asks for cougars
            return _guess(reading, "too coarse")
        return _verdict(taxon_id, game, target) or _guess(reading)
    if named:
        return _guess(reading, "two names")
    sentences = [match[0] for match in patterns.SENTENCE.finditer(message)]
    if any(_is_inconclusive(sentence) for sentence in sentences):
        for_good = _is_for_good(message, reading)
        return Verdict("inconclusive") if for_good else _or_inconclusive(reading)
    # "No idea!" may be fun with the players; only who says that nobody can tell has answered.
    if any(patterns.SHRUG.search(sentence) for sentence in sentences):
        return _or_inconclusive(reading)
    if game.target_taxon_id is not None and not reading.doubted:
        # "Answer: NOT!" is the game's own way of saying that it is another animal.
        is_a_not = not reading.mentioned and patterns.NOT_IS_THE_ANSWER.search(message)
        if is_a_not or denied & set(target):
            return Verdict("other")
    return _guess(reading)


def first_words(text: str) -> str:
    """Return the whole words of a text's first MAX_MESSAGE_CHARACTERS."""
    if len(text) <= MAX_MESSAGE_CHARACTERS:
        return text
    whole_words, _, _ = text[:MAX_MESSAGE_CHARACTERS].rpartition(" ")
    return whole_words or text[:MAX_MESSAGE_CHARACTERS]


def plain_words(text: str) -> str:
    """Lower case, without handles, links and hashtags: the game's own tag names an animal.

    An emoji separates as a comma does. What follows the first MAX_MESSAGE_CHARACTERS is left out.
    """
    words = re.sub(r"https?://\S+|[@#＠＃][\w.@-]*\w", " ", first_words(text))
    words = re.sub("[⬇👇⤵]\ufe0f?", ". ", words)
    words = re.sub("[“”„«»]", '"', re.sub("[📷📸]", " photo ", words))
    words = words.replace("’", "'").replace("‘", "'").lower()
    words = re.sub(r"[^\w\s'\".,!?;:()…—–/%&+=-]", ",", words)
    return re.sub(r"[^\S\n]+", " ", words).strip()


def _verdict(taxon_id: int, game: Game, target: Collection[int]) -> Verdict | None:
    if game.target_taxon_id is None:
        return Verdict("taxon", taxon_id) if taxon_id != OTHER_ANIMAL else None
    if taxon_id == OTHER_ANIMAL:
        return Verdict("other", is_named=True)
    return Verdict("target" if taxon_id in target else "other", taxon_id)


def _guess(reading: _Reading, reason: Reason | None = None) -> Verdict | None:
    """Return what a person may make of a message that is not plain."""
    names = reading.said | reading.doubted | reading.mentioned
    guess = ", ".join(sorted(names) or [f"not {name}" for name in sorted(reading.denied)])
    if not guess:
        return None
    if reason is None and (reading.doubted or reading.said):
        reason = "hedged"
    elif reason is None:
        reason = "only mentioned" if reading.mentioned else "only ruled out"
    return Verdict(None, guess=guess, reason=reason)


def _finest(taxa: set[int], lineage: Mapping[int, Collection[int]]) -> set[int]:
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
        patterns.INCONCLUSIVE.search(sentence)
        and not patterns.SHRUG.search(sentence)
        and not patterns.NOT_INCONCLUSIVE.search(sentence)
        and not safeguards.is_no_verdict(sentence)
    )


def _is_for_good(message: str, reading: _Reading) -> bool:
    """Whether it stays so: the host asks nobody, guesses nothing, and speaks not only of now."""
    if patterns.FOR_NOW.search(message):
        return False
    asks = patterns.ASKS.search(message) or reading.doubted
    return bool(patterns.FOR_GOOD.search(message)) or not asks


def _or_inconclusive(reading: _Reading) -> Verdict:
    """Return what a person may make of a shrug."""
    return _guess(reading, "a shrug") or Verdict(None, guess="inconclusive", reason="a shrug")


def _read_names(message: str, names: Mapping[str, int]) -> _Reading:
    """Find each name of a message and its role; longest first, so that no part counts by itself."""
    reading = _Reading()
    if not names:
        return reading
    message = safeguards.in_our_words(message)
    # A pattern of all names of a game about birds takes half a second to compile.
    present = sorted((name for name in names if name in message), key=len, reverse=True)
    message, quotations = safeguards.without_quotations(message)
    any_name = "|".join(map(re.escape, present)) or r"(?!)"
    message = _in_plain_turns(message, any_name, names)
    pattern = re.compile(rf"\b({any_name})(s|es)?(?![\w])")
    for quoted in quotations:
        reading.mentioned.update(match[1] for match in pattern.finditer(quoted))
    for sentence in patterns.SENTENCE.findall(patterns.IDIOMS.sub(" ", message)):
        _read_sentence(sentence, pattern, reading)
    return reading


def _in_plain_turns(message: str, any_name: str, names: Mapping[str, int]) -> str:
    """Put turns of phrase around names as the rest of this module expects them."""
    # "That, dear friends, is a bobcat."
    message = re.sub(r"\b(that|this|it), [^,.!?]{1,30}, (is|was)\b", r"\1 \2", message)
    message = re.sub(rf"\b({any_name})(?:[ !]+\1\b){{1,3}}", r"\1", message)  # "Bobcat! Bobcat!"
    also = re.compile(rf"\b({any_name}){patterns.ALSO_CALLED}({any_name})(?!\w)")
    message = also.sub(lambda pair: pair[1 if names[pair[1]] == names[pair[2]] else 0], message)
    # "Cougar or not" is the name of the game.
    message = re.sub(rf"\b(?:{any_name}) or (?:not?|nah)\b", " ", message)
    message = re.sub(
        rf"\b({any_name}) ?[?:=] (?:{patterns.YES})(?=\W*(?:[.!,]|$))", r"it's a \1", message
    )
    message = re.sub(
        rf"\b({any_name}) ?[?:=] (?:{patterns.NO})(?=\W*(?:[.!,]|$))", r"not a \1", message
    )
    message = re.sub(rf"(^|[.!?] )({any_name}), yes(?=[.!]|$)", r"\1it's a \2", message)
    message = re.sub(rf"(^|[.!?] )({any_name}), no(?=[.!]|$)", r"\1not a \2", message)
    return re.sub(
        rf"\bnot(?: an?)? ({any_name}) or (?=(?:an? )?(?:{any_name})\b)", r"not a \1, not ", message
    )


def _read_sentence(sentence: str, pattern: re.Pattern[str], reading: _Reading) -> None:
    """Add the names of a sentence to what was read in those before it."""
    earlier = frozenset(reading.doubted)
    clauses = list(_clauses(sentence))
    named = [match[1] for match in pattern.finditer(sentence)]
    if len(named) > MAX_NAMES_PER_SENTENCE or _has_afterthought(clauses, pattern):
        reading.doubted.update(named)
        return
    says_one = False
    for clause, is_negated in clauses:
        for match in pattern.finditer(clause):
            role = "denied" if is_negated else _role(match, clause, sentence, pattern)
            getattr(reading, role).add(match[1])
            says_one = says_one or role == "said"
    if says_one and reading.doubted == earlier:
        # Hosts tell of their doubts first and give the answer last.
        reading.mentioned |= earlier
        reading.doubted.clear()


def _has_afterthought(clauses: list[tuple[str, bool]], pattern: re.Pattern[str]) -> bool:
    """Whether a clause such as "maybe" or "no" follows one with a name, or ends the sentence."""
    is_named = False
    for number, (clause, _) in enumerate(clauses):
        is_last = number == len(clauses) - 1
        if number and (is_named or is_last) and patterns.AFTERTHOUGHT.search(clause):
            return True
        is_named = is_named or bool(pattern.search(clause))
    return False


def _clauses(sentence: str) -> Iterator[tuple[str, bool]]:
    """The clauses of a sentence; with whether a "not" at the end of an earlier one reaches it."""
    is_open = False
    for clause in patterns.CLAUSE.split(sentence):
        words = re.sub(r"[.!?\n]+$", "", clause).strip()
        if words:
            yield f"{words} ".rstrip(), is_open
            is_open = words.endswith(" not") or (is_open and len(words.split()) <= 2)


def _role(match: re.Match[str], clause: str, sentence: str, pattern: re.Pattern[str]) -> Role:
    """Return what a name does in its clause."""
    before, after = clause[: match.start()], clause[match.end() :]
    are_several = bool(match[2] and patterns.SEVERAL.search(before))
    if (
        (match[2] and not are_several)
        or patterns.PART.search(after)
        or patterns.ELSEWHEN.search(sentence)
    ):
        return "doubted" if patterns.DOUBT.search(clause) and not match[2] else "mentioned"
    if _is_fact(before, after):
        return "said"
    if downgraded := safeguards.downgrade(before, after, clause, sentence):
        return downgraded
    if patterns.THING_DENIED.search(after):
        return "denied"
    is_the_subject = patterns.SUBJECT.search(after) and not patterns.THING_SAID.search(after)
    if _is_asked(clause, sentence) or (patterns.ARTICLE.search(before) and is_the_subject):
        return "mentioned"
    if patterns.AGAINST_FACT.search(before) or (
        patterns.LOOKS.search(clause) and patterns.CONCEDED.search(sentence)
    ):
        return "mentioned"
    if patterns.DOUBT.search(patterns.IF_PEOPLE.sub(" ", clause)):
        return "doubted"
    if patterns.REPORT.search(clause):
        is_right = patterns.RIGHT.search(sentence) and not patterns.WRONG.search(sentence)
        return "said" if is_right and len(pattern.findall(sentence)) == 1 else "mentioned"
    if patterns.THING_SAID.search(after):
        return "said"
    if patterns.DENIAL.search(before) and not _is_unstated(before):
        return "denied"
    if are_several and patterns.GOES_ON.search(after):
        return "said"
    return _role_of_a_statement(before, after, is_alone=len(pattern.findall(clause)) == 1)


def _is_fact(before: str, after: str) -> bool:
    """Whether words around a name say what it was, whoever they are about."""
    if patterns.THIS_ONE.search(before) and patterns.FOOLED.search(after):
        return True
    return bool(patterns.SAID_RIGHTLY.search(before) and not patterns.WRONG.search(before))


def _is_asked(clause: str, sentence: str) -> bool:
    """Whether a clause is part of a question: of its last part, if dashes divide it."""
    is_question = re.search(r"\?[!?.\s]*$", sentence)
    return bool(is_question) and clause in patterns.PART_OF_QUESTION.split(sentence)[-1]


def _is_unstated(before: str) -> bool:
    """Return whether what follows is not a statement: "when it's", "imagine it's", "glad it's"."""
    marks = list(patterns.MARK.finditer(before))
    return bool(marks) and bool(patterns.NOT_STATED.search(before[: marks[-1].start()]))


def _role_of_a_statement(before: str, after: str, *, is_alone: bool) -> Role:
    goes_on = patterns.GOES_ON.search(after) or (
        is_alone and patterns.DOING.search(after) and patterns.AN.search(before)
    )
    marks = list(patterns.MARK.finditer(before))
    rest = before[marks[-1].end() :] if marks else before
    if _is_unstated(before):
        return "mentioned"
    does_something = re.search(r"\w (?:\w+ )?\w{2,}ing (?:an?|the|its|her|his)? ?$", rest)
    if does_something or patterns.COMPARED.search(rest) or patterns.NEGATION.search(rest):
        return "mentioned"
    if marks:
        head = before[: marks[-1].start()]
        if patterns.BY_OTHERS.search(head) and not patterns.OURSELVES.search(head):
            return "mentioned"
        is_short = len(rest.split()) <= patterns.MAX_WORDS_AFTER_MARK
        return "said" if is_short and goes_on else "doubted"
    if before.endswith("this "):
        return "said"
    if patterns.SUBJECT.search(after):
        return "mentioned"
    if (
        patterns.NO_ANSWER.search(before)
        or len(before.split()) > 4
        or re.search(r"\w the $", before)
        or not goes_on
    ):
        return "doubted"
    return "said"
