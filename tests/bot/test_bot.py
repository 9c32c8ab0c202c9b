"""Rounds of the bot on a stand-in X over real sockets, with a real small model."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from critterdb.errors import TimelineError
from critterdb.fakes.x import StandInX
from critterdb.storage.database import site_folder
from tests.support.bot_harness import BOT, GAME, HASHTAG, HOST, BotHarness
from tests.support.models import picture

ASK = f"@{BOT} what is this?"


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def test_a_mention_with_two_photos_is_answered_once(ground: BotHarness) -> None:
    post = ground.x.add_post("ann", ASK, [picture("red"), picture("red", seed=1)])
    report = ground.play()
    assert (report.new, report.classified, report.sent) == (1, 1, 1)
    assert ground.rows("SELECT id, author, summoned, game FROM posts") == [
        {"id": f"x:{post}", "author": "ann", "summoned": 1, "game": GAME}
    ]
    images = ground.rows("SELECT position, image_sha256, error FROM post_images")
    assert [image["position"] for image in images] == [0, 1]
    assert {image["sha256"] for image in ground.rows("SELECT sha256 FROM images")} == {
        image["image_sha256"] for image in images
    }
    predictions = ground.rows("SELECT * FROM predictions WHERE source = 'bot' ORDER BY id")
    assert [p["image_sha256"] for p in predictions] == [*(i["image_sha256"] for i in images), None]
    reply = ground.reply(post)
    assert reply["status"] == "sent"
    assert reply["prediction_id"] == predictions[2]["id"]
    sent = {"id": reply["reply_id"][2:], "text": reply["text"], "in_reply_to": post, "pictures": []}
    assert ground.x.sent == [sent]
    assert "Cougar" in reply["text"]
    (line,) = ground.rows("SELECT answer, status, image, right FROM bot_history")
    assert line == {
        "answer": "Cougar",
        "status": "sent",
        "image": images_url(ground),
        "right": None,
    }

    again = ground.play()
    assert (again.read, again.new, again.sent) == (0, 0, 0)
    assert len(ground.x.sent) == 1
    assert ground.db["predictions"].count == 3


def images_url(ground: BotHarness) -> str:
    return str(ground.rows("SELECT url FROM post_images WHERE position = 0")[0]["url"])


def test_no_text_of_a_post_is_stored(ground: BotHarness) -> None:
    ground.x.add_post("ann", f"{ASK} zanzibarian words", [picture("red")])
    ground.play()
    files = list(site_folder(ground.db).glob("critters.db*"))
    assert len(files) > 1
    assert not any(b"zanzibarian" in file.read_bytes() for file in files)


def test_a_hosts_post_without_a_summons_is_classified_but_not_answered(ground: BotHarness) -> None:
    post = ground.x.add_post(HOST, f"So? #{HASHTAG}", [picture("green")])
    report = ground.play()
    reply = ground.reply(post)
    assert (reply["status"], reply["reason"], reply["text"]) == ("skipped", "not_summoned", None)
    assert ground.db["predictions"].get(reply["prediction_id"])["top_taxon_id"] == 41976
    assert report.skipped == {"not_summoned": 1}
    assert not ground.x.sent


def test_drafts_are_sent_later_as_they_stand(ground: BotHarness) -> None:
    post = ground.x.add_post("ann", ASK, [picture("blue")])
    assert ground.play(post=False).drafted == 1
    draft = ground.reply(post)
    assert draft["status"] == "draft"
    assert not ground.x.sent
    ground.play(post=False)
    assert ground.play().sent == 1
    assert [reply["text"] for reply in ground.x.sent] == [draft["text"]]
    assert ground.reply(post)["planned_at"] == draft["planned_at"]


def test_drafts_that_are_no_longer_welcome_stay_unsent(ground: BotHarness) -> None:
    gone = ground.x.add_post("ann", ASK, [picture("blue")])
    stopped = ground.x.add_post("bob", ASK, [picture("blue")])
    ground.play(post=False)
    ground.x.delete_post(gone)
    ground.x.add_post("bob", f"@{BOT} STOP!")
    ground.play()
    assert not ground.x.sent
    assert ground.reply(gone)["reason"] == "deleted"
    assert ground.db["posts"].get(f"x:{gone}")["deleted_at"]
    assert ground.reply(stopped)["reason"] == "opted_out"


@pytest.mark.parametrize(
    "text", ["stop", "Stop.", "@critterbot STOP!!", "  @critterbot, stop 🙏", "ＳＴＯＰ"]
)
def test_stop_opts_out_permanently(ground: BotHarness, text: str) -> None:
    ground.x.add_post("ann", f"@{BOT} {text}")
    ground.play()
    post = ground.x.add_post("Ann", ASK, [picture("red")])
    ground.play()
    reply = ground.reply(post)
    assert (reply["status"], reply["reason"]) == ("skipped", "opted_out")
    assert ground.db["images"].count == ground.db["predictions"].count == 0
    assert not [request for request in ground.x.requests if "/media/" in request]


def test_photos_of_the_opted_out_are_not_fetched_for_others(ground: BotHarness) -> None:
    ground.x.add_post("ann", f"@{BOT} stop")
    ground.play()
    shown = ground.x.add_post("ann", "my cat", [picture("blue")])
    post = ground.x.add_post("bob", ASK, in_reply_to=shown)
    ground.play()
    assert ground.reply(post)["reason"] == "opted_out"
    assert ground.db["images"].count == 0


def test_a_mention_without_photos_asks_about_its_parent(ground: BotHarness) -> None:
    shown = ground.x.add_post("carl", "look", [picture("green"), picture("green", seed=1)])
    post = ground.x.add_post("ann", ASK, in_reply_to=shown)
    ground.play()
    assert "Bobcat" in ground.reply(post)["text"]
    assert [row["post_id"] for row in ground.rows("SELECT post_id FROM post_images")] == [
        f"x:{post}"
    ] * 2
    assert ground.db["posts"].count == 1


def test_a_quote_with_a_mention_asks_about_what_it_quotes(ground: BotHarness) -> None:
    shown = ground.x.add_post("carl", "look", [picture("blue")])
    other = ground.x.add_post("carl", "thread", [picture("red")])
    post = ground.x.add_post("ann", ASK, in_reply_to=other, quotes=shown)
    ground.play()
    assert "Domestic Cat" in ground.reply(post)["text"]


def test_a_post_outside_the_game_gets_no_row(ground: BotHarness) -> None:
    tag = f"#{HASHTAG}"
    first = ground.x.add_post("ann", "a cat", [picture("red")])
    ground.x.add_post(HOST, f"RT @x {tag} @{BOT}", [picture("red")], reposts=first)
    ground.x.add_post(HOST, f"{tag}Friday is here", [picture("red")])
    ground.x.add_post(HOST, f"see {tag}", quotes=first)
    ground.x.add_post("stranger", f"my own {tag}", [picture("red")])
    ground.play()
    assert ground.db["posts"].count == 0


def test_a_mention_for_another_game_is_left_to_it(ground: BotHarness) -> None:
    ground.db["games"].insert({"slug": "crows", "hashtag": "crowOrNo"})
    ground.x.add_post("ann", f"{ASK} #CrowOrNo", [picture("red")])
    ground.play()
    assert ground.db["posts"].count == 0


@pytest.mark.parametrize(
    ("colour", "words"),
    [("yellow", "sure|guess|hard|tell"), ("grey", "critter|like nothing")],
)
def test_doubt_is_said(ground: BotHarness, colour: str, words: str) -> None:
    post = ground.x.add_post("ann", ASK, [picture(colour)])
    ground.play()
    assert any(word in ground.reply(post)["text"] for word in words.split("|"))
    assert ground.rows("SELECT abstained FROM predictions") == [{"abstained": 1}]


def test_reasons_for_saying_nothing(ground: BotHarness) -> None:
    old = ground.x.add_post("ann", ASK, [picture("red")], posted_at=hours_ago(49))
    empty = ground.x.add_post("bob", ASK)
    own = ground.x.add_post(BOT, f"I am @{BOT}", [picture("red")])
    no_image = ground.x.add_post("dora", ASK, [b"no picture at all"])
    ground.play()
    reasons = [ground.reply(post)["reason"] for post in (old, empty, own, no_image)]
    assert reasons == ["too_old", "no_photo", "own_post", "no_photo"]
    assert ground.rows("SELECT error FROM post_images WHERE error IS NOT NULL") == [
        {"error": "not_an_image"}
    ]
    assert not ground.x.sent


def test_a_photo_that_cannot_be_fetched_is_tried_again(ground: BotHarness) -> None:
    address = f"{ground.x.base}/media/late.jpg"
    post = ground.x.add_post("ann", ASK, [address])
    ground.play()
    assert ground.rows("SELECT error FROM post_images") == [{"error": "fetch_failed"}]
    assert ground.db["replies"].count == 0
    ground.x.add_file(picture("red"), "late.jpg")
    ground.play()
    assert ground.reply(post)["status"] == "sent"
    assert ground.rows("SELECT error FROM post_images") == [{"error": None}]


def test_a_photo_that_never_comes_is_given_up(ground: BotHarness) -> None:
    post = ground.x.add_post("ann", ASK, [f"{ground.x.base}/media/never.jpg"])
    ground.play()
    ground.later = 7 * 3600
    ground.play()
    assert ground.reply(post)["reason"] == "no_photo"


def test_only_the_platforms_own_server_is_trusted_with_private_addresses(
    ground: BotHarness,
) -> None:
    with StandInX() as other:
        inside = other.add_file(picture("red"))
        ground.x.add_post("ann", ASK, [inside, picture("green")])
        ground.play()
        assert other.requests == []
    assert [row["error"] for row in ground.rows("SELECT error FROM post_images")] == [
        "url_invalid",
        None,
    ]


def test_a_preview_frame_stands_for_a_video(ground: BotHarness) -> None:
    post = ground.x.add_post("ann", ASK, [picture("red")], media="video")
    ground.play()
    assert ground.reply(post)["status"] == "sent"


def test_an_edit_is_the_same_post(ground: BotHarness) -> None:
    first = ground.x.add_post("ann", ASK, [picture("red")])
    ground.play()
    ground.x.add_post("ann", f"{ASK}!", [picture("red")], edit_of=first)
    ground.play()
    assert ground.db["posts"].count == 1
    assert len(ground.x.sent) == 1


def test_an_author_gets_three_replies_a_day(ground: BotHarness) -> None:
    for number in range(5):
        ground.x.add_post("ann", f"{ASK} {number}", [picture("red", seed=number)])
    ground.x.add_post("bob", ASK, [picture("red")])
    ground.play()
    assert len(ground.x.sent) == 4
    assert len({reply["text"] for reply in ground.x.sent}) == 4
    assert ground.rows("SELECT count(*) AS n FROM replies WHERE reason = 'cap'") == [{"n": 2}]
    ground.later = 25 * 3600
    ground.x.add_post("ann", ASK, [picture("red", seed=9)])
    assert ground.play().sent == 1
    assert len(ground.x.sent) == 5


def test_replies_a_day_are_capped(ground: BotHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRITTERDB_REPLIES_PER_DAY", "2")
    for number in range(4):
        ground.x.add_post(f"user{number}", ASK, [picture("red", seed=number)])
    ground.play(post=False)
    ground.play()
    assert len(ground.x.sent) == 2


def test_the_bot_can_be_silenced(ground: BotHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRITTERDB_BOT_OFF", "1")
    post = ground.x.add_post("ann", ASK, [picture("red")])
    ground.play()
    assert ground.reply(post)["status"] == "draft"
    assert not ground.x.sent


def test_the_hosts_answer_keeps_the_bot_quiet(ground: BotHarness) -> None:
    shown = ground.x.add_post(HOST, f"#{HASHTAG}", [picture("red")], posted_at=hours_ago(2))
    late = ground.x.add_post("ann", ASK, in_reply_to=shown)
    ground.x.add_post(HOST, f"It is a bobcat! #{HASHTAG}", in_reply_to=shown)
    report = ground.play()
    assert report.answers == 2
    assert ground.reply(late)["reason"] == "answered"
    assert ground.reply(shown)["reason"] == "answered"
    assert ground.rows("SELECT verdict, taxon_id FROM answers LIMIT 1") == [
        {"verdict": "other", "taxon_id": 41976}
    ]
    assert ground.rows("SELECT right, truth FROM bot_history WHERE author = ?", HOST) == [
        {"right": 0, "truth": "Bobcat"}
    ]


def test_an_answer_that_comes_later_is_found_and_scored(ground: BotHarness) -> None:
    post = ground.x.add_post("ann", f"{ASK} @{HOST}", [picture("red")])
    ground.play()
    ground.x.add_post(HOST, "A cougar, and a beautiful one", in_reply_to=post)
    assert ground.play().answers == 1
    (line,) = ground.rows("SELECT truth, right, status FROM bot_history")
    assert line == {"truth": "Cougar", "right": 1, "status": "sent"}
    (score,) = ground.rows("SELECT posts, right, wrong, baseline_right FROM scoreboard")
    assert score == {"posts": 1, "right": 1, "wrong": 0, "baseline_right": 0}


def test_a_round_continues_where_the_last_one_was_killed(
    ground: BotHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = ground.x.add_post("ann", ASK, [picture("red")])
    photo = ground.x.files.pop("1.jpg")
    ground.play()
    assert json.loads(ground.rows("SELECT value FROM cursors")[0]["value"]) == int(post)
    ground.x.files["1.jpg"] = photo
    assert ground.play().sent == 1


def test_posts_that_are_gone_are_marked_within_a_day(ground: BotHarness) -> None:
    gone = ground.x.add_post("ann", ASK, [picture("red")])
    stays = ground.x.add_post("bob", ASK, [picture("red", seed=1)])
    ground.play()
    ground.x.delete_post(gone)
    ground.later = 3600
    assert ground.play().deleted == 0
    ground.later = 24 * 3600
    assert "1 found to be deleted" in str(ground.play())
    ground.later = 25 * 3600
    asked = len(ground.x.requests)
    assert ground.play().deleted == 0
    assert not [request for request in ground.x.requests[asked:] if "/tweets?ids" in request]
    assert ground.db["posts"].get(f"x:{gone}")["deleted_at"]
    assert ground.db["posts"].get(f"x:{stays}")["deleted_at"] is None


def test_paging_reads_everything_once(ground: BotHarness) -> None:
    ground.x.page_size = 2
    for number in range(5):
        ground.x.add_post(f"user{number}", ASK, [picture("red", seed=number)])
    assert ground.play().new == 5
    assert ground.play().read == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [("401", "keys"), ("429", "Come back at"), ("500", "later"), ("html", "unreadable response")],
)
def test_a_platform_that_cannot_be_read_is_named(
    ground: BotHarness, fault: str, words: str
) -> None:
    ground.x.add_post("ann", ASK, [picture("red")])
    ground.x.read_faults.extend([fault] * 4)
    with pytest.raises(TimelineError, match=words):
        ground.play()
    assert ground.db["cursors"].count == 0
    ground.x.read_faults.clear()
    ground.later = 1100 if fault == "429" else 0
    assert ground.play().sent == 1


def test_a_platform_that_wants_peace_is_not_asked_before_its_reset(ground: BotHarness) -> None:
    ground.x.add_post("ann", ASK, [picture("red")])
    ground.x.read_faults.append("429")
    with pytest.raises(TimelineError, match="Come back at"):
        ground.play()
    asked = len(ground.x.requests)
    ground.later = 880
    with pytest.raises(TimelineError, match="Reading resumes at"):
        ground.play()
    assert len(ground.x.requests) == asked
    ground.later = 1100
    assert ground.play().sent == 1


def test_one_failing_source_spoils_no_other(ground: BotHarness) -> None:
    ground.x.add_post("ann", ASK, [picture("red")])
    ground.x.read_faults.extend(["", "", "500"])
    report = ground.play()
    assert report.sent == 1
    assert len(report.failures) == 1
