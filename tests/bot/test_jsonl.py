"""A file replayed as a timeline, and names that mean none."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.errors import TimelineError
from critterdb.games import get_game
from critterdb.platforms.registry import open_timeline
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database, site_folder
from critterdb.storage.photo_store import kept_picture
from tests.support.bot_harness import GAME, HASHTAG, HOST, BotHarness, add_host
from tests.support.models import make_tiny_model
from tests.support.replay import NOW, Replay


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


def test_the_site_keeps_the_pictures_of_a_file_and_no_others(replay: Replay) -> None:
    """They are on no server, so that pages could not show them."""
    replay.add(1, images=["red.jpg", "missing.jpg"], mentions=True)
    replay.play(post=False)
    site = site_folder(replay.db)
    (image,) = replay.rows("SELECT image_sha256 AS sha256 FROM post_images WHERE error IS NULL")
    path = kept_picture(site, image["sha256"])
    assert path
    assert hashlib.sha256((site / path).read_bytes()).hexdigest() == image["sha256"]
    assert len([file for file in (site / "pictures").rglob("*") if file.is_file()]) == 1


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
    assert [reply["text"] for reply in replay.replies()] == [row["text"] for row in drafts[0]]


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
    ("line", "words"),
    [
        ("{}", "it has no “author”. Add it"),
        ("[]", "it is not a JSON object. Correct the line or delete it"),
        ("no json", "it is not valid JSON at column 1. Correct the line or delete it"),
        ('{"id": 1}', "it has no “author”. Add it"),
        ('{"id": 1, "author": "a", "posted_at": "x"}', "“posted_at” is not a time such as 2026"),
    ],
)
def test_a_bad_line_is_named_and_passed_over(replay: Replay, line: str, words: str) -> None:
    replay.path.write_text(line + "\n")
    replay.add(2, images=["red.jpg"], mentions=True)
    report = replay.play()
    assert report.sent == 1
    assert f"{replay.path}, line 1: not read, because {words}" in report.failures[0]
    assert "Error(" not in report.failures[0]


def test_a_dry_run_tells_its_drafts_and_why_others_were_passed_over(replay: Replay) -> None:
    replay.add(1, author="ann", images=["red.jpg"], mentions=True)
    replay.add(2, author="ben", mentions=True)
    replay.add(
        3, author="cleo", images=["red.jpg"], mentions=True, posted_at="2020-01-01T00:00:00Z"
    )
    replay.add(4, author="dot", text="look", images=["red.jpg"])
    replay.add(5, author="eve", text=f"#{HASHTAG}", images=["red.jpg"])
    replay.add(6, author="fay", text="stop", mentions=True)
    report = replay.play(post=False)
    text = replay.db["replies"].get("jsonl:1")["text"]
    told = report.post_lines()
    assert told[:2] == ["  draft: @ann (jsonl:1): Cougar, over 99%", f"    {text}"]
    assert "  passed over: @ben (jsonl:2): it has no photo that could be classified" in told
    assert "  passed over: @cleo (jsonl:3): it was more than 48 hours old when" in "\n".join(told)
    assert report.passed_over == {"no_hashtag": 1, "not_by_host": 1, "stop": 1}
    assert "3 not game posts (1 without its hashtag or a question to the bot" in str(report)
    posts = json.loads(json.dumps(report.as_json()))["posts"]
    [draft] = [post for post in posts if post["status"] == "draft"]
    assert (draft["author"], draft["answer"], draft["reason"]) == ("ann", "Cougar", None)
    assert draft["text"] == text


def test_the_command_prints_drafts_unless_it_sends(replay: Replay) -> None:
    replay.add(1, author="ann", images=["red.jpg"], mentions=True)
    command = [
        "--db",
        str(replay.path.parent / "site" / DATABASE_NAME),
        "bot",
        GAME,
        "--on",
        replay.on,
    ]
    dry = CliRunner().invoke(main, command)
    assert dry.exit_code == 0, dry.output
    assert "  draft: @ann (jsonl:1): Cougar, over 99%" in dry.stdout
    replay.add(2, author="ben", images=["red.jpg"], mentions=True)
    sent = CliRunner().invoke(main, [*command, "--post"])
    assert "2 sent" in sent.stdout
    assert "@" not in sent.stdout
    [line] = CliRunner().invoke(main, [*command, "--json"]).stdout.splitlines()
    assert json.loads(line)["posts"] == []


def test_nobody_who_wants_no_replies_is_named(replay: Replay) -> None:
    replay.add(1, author="ann", images=["red.jpg"], mentions=True)
    replay.add(2, author="ann", text="stop", mentions=True)
    told = "\n".join(replay.play(post=False).post_lines())
    assert "ann" not in told


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
        ("mastodon:x", "no platform"),
        ("bluesky:x", "no platform"),
        ("jsonl", "no platform"),
        ("jsonl:", "no platform"),
        ("x:y", "no platform"),
        ("", "no platform"),
    ],
)
def test_names_without_a_timeline(name: str, words: str) -> None:
    with pytest.raises(TimelineError, match=words):
        open_timeline(name)


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


def test_ids_of_any_kind_are_data(replay: Replay) -> None:
    replay.path.write_text(f'{{"id": {"9" * 5000}, "author": "a", "posted_at": "{NOW}"}}\n')
    for odd in (True, [1], {"a": 1}, None, ""):
        replay.add(odd, images=["red.jpg"], mentions=True)
    replay.add("\ud800", images=["red.jpg"], mentions=True)
    replay.add(10**18, images=["green.jpg"], mentions=True)
    report = replay.play()
    assert [failure.split(": ")[0][-6:] for failure in report.failures] == [
        f"line {number}" for number in range(1, 7)
    ]
    assert [row["id"] for row in replay.rows("SELECT id FROM posts ORDER BY id")] == [
        "jsonl:1000000000000000000",
        "jsonl:?",
    ]


@pytest.mark.parametrize("field", ["author", "text", "url", "images", "in_reply_to", "mentions"])
def test_half_a_surrogate_pair_in_any_field_stops_no_other(replay: Replay, field: str) -> None:
    odd = ["\ud800.jpg"] if field in ("images", "mentions") else "https://x.example/\ud800"
    replay.add(1, **({"mentions": True, "images": ["red.jpg"]} | {field: odd}))
    replay.add(2, author="bob", images=["green.jpg"], mentions=True)
    assert replay.play().failures == []
    assert replay.status(2) == ("sent", None)


def test_a_handle_that_only_looks_like_the_hosts_is_another(
    db: SiteDatabase, tmp_path: Path
) -> None:
    """str.lower() makes a k of the KELVIN SIGN, so a stranger could answer for the host."""
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    db["games"].update(GAME, {"hosts": '[{"platform": "jsonl", "handle": "Kate"}]'})
    replay = Replay(db, tmp_path)
    replay.add(1, author="KATE", text="It's a bobcat", in_reply_to=9)
    replay.add(2, author="\u212aate", text="It's a bobcat", in_reply_to=9)
    timeline = open_timeline(f"jsonl:{replay.path}")
    messages = timeline.read_host_messages(get_game(db, GAME), ["jsonl:9"])
    assert [message.author for message in messages.posts] == ["KATE"]
