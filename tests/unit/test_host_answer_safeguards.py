"""Plain names that are not the host's own plain word: a wrong answer is worse than none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from critterdb.bot.host_answers.store import Vocabulary, load_vocabulary
from critterdb.games import Game, get_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT, make_tiny_model

Read = tuple[Game, Vocabulary]

NO_ANSWERS = """\
It's a cougar 😂😂 not
it's a cougar NOT!
Sender: 'it's a cougar!' Me: ...
"It's a cougar!" - literally everyone.
“It's a cougar,” said my uncle.
RT @bob: it's a cougar
I can neither confirm nor deny it's a cougar
I can't confirm it's a cougar
I can't say it's a cougar
It isn't not a cougar
It's not NOT a cougar
Fake news: it's a cougar
First thought: it's a cougar.
Your brain: it's a cougar
Hot take: it's a cougar
Friend: it's a cougar. Also friend: it's a bobcat
Most common guess: cougar
Popular vote: cougar
Wrong answers only: it's a cougar
Answer A: it's a cougar
It's a cougar in my dreams
It's a cougar on the shirt lol
It's a bobcat, or maybe a lynx
It's a bobcat??!!
Convince me it's a bobcat
Prove it's a bobcat
Day 3 of pretending it's a cougar
As if! Cougar...
Yeah right, cougar.
Sure, it's a cougar 🙄
It's a cougar 🙃
It's a cougar, and I'm the queen of England
Cougar! ... is what I would say if it had a tail
cougar ❌
❌ cougar ✅ bobcat
Unless I'm mistaken it's a bobcat
The consensus is bobcat
It's presumably a bobcat
It's supposed to be a bobcat
It's meant to be a cougar
It's labelled a cougar
It's believed to be a cougar
It's rumored to be a cougar
It's considered a cougar by some
It's 50% bobcat
It's practically a cougar
It's sort of a bobcat
It's such a cougar
It's a wannabe cougar
It's a fake cougar
It's a toy cougar
It's a stuffed bobcat
It's a cardboard cougar
It's an AI-generated cougar
It's a non-cougar
ex-bobcat
The pink panther!
It's always a bobcat
Statistically, it's a house cat
9 out of 10 times it's a house cat
Rule of thumb: it's a house cat
Two weeks ago it was a cougar
In 2019 it was a cougar
Previous answer: cougar
Cougar, Washington
Location: Cougar, WA
Big Bear, CA
Bear with me, I'm driving. Answer at 5.
Hold your horses!
Photo by Sam Fox.
Photo: Amy Wolf
Photo credit: J. Beaver
📷: Tom Badger
Thanks to Robin Wolf for this one!
It's a lion
Not inconclusive at all!
This is not inconclusive
Last week's inconclusive photo made people mad
I won't accept inconclusive as a guess
Many of you said inconclusive
You can't tell me it isn't cute
You can't tell from the ears alone
If you can't tell, look at the tail
My dad can't tell cats apart
I can't say enough about this photo
I don't know about you but I love this pic
""".splitlines()


@pytest.fixture(scope="module")
def cougar_or_not(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """The game, and its words."""
    db = open_database(tmp_path_factory.mktemp("words") / DATABASE_NAME, create=True)
    make_tiny_model(db, "cougarornot", hashtag="cougarOrNot")
    game = get_game(db, "cougarornot")
    yield game, load_vocabulary(db, game)
    db.close()


@pytest.mark.parametrize("text", NO_ANSWERS)
def test_what_is_no_plain_word_of_the_host(cougar_or_not: Read, text: str) -> None:
    game, words = cougar_or_not
    found = words.read(text, game)
    assert found is None or found.verdict is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Myth: it's a cougar. Fact: it's a bobcat.", BOBCAT),
        ("They guessed it's a cougar. Answer: it's a bobcat", BOBCAT),
        ("Everyone: It's a cougar! Reality: it's a house cat.", DOMESTIC_CAT),
        ("No doubt about it: bobcat", BOBCAT),
        ("This one fooled a lot of people: it's a bobcat", BOBCAT),
        ("It's nothing but a house cat", DOMESTIC_CAT),
        ("It's everything but a cougar", None),
        ("mountain-lion!", COUGAR),
        ("It's a Mt. Lion!", COUGAR),
        ("bob cat!", BOBCAT),
        ("It's a Bob-cat", BOBCAT),
        ("It's a “bobcat”!", BOBCAT),
        ("Sorry, you can't tell from this photo: inconclusive", None),
        ("Photo by Sam Fox. It's a bobcat!", BOBCAT),
        ("It's a bobcat, thanks to Amy Wolf for the photo", BOBCAT),
    ],
)
def test_what_still_is(cougar_or_not: Read, text: str, expected: int | None) -> None:
    game, words = cougar_or_not
    found = words.read(text, game)
    assert found is not None
    assert found.verdict is not None
    assert found.taxon_id == expected
