"""What only the learned reader reads: it counts with less confidence, or waits for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from critterdb.bot.reading.guesses import read_guess
from critterdb.bot.reading.vocabulary import load_vocabulary
from critterdb.games import get_game
from critterdb.storage.timestamps import utc_text
from tests.support.readings import (
    BEGUN,
    TAXON_IDS,
    HostThread,
    Message,
    add_games,
    answer_of,
    play_thread,
)

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

SLUG = "cougarornot"
COUGAR, BOBCAT = TAXON_IDS["cougar"], TAXON_IDS["bobcat"]
OPEN_TO_RULES = "Pencils down. What trotted past the creek was nobody else than a bobcat."


@pytest.fixture
def games_db(db: SiteDatabase) -> SiteDatabase:
    add_games(db)
    return db


def say(db: SiteDatabase, *messages: tuple[str, str | int, str]) -> None:
    thread = HostThread(SLUG, "work", None, False, [Message(*message) for message in messages])
    play_thread(db, get_game(db, SLUG), 1, thread)


def test_it_answers_with_less_confidence_and_says_how(games_db: SiteDatabase) -> None:
    say(games_db, ("host", "P", OPEN_TO_RULES))
    (row,) = games_db["answers"].rows
    assert (row["taxon_id"], row["verdict"]) == (BOBCAT, "other")
    assert row["method"] == "host's words, as others put it"
    assert row["confidence"] < 0.95
    assert row["said_at"] == utc_text(BEGUN + timedelta(minutes=1))


def test_it_waits_if_the_owner_wants_the_rules_alone(
    games_db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_RULES_ONLY", "1")
    say(games_db, ("host", "P", OPEN_TO_RULES))
    assert games_db["answers"].count == 0
    (row,) = games_db["answer_candidates"].rows
    assert row["reason"]
    game = get_game(games_db, SLUG)
    assert read_guess("bobcat has my ballot", game, load_vocabulary(games_db, game)).verdict is None


def test_what_the_rules_read_is_not_read_again(games_db: SiteDatabase) -> None:
    say(games_db, ("host", "P", "It's a bobcat."))
    (row,) = games_db["answers"].rows
    assert row["method"] == "host's words"


def test_it_does_not_replace_an_answer_without_words_that_correct(games_db: SiteDatabase) -> None:
    say(games_db, ("host", "P", "It's a cougar."), ("host", "P", OPEN_TO_RULES))
    assert answer_of(games_db, 1) == COUGAR


def test_talk_of_a_players_own_animal_waits(games_db: SiteDatabase) -> None:
    say(games_db, ("ann", "P", "Here's one from my yard"), ("host", 0, OPEN_TO_RULES))
    assert answer_of(games_db, 1) is None


def test_a_guess_has_a_reason_and_a_confidence(games_db: SiteDatabase) -> None:
    game = get_game(games_db, SLUG)
    guess = read_guess("bobcat has my ballot", game, load_vocabulary(games_db, game))
    assert (guess.taxon_id, guess.reason, guess.confidence) == (BOBCAT, "learned", 0.9)
