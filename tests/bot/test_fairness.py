"""Nobody can use up the bot's time, its replies or its account's good name at others' cost."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from critterdb.bot import posts
from critterdb.bot.photo_fetches import MAX_PHOTOS_PER_POST
from critterdb.bot.posts import MAX_PENDING_PER_AUTHOR
from critterdb.errors import TimelineError
from tests.support.bot_harness import BOT, GAME, HASHTAG, HOST, BotHarness
from tests.support.models import make_tiny_model, picture
from tests.support.platforms import STAND_INS, PlatformHarness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow

ASK = f"@{BOT} what is this?"


@pytest.fixture(params=["mastodon", "bluesky"])
def stage(
    request: pytest.FixtureRequest,
    db: SiteDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PlatformHarness]:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with STAND_INS[request.param]() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        stage = PlatformHarness(db, server, request.param)
        stage.set_host(consents=True)
        yield stage


only_mastodon = pytest.mark.parametrize("stage", ["mastodon"], indirect=True)
only_bluesky = pytest.mark.parametrize("stage", ["bluesky"], indirect=True)


def photos_fetched(ground: BotHarness) -> int:
    return sum("/media/" in request for request in ground.x.requests)


def refuse_all(ground: BotHarness, author: str) -> None:
    """Let X refuse replies to what this author wrote so far."""
    author_id = ground.x.add_user(author)["id"]
    for post in ground.x.posts.values():
        if post["author_id"] == author_id:
            post["entities"]["mentions"] = []


def test_refusals_for_one_author_do_not_silence_the_bot(ground: BotHarness) -> None:
    for ground.later in (0, 25 * 3600):  # a new day, so that the author's cap is free again
        for number in range(3):
            ground.x.add_post("ann", ASK, [picture("red", seed=number)], posted_at=ground.now())
        ground.play(post=False)
        refuse_all(ground, "ann")
        assert ground.play().refused == 3
    bob = ground.x.add_post("bob", ASK, [picture("green")], posted_at=ground.now())
    ground.play()
    assert ground.reply(bob)["status"] == "sent"


def test_refused_replies_count_for_the_authors_cap(ground: BotHarness) -> None:
    for number in range(3):
        ground.x.add_post("ann", ASK, [picture("red", seed=number)])
    ground.play(post=False)
    refuse_all(ground, "ann")
    ground.play()
    fourth = ground.x.add_post("ann", ASK, [picture("red", seed=9)])
    ground.play()
    assert ground.reply(fourth)["reason"] == "cap"


@only_bluesky
def test_authors_who_limit_replies_do_not_silence_the_bot(stage: PlatformHarness) -> None:
    for number in range(6):
        post = stage.server.add_post(f"user{number}", stage.ask, [picture("red", seed=number)])
        stage.server.reply_disabled.add(post)
    assert stage.play().refused == 6
    bob = stage.server.add_post("bob", stage.ask, [picture("green")])
    stage.play()
    assert stage.outcome(bob)[0] == "sent"


def test_after_a_pause_another_author_is_tried_first(ground: BotHarness) -> None:
    for number in range(5):
        ground.x.add_post(f"user{number}", ASK, [picture("red", seed=number)])
    ground.play(post=False)
    for number in range(5):
        refuse_all(ground, f"user{number}")
    assert ground.play().refused == 5
    again = ground.x.add_post("user0", ASK, [picture("red", seed=8)])
    bob = ground.x.add_post("bob", ASK, [picture("green")])
    ground.play()
    refuse_all(ground, "user0")
    ground.later = 6 * 3600 + 60
    ground.play()
    assert ground.reply(bob)["status"] == "sent"
    assert ground.reply(again)["status"] == "refused"


@only_bluesky
def test_part_of_the_days_replies_is_reserved_for_consenting_hosts(
    stage: PlatformHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_REPLIES_PER_DAY", "4")
    for number in range(5):
        stage.server.add_post(f"user{number}", stage.ask, [picture("red", seed=number)])
    stage.play()
    assert len(stage.answered()) == 3
    post = stage.server.add_post(HOST, stage.tag, [picture("green")])
    stage.play()
    assert stage.outcome(post)[0] == "sent"


@only_mastodon
def test_one_server_gets_half_of_the_days_replies(
    stage: PlatformHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_REPLIES_PER_DAY", "12")
    for number in range(8):
        name = f"user{number}@many.example"
        stage.server.add_post(name, stage.ask, [picture("red", seed=number)])
    other = stage.server.add_post("bob@other.example", stage.ask, [picture("green")])
    stage.play()
    assert len(stage.answered()) == 7
    assert stage.outcome(other)[0] == "sent"


def test_no_photo_is_fetched_for_a_post_that_gets_no_reply(ground: BotHarness) -> None:
    for number in range(3):
        ground.x.add_post("ann", ASK, [picture("red", seed=number)])
    ground.play()
    fetched = photos_fetched(ground)
    fourth = ground.x.add_post("ann", ASK, [picture("red", seed=9)])
    ground.play()
    assert ground.reply(fourth)["reason"] == "cap"
    assert photos_fetched(ground) == fetched == 3


@pytest.mark.parametrize("author", ["ann", HOST])
def test_only_so_many_photos_of_a_post_are_fetched(ground: BotHarness, author: str) -> None:
    photos = [picture("red", seed=number) for number in range(MAX_PHOTOS_PER_POST + 3)]
    ground.x.add_post(author, f"{ASK} #{HASHTAG}", photos)
    ground.play()
    assert photos_fetched(ground) == MAX_PHOTOS_PER_POST == ground.db["post_images"].count


def test_an_author_can_have_only_so_many_pending_posts(ground: BotHarness) -> None:
    missing = f"{ground.x.base}/media/missing.jpg"
    for _ in range(MAX_PENDING_PER_AUTHOR + 4):
        ground.x.add_post("ann", ASK, [missing])
    ground.play()
    assert photos_fetched(ground) == MAX_PENDING_PER_AUTHOR
    assert ground.rows("SELECT count(*) AS n FROM replies WHERE reason = 'cap'") == [{"n": 4}]


def test_attempts_at_a_photo_that_fails_become_rarer(ground: BotHarness) -> None:
    ground.x.add_post("ann", ASK, [f"{ground.x.base}/media/missing.jpg"])
    rounds = range(0, 6 * 3600, 600)  # every ten minutes for six hours
    for ground.later in rounds:
        ground.play()
    assert len(rounds) == 36
    assert photos_fetched(ground) <= 8


def test_failing_addresses_of_one_author_hold_up_nobody_else(
    ground: BotHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("critterdb.bot.photo_fetches.FAILING_FETCHES_BUDGET_S", 0.0001)
    for _ in range(3):
        ground.x.add_post("ann", ASK, [f"{ground.x.base}/media/missing.jpg"] * 4)
    bob = ground.x.add_post("bob", ASK, [picture("green")])
    ground.play()
    assert ground.reply(bob)["status"] == "sent"
    assert photos_fetched(ground) == 2  # one of Ann's twelve, and Bob's


def test_one_post_that_cannot_be_stored_stops_no_other(ground: BotHarness) -> None:
    ground.db.execute(
        "CREATE TRIGGER picky BEFORE INSERT ON posts WHEN new.author = 'ann' "
        "BEGIN SELECT RAISE(ABORT, 'a value that cannot be stored'); END"
    )
    ground.x.add_post("ann", ASK, [picture("red")])
    bob = ground.x.add_post("bob", ASK, [picture("green")])
    report = ground.play()
    assert "Posts that could not be stored: 1" in str(report)
    assert ground.reply(bob)["status"] == "sent"
    assert ground.db["cursors"].count  # the source has been read past that post


def test_one_message_of_a_host_that_fails_stops_no_other(ground: BotHarness) -> None:
    first = ground.x.add_post("ann", f"{ASK} @{HOST}", [picture("red")])
    second = ground.x.add_post("bob", f"{ASK} @{HOST}", [picture("green")])
    ground.play()
    ground.db.execute(
        f"CREATE TRIGGER picky BEFORE INSERT ON answers WHEN new.post_id = 'x:{first}' "
        "BEGIN SELECT RAISE(ABORT, 'a value that cannot be stored'); END"
    )
    ground.x.add_post(HOST, "It's a cougar", in_reply_to=first)
    ground.x.add_post(HOST, "It's a bobcat", in_reply_to=second)
    report = ground.play()
    assert "Host messages that could not be used: 1" in str(report)
    assert [row["post_id"] for row in ground.db["answers"].rows] == [f"x:{second}"]


def test_the_state_of_refusals_is_kept_as_json(ground: BotHarness) -> None:
    post = ground.x.add_post("ann", ASK, [picture("red")])
    ground.play(post=False)
    refuse_all(ground, "ann")
    ground.play()
    row = ground.db["platforms"].get("x")
    assert (row["refusals"], json.loads(row["refused_posts"])) == (1, [f"x:{post}"])


@only_mastodon
def test_mentions_below_hidden_posts_do_not_use_up_the_requests(stage: PlatformHarness) -> None:
    server = stage.server
    for number in range(320):
        post = server.add_post("eve@evil.example", f"@{stage.bot} well?")
        server.statuses[post]["in_reply_to_id"] = str(number + 1)  # for her followers only
    bob = server.add_post("bob@fair.example", stage.ask, [picture("green")])
    server.requests_left = 300  # in five minutes
    stage.play()
    assert stage.outcome(bob)[0] == "sent"


@only_mastodon
def test_a_flood_under_the_hashtag_is_read_on_from_where_the_last_round_ended(
    stage: PlatformHarness,
) -> None:
    server = stage.server
    server.page_size = 2
    for age in (timedelta(hours=3), timedelta(0)):  # the older one is where the next round begins
        server.add_post("eve@evil.example", stage.tag, posted_at=datetime.now(UTC) - age)
    stage.play()
    for _ in range(80):
        server.add_post("eve@evil.example", stage.tag)
    asked = server.add_post(HOST, stage.tag, [picture("green")])
    for _ in range(3):
        stage.later += 3600  # whatever was limited no longer is
        server.requests_left = 35
        with contextlib.suppress(TimelineError):
            stage.play()
    assert stage.outcome(asked)[0] == "sent"


def test_a_flood_of_posts_keeps_nobody_elses_deletion_from_being_seen(
    stage: PlatformHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "MAX_POSTS_PER_LOOK", 3)
    bob = stage.server.add_post("bob", stage.ask, [picture("green")])
    stage.play()
    stage.later = 60
    for _ in range(4):
        stage.server.add_post("eve", stage.ask)
    stage.play()
    stage.server.delete_post(bob)
    stage.later = 24 * 3600
    stage.play()
    post_id = f"{stage.on}:{bob}"
    assert stage.rows("SELECT 1 FROM posts WHERE id = ? AND deleted_at IS NOT NULL", post_id)


@only_bluesky
def test_a_flood_of_likes_hides_no_question(stage: PlatformHarness) -> None:
    stage.server.page_size = 1
    bob = stage.server.add_post("bob", stage.ask, [picture("green")])
    for _ in range(60):
        stage.server.add_like("eve")
    stage.play()
    assert stage.outcome(bob)[0] == "sent"
