"""When a host's reply means yes, and when the game goes on.

Whole threads are in tests/data/host_answers_2.jsonl; here are the rules that are easily broken.
"""

from __future__ import annotations

import time

import pytest

from critterdb.bot.reading.affirmations import affirms, is_open, with_yes_in_words
from critterdb.bot.reading.contractions import with_apostrophes
from critterdb.bot.reading.corrections import confirms, revises, takes_back, without_echo
from critterdb.bot.reading.parser import plain_words


@pytest.mark.parametrize(
    "reply",
    [
        "Correct! The ears give it away.",
        "Pat has it. Rounded ears, small head.",
        "I could not have said it better. And correct.",
        "🎯 Alma",
        "Took you long enough, but yes.",
        "What Pat said.",
        "Right answer! (Though careful with tufts.)",
        "No question mark needed, Sam.",
        "Yes, and a very young one.",
        "Correct, and for the right reason.",
        "Scientific term accepted.",
        "The field guide is on your side.",
        "The collar data agree with you. You didn't need a hint.",
    ],
)
def test_a_yes_is_read_in_what_else_is_said(reply: str) -> None:
    assert affirms(plain_words(with_yes_in_words(reply)))


@pytest.mark.parametrize(
    "reply",
    [
        "Right. So what else could it be?",
        "Right genus!",
        "You are half right",
        "Yes, it's a tricky one",
        "Yes, but which species?",
        "Ann gets a star for effort",
        "Nobody got it",
        "Precisely one person got it and it wasn't you",
        "You may be right",
        "Correct answers get a sticker, so choose well!",
        "There it is, the first guess of the day!",
        "You got it backwards",
        "Correct! Another hint: look at the tail",
        "Good guess. Answer tonight.",
        "It does that.",
        "Vote accepted.",
        "My wife agrees with you. I say nothing.",
        "Right reasons, but let me hear the others first.",
        "Some of the evidence agrees with you.",
        "Half the books agree with you",
        "Little evidence is on your side",
        "The data agree with him",
        "No term accepted.",
        "The judges accept that",
        "Right. Look again at the ears.",
    ],
)
def test_half_a_yes_is_none(reply: str) -> None:
    assert not affirms(plain_words(with_yes_in_words(reply)))


@pytest.mark.parametrize("reply", ["It is not", "Right what", "Yes?", "It was not!"])
def test_a_negation_is_no_confirmation(reply: str) -> None:
    assert not confirms(reply)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Reveal on Friday.", True),
        ("That's 12 votes for bobcat", True),
        ("What do you see?", True),
        ("You know what? It is a bobcat.", False),
        ("Thank you for your patience", False),
        ("The tail is the clue here", False),
    ],
)
def test_a_game_goes_on_if_the_host_asks_hints_or_promises(message: str, expected: bool) -> None:
    assert is_open(plain_words(message)) == expected


def test_words_of_the_player_are_not_the_hosts() -> None:
    guess = "Bobcat. Or a really round cougar"
    assert without_echo("A really round cougar 😂 On a mug!", guess) == " On a mug!"
    assert without_echo("Cougar. Yes.", guess) == "Cougar. Yes."  # too short to be an echo
    assert without_echo("A really round cougar", guess) == "A really round cougar"
    assert without_echo("So bobcat then. Well done!", "so bobcat then?").startswith("So bobcat")


@pytest.mark.parametrize(
    ("message", "is_back"),
    [
        ("I withdraw my answer", True),
        ("Wait, please ignore that.", True),
        ("Taking that one back", True),
        ("I pull back my answer.", True),
        ("Hm, I have now doubts", True),
        ("Argh, that was the wrong folder", True),
        ("I have no doubts", False),
        ("Please ignore the noise", False),
        ("Forget the tail, look at the ears", False),
        ("I'll be back", False),
        ("Wrong species, right genus!", False),
        ("Wrong label, Ben", False),
        ("You looked at the wrong frame", False),
        ("If I have doubts, I ask the museum", False),
        ("I'll bring back the answer at six", False),
        ("Hm, that was from the wrong row", True),
    ],
)
def test_an_answer_is_taken_back_in_many_words(message: str, is_back: bool) -> None:
    assert takes_back(message) == is_back


@pytest.mark.parametrize("reply", ["Wrong answer!", "I have doubts", "Your point is cancelled"])
def test_a_reply_to_a_guess_speaks_of_the_guess(reply: str) -> None:
    assert takes_back(reply)
    assert not takes_back(reply, is_to_a_guess=True)
    assert takes_back("I take that back", is_to_a_guess=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sorry Bonnie, Tae and Wee!", "Sorry Bonnie, Tae and Wee!"),
        ("Bonnie has it", "Bonnie has it"),
        ("Nae points. It's a wee cat", "no points. It's a little cat"),
        ("As I said tae Rab", "As I said to Rab"),
    ],
)
def test_a_name_is_no_word_of_scots(text: str, expected: str) -> None:
    assert with_apostrophes(text) == expected


@pytest.mark.parametrize("part", ["yes, ", "you ", "so ", "a=", "what a bobcat ", "x", "(", "I "])
def test_time_grows_with_the_length_of_a_reply_only(part: str) -> None:
    text = (part * 25_000)[:25_000]
    started = time.monotonic()
    affirms(plain_words(with_yes_in_words(text)))
    confirms(text)
    revises(text)
    takes_back(text)
    without_echo(text, text)
    assert time.monotonic() - started < 1  # 0.05 s on an idle machine
