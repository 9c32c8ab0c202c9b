"""X: its search, its cursors, its lengths, and its own JSON."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from critterdb.errors import TimelineError
from critterdb.fakes.x import SECRETS, StandInX
from critterdb.games import get_game
from critterdb.platforms.registry import open_timeline
from critterdb.platforms.text_length import x_weight
from critterdb.platforms.x.parse import XPage
from tests.support.bot_harness import BOT, GAME, HASHTAG, HOST, BotHarness, add_host
from tests.support.models import make_tiny_model, picture
from tests.support.replay import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb.storage.database import SiteDatabase


@pytest.fixture
def x(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInX]:
    with StandInX(BOT) as standin:
        for name, value in standin.environment().items():
            monkeypatch.setenv(name, value)
        yield standin


def test_missing_keys_are_named(x: StandInX, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRITTERDB_X_CONSUMER_KEY")
    with pytest.raises(TimelineError, match="CRITTERDB_X_CONSUMER_KEY"):
        open_timeline("x")


def test_an_account_reads_for_itself_without_a_bearer_token(
    x: StandInX, db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRITTERDB_X_BEARER_TOKEN")
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    x.add_post("ann", f"@{BOT}", [picture("red")])
    assert BotHarness(db, x).play().sent == 1


def test_wrong_keys_are_said_without_the_keys(
    x: StandInX, db: SiteDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    x.add_post("ann", f"@{BOT}", [picture("red")])
    BotHarness(db, x).play()
    monkeypatch.setenv("CRITTERDB_X_CONSUMER_KEY", "wrong-key")
    with pytest.raises(TimelineError, match="401") as caught:
        BotHarness(db, x).play()
    for secret in (*SECRETS.values(), "wrong-key"):
        assert secret not in str(caught.value) + caplog.text


def test_a_cursor_out_of_searchs_reach_leaves_a_gap(x: StandInX, db: SiteDatabase) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    add_host(db)
    old = x.add_post(HOST, f"#{HASHTAG}", [picture("red")], posted_at=days_ago(9))
    name = f"x:search:{GAME}:{HOST}"
    db["cursors"].insert({"name": name, "value": old, "updated_at": NOW})
    new = x.add_post(HOST, f"#{HASHTAG}", [picture("red", seed=1)])
    BotHarness(db, x).play()
    cursor = db["cursors"].get(name)
    assert (cursor["value"], cursor["gap_from"]) == (new, old)
    assert [row["id"] for row in db["posts"].rows] == [f"x:{new}"]


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def test_hosts_are_searched_by_their_exact_words(x: StandInX, db: SiteDatabase) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    add_host(db)
    x.add_post("other", f"#{HASHTAG}", [picture("red")])
    timeline = open_timeline("x")
    assert timeline.read(get_game(db, GAME), {}).posts == []
    assert any(f"query=from%3A{HOST}+%23{HASHTAG}" in request for request in x.requests)


def test_a_post_that_x_shows_late_is_not_missed(x: StandInX, db: SiteDatabase) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    minutes_ago = [datetime.now(UTC) - timedelta(minutes=n) for n in (9, 5, 1)]
    _, late, last = (
        x.add_post(f"user{n}", f"@{BOT}", [picture("red", seed=n)], posted_at=moment)
        for n, moment in enumerate(minutes_ago)
    )
    x.held_back.add(late)
    assert BotHarness(db, x).play().new == 2
    x.held_back.clear()
    report = BotHarness(db, x).play()
    assert (report.read, report.new, report.sent) == (1, 1, 1)
    assert BotHarness(db, x).play().read == 0
    assert db["cursors"].get(f"x:mentions:{GAME}")["value"] == last
    assert len(x.sent) == 3


def test_what_lies_deeper_than_xs_pages_is_a_gap(x: StandInX, db: SiteDatabase) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    x.page_size = 2
    first = x.add_post("ann", f"@{BOT}", [picture("red")], posted_at=days_ago(1))
    BotHarness(db, x).play(post=False)
    for number in range(18):
        moment = datetime.now(UTC) - timedelta(minutes=20 - number)
        x.add_post("ann", f"@{BOT}", [picture("red")], posted_at=moment)
    assert BotHarness(db, x).play(post=False).new == 16
    assert db["cursors"].get(f"x:mentions:{GAME}")["gap_from"] == first


def test_a_busy_ten_minutes_are_not_a_gap(x: StandInX, db: SiteDatabase) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    x.page_size = 2
    for number in range(20):
        x.add_post("ann", f"@{BOT} {number}", [picture("red")])
        if number % 5 == 4:
            BotHarness(db, x).play(post=False)
    assert db["posts"].count == 20
    assert db["cursors"].get(f"x:mentions:{GAME}")["gap_from"] is None


def test_an_answer_to_an_edited_post_finds_its_first_id(x: StandInX, db: SiteDatabase) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    add_host(db)
    first = x.add_post(HOST, f"#{HASHTAG}", [picture("red")], posted_at=hours_ago(2))
    BotHarness(db, x).play()
    edit = x.add_post(HOST, f"#{HASHTAG}!", [picture("red")], edit_of=first)
    x.add_post(HOST, "It is a bobcat", in_reply_to=edit)
    assert BotHarness(db, x).play().answers == 1
    assert [row["post_id"] for row in db["answers"].rows] == [f"x:{first}"]


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("a bobcat", 8),
        ("café", 4),
        ("cafe\u0301", 4),
        ("… – “quoted”", 13),
        ("山猫", 4),
        ("🐈", 2),
        ("👩‍👩‍👧‍👦", 2),
        ("👍🏽", 2),
        ("🇺🇸", 2),
        ("1️⃣", 2),
        ("❤️", 2),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("© 2026", 6),
        ("https://example.org/a/very/long/address/that/x/makes/short and", 27),
    ],
)
def test_lengths_are_counted_as_x_counts(text: str, weight: int) -> None:
    assert x_weight(text) == weight


def test_the_limit_of_x_is_of_weight(x: StandInX) -> None:
    timeline = open_timeline("x")
    assert timeline.fits("猫" * 140)
    assert not timeline.fits("猫" * 141)
    assert timeline.fits("a" * 280)
    assert not timeline.fits("a" * 281)


def test_xs_own_json_is_read() -> None:
    body = {
        "data": [
            {
                "id": "1576994789110992896",
                "edit_history_tweet_ids": ["1576994746135764992", "1576994789110992896"],
                "author_id": "7",
                "created_at": "2022-10-03T17:57:11.000Z",
                "conversation_id": "1576994700000000000",
                "text": "short…",
                "note_tweet": {
                    "text": "a long one #cougarOrNot @critterbot",
                    "entities": {
                        "hashtags": [{"tag": "cougarOrNot"}],
                        "mentions": [{"username": "critterbot", "id": "1"}],
                    },
                },
                "attachments": {"media_keys": ["3_1", "7_2", "3_9"]},
                "referenced_tweets": [{"type": "replied_to", "id": "5"}],
            }
        ],
        "includes": {
            "users": [{"id": "7", "username": "Ann"}],
            "media": [
                {"media_key": "3_1", "type": "photo", "url": "https://pbs.example/1.jpg"},
                {"media_key": "7_2", "type": "video", "preview_image_url": "https://pbs.example/2"},
            ],
        },
    }
    (post,) = XPage(body, "1").read()
    assert post.id == "x:1576994746135764992"
    assert (post.author, post.posted_at) == ("Ann", "2022-10-03T17:57:11Z")
    assert post.photos == ("https://pbs.example/1.jpg", "https://pbs.example/2")
    assert post.hashtags == ("cougarOrNot",)
    assert post.summons
    assert (post.in_reply_to, post.thread) == ("x:5", "x:1576994700000000000")
    assert "long one" not in repr(post)
