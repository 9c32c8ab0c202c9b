"""Hosts as they write: jokes and shrugs, which wait for a person.

The sentences that a verdict may or may not be read from are in tests/data/host_answers.jsonl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from critterdb.bot.reading.vocabulary import Vocabulary, load_vocabulary
from critterdb.games import Game, get_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.models import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Iterator

Read = tuple[Game, Vocabulary]


@pytest.fixture(scope="module")
def cougar_or_not(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """The game, and its words."""
    db = open_database(tmp_path_factory.mktemp("words") / DATABASE_NAME, create=True)
    make_tiny_model(db, "cougarornot", hashtag="cougarOrNot")
    game = get_game(db, "cougarornot")
    yield game, load_vocabulary(db, game)
    db.close()


@pytest.mark.parametrize("text", ["No idea!", "I don't know!", "Inconclusive... for now"])
def test_a_shrug_waits_for_a_person(cougar_or_not: Read, text: str) -> None:
    game, words = cougar_or_not
    verdict = words.read(text, game)
    assert verdict is not None
    assert (verdict.verdict, verdict.guess) == (None, "inconclusive")


def test_a_second_look_on_another_line_takes_the_name_back(cougar_or_not: Read) -> None:
    game, words = cougar_or_not
    verdict = words.read("It's a cougar!\n\n(Look again. No tail.)", game)
    assert verdict is None or verdict.verdict is None
