"""Another kind of crow than the game's: counted as another animal, or left to a person."""

from __future__ import annotations

from contextlib import closing

import pytest

from critterdb.bot.reading.other_kinds import with_unknown_kinds
from critterdb.bot.reading.vocabulary import Vocabulary, load_vocabulary
from critterdb.games import PRESETS, Game, get_game
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.readings import add_games, expected_answer, outcome

Games = dict[str, tuple[Game, Vocabulary]]


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Games:
    path = tmp_path_factory.mktemp("kinds") / DATABASE_NAME
    with closing(open_database(path, create=True)) as db:
        add_games(db)
        every = [get_game(db, slug) for slug in PRESETS]
        return {game.slug: (game, load_vocabulary(db, game)) for game in every}


@pytest.mark.parametrize(
    ("text", "slug", "expected"),
    [
        ("Right family. Eurasian kestrel, from a window in Ghent.", "trickybirdid", "other"),
        ("No, it's a white-crowned woodpecker. Brazil.", "trickybirdid", "other"),
        ("Shikra! Over the cricket ground.", "trickybirdid", "other"),
        ("It's an African crow.", "crowornot", "other"),
        ("It's an American crow.", "crowornot", "american crow"),
        ("It's a red-tailed hawk.", "trickybirdid", "red-tailed hawk"),
        ("It's a kestrel.", "trickybirdid", "american kestrel"),
        ("Lovely kestrel!", "trickybirdid", "american kestrel"),
        ("Mauritius kestrel! Rarest thing I ever saw.", "trickybirdid", None),
        ("Banggai crow, from Sulawesi.", "crowornot", None),
        ("It's a Somali crow.", "crowornot", None),
        ("It's an owl.", "trickybirdid", None),  # the site knows several
    ],
)
def test_another_kind_is_not_the_games(
    games: Games, text: str, slug: str, expected: str | None
) -> None:
    game, vocabulary = games[slug]
    verdict = vocabulary.read(text, game)
    read = outcome(verdict.taxon_id, verdict.verdict) if verdict else None
    assert read == expected_answer(expected)


def test_only_a_word_that_may_be_a_name_makes_a_kind_unknown() -> None:
    names = {"american crow": 1, "crow": 1, "fish crow": 2}
    assert with_unknown_kinds("Definitely crow", names) == "Definitely crow"
    assert with_unknown_kinds("Fish crow", names) == "Fish crow"
    assert with_unknown_kinds("Answer: Crow", names) == "Answer: Crow"
    assert with_unknown_kinds("I met a Banggai crow", names) == "I met a something like a crow"
