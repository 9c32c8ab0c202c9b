"""One game, three platforms: the same feed leads to the same rows and replies on each of them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from critterdb.errors import TimelineError
from critterdb.storage.database import SiteDatabase, site_folder
from tests.support.bot_harness import GAME, HASHTAG, HOST
from tests.support.models import make_tiny_model, picture
from tests.support.platforms import NEW_PLATFORMS, STAND_INS, PlatformHarness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


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


only_new = pytest.mark.parametrize("stage", NEW_PLATFORMS, indirect=True)
only_mastodon = pytest.mark.parametrize("stage", ["mastodon"], indirect=True)
only_bluesky = pytest.mark.parametrize("stage", ["bluesky"], indirect=True)


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def test_a_mention_is_answered_once(stage: PlatformHarness) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red"), picture("red", seed=1)])
    assert stage.play().sent == 1
    row = stage.reply(post)
    (sent,) = stage.server.sent
    assert (row["status"], row["reply_id"]) == ("sent", f"{stage.on}:{sent['id']}")
    assert row["reply_url"].startswith("http")
    assert sent["text"].endswith(row["text"])
    assert "Cougar" in row["text"]
    (kept,) = stage.rows("SELECT author, summoned, url FROM posts")
    assert (kept["author"], kept["summoned"]) == (stage.author("ann"), 1)
    assert kept["url"].startswith("http")
    assert stage.play().sent == 0
    assert stage.db["predictions"].count == 3


def test_it_asks_about_what_it_answers_or_quotes(stage: PlatformHarness) -> None:
    shown = stage.server.add_post("carl", "look", [picture("green")])
    other = stage.server.add_post("carl", "and this", [picture("blue")])
    answering = stage.server.add_post("ann", stage.ask, in_reply_to=shown)
    quoting = stage.server.add_post("bob", stage.ask, in_reply_to=shown, quotes=other)
    stage.play()
    assert "Bobcat" in stage.reply(answering)["text"]
    assert "Domestic Cat" in stage.reply(quoting)["text"]
    assert stage.answered() == sorted([answering, quoting])


def test_who_quotes_the_bot_calls_it(stage: PlatformHarness) -> None:
    stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    own = stage.server.sent[0]["id"]
    post = stage.server.add_post("bob", "and mine?", [picture("green")], quotes=own)
    stage.play()
    assert stage.outcome(post) == ("sent", None)
    assert "Bobcat" in stage.reply(post)["text"]


def test_a_consenting_host_is_answered_unasked_where_that_is_allowed(
    stage: PlatformHarness,
) -> None:
    stage.set_host(consents=True)
    post = stage.server.add_post(HOST, f"So? {stage.tag.upper()}", [picture("red")])
    stage.play()
    wanted = ("skipped", "not_summoned") if stage.on == "x" else ("sent", None)
    assert stage.outcome(post) == wanted
    assert stage.db["predictions"].count == 1


def test_a_host_who_did_not_consent_is_classified_only(stage: PlatformHarness) -> None:
    post = stage.server.add_post(HOST, f"So? {stage.tag}", [picture("red")])
    stage.play()
    assert stage.outcome(post) == ("skipped", "not_summoned")
    assert stage.db["predictions"].count == 1
    assert stage.server.sent == []


def test_a_post_outside_the_game_gets_no_row(stage: PlatformHarness) -> None:
    add = stage.server.add_post
    first = add("ann", "a cat", [picture("red")])
    add(HOST, "", reposts=first)
    add(HOST, f"{stage.tag}Friday is here", [picture("red")])
    add(HOST, f"see {stage.tag}", quotes=first)
    add("stranger", f"my own {stage.tag}", [picture("red")])
    stage.play()
    assert stage.rows("SELECT * FROM posts") == []


@only_new
@pytest.mark.parametrize(
    "text", ["＃tintOrNot", "#TINTORNOT!", "(#tintornot)", "＃ｔｉｎｔＯｒＮｏｔ"]
)
def test_hashtags_count_however_they_are_written(stage: PlatformHarness, text: str) -> None:
    post = stage.server.add_post(HOST, f"So? {text}", [picture("red")])
    stage.play()
    assert stage.outcome(post) == ("skipped", "not_summoned")


def test_other_bots_are_not_answered(stage: PlatformHarness) -> None:
    stage.server.add_user("robot", bot=True)
    stage.server.add_post("robot", stage.ask, [picture("red")])
    stage.play()
    assert stage.rows("SELECT * FROM posts") == []


@only_new
def test_who_blocks_the_bot_is_left_alone_permanently(stage: PlatformHarness) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.block("ann")
    stage.play()
    assert stage.rows("SELECT author, why FROM opt_outs") == [
        {"author": stage.author("ann"), "why": "blocks the bot"}
    ]
    assert stage.outcome(post) == ("skipped", "opted_out")
    assert not [request for request in stage.server.requests if "/media/" in request]


@only_new
def test_photos_of_who_blocks_the_bot_are_not_fetched_for_others(stage: PlatformHarness) -> None:
    shown = stage.server.add_post("ann", "my cat", [picture("red")])
    stage.server.block("ann")
    stage.server.add_post("bob", stage.ask, in_reply_to=shown)
    stage.play()
    assert stage.db["images"].count == 0
    assert stage.server.sent == []


@pytest.mark.parametrize("note", ["no bots: #nobot", "#<b>NoBot</b>"])
def test_nobot_in_a_profile_is_permanent(stage: PlatformHarness, note: str) -> None:
    if stage.on != "mastodon":
        note = note.replace("<b>", "").replace("</b>", "")
    stage.server.add_user("ann", note=note)
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    assert stage.outcome(post) == ("skipped", "opted_out")
    stage.server.add_user("ann", note="changed my mind")
    later = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    assert stage.outcome(later) == ("skipped", "opted_out")
    assert stage.db["images"].count == 0


def test_handles_that_an_app_put_there_call_nobody(stage: PlatformHarness) -> None:
    shown = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    own = stage.server.sent[0]["id"]
    comment = stage.in_thread("how cute!", "ann", stage.bot)
    beside = stage.server.add_post("bob", comment, [picture("green")], in_reply_to=shown)
    deeper = stage.in_thread("is it?", "bob", "ann", stage.bot)
    stage.server.add_post("carl", deeper, in_reply_to=beside)
    stage.server.add_post("ann", stage.in_thread("wow", stage.bot), in_reply_to=own)
    stage.play()
    assert stage.answered() == [shown]
    assert [row["id"] for row in stage.rows("SELECT id FROM posts")] == [f"{stage.on}:{shown}"]


def test_a_handle_that_was_written_calls_the_bot(stage: PlatformHarness) -> None:
    """Also in a thread whose handles stand before it."""
    photo = stage.server.add_post(HOST, "So?", [picture("red")])
    hosts = stage.server.add_post(HOST, stage.ask, in_reply_to=photo)
    first = stage.in_thread(f"what does it say? {stage.ask}", HOST, stage.bot)
    in_the_thread = stage.server.add_post("ann", first, [picture("blue")], in_reply_to=hosts)
    stage.play()
    assert stage.answered() == sorted([hosts, in_the_thread])


@pytest.mark.parametrize("text", ["stop", "STOP!!"])
def test_stop_is_permanent(stage: PlatformHarness, text: str) -> None:
    stage.server.add_post("ann", f"@{stage.bot} {text}")
    stage.play()
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    assert stage.outcome(post) == ("skipped", "opted_out")
    assert stage.db["posts"].count == 1


@pytest.mark.parametrize("refers", ["in_reply_to", "quotes"])
def test_stop_counts_as_an_answer_to_the_bot(stage: PlatformHarness, refers: str) -> None:
    stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    own = stage.server.sent[0]["id"]
    words = stage.in_thread("Stop.", stage.bot) if refers == "in_reply_to" else "Stop."
    stage.server.add_post("ann", words, **{refers: own})
    stage.play()
    assert stage.rows("SELECT why FROM opt_outs") == [{"why": "said stop"}]


@pytest.mark.parametrize("stage", ["x", "mastodon"], indirect=True)
def test_an_edit_is_the_same_post(stage: PlatformHarness) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    stage.server.add_post("ann", f"{stage.ask}!", [picture("green")], edit_of=post)
    stage.play()
    assert stage.db["posts"].count == 1
    assert len(stage.server.sent) == 1


@pytest.mark.parametrize(
    ("stage", "media"),
    [
        ("x", "video"),
        ("x", "animated_gif"),
        ("mastodon", "video"),
        ("mastodon", "gifv"),
        ("bluesky", "video"),
        ("bluesky", "gif"),
    ],
    indirect=["stage"],
)
def test_a_preview_frame_stands_for_what_moves(stage: PlatformHarness, media: str) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")], media=media)
    stage.play()
    assert "Cougar" in stage.reply(post)["text"]


def test_a_host_answers_below_a_guess_and_corrects_it(stage: PlatformHarness) -> None:
    post = stage.server.add_post(HOST, stage.tag, [picture("green")])
    guess = stage.server.add_post("ann", "cougar?", in_reply_to=post)
    stage.server.add_post(HOST, "Close, but it's a house cat!", in_reply_to=guess)
    stage.play()
    answers = "SELECT name FROM answers JOIN taxa ON taxa.id = taxon_id"
    if stage.on == "x":  # which does not say what the guess was
        assert stage.rows(answers) == []
        assert stage.rows("SELECT reason FROM answer_candidates") == [
            {"reason": "elsewhere in the thread"}
        ]
        stage.server.add_post(HOST, "It's a house cat!", in_reply_to=post)
        stage.play()
    assert [row["name"] for row in stage.rows(answers)] == ["Felis catus"]
    stage.server.add_post(HOST, "Oops, wrong photo. It's a bobcat!", in_reply_to=post)
    stage.play()
    assert [row["name"] for row in stage.rows(answers)] == ["Lynx rufus"]
    assert len(stage.rows("SELECT * FROM superseded_answers")) == 1


def test_the_hosts_answers_are_found(stage: PlatformHarness) -> None:
    asked = stage.server.add_post(HOST, f"{stage.ask} {stage.tag}", [picture("red")])
    stage.play()
    other = stage.server.add_post("ann", "a lynx?", in_reply_to=asked)
    stage.server.add_post(HOST, "Hm, a bobcat maybe", in_reply_to=other)
    stage.server.add_post(HOST, "It is a cougar!", in_reply_to=asked)
    assert stage.play().answers == 1
    (line,) = stage.rows("SELECT truth, right FROM bot_history")
    assert line == {"truth": "Cougar", "right": 1}
    # Deeper in the conversation it is for a person to decide.
    assert [row["guess"] for row in stage.rows("SELECT guess FROM answer_candidates")] == ["bobcat"]
    (score,) = stage.rows("SELECT posts, right, wrong FROM scoreboard")
    assert score == {"posts": 1, "right": 1, "wrong": 0}


def test_a_post_that_went_is_not_answered(stage: PlatformHarness) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play(post=False)
    stage.server.delete_post(post)
    # What a platform shows is sometimes old: then it is asked again before sending.
    stage.play()
    assert stage.outcome(post) == ("skipped", "deleted")
    assert stage.server.sent == []


def test_pages_are_walked_to_their_end(stage: PlatformHarness) -> None:
    stage.server.page_size = 2
    posts = [
        stage.server.add_post(f"user{n}", stage.ask, [picture("red", seed=n)]) for n in range(5)
    ]
    assert stage.play().new == 5
    posts += [
        stage.server.add_post(f"other{n}", stage.ask, [picture("red", seed=n)]) for n in range(5)
    ]
    assert stage.play().new == 5
    assert stage.answered() == sorted(posts)


@only_new
def test_a_reading_that_breaks_off_is_made_good(stage: PlatformHarness) -> None:
    stage.server.page_size = 2
    stage.server.add_post("first", stage.ask, [picture("red")])
    stage.play()
    posts = [
        stage.server.add_post(f"user{n}", stage.ask, [picture("red", seed=n)]) for n in range(7)
    ]
    for faults in range(2, 6):
        stage.server.read_faults.extend([""] * faults + ["503"])
        try:
            stage.play()
        except TimelineError:
            continue
        finally:
            stage.server.read_faults.clear()
    stage.play()
    assert set(posts) <= set(stage.answered())
    assert stage.rows("SELECT * FROM cursors WHERE gap_from IS NOT NULL") == []


@only_new
def test_an_odd_post_spoils_no_other(stage: PlatformHarness) -> None:
    odd = stage.server.add_post("ann", stage.ask, [picture("red")])
    post = stage.server.add_post("bob", stage.ask, [picture("red")])
    if stage.on == "mastodon":
        stage.server.statuses[odd]["created_at"] = "nonsense"
    else:
        stage.server.records[odd]["value"]["tags"] = 5
    report = stage.play()
    assert stage.answered() == [post]
    assert report.failures[0].endswith("could not be read: 1")
    assert stage.play().failures == ([] if stage.on == "mastodon" else report.failures)


@only_bluesky
@pytest.mark.parametrize(
    "odd",
    [
        {"createdAt": "0001-01-01T00:00:00+14:00"},
        {"createdAt": "9999-12-31T23:59:59-14:00"},
        {"facets": [{"index": {"byteStart": 1e999}, "features": [{"uri": "u"}]}]},
    ],
)
def test_numbers_beyond_all_bounds_spoil_nothing(
    stage: PlatformHarness, odd: dict[str, object]
) -> None:
    strange = stage.server.add_post("ann", stage.ask, [picture("red")])
    post = stage.server.add_post("bob", stage.ask, [picture("red")])
    stage.server.records[strange]["value"].update(odd)
    stage.play()
    assert post in stage.answered()


@only_new
@pytest.mark.parametrize("fault", ["drop_after", "503_after", "drop_before", "500", "503", "html"])
def test_doubt_is_settled_with_exactly_one_reply(stage: PlatformHarness, fault: str) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.post_faults.append(fault)
    assert stage.play().unknown == 1
    frozen = stage.reply(post)
    for stage.later in (1, 70, 140, 210):
        stage.play()
    settled = stage.reply(post)
    assert settled["status"] == "sent"
    assert settled["attempts"] == (1 if fault.endswith("after") else 2)
    for name in ("text", "send_key", "send_record"):
        assert settled[name] == frozen[name] is not None
    assert stage.answered() == [post]
    assert settled["reply_id"] == f"{stage.on}:{stage.server.sent[0]['id']}"


@only_new
def test_what_is_shown_late_is_not_said_twice(stage: PlatformHarness) -> None:
    """Neither by the platform's key, nor more than an hour later when that is forgotten."""
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.delay_s = 1000.0
    stage.server.post_faults.append("drop_after")
    assert stage.play().unknown == 1
    stage.later = 1.0
    stage.play()
    if stage.on == "mastodon":
        stage.server.forget_keys()
        stage.server.delay_s = 0.0
    stage.later = 4000.0
    stage.play()
    assert stage.outcome(post) == ("sent", None)
    assert stage.answered() == [post]


