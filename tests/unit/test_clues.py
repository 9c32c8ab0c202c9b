"""What the learned reader sees of a message: words around a name, and never the name."""

from __future__ import annotations

import time
from typing import get_args

import pytest

from critterdb.bot.reading.clues import Answered, clues_of_message, clues_of_names, names_in
from critterdb.bot.reading.learned import Judge, Kind, from_stored, guessed, is_off, judge_host
from critterdb.bot.reading.vocabulary import Vocabulary

COUGAR, BOBCAT, LYNX = 1, 2, 3
VOCABULARY = Vocabulary(
    {"cougar": COUGAR, "mountain lion": COUGAR, "bobcat": BOBCAT, "lynx": LYNX, "dog": 0},
    frozenset({COUGAR}),
    {BOBCAT: frozenset({LYNX})},
)
TO_A_GUESS = Answered(COUGAR, frozenset({COUGAR}), is_asking=False, is_own=False)
SURE, NEVER = Judge(9.0, {}), Judge(-9.0, {})
KINDS: tuple[Kind, ...] = get_args(Kind)
JUDGES: dict[Kind, Judge] = dict.fromkeys(KINDS, NEVER)


def clues(message: str, answered: Answered | None = None) -> dict[int, set[str]]:
    return clues_of_names(message, names_in(message, VOCABULARY), answered)


def test_a_name_leaves_no_clue_to_which_it_is() -> None:
    of_bobcat = clues("sorry, it's a bobcat and not a cougar.")[BOBCAT]
    of_cougar = clues("sorry, it's a mountain lion and not a bobcat.")[COUGAR]
    assert of_bobcat == of_cougar
    assert {"l2:it's a", "r2:and not", "is:B right", "is:first taxon"} <= of_bobcat
    assert not any("bobcat" in clue or "cougar" in clue for clue in of_bobcat)


def test_clues_say_where_a_name_stands() -> None:
    found = clues("long tail. cougar!")[COUGAR]
    assert {"is:alone", "is:last sentence", "e:!", "m:tail"} <= found
    assert "is:first sentence" not in found
    assert "is:only plural" in clues("cougars have long tails")[COUGAR]


def test_clues_say_what_is_answered() -> None:
    assert "is:guess" in clues("cougar, yes", TO_A_GUESS)[COUGAR]
    assert "is:guess" not in clues("bobcat, sorry", TO_A_GUESS)[BOBCAT]
    whole = clues_of_message("well seen", [], TO_A_GUESS)
    assert {"is:to a guess", "m:well", "mm:well seen", "m1:well"} <= whole


def test_a_judge_adds_the_weights_of_the_clues_it_knows() -> None:
    judge = from_stored({"": {"": -100}, "m": {"yes": 300, "no": -300}})
    assert judge.chance({"m:yes"}) == pytest.approx(0.881, abs=1e-3)
    assert judge.chance({"m:yes", "m:no", "m:tail"}) == pytest.approx(0.269, abs=1e-3)


def test_the_likeliest_animal_counts_unless_another_is_likely_too() -> None:
    opinion = judge_host("A bobcat.", None, VOCABULARY, {**JUDGES, "answer": SURE})
    assert opinion.taxon_id == BOBCAT
    both = judge_host("A bobcat or a cougar.", None, VOCABULARY, {**JUDGES, "answer": SURE})
    assert both.taxon_id is None
    finer = judge_host("A lynx, a bobcat.", None, VOCABULARY, {**JUDGES, "answer": SURE})
    assert finer.taxon_id == BOBCAT


def test_a_yes_needs_a_guess() -> None:
    yes = {**JUDGES, "yes": SURE}
    assert judge_host("So it goes.", TO_A_GUESS, VOCABULARY, yes).taxon_id == COUGAR
    assert judge_host("So it goes.", None, VOCABULARY, yes).taxon_id is None


def test_other_judges_say_that_nobody_knows_or_that_an_answer_is_changed() -> None:
    opinion = judge_host("Hm.", None, VOCABULARY, {**JUDGES, "nobody": SURE, "change": SURE})
    assert (opinion.nobody_knows, opinion.changes, opinion.takes_back) == (True, True, True)
    assert not judge_host("Hm.", None, VOCABULARY, JUDGES).nobody_knows


def test_a_guess_needs_a_name() -> None:
    assert guessed("bobcat", VOCABULARY, {**JUDGES, "guess": SURE}) == BOBCAT
    assert guessed("bobcat", VOCABULARY, JUDGES) is None
    assert guessed("no idea", VOCABULARY, {**JUDGES, "guess": SURE}) is None


@pytest.mark.parametrize(("value", "off"), [("1", True), ("", False), ("0", False)])
def test_a_setting_turns_it_off(monkeypatch: pytest.MonkeyPatch, value: str, off: bool) -> None:
    monkeypatch.setenv("CRITTERDB_RULES_ONLY", value)
    assert is_off() == off


@pytest.mark.parametrize("text", ["cougar " * 300, "it's a " * 300, "a" * 2000, "? " * 1000])
def test_long_messages_take_little_time(text: str) -> None:
    begun = time.process_time()
    judge_host(text, TO_A_GUESS, VOCABULARY, JUDGES)
    assert time.process_time() - begun < 0.5
