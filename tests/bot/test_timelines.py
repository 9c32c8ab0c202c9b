"""Timelines: a file replayed, X's own JSON read, and names that mean nothing."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from critterdb.errors import TimelineError
from critterdb.fakes.x import SECRETS, StandInX
from critterdb.games import get_game
from critterdb.platforms.registry import open_timeline
from critterdb.platforms.text_length import x_weight
from critterdb.platforms.x.parse import XPage
from critterdb.storage.database import SiteDatabase, open_database
from tests.support.bot_harness import BOT, GAME, HASHTAG, HOST, BotHarness, add_host
from tests.support.models import make_tiny_model, picture

NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Replay(BotHarness):
    """A file of posts, with two pictures beside it."""

    def __init__(self, db: SiteDatabase, folder: Path) -> None:
        self.path = folder / "posts.jsonl"
        self.path.touch()
        super().__init__(db, on=f"jsonl:{self.path}")
        (folder / "red.jpg").write_bytes(picture("red"))
        (folder / "green.jpg").write_bytes(picture("green"))

    def add(self, post_id: object, **fields: Any) -> None:
        post = {"id": post_id, "author": "ann", "posted_at": NOW, "text": "", **fields}
        with self.path.open("a") as file:
            file.write(json.dumps(post) + "\n")

    def replies(self) -> list[dict[str, Any]]:
        path = Path(f"{self.path}.replies.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def status(self, post_id: object) -> tuple[str, str | None]:
        row = self.db["replies"].get(f"jsonl:{post_id}")
        return row["status"], row["reason"]


@pytest.fixture
def replay(db: SiteDatabase, tmp_path: Path) -> Replay:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    add_host(db, "jsonl")
    return Replay(db, tmp_path)


def test_a_replay_writes_its_replies_beside_the_file(replay: Replay) -> None:
    replay.add(1, images=["red.jpg", "green.jpg"], mentions=["@CritterDB"])
    replay.add(2, author=HOST, text=f"#{HASHTAG}", images=["green.jpg"])
    replay.add(3, author="someone", text=f"#{HASHTAG}", images=["green.jpg"])
    replay.add(4, author="botty", text="hi", mentions=["critterdb"], images=["red.jpg"], bot=True)
    assert replay.play(post=False).drafted == 1
    assert replay.replies() == []
    assert replay.play().sent == 1
    (reply,) = replay.replies()
    assert reply["in_reply_to"] == "jsonl:1"
    assert reply["text"] == replay.db["replies"].get("jsonl:1")["text"]
    assert replay.status(1) == ("sent", None)
    assert replay.status(2) == ("skipped", "not_summoned")
    assert replay.db["posts"].count == 2
    assert replay.play().read == 0
    assert len(replay.replies()) == 1


def test_a_dry_run_can_be_repeated_and_gives_the_same_drafts(
    replay: Replay, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for number in range(6):
        name = ("red.jpg", "green.jpg")[number % 2]
        replay.add(number, author=f"user{number}", images=[name], mentions=True)
    drafts = []
    for folder in (None, *(tmp_path_factory.mktemp("again") for _ in range(2))):
        if folder:
            again = open_database(folder / "critters.db", create=True)
            make_tiny_model(again, GAME, hashtag=HASHTAG)
            replay.db = again
        for _ in range(2):
            replay.play(post=False)
        drafts.append(replay.rows("SELECT post_id, status, text FROM replies ORDER BY post_id"))
    assert drafts[0] == drafts[1] == drafts[2]
    assert {row["status"] for row in drafts[0]} == {"draft"}
    assert replay.replies() == []
    assert replay.play().sent == 6
    assert [each["text"] for each in replay.replies()] == [row["text"] for row in drafts[0]]


def test_a_consenting_host_needs_no_summons(replay: Replay) -> None:
    add_host(replay.db, "jsonl", consents=True)
    replay.add(2, author=HOST, text=f"#{HASHTAG}", images=["green.jpg"])
    replay.play()
    assert replay.status(2) == ("sent", None)


def test_lines_that_come_later_are_read_next(replay: Replay) -> None:
    replay.add(1, images=["red.jpg"], mentions=True)
    replay.play()
    replay.add(2, in_reply_to=1, author="bob", mentions=["critterdb"])
    with replay.path.open("a") as file:
        file.write('{"id": 3, "author": "half a li')
    report = replay.play()
    assert (report.new, report.sent, report.failures) == (1, 1, [])
    with replay.path.open("a") as file:
        file.write(f'ne", "posted_at": "{NOW}", "mentions": true, "images": ["green.jpg"]}}\n')
    assert replay.play().sent == 1


def test_answers_in_a_replay(replay: Replay) -> None:
    replay.add(1, author=HOST, text=f"#{HASHTAG}", images=["red.jpg"])
    replay.add(2, author=HOST, text=f"It's a bobcat #{HASHTAG}", quotes=1, images=["green.jpg"])
    assert replay.play().answers == 1
    assert replay.status(1) == ("skipped", "answered")
    assert replay.db["posts"].count == 1


@pytest.mark.parametrize(
    "line", ["{}", "[]", "no json", '{"id": 1}', '{"id": 1, "author": "a", "posted_at": "x"}']
)
def test_a_bad_line_is_named_and_passed_over(replay: Replay, line: str) -> None:
    replay.path.write_text(line + "\n")
    replay.add(2, images=["red.jpg"], mentions=True)
    report = replay.play()
    assert report.sent == 1
    assert "line 1" in report.failures[0]


def test_pictures_that_are_not_there_or_not_fetched(replay: Replay) -> None:
    replay.add(1, images=["gone.jpg"], mentions=True)
    replay.add(2, images=["http://127.0.0.1/x.jpg"], mentions=True)
    os.mkfifo(replay.path.parent / "pipe.jpg")
    replay.add(3, images=["pipe.jpg"], mentions=True)
    replay.play()
    assert replay.status(1) == replay.status(3) == ("skipped", "no_photo")
    errors = replay.rows("SELECT error FROM post_images ORDER BY post_id")
    assert [row["error"] for row in errors] == ["missing_image", "fetch_failed", "missing_image"]
    assert replay.db["replies"].count == 2


def test_times_are_kept_in_utc(replay: Replay) -> None:
    replay.add(1, posted_at="2026-11-20T10:00:00+02:00", images=["red.jpg"], mentions=True)
    replay.play()
    assert replay.db["posts"].get("jsonl:1")["posted_at"] == "2026-11-20T08:00:00Z"


def test_a_file_that_is_not_there(db: SiteDatabase, tmp_path: Path) -> None:
    make_tiny_model(db, GAME)
    with pytest.raises(TimelineError, match="could not be read"):
        BotHarness(db, on=f"jsonl:{tmp_path}/none.jsonl").play()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mastodon:x", "no timeline"),
        ("bluesky:x", "no timeline"),
        ("jsonl", "no timeline"),
        ("jsonl:", "no timeline"),
        ("x:y", "no timeline"),
        ("", "no timeline"),
    ],
)
def test_names_without_a_timeline(name: str, words: str) -> None:
    with pytest.raises(TimelineError, match=words):
        open_timeline(name)


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
    assert any(f"query=from%3A{HOST}+%23{HASHTAG}" in each for each in x.requests)


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


def test_a_busy_ten_minutes_are_no_gap(x: StandInX, db: SiteDatabase) -> None:
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


def test_a_reply_that_a_full_disk_cut_off_spoils_no_other(
    replay: Replay,
) -> None:
    replay.add(1, text="@critterdb which?", mentions=["critterdb"], images=["red.jpg"])
    Path(f"{replay.path}.replies.jsonl").write_text('{"id": "jsonl:reply-0", "auth')
    assert replay.play().sent == 1
    replay.add(2, text="@critterdb and this?", mentions=["critterdb"], images=["green.jpg"])
    replay.db["replies"].update("jsonl:1", {"status": "sending"})
    assert replay.play().sent == 2
    assert replay.status(1) == replay.status(2) == ("sent", None)


def test_a_time_that_there_is_not_spoils_no_other_line(replay: Replay) -> None:
    replay.add(1, posted_at="0001-01-01T00:00:00+14:00", mentions=True, images=["red.jpg"])
    replay.add(2, mentions=True, images=["red.jpg"])
    report = replay.play()
    assert report.sent == 1
    assert "line 1" in report.failures[0]