@only_new
def test_the_same_attempt_again_makes_no_second_reply(stage: PlatformHarness) -> None:
    """Even where nothing shows the first one."""
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    stage.db["replies"].update(f"{stage.on}:{post}", {"status": "planned"})
    assert stage.play().sent == 1
    assert stage.answered() == [post]
    assert getattr(stage.server, "changed", []) == []


@only_new
def test_a_limit_is_heeded_until_its_reset(stage: PlatformHarness) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.post_faults.append("429")
    stage.play()
    assert stage.outcome(post) == ("planned", None)
    stage.later = 200.0
    assert stage.play().sent == 0
    stage.later = 400.0
    assert stage.play().sent == 1

    stage.server.read_faults.append("429")
    with pytest.raises(TimelineError, match="Come back at"):
        stage.play()
    asked = len(stage.server.requests)
    with pytest.raises(TimelineError, match="Reading resumes at"):
        stage.play()
    assert len(stage.server.requests) <= asked + 2
    stage.later = 800.0
    stage.play()


@pytest.mark.parametrize(
    ("fault", "words"), [("500", "later"), ("html", "later"), ("drop_before", "later")]
)
@only_new
def test_a_server_that_cannot_be_read_is_named(
    stage: PlatformHarness, fault: str, words: str
) -> None:
    stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.read_faults.extend([fault] * 4)
    with pytest.raises(TimelineError, match="later"):
        stage.play()
    stage.server.read_faults.clear()
    assert stage.play().sent == 1


