"""Posts with what nobody expects in them: the others are played, and answered exactly once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.bot.photo_fetches import FETCH_AGAIN_FOR
from critterdb.bot.phrases import load_words
from critterdb.bot.planner import play_post
from critterdb.bot.stored_post import StoredPost
from critterdb.games import get_game
from critterdb.platforms.jsonl import JsonlTimeline
from critterdb.platforms.registry import open_timeline
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, site_folder, sqlite3
from tests.support.bot_harness import GAME, HASHTAG, HOST, BotHarness, add_host
from tests.support.models import make_tiny_model, picture
from tests.support.platforms import STAND_INS, PlatformHarness
from tests.support.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from critterdb.fetch.fetcher import Fetcher

pytestmark = pytest.mark.slow

LONG_S = 120
ODD_TIMES = [
    "0001-01-01T00:00:00+01:00",
    "0123-01-01T00:00:00Z",
    "0999-01-01T00:00:00.000Z",
    "9998-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
]


@pytest.fixture(params=STAND_INS)
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
        stage.set_host()
        yield stage


only_bluesky = pytest.mark.parametrize("stage", ["bluesky"], indirect=True)
only_mastodon = pytest.mark.parametrize("stage", ["mastodon"], indirect=True)


def raw(stage: PlatformHarness, post_id: str) -> dict[str, Any]:
    """What the server keeps of a post, to be spoiled."""
    kept = {"x": "posts", "mastodon": "statuses", "bluesky": "records"}[stage.on]
    post: dict[str, Any] = getattr(stage.server, kept)[post_id]
    return post


def ask_twice(stage: PlatformHarness) -> tuple[str, str]:
    """Ann's post, to be spoiled, and Bob's, to be answered."""
    odd = stage.server.add_post("ann", stage.ask, [picture("red")])
    return odd, stage.server.add_post("bob", stage.ask, [picture("green")])


def wait_for(holds: Callable[[], object]) -> None:
    end = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def start_bot(db: SiteDatabase, on: str, *options: str) -> subprocess.Popen[str]:
    database = str(site_folder(db) / DATABASE_NAME)
    code = "from critterdb.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "--db", database, "bot", GAME, "--on", on, *options],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("moment", ODD_TIMES)
def test_a_post_of_any_time_stops_no_other(stage: PlatformHarness, moment: str) -> None:
    odd, good = ask_twice(stage)
    shown = raw(stage, odd)
    if stage.on == "bluesky":
        shown["value"]["createdAt"] = moment
    else:
        shown["created_at"] = moment
    for _ in range(3):
        stage.play()
    stage.server.delete_post(odd)
    stage.play()
    assert stage.answered().count(good) == 1
    rows = stage.rows("SELECT posted_at, seen_at FROM posts")
    assert all("2006-01-01T00:00:00Z" <= r["posted_at"] <= r["seen_at"] for r in rows)
    assert stage.rows("SELECT * FROM replies WHERE reason = 'error'") == []


@pytest.mark.parametrize("moment", ODD_TIMES[1:4])
def test_a_line_of_any_time_stops_no_other(db: SiteDatabase, tmp_path: Path, moment: str) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    add_host(db, "jsonl")
    replay = Replay(db, tmp_path)
    replay.add(1, posted_at=moment, images=["red.jpg"], mentions=True)
    replay.add(2, author="bob", images=["green.jpg"], mentions=True)
    for _ in range(3):
        replay.play()
    assert [reply["in_reply_to"] for reply in replay.replies()].count("jsonl:2") == 1


def test_a_line_that_is_nested_too_deeply_is_named(db: SiteDatabase, tmp_path: Path) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    replay = Replay(db, tmp_path)
    replay.path.write_text('{"id": ' + "[" * 200_000 + "]" * 200_000 + "}\n")
    replay.add(2, images=["green.jpg"], mentions=True)
    report = replay.play()
    assert report.sent == 1
    assert "line 1" in report.failures[0]


def test_a_post_that_cannot_be_read_is_counted(stage: PlatformHarness) -> None:
    odd, good = ask_twice(stage)
    shown = raw(stage, odd)
    if stage.on == "bluesky":
        shown["value"]["facets"].append({"features": [[]]})
    elif stage.on == "x":
        shown["created_at"] = "nonsense"
    else:
        shown["media_attachments"] = [[]]
    report = stage.play()
    assert report.failures == [
        f"Posts of {stage.on.capitalize()} that could not be read: 1",
    ]
    stage.play()
    assert stage.answered() == [good]
    assert stage.rows("SELECT 1 FROM cursors WHERE name NOT LIKE '%deletions'")


def nested(levels: int) -> object:
    value: object = "deep"
    for _ in range(levels):
        value = {"a": [value]}
    return value


ODD_VALUES = {
    "nested": nested(400),
    "huge": 10**4000,
    "infinite": 1e999,
    "half a pair": "\ud800",
}


@pytest.mark.parametrize("name", ODD_VALUES)
def test_a_field_of_any_value_stops_no_other(stage: PlatformHarness, name: str) -> None:
    """atproto refuses a page with 200 levels, and the cursor to the next page with it."""
    odd, good = ask_twice(stage)
    shown = raw(stage, odd)
    (shown["value"] if stage.on == "bluesky" else shown)["unknown"] = ODD_VALUES[name]
    stage.play()
    assert stage.answered() == sorted([odd, good])
    assert stage.rows("SELECT 1 FROM cursors WHERE name NOT LIKE '%deletions'")


@only_bluesky
@pytest.mark.parametrize("name", ODD_VALUES)
def test_a_parent_of_any_shape_stops_no_other(stage: PlatformHarness, name: str) -> None:
    parent = stage.server.add_post("carl", "look", [picture("blue")])
    stage.server.records[parent]["value"]["unknown"] = ODD_VALUES[name]
    ask = stage.server.add_post("ann", stage.ask, in_reply_to=parent)
    stage.server.add_post("bob", stage.ask, [picture("green")])
    assert stage.play().sent == 2
    assert ask in stage.answered()


@only_bluesky
@pytest.mark.parametrize("uri", ["at://x", "at://did:plc:a/b/c d", "at://" + "a" * 9000, "at:", 5])
def test_a_malformed_reference_stops_no_other(stage: PlatformHarness, uri: object) -> None:
    odd, good = ask_twice(stage)
    stage.server.records[odd]["value"]["embed"] = {"record": {"uri": uri, "cid": "c"}}
    stage.server.records[odd]["view"] = None
    stage.play()
    assert stage.answered() == [good]


def test_a_post_that_cannot_be_read_is_still_there(stage: PlatformHarness) -> None:
    odd, _ = ask_twice(stage)
    post_ids = [f"{stage.on}:{odd}"]
    shown = raw(stage, odd)
    if stage.on == "bluesky":
        shown["value"]["tags"] = 5
    else:
        shown["created_at"] = "nonsense"
    assert open_timeline(stage.on).find_existing(post_ids) == set(post_ids)


def test_a_host_message_that_cannot_be_read_hides_no_other(stage: PlatformHarness) -> None:
    asked = stage.server.add_post(HOST, f"{stage.ask} {stage.tag}", [picture("red")])
    stage.play()
    odd = stage.server.add_post(HOST, "Look closer", in_reply_to=asked)
    shown = raw(stage, odd)
    if stage.on == "bluesky":
        shown["value"]["tags"] = 5
    else:
        shown["created_at"] = "nonsense"
    stage.server.add_post(HOST, "It is a cougar!", in_reply_to=asked)
    assert stage.play().answers == 1


@only_mastodon
@pytest.mark.parametrize("field", ["name", "value", "note"])
@pytest.mark.parametrize("text", ["<![(", "<![<", "<![ <", "<!", '<a "', "&#99999999999;"])
def test_any_profile_can_be_read(stage: PlatformHarness, field: str, text: str) -> None:
    account = stage.server.add_user("ann", note=text if field == "note" else "")
    account["fields"] = [{"name": "a", "value": "b", field: text}]
    posts = ask_twice(stage)
    assert stage.play().failures == []
    assert stage.play().sent == 0
    assert stage.answered() == sorted(posts)


@only_mastodon
@pytest.mark.parametrize("address", ["https://[bad]/x.jpg", "https://[::1", "http://℀/x.jpg"])
def test_a_photo_of_any_address_stops_no_other(stage: PlatformHarness, address: str) -> None:
    odd, good = ask_twice(stage)
    raw(stage, odd)["media_attachments"] = [{"type": "image", "url": address}]
    for _ in range(3):
        stage.play()
    assert stage.answered() == [good]


@only_mastodon
def test_half_a_surrogate_pair_stops_no_other(stage: PlatformHarness) -> None:
    odd, good = ask_twice(stage)
    raw(stage, odd)["url"] = "https://far.example/\ud800"
    stage.play()
    stage.play()
    assert stage.answered() == sorted([odd, good])
    assert stage.rows("SELECT 1 FROM posts WHERE url = 'https://far.example/?'")


def spoil_row(stage: PlatformHarness, post_id: str) -> None:
    """As an earlier critterdb wrote the time of a post of the year 999."""
    spoiled = ("999-01-01T00:00:00Z", f"{stage.on}:{post_id}")
    stage.db.execute("UPDATE posts SET posted_at = ? WHERE id = ?", spoiled)


def two_pending(stage: PlatformHarness) -> tuple[str, str]:
    """Two posts that were stored and not yet played, because the round was killed there."""
    stage.db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON replies "
        "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    posts = ask_twice(stage)
    with pytest.raises(sqlite3.Error, match="full"):
        stage.play()
    assert stage.db["replies"].count == 0
    stage.db.execute("DROP TRIGGER full")
    return posts


def test_a_full_disk_passes_no_post_over(stage: PlatformHarness) -> None:
    posts = two_pending(stage)
    stage.play()
    assert stage.answered() == sorted(posts)


def test_a_post_that_cannot_be_played_is_passed_over_once(stage: PlatformHarness) -> None:
    odd, good = two_pending(stage)
    spoil_row(stage, odd)
    report = stage.play()
    (failure,) = report.failures
    assert failure.startswith("Posts that could not be played: 1 (ValueError).")
    assert report.skipped == {"error": 1}
    assert stage.outcome(odd) == ("skipped", "error")
    report = stage.play()
    assert (report.failures, report.skipped, report.sent) == ([], {}, 0)
    assert stage.answered() == [good]


@only_mastodon
def test_the_command_goes_on_after_an_odd_post(stage: PlatformHarness) -> None:
    odd, good = two_pending(stage)
    spoil_row(stage, odd)
    process = start_bot(stage.db, "mastodon", "--post", "--every", "1s")
    try:
        wait_for(lambda: stage.server.sent or process.poll() is not None)
        later = stage.server.add_post("carl", stage.ask, [picture("blue")])
        wait_for(lambda: len(stage.server.sent) == 2 or process.poll() is not None)
    finally:
        process.terminate()
    output = process.communicate(timeout=LONG_S)[0]
    assert process.returncode == 0, output
    assert output.count("Posts that could not be played") == 1
    assert stage.answered() == sorted([good, later])


def test_the_command_outlives_whatever_a_round_raises(db: SiteDatabase, tmp_path: Path) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    replay = Replay(db, tmp_path)
    replay.add(1, images=["red.jpg"], mentions=True)
    name = f"jsonl:{replay.path.resolve()}:{GAME}"
    db["cursors"].insert({"name": name, "value": "spoiled", "updated_at": "2026-01-01T00:00:00Z"})
    process = start_bot(db, replay.on, "--post", "--every", "1s")
    try:
        assert process.stdout
        line = process.stdout.readline()
        db["cursors"].update(name, {"value": "0"})
        wait_for(lambda: replay.replies() or process.poll() is not None)
    finally:
        process.terminate()
    process.communicate(timeout=LONG_S)
    assert line.startswith("Error: the round failed (ValueError: ")
    assert process.returncode == 0
    assert len(replay.replies()) == 1


class OutOfFiles(JsonlTimeline):
    """A file on a machine that opens no more of them."""

    def fetch_photo(self, address: str, fetcher: Fetcher) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")


def test_what_the_machine_lacks_is_tried_again_for_a_while(
    db: SiteDatabase, tmp_path: Path
) -> None:
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    replay = Replay(db, tmp_path)
    (row,) = pending(replay)

    def play(after: timedelta) -> tuple[str | None, str | None]:
        round_ = replace(
            replay.round(),
            timeline=OutOfFiles(replay.path),
            clock=lambda: replay.now() + after,
        )
        words = load_words(GAME, site_folder(db))
        played = play_post(round_, StoredPost.from_row(row), words)
        return played.status, played.error

    assert play(timedelta(0)) == (None, "OSError")
    assert db["replies"].count == 0
    assert play(FETCH_AGAIN_FOR * 2) == ("skipped", "OSError")


def pending(ground: BotHarness) -> list[dict[str, Any]]:
    """A stored post with a picture, not yet played."""
    seen = ground.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    post = {"id": "jsonl:1", "platform": "jsonl", "game": get_game(ground.db, GAME).slug}
    post |= {"author": HOST, "posted_at": seen, "seen_at": seen}
    ground.db["posts"].insert(post | {"summoned": 1})
    ground.db["post_images"].insert({"post_id": "jsonl:1", "position": 0, "url": "red.jpg"})
    return list(ground.db["posts"].rows)
