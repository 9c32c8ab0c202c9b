"""What a host's words mean: plain ones a verdict, doubtful ones a candidate, others nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from critterdb.bot.host_answers.settle import settle_in_words
from critterdb.bot.host_answers.store import save_answers
from critterdb.bot.reading.parser import read_answer
from critterdb.bot.reading.vocabulary import target_taxa, taxon_names
from critterdb.errors import GameError
from critterdb.games import get_game
from critterdb.platforms.base import Post
from critterdb.storage.timestamps import utc_now
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT, make_tiny_model

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase


@pytest.fixture
def game_db(db: SiteDatabase) -> SiteDatabase:
    make_tiny_model(db, "tints", hashtag="cougarOrNot")
    return db


def add_post(db: SiteDatabase, post_id: str = "x:1", photo: str = "https://p.example/1") -> None:
    now = utc_now()
    db["posts"].insert(
        {
            "id": post_id,
            "platform": "x",
            "game": "tints",
            "author": "host",
            "posted_at": now,
            "seen_at": now,
        }
    )
    db["post_images"].insert({"post_id": post_id, "position": 0, "url": photo})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's a bobcat!", ("other", BOBCAT)),
        ("Answer: BOBCAT #cougarOrNot", ("other", BOBCAT)),
        ("Yes, a mountain lion. Look at that tail", ("target", COUGAR)),
        ("Puma concolor", ("target", COUGAR)),
        ("Just a house cat 😺", ("other", DOMESTIC_CAT)),
        ("This is not a cougar, it is a bobcat", ("other", BOBCAT)),
        ("Not a cougar.", ("other", None)),
        ("That’s not a mountain lion", ("other", None)),
        ("Sorry, this one is inconclusive", ("inconclusive", None)),
        ("Honestly, I can't tell.", ("inconclusive", None)),
        ("Bobcat or cougar? Tell me!", (None, None)),
        ("Probably a bobcat", (None, None)),
        ("Cougars have long tails, bobcats short ones", (None, None)),
        ("Not a bobcat", (None, None)),
        ("Thanks for playing! #cougarOrNot @bobcat", None),
        ("bobcatty", None),
        ("", None),
    ],
)
def test_reading_an_answer(
    game_db: SiteDatabase, text: str, expected: tuple[str | None, int | None] | None
) -> None:
    game = get_game(game_db, "tints")
    reading = read_answer(text, game, taxon_names(game_db, game), target_taxa(game_db, game))
    assert (reading and (reading.verdict, reading.taxon_id)) == expected


def test_a_game_without_a_target_names_a_taxon(game_db: SiteDatabase) -> None:
    game_db["games"].update("tints", {"target_taxon_id": None})
    game = get_game(game_db, "tints")
    reading = read_answer("A cougar", game, taxon_names(game_db, game), target_taxa(game_db, game))
    assert reading is not None
    assert (reading.verdict, reading.taxon_id) == ("taxon", COUGAR)


def message(text: str, *, number: int = 9, **refers: Any) -> Post:
    url = f"https://x.com/host/status/{number}"
    return Post(f"x:{number}", "host", "2026-11-20T10:00:00Z", text, url, **refers)


@pytest.mark.parametrize("refers", [{"in_reply_to": "x:1"}, {"quotes": "x:1"}])
def test_a_plain_answer_is_written_once(game_db: SiteDatabase, refers: dict[str, Any]) -> None:
    add_post(game_db)
    game = get_game(game_db, "tints")
    messages = [message("A bobcat", **refers), message("A cougar", number=10, **refers)]
    assert save_answers(game_db, game, ["x:1"], messages, utc_now()).answers == 1
    assert save_answers(game_db, game, ["x:1"], messages, utc_now()).answers == 0
    (row,) = game_db["answers"].rows
    assert (row["verdict"], row["taxon_id"]) == ("other", BOBCAT)
    assert row["source_url"] == "https://x.com/host/status/9"


def test_everyone_who_asked_about_the_photo_gets_the_answer(game_db: SiteDatabase) -> None:
    add_post(game_db, "x:1")
    add_post(game_db, "x:2")
    add_post(game_db, "x:3", "https://p.example/other")
    save_answers(
        game_db, get_game(game_db, "tints"), ["x:1"], [message("Bobcat", quotes="x:1")], utc_now()
    )
    assert {row["post_id"] for row in game_db["answers"].rows} == {"x:1", "x:2"}


@pytest.mark.parametrize(
    ("text", "refers", "guess"),
    [
        ("Bobcat or cougar?", {"in_reply_to": "x:1"}, "bobcat, cougar"),
        ("Maybe a bobcat", {"quotes": "x:1"}, "bobcat"),
        ("Right, a bobcat", {"in_reply_to": "x:5", "thread": "x:1"}, "Bobcat"),
        ("Inconclusive", {"in_reply_to": "x:5", "thread": "x:1"}, "inconclusive"),
    ],
)
def test_what_is_not_plain_waits_for_a_person(
    game_db: SiteDatabase, text: str, refers: dict[str, Any], guess: str
) -> None:
    add_post(game_db)
    game = get_game(game_db, "tints")
    for _ in range(2):
        assert (
            save_answers(game_db, game, ["x:1"], [message(text, **refers)], utc_now()).answers == 0
        )
    (row,) = game_db["answer_candidates"].rows
    assert (row["post_id"], row["guess"], row["settled_at"]) == ("x:1", guess, None)


def test_other_threads_say_nothing(game_db: SiteDatabase) -> None:
    add_post(game_db)
    game = get_game(game_db, "tints")
    save_answers(game_db, game, ["x:1"], [message("Bobcat", in_reply_to="x:5")], utc_now())
    assert game_db["answers"].count == game_db["answer_candidates"].count == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mountain lion", ("target", COUGAR)),  # in words.toml
        ("lynx ruf", ("other", BOBCAT)),
        (str(BOBCAT), ("other", BOBCAT)),
        ("Not", None),
        ("0", None),
    ],
)
def test_a_person_names_a_taxon_as_on_the_pages(
    game_db: SiteDatabase, words: str, expected: tuple[str, int] | None
) -> None:
    add_post(game_db)
    if expected is None:
        with pytest.raises(GameError, match="not a taxon"):
            settle_in_words(game_db, "x:1", words, utc_now())
        return
    assert settle_in_words(game_db, "x:1", words, utc_now()).startswith("x:1: ")
    (row,) = game_db["answers"].rows
    assert (row["verdict"], row["taxon_id"]) == expected