@only_new
def test_an_answer_that_makes_no_sense_is_named(stage: PlatformHarness) -> None:
    stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.read_faults.extend([""] * (2 if stage.on == "mastodon" else 0) + ["odd"] * 4)
    with pytest.raises(TimelineError, match="returned an unreadable response"):
        stage.play()
    stage.server.read_faults.clear()
    assert stage.play().sent == 1


@only_mastodon
def test_an_empty_answer_about_many_posts_is_looked_into(stage: PlatformHarness) -> None:
    """Pleroma calls the ids of such a question otherwise, and shows nothing."""
    posts = [stage.server.add_post("ann", stage.ask, [picture("red")]) for _ in range(2)]
    stage.play(post=False)
    stage.server.shows_many = False
    stage.play()
    assert stage.answered() == sorted(posts)


@only_new
def test_secrets_stand_nowhere(stage: PlatformHarness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    stage.server.add_post("bob", stage.ask, [picture("red")])
    stage.server.post_faults.append("500")
    texts = [str(stage.play())]
    stage.server.read_faults.extend(["401"] * 9)
    with pytest.raises(TimelineError) as caught:
        stage.play()
    texts += [str(caught.value), caplog.text]
    files = b"".join(p.read_bytes() for p in site_folder(stage.db).rglob("*") if p.is_file())
    for secret in stage.server.secrets():
        assert secret not in "".join(texts)
        assert secret.encode() not in files


@only_new
def test_missing_settings_are_named(
    stage: PlatformHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(stage.server.environment())[1:]:
        with monkeypatch.context() as patch:
            patch.delenv(name)
            with pytest.raises(TimelineError, match=name):
                stage.play()


@only_new
def test_the_account_says_that_it_is_a_bot(stage: PlatformHarness) -> None:
    from click.testing import CliRunner

    from critterdb.cli import main

    arguments = ["bot", "--on", stage.on, "--label"]
    for words in ("now", "already"):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        assert words in result.output
    account = stage.server.me
    assert account["bot"] if stage.on == "mastodon" else account["labels"][0]["val"] == "bot"


@only_mastodon
def test_a_bare_name_is_local(stage: PlatformHarness) -> None:
    stage.db["games"].update(
        GAME, {"hosts": '[{"platform": "mastodon", "handle": "host", "consents": true}]'}
    )
    post = stage.server.add_post(HOST, f"So? {stage.tag}", [picture("red")])
    stage.play()
    assert stage.outcome(post) == ("sent", None)
    assert stage.author(HOST) in stage.db["games"].get(GAME)["hosts"]


@only_mastodon
@pytest.mark.parametrize("visibility", ["public", "unlisted"])
def test_replies_are_unlisted_and_begin_with_the_handle(
    stage: PlatformHarness, visibility: str
) -> None:
    stage.server.add_post("ann@far.example", stage.ask, [picture("red")], visibility=visibility)
    stage.play()
    (sent,) = stage.server.sent
    assert sent["visibility"] == "unlisted"
    assert sent["text"].startswith("@ann@far.example ")


@only_mastodon
@pytest.mark.parametrize("visibility", ["private", "direct"])
def test_what_is_private_stays_private(stage: PlatformHarness, visibility: str) -> None:
    """The database is there to be read by everybody."""
    shown = stage.server.add_post("ann", stage.ask, [picture("red")], visibility=visibility)
    post = stage.server.add_post("bob", f"Hey {stage.ask}", in_reply_to=shown)
    stage.server.add_post("carl", f"@{stage.bot} stop", visibility=visibility)
    stage.play()
    assert [row["id"] for row in stage.rows("SELECT id FROM posts")] == [f"mastodon:{post}"]
    assert stage.outcome(post) == ("skipped", "no_photo")
    assert stage.db["post_images"].count == stage.db["images"].count == 0
    assert [row["author"] for row in stage.rows("SELECT author FROM opt_outs")] == [
        stage.author("carl")
    ]


@only_mastodon
def test_a_handle_cannot_smuggle_in_words(stage: PlatformHarness) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.statuses[post]["account"]["acct"] = "ann hello @everybody"
    report = stage.play()
    assert "handle" in report.failures[0]
    assert stage.server.sent == []


@only_mastodon
def test_a_server_that_knows_less_will_do(stage: PlatformHarness) -> None:
    """GoToSocial and Pleroma: no quotes, one status at a time, names found by searching."""
    stage.server.is_modern = False
    shown = [stage.server.add_post("carl", "look", [picture("green", seed=n)]) for n in range(2)]
    posts = [
        stage.server.add_post("ann", stage.ask, in_reply_to=photo_post) for photo_post in shown
    ]
    posts.append(stage.server.add_post(HOST, f"{stage.ask} {stage.tag}", [picture("red")]))
    stage.play()
    assert stage.answered() == sorted(posts)
    stage.server.add_post(HOST, "It is a cougar!", in_reply_to=posts[2])
    assert stage.play().answers == 1


@only_mastodon
def test_a_reply_is_found_below_a_post_of_the_future(stage: PlatformHarness) -> None:
    """Some servers number posts by their authors' clocks."""
    post = stage.server.add_post("ann", stage.ask, [picture("red")], posted_at=hours_ago(-1))
    stage.server.post_faults.append("drop_after")
    stage.server.forget_keys()
    for stage.later in (0, 70, 140):
        stage.play()
    assert stage.outcome(post) == ("sent", None)
    assert stage.answered() == [post]


@only_new
def test_a_host_that_is_gone_holds_up_nobody(stage: PlatformHarness) -> None:
    handle = stage.author("nobody")
    stage.db["games"].update(
        GAME, {"hosts": f'[{{"platform": "{stage.on}", "handle": "{handle}", "consents": true}}]'}
    )
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    report = stage.play()
    assert stage.answered() == [post]
    if stage.on == "bluesky":
        assert "nobody.test could not be read" in report.failures[0]


@only_mastodon
def test_posts_of_the_hosts_that_arrive_late_are_seen(stage: PlatformHarness) -> None:
    stage.set_host(consents=True)
    old = stage.server.add_post(HOST, f"{stage.tag}", [picture("red")], posted_at=hours_ago(9))
    new = stage.server.add_post(HOST, f"{stage.tag}", [picture("red", seed=1)])
    stage.play()
    late = stage.server.add_post(
        HOST, f"{stage.tag}", [picture("red", seed=2)], posted_at=hours_ago(1)
    )
    stage.play()
    assert stage.answered() == sorted([old, new, late])


@only_bluesky
def test_an_opt_out_holds_under_another_name(stage: PlatformHarness) -> None:
    stage.server.add_post("ann", f"@{stage.bot} stop")
    stage.play()
    stage.server.rename("ann", "ann.example")
    post = stage.server.add_post("ann.example", stage.ask, [picture("red")])
    stage.play()
    assert stage.outcome(post) == ("skipped", "opted_out")
    assert stage.db["images"].count == 0


@only_bluesky
def test_a_reply_names_the_root_of_its_thread(stage: PlatformHarness) -> None:
    root = stage.server.add_post("carl", "look", [picture("green")])
    parent = stage.server.add_post("ann", "hm", in_reply_to=root)
    post = stage.server.add_post("bob", stage.ask, [picture("red")], in_reply_to=parent)
    stage.play()
    reply = stage.server.records[stage.server.sent[0]["id"]]["value"]["reply"]
    assert (reply["root"]["uri"], reply["parent"]["uri"]) == (root, post)
    assert reply["parent"]["cid"] == stage.server.records[post]["cid"]


@only_bluesky
def test_where_replies_are_limited_none_is_tried(stage: PlatformHarness) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.server.reply_disabled.add(post)
    stage.play()
    assert stage.reply(post)["status"] == "refused"
    assert "limited" in stage.reply(post)["error"]
    assert stage.server.sent == []


@only_bluesky
def test_a_plain_text_name_is_not_a_mention(stage: PlatformHarness) -> None:
    """Where no client marked it as a mention, nobody was notified either."""
    stage.server.add_post("ann", stage.ask, [picture("red")], facets=False)
    stage.play()
    assert stage.rows("SELECT * FROM posts") == []


@only_mastodon
@pytest.mark.parametrize("status", [400, 403, 422, 500, 503])
def test_a_status_at_which_the_server_fails_spoils_no_other(
    stage: PlatformHarness, status: int
) -> None:
    """Anybody may reply to a status that breaks the server, and call the bot there."""
    parent = stage.server.add_post("eve", "look", [picture("red")])
    whole = stage.server.add_post("eve", "and this", [picture("red", seed=1)])
    stage.server.failing[parent] = status
    stage.server.add_post("eve", stage.ask, in_reply_to=parent)
    posts = [
        stage.server.add_post("ann", stage.ask, in_reply_to=whole),
        stage.server.add_post("bob", stage.ask, [picture("red", seed=2)]),
    ]
    report = stage.play()
    assert stage.answered() == sorted(posts)
    assert report.failures == ["Posts of Mastodon that could not be read: 1"]
    later = stage.server.add_post("cat", stage.ask, [picture("red", seed=3)])
    assert stage.play().failures == []
    assert later in stage.answered()


@only_mastodon
def test_an_outage_between_two_requests_loses_no_post(stage: PlatformHarness) -> None:
    stage.play()
    parents = [stage.server.add_post("eve", "look", [picture("red", seed=n)]) for n in range(3)]
    posts = [
        stage.server.add_post(f"user{n}", stage.ask, in_reply_to=parent)
        for n, parent in enumerate(parents)
    ]
    broken = 0
    for whole_requests in range(1, 8):
        stage.server.read_faults.extend([""] * whole_requests + ["500"] * 60)
        try:
            broken += bool(stage.play().failures)
        except TimelineError:
            broken += 1
        stage.server.read_faults.clear()
    assert broken
    stage.play()
    assert stage.answered() == sorted(posts)


@only_mastodon
def test_a_post_at_which_the_server_fails_does_not_count_as_deleted(
    stage: PlatformHarness,
) -> None:
    post = stage.server.add_post("ann", stage.ask, [picture("red")])
    stage.play()
    stage.server.failing[post] = 500
    stage.play()
    assert stage.rows("SELECT deleted_at FROM posts") == [{"deleted_at": None}]


@only_new
def test_messages_of_a_host_that_cannot_be_read_are_counted(stage: PlatformHarness) -> None:
    asked = stage.server.add_post(HOST, f"{stage.ask} {stage.tag}", [picture("red")])
    stage.play()
    odd = stage.server.add_post(HOST, "It is a bobcat!", in_reply_to=asked)
    stage.server.add_post(HOST, "It is a cougar!", in_reply_to=asked)
    if stage.on == "mastodon":
        stage.server.statuses[odd]["created_at"] = "nonsense"
    else:
        stage.server.records[odd]["value"]["tags"] = 5
    report = stage.play()
    assert report.answers == 1
    assert "Host messages that could not be read: 1" in report.failures


@only_mastodon
def test_a_conversation_at_which_the_server_fails_is_counted(stage: PlatformHarness) -> None:
    asked = stage.server.add_post(HOST, f"{stage.ask} {stage.tag}", [picture("red")])
    stage.play()
    other = stage.server.add_post("ann", "a lynx?", in_reply_to=asked)
    odd = stage.server.add_post(HOST, "Hm, a bobcat maybe", in_reply_to=other)
    stage.server.add_post(HOST, "It is a cougar!", in_reply_to=asked)
    stage.server.failing[odd] = 500
    report = stage.play()
    assert report.answers == 1
    assert "Host messages that could not be read: 1" in report.failures
