"""Hosts who correct themselves, and hosts who answer below a player's guess."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

import pytest

from benchmarks.learned_reading import OTHER_AUTHORS
from critterdb.bot.host_answers.settle import settle_in_words
from critterdb.bot.host_answers.store import save_answers
from critterdb.games import get_game
from critterdb.storage.timestamps import utc_text
from tests.support.bot_harness import GAME, HOST, add_host
from tests.support.models import BOBCAT, COUGAR, make_tiny_model, picture
from tests.support.readings import (
    BEGUN,
    Batch,
    HostThread,
    Message,
    add_games,
    answer_of,
    expected_answer,
    load_threads,
    play_all,
    play_thread,
    thread_posts,
)

from .test_host_answer_threads import TAG, ThreadHarness

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow

SLUG = "cougarornot"
NOW = utc_text(BEGUN + timedelta(hours=2))
THREADS = load_threads()
YES = "host's yes to a player"


@pytest.fixture
def games_db(db: SiteDatabase) -> SiteDatabase:
    add_games(db)
    return db


def say(db: SiteDatabase, *messages: tuple[str, str | int, str], times: int = 1) -> None:
    """Play a thread, and read it again as often as later rounds do."""
    thread = HostThread(SLUG, "work", None, False, [Message(*message) for message in messages])
    game = get_game(db, SLUG)
    play_thread(db, game, 1, thread)
    by_host = [post for post in thread_posts("x:1", thread) if post.author == HOST]
    for _ in range(times):
        save_answers(db, game, ["x:1"], by_host, NOW)


def reasons(db: SiteDatabase) -> list[str]:
    return [row["reason"] for row in db["answer_candidates"].rows]


@pytest.mark.parametrize("batch", get_args(Batch))
def test_unseen_threads_are_read_within_the_budget(games_db: SiteDatabase, batch: str) -> None:
    wrong: list[str] = []
    missed: list[str] = []
    clear = 0
    threads = [thread for thread in THREADS if thread.batch == batch]
    play_all(games_db, threads)
    for number, thread in enumerate(threads):
        answer, expected = answer_of(games_db, number), expected_answer(thread.expected)
        clear += expected is not None
        if answer != expected:
            texts = [message.text for message in thread.messages]
            (missed if answer is None else wrong).append(f"{texts}: {answer}")
    assert len(threads) >= 40
    assert len(wrong) <= 0.01 * len(threads), wrong
    assert len(missed) <= max(2, 0.05 * clear), missed


@pytest.mark.parametrize("batch", OTHER_AUTHORS)
def test_corrections_by_other_authors_are_all_read(games_db: SiteDatabase, batch: str) -> None:
    threads = [thread for thread in THREADS if thread.batch == batch and thread.correction]
    assert len(threads) >= 12
    play_all(games_db, threads)
    for number, thread in enumerate(threads):
        texts = [message.text for message in thread.messages]
        assert answer_of(games_db, number) == expected_answer(thread.expected), texts


def test_a_correction_takes_the_place_of_the_first_answer(games_db: SiteDatabase) -> None:
    say(
        games_db,
        ("host", "P", "It's a cougar!"),
        ("host", "P", "Oops, I was wrong. Bobcat."),
        times=3,
    )
    assert answer_of(games_db, 1) == BOBCAT
    (answer,) = games_db["answers"].rows
    assert (answer["method"], answer["verdict"]) == ("host's correction", "other")
    (earlier,) = games_db["superseded_answers"].rows
    assert (earlier["taxon_id"], earlier["method"]) == (COUGAR, "host's words")
    assert earlier["corrected_url"] == "https://x.example/host/1-1"
    assert earlier["corrected_at"] == answer["said_at"] > earlier["said_at"]
    assert reasons(games_db) == []


def test_an_answer_that_is_taken_back_waits_for_a_person(games_db: SiteDatabase) -> None:
    say(
        games_db,
        ("host", "P", "It's a cougar!"),
        ("host", "P", "I have to take that back!"),
        times=3,
    )
    assert games_db["answers"].count == 0
    assert games_db["superseded_answers"].count == 1
    assert reasons(games_db) == ["takes an answer back"]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ("Please disregard me, I had the wrong folder open. It's a bobcat.", BOBCAT),
        ("Objection upheld. Bobcat it is.", BOBCAT),
        ("edit: we are sorry. The cougar was from the other camera, this one is a bobcat", BOBCAT),
        ("Forget I opened my mouth. Bobcat.", BOBCAT),
        ("Hmm, sorry all. Bobcat might be nearer the truth, my optician says.", None),
        ("I may have been hasty. Short tail, bobcat?", None),
        ("forget this post please", None),
        ("Delete all of it.", None),
        ("As you were. Strike my last.", None),
        ("Nope. Sorry. New glasses tomorrow.", None),
        ("Please ignore the typo", COUGAR),
        ("Sorry for the late answer everyone, busy week!", COUGAR),
        ("Thanks to all who played. Most of you said bobcat!", COUGAR),
    ],
)
def test_words_of_regret_replace_an_answer_or_let_it_wait(
    games_db: SiteDatabase, later: str, expected: int | None
) -> None:
    say(games_db, ("host", "P", "It's a cougar!"), ("host", "P", later), times=2)
    assert answer_of(games_db, 1) == expected
    assert games_db["superseded_answers"].count == (expected != COUGAR)
    assert reasons(games_db) or expected is not None


def test_a_reply_that_only_mentions_another_animal_leaves_the_answer(
    games_db: SiteDatabase,
) -> None:
    say(
        games_db,
        ("host", "P", "It's a cougar!"),
        ("bo", 0, "I was sure it was a dog"),
        ("host", 1, "Sorry Bo. A dog would have a longer snout."),
    )
    assert answer_of(games_db, 1) == COUGAR
    assert games_db["superseded_answers"].count == 0


def test_an_answer_that_its_author_edited_is_read_again(games_db: SiteDatabase) -> None:
    say(games_db, ("host", "P", "It's a cougar!"))
    edited = HostThread(SLUG, "work", None, False, [Message("host", "P", "It's a bobcat!")])
    for _ in range(2):
        posts = thread_posts("x:1", edited)
        save_answers(games_db, get_game(games_db, SLUG), ["x:1"], posts, NOW)
        assert answer_of(games_db, 1) == BOBCAT
    assert games_db["superseded_answers"].count == 1


@pytest.mark.parametrize(
    "later",
    [
        (("host", 0, "It's a bobcat!"),),
        (("ann", 0, "but the tail is short"), ("host", 1, "It's a bobcat!")),
        (("host", "P", "This is not a cougar. It's a bobcat!"),),
    ],
)
def test_another_answer_below_the_first_or_that_names_it_replaces_it(
    games_db: SiteDatabase, later: tuple[tuple[str, str | int, str], ...]
) -> None:
    say(games_db, ("host", "P", "It's a cougar!"), *later, times=2)
    assert answer_of(games_db, 1) == BOBCAT
    assert games_db["superseded_answers"].count == 1


@pytest.mark.parametrize(
    ("player", "reply"),
    [
        ("house cat", "Wrong species, right family!"),
        ("house cat", "Wrong answer!"),
        ("house cat", "I have doubts about that."),
        ("my neighbour's cat looks like him", "I have doubts. That's a house cat."),
    ],
)
def test_what_is_said_of_a_guess_leaves_the_answer(
    games_db: SiteDatabase, player: str, reply: str
) -> None:
    say(games_db, ("host", "P", "It's a cougar!"), ("ben", "P", player), ("host", 1, reply))
    assert answer_of(games_db, 1) == COUGAR
    assert games_db["superseded_answers"].count == 0


@pytest.mark.parametrize("reply", ["I have doubts.", "Sorry, that's a house cat."])
def test_what_is_said_of_a_players_photo_leaves_the_answer(
    games_db: SiteDatabase, reply: str
) -> None:
    messages = [
        Message("host", "P", "It's a cougar!"),
        Message("ben", "P", "And this?"),
        Message("host", 1, reply),
    ]
    thread = HostThread(SLUG, "work", None, False, messages)
    game = get_game(games_db, SLUG)
    play_thread(games_db, game, 1, replace(thread, messages=thread.messages[:1]))
    _, shown, answer = thread_posts("x:1", thread)
    shown = replace(shown, photos=("https://x.example/ben.jpg",))
    save_answers(games_db, game, ["x:1"], [replace(answer, parent=shown)], NOW)
    assert answer_of(games_db, 1) == COUGAR
    assert games_db["superseded_answers"].count == 0


def test_a_reply_to_a_choice_of_two_picks_one(games_db: SiteDatabase) -> None:
    say(games_db, ("ann", "P", "cougar or bobcat?"), ("host", 0, "The latter!"))
    assert answer_of(games_db, 1) == BOBCAT


def test_a_player_who_is_called_right_later_guessed_before(games_db: SiteDatabase) -> None:
    say(
        games_db,
        ("ann", "P", "bobcat"),
        ("host", 0, "No, it's a cougar."),
        ("ann", 1, "look at the tail"),
        ("host", 2, "Oh dear. You were right the first time!"),
    )
    assert answer_of(games_db, 1) == BOBCAT


def test_another_answer_without_a_word_of_correction_waits(games_db: SiteDatabase) -> None:
    say(games_db, ("host", "P", "It's a cougar!"), ("host", "P", "It's a bobcat!"), times=2)
    assert answer_of(games_db, 1) == COUGAR
    assert reasons(games_db) == ["contradicts an answer"]


def test_a_later_message_may_say_more(games_db: SiteDatabase) -> None:
    say(games_db, ("host", "P", "Not a cougar!"), ("host", "P", "It's a bobcat, by the way."))
    assert answer_of(games_db, 1) == BOBCAT


def test_what_a_person_decided_stays(games_db: SiteDatabase) -> None:
    say(games_db, ("host", "P", "It's a cougar!"))
    settle_in_words(games_db, "x:1", "bobcat", NOW)
    (earlier,) = games_db["superseded_answers"].rows
    assert (earlier["taxon_id"], earlier["corrected_at"]) == (COUGAR, None)
    said = ("It's a cougar!", "Correction: it's a house cat")
    messages = [Message("host", "P", text) for text in said]
    posts = thread_posts("x:1", HostThread(SLUG, "work", None, False, messages))
    later = utc_text(BEGUN + timedelta(hours=3))
    correction = replace(posts[1], posted_at=later)
    save_answers(games_db, get_game(games_db, SLUG), ["x:1"], [correction], later)
    assert answer_of(games_db, 1) == BOBCAT
    assert reasons(games_db) == ["corrects an answer"]


@pytest.mark.parametrize(
    ("guess", "reply", "answer", "method"),
    [
        ("Bobcat?", "Not this time. It's a cougar.", COUGAR, "host's words to a player"),
        ("Bobcat?", "Yes! Correct.", BOBCAT, "host's yes to a player"),
        ("Bobcat or cougar?", "Yes!", None, None),
        ("Bobcat?", "Yes?", None, None),
        ("Bobcat?", "Interesting guess", None, None),
        ("I saw this one yesterday. Bobcat?", "Yes! Correct.", None, None),
        ("My cat says hi", "That's a fine house cat", None, None),
        ("Bobcat?", "Yours is a bobcat!", None, None),
        ("Bobcat?", "Pat has it. Look at the ears.", BOBCAT, "host's yes to a player"),
        ("Bobcat?", "Pat has it. It's a cougar!", COUGAR, "host's words to a player"),
        ("Bobcat?", "So close! Right family.", None, None),
        ("Cougar?", "So close! A bobcat would be this small.", None, None),
        ("Who took this?", "I did. It's a cougar.", COUGAR, "host's words to a player"),
        ("Here is my cat", "What a fine house cat!", None, None),
        ("Bobcat?", "Some of the evidence agrees with you.", None, None),
        ("Bobcat?", "I have 12 votes, your guess is as good as mine.", None, None),
        ("Bobcat?", "Been at it for 30 years, and your call is spot on.", BOBCAT, YES),
        ("Bobcat, no doubt", "None whatsoever.", BOBCAT, YES),
        ("Bobcat", "exactement, bravo", BOBCAT, YES),
        ("Bobcat", "tepat sekali!", BOBCAT, YES),
        ("Bobcat", "das ist er nicht", None, None),
        ("Bobcat", "Keeping mum until Sunday.", None, None),
    ],
)
def test_an_answer_below_a_guess(
    games_db: SiteDatabase, guess: str, reply: str, answer: int | None, method: str | None
) -> None:
    say(games_db, ("ann", "P", guess), ("host", 0, reply))
    assert answer_of(games_db, 1) == answer
    assert [row["method"] for row in games_db["answers"].rows] == ([method] if method else [])


@pytest.fixture
def table(db: SiteDatabase, tmp_path: Path) -> ThreadHarness:
    """A game on a JSONL file, with one photo of the host that the bot has seen."""
    make_tiny_model(db, GAME, hashtag=TAG)
    add_host(db, "jsonl")
    table = ThreadHarness(db, tmp_path)
    (tmp_path / "1.jpg").write_bytes(picture("green", seed=1))
    table.write("1", HOST, f"#{TAG}", 0, images=["1.jpg"])
    table.play(post=False)
    return table


def test_the_bot_reads_corrections_in_later_rounds(table: ThreadHarness) -> None:
    table.write("2", HOST, "It's a cougar!", 1, in_reply_to="1")
    table.play(post=False)
    assert table.answers() == {1: "Puma concolor"}
    table.write("3", "ann", "Correction: it's a house cat", 2, in_reply_to="2")
    table.play(post=False)
    assert table.answers() == {1: "Puma concolor"}
    table.write("4", HOST, "Argh, wrong photo. It's a bobcat!", 3, in_reply_to="2")
    for _ in range(2):
        table.play(post=False)
        assert table.answers() == {1: "Lynx rufus"}
    assert table.db["superseded_answers"].count == 1


def test_the_bot_reads_an_answer_below_a_guess(table: ThreadHarness) -> None:
    table.write("2", "ann", "bobcat!", 1, in_reply_to="1")
    table.write("3", HOST, "You got it!", 2, in_reply_to="2")
    table.play(post=False)
    assert table.answers() == {1: "Lynx rufus"}
