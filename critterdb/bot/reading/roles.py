"""What each name in a host's message does there, read sentence by sentence.

A name is *said* to be the answer ("it's a bobcat"), *denied* ("not a cougar"), *doubted* ("maybe a
bobcat"), *named* in a form that is not known, or only *mentioned* ("cougars have long tails", "many
of you said cougar", "last week's was a lynx").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from . import patterns, safeguards
from .cats import with_own_cats
from .turns import in_plain_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Each name is read against its whole sentence, so that many of them would cost the square.
MAX_NAMES_PER_SENTENCE = 20
# "Stated" are names that a verb or a mark says it is, "said" those that stand alone, and "named"
# those of which only the form is unknown: "you were had by a bobcat".
Role = Literal["stated", "said", "named", "denied", "doubted", "mentioned"]


@dataclass
class Names:
    """The names of a message by what they do in it."""

    of_the_game: frozenset[str] = frozenset()
    stated: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    doubted: set[str] = field(default_factory=set)
    mentioned: set[str] = field(default_factory=set)

    def all(self) -> set[str]:
        """Every name, whatever it does."""
        return self.said | self.named | self.denied | self.doubted | self.mentioned


def read_names(message: str, names: Mapping[str, int]) -> Names:
    """Find each name of a message and its role; longest first, so that no part counts by itself."""
    reading = Names(of_the_game=frozenset(name for name in names if names[name]))
    if not names:
        return reading
    message = with_own_cats(safeguards.in_our_words(message))
    # A pattern of all names of a game about birds takes half a second to compile.
    present = sorted((name for name in names if name in message), key=len, reverse=True)
    message, quotations = safeguards.without_quotations(message)
    any_name = "|".join(map(re.escape, present)) or r"(?!)"
    message = in_plain_turns(message, any_name, names)
    pattern = patterns.compiled(rf"\b(?!does\b)({any_name})(s|es)?(?![\w])")
    for quoted in quotations:
        reading.mentioned.update(match[1] for match in pattern.finditer(quoted))
    for sentence in patterns.SENTENCE.findall(patterns.IDIOMS.sub(" ", message)):
        _read_sentence(sentence, pattern, reading)
    return reading


def _read_sentence(sentence: str, pattern: re.Pattern[str], reading: Names) -> None:
    """Add the names of a sentence to what was read in those before it."""
    earlier = reading.doubted | reading.named
    clauses = list(_clauses(sentence))
    named = [match[1] for match in pattern.finditer(sentence)]
    if len(named) > MAX_NAMES_PER_SENTENCE or _has_afterthought(clauses, pattern):
        reading.doubted.update(named)
        return
    says_one = False
    for clause, is_negated in clauses:
        matches = list(pattern.finditer(clause))
        # "A cougar watching elk", but not "a bobcat chasing a house cat".
        is_alone = len([match for match in matches if match[1] in reading.of_the_game]) <= 1
        for match in matches:
            role: Role = "denied"
            if not is_negated:
                role = _role(match, clause, sentence, pattern, is_alone=is_alone)
            getattr(reading, role).add(match[1])
            says_one = says_one or role in ("said", "stated")
    reading.said |= reading.stated
    if says_one and reading.doubted | reading.named == earlier:
        # Hosts tell of their doubts first and give the answer last.
        reading.mentioned |= earlier
        reading.doubted.clear()
        reading.named.clear()


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


def _role(
    match: re.Match[str],
    clause: str,
    sentence: str,
    pattern: re.Pattern[str],
    *,
    is_alone: bool,
) -> Role:
    """Return what a name does in its clause."""
    before, after = clause[: match.start()], clause[match.end() :]
    is_streak = match[2] and after.startswith(" in a row")  # "three cougars in a row"
    are_all = not after.strip() and patterns.ALL_OF_THEM.search(before)
    are_several = bool(match[2] and (patterns.SEVERAL.search(before) or are_all)) and not is_streak
    is_kind = match[2] and not are_several  # "cougars have long tails"
    if is_kind or patterns.PART.search(after) or patterns.ELSEWHEN.search(sentence):
        doubt = patterns.DOUBT.search(patterns.WOULD.sub(" ", clause)) and not match[2]
        return "doubted" if doubt else "mentioned"
    if not patterns.OF_EARLIER.search(before) and _is_fact(before, after):
        return "stated"
    if _is_of_what_is_not(before, after):
        return "mentioned"
    if downgraded := safeguards.downgrade(before, after, clause, sentence):
        return downgraded
    if patterns.THING_DENIED.search(after):
        return "denied"
    if _is_not_claimed(before, after, clause, sentence):
        return "mentioned"
    if patterns.DOUBT.search(patterns.IF_PEOPLE.sub(" ", clause)):
        return "doubted"
    if patterns.REPORT.search(patterns.CALLED.sub(" ", clause)):
        is_right = patterns.RIGHT.search(sentence) and not patterns.WRONG.search(sentence)
        return "stated" if is_right and len(pattern.findall(sentence)) == 1 else "mentioned"
    if patterns.THING_SAID.search(after):
        return "stated"
    if patterns.DENIAL.search(before) and not _is_unstated(before):
        return "denied"
    if are_several and patterns.GOES_ON.search(after):
        return "said"
    role = _role_of_a_statement(before, after, is_alone=is_alone)
    head = sentence[: max(sentence.find(clause), 0)]
    return "stated" if role == "said" and patterns.LABEL_OF_ANSWER.search(head) else role


def _is_fact(before: str, after: str) -> bool:
    """Whether words around a name say what it was, whoever they are about."""
    if patterns.THIS_ONE.search(before) and patterns.FOOLED.search(after):
        return True
    is_doubtful = patterns.WRONG.search(before) or patterns.BY_PLAYERS.search(after)
    return bool(patterns.SAID_RIGHTLY.search(before) and not is_doubtful)


def _is_of_what_is_not(before: str, after: str) -> bool:
    """Whether a name is what the host once said, or nearly, or what another animal would be."""
    return bool(
        patterns.OF_EARLIER.search(before)
        or (patterns.THE.search(before) and patterns.IS_SOMEBODY.search(after))
        or patterns.NEARLY_SAID.search(before)
        or patterns.HYPOTHETICAL.search(after)
    )


def _is_not_claimed(before: str, after: str, clause: str, sentence: str) -> bool:
    """Whether a name is asked about, speaks of its kind, or is wished for or only looked like."""
    is_the_subject = patterns.SUBJECT.search(after) and not patterns.THING_SAID.search(after)
    return bool(
        _is_asked(clause, sentence)
        or (patterns.ARTICLE.search(before) and is_the_subject)
        or patterns.AGAINST_FACT.search(before)
        or (patterns.LOOKS.search(clause) and patterns.CONCEDED.search(sentence))
    )


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
    does_something = re.search(
        r"\w (?:\w+ )?\w{2,}ing (?:(?:on|at|with|over|after|into|up|down|for|to|by) )?"
        r"(?:an?|the|its|her|his|some)? ?$|^ ?\w{2,}ing (?:on|at|with|over|after|into|up"
        r"|down) (?:an? |the )?$",
        rest,
    )
    if does_something or patterns.COMPARED.search(rest) or patterns.NEGATION.search(rest):
        return "mentioned"
    if marks:
        head = before[: marks[-1].start()]
        if patterns.BY_OTHERS.search(head) and not patterns.OURSELVES.search(head):
            return "mentioned"
        is_short = len(rest.split()) <= patterns.MAX_WORDS_AFTER_MARK
        is_seen = patterns.SEEN.search(after) and patterns.AN.search(before)
        return "stated" if is_short and (goes_on or is_seen) else "named"
    if before.endswith("this "):
        return "said"
    if patterns.SUBJECT.search(after):
        return "mentioned"
    if re.search(r"\w the $", before):
        return "doubted"
    if patterns.NO_ANSWER.search(before) or len(before.split()) > 4 or not goes_on:
        return "named"
    return "said"
