"""Who is who: hosts by their accounts, handles by ASCII, opt-outs under every handle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from critterdb.bot.accounts import Account, opt_out, opted_out
from critterdb.cli import main
from critterdb.games import fold_handle, get_game, same_handle
from critterdb.site.folder import init_site
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, site_folder
from tests.fakes.mastodon import StandInMastodon
from tests.support.bot_harness import BOT, GAME, HASHTAG, HOST, BotHarness
from tests.support.datasette_site import open_datasette
from tests.support.models import make_tiny_model, picture
from tests.support.platforms import PlatformHarness

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ASK = f"@{BOT} what is this?"
KELVIN = "\u212a"


def rename(ground: BotHarness, handle: str, new: str) -> None:
    """Let an account take another handle, so that the old one is free."""
    users = ground.x.known.users
    users[new] = users.pop(handle) | {"username": new}
    # Ids count the accounts: keep the next one from having an id that is taken.
    users["filler"] = {"id": "filler", "username": "filler", "name": "", "description": ""}


def consent(ground: BotHarness) -> None:
    hosts = [{"platform": "x", "handle": HOST, "consents": True}]
    ground.db["games"].update(GAME, {"hosts": json.dumps(hosts)})


def ask_as_host(ground: BotHarness, *, seed: int = 0) -> str:
    return ground.x.add_post(HOST, f"So? #{HASHTAG}", [picture("red", seed=seed)])


def test_a_hosts_account_is_pinned_at_first_sight(ground: BotHarness) -> None:
    ask_as_host(ground)
    ground.play()
    (host,) = get_game(ground.db, GAME).hosts
    assert host.account_id == ground.x.add_user(HOST)["id"]


def test_who_takes_over_a_hosts_handle_has_no_powers(ground: BotHarness) -> None:
    question = ask_as_host(ground)
    ground.play()
    rename(ground, HOST, "formerhost")
    ground.x.add_post(HOST, "It's a bobcat!", in_reply_to=question)
    own = ask_as_host(ground, seed=1)
    report = ground.play()
    assert ground.db["answers"].count == ground.db["answer_candidates"].count == 0
    assert ground.db["posts"].count_where("id = ?", [f"x:{own}"]) == 0
    assert "x:host is no longer the account of the host of tints" in str(report)


def test_a_host_with_a_new_handle_is_named(ground: BotHarness) -> None:
    ask_as_host(ground)
    ground.play()
    rename(ground, HOST, "newname")
    ground.x.add_post("newname", ASK, [picture("red", seed=2)])
    assert "is now called newname" in str(ground.play())


def test_naming_the_host_again_pins_the_account_that_has_the_handle(ground: BotHarness) -> None:
    ask_as_host(ground)
    ground.play()
    rename(ground, HOST, "formerhost")
    ground.db["games"].update(
        GAME, {"hosts": json.dumps([{"platform": "x", "handle": HOST, "consents": False}])}
    )
    own = ask_as_host(ground, seed=1)
    ground.play()
    assert ground.reply(own)["reason"] == "not_summoned"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Kate@a.example", "kate@A.example", True),
        (f"{KELVIN}ate@a.example", "kate@a.example", False),
        ("ANN", "ann", True),
        ("Ännchen", "ännchen", False),
    ],
)
def test_handles_are_compared_as_sqlite_does(
    db: SiteDatabase, first: str, second: str, same: bool
) -> None:
    assert same_handle(first, second) is same
    for handle in (first, second):
        assert db.execute("SELECT lower(?)", [handle]).fetchone() == (fold_handle(handle),)


def test_a_kelvin_sign_does_not_make_a_host(ground: BotHarness) -> None:
    game = get_game(ground.db, GAME)
    ground.db["games"].update(
        GAME, {"hosts": json.dumps([{"platform": "mastodon", "handle": "kate@a.example"}])}
    )
    (host,) = get_game(ground.db, game.slug).hosts
    assert host.is_account("KATE@a.example", None)
    assert not host.is_account(f"{KELVIN}ate@a.example", None)


def test_who_is_called_almost_like_a_host_has_no_powers(
    db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's lower() makes a k of the Kelvin sign; Mastodon takes them for two accounts."""
    make_tiny_model(db, GAME, hashtag=HASHTAG)
    with StandInMastodon() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        stage = PlatformHarness(db, server, "mastodon")
        host = {"platform": "mastodon", "handle": "kate@a.example", "consents": True}
        db["games"].update(GAME, {"hosts": json.dumps([host])})
        own = server.add_post("kate@a.example", stage.tag, [picture("red")])
        server.add_post("impostor@a.example", stage.tag, [picture("green")])
        server.accounts["impostor@a.example"]["acct"] = f"{KELVIN}ate@a.example"
        stage.play()
        assert stage.answered() == [own]
    assert db["posts"].count == 1


def test_an_opt_out_holds_under_another_handle(ground: BotHarness) -> None:
    opt_out(ground.db, Account("x", "ann", "77"), "said stop", ground.now())
    assert opted_out(ground.db, "x", "anna", "77")
    assert opted_out(ground.db, "x", "ANN")
    assert not opted_out(ground.db, "x", "anna", "78")


def test_a_rename_does_not_undo_what_a_person_said(ground: BotHarness) -> None:
    ground.x.add_post("ann", ASK, [picture("red")])
    ground.play()
    leave_alone(ground, "x:Ann")
    rename(ground, "ann", "anna")
    post = ground.x.add_post("anna", ASK, [picture("green")])
    ground.play()
    assert ground.reply(post)["reason"] == "opted_out"


def test_an_id_that_is_seen_later_is_kept_with_the_opt_out(ground: BotHarness) -> None:
    leave_alone(ground, "x:ann")
    ground.x.add_post("ann", ASK, [picture("red")])
    ground.play()
    rename(ground, "ann", "anna")
    post = ground.x.add_post("anna", ASK, [picture("green")])
    ground.play()
    assert ground.reply(post)["reason"] == "opted_out"


def leave_alone(ground: BotHarness, account: str) -> None:
    database: Path = site_folder(ground.db) / DATABASE_NAME
    command = ["--db", str(database), "accounts", "leave-alone", account]
    assert CliRunner().invoke(main, command).exit_code == 0


def test_the_owner_of_a_photo_is_stored(ground: BotHarness) -> None:
    shown = ground.x.add_post("carl", "my cat", [picture("blue")])
    post = ground.x.add_post("ann", ASK, in_reply_to=shown)
    own = ground.x.add_post("bob", ASK, [picture("red")])
    ground.play()
    row = ground.db["posts"].get(f"x:{post}")
    carl = ground.x.add_user("carl")["id"]
    owner = (row["photos_post_id"], row["photos_author"], row["photos_author_id"])
    assert owner == (f"x:{shown}", "carl", carl)
    assert ground.db["posts"].get(f"x:{own}")["photos_post_id"] is None


def test_a_draft_about_a_photo_is_dropped_if_its_owner_opts_out(ground: BotHarness) -> None:
    shown = ground.x.add_post("carl", "my cat", [picture("blue")])
    post = ground.x.add_post("ann", ASK, in_reply_to=shown)
    ground.play(post=False)
    ground.x.add_post("carl", f"@{BOT} stop")
    ground.play()
    assert ground.reply(post)["reason"] == "opted_out"
    assert not ground.x.sent


def test_a_draft_about_a_photo_is_dropped_if_its_post_is_deleted(ground: BotHarness) -> None:
    shown = ground.x.add_post("carl", "my cat", [picture("blue")])
    post = ground.x.add_post("ann", ASK, in_reply_to=shown)
    ground.play(post=False)
    ground.x.delete_post(shown)
    ground.play()
    assert ground.reply(post)["reason"] == "deleted"
    assert ground.db["posts"].get(f"x:{post}")["photos_deleted_at"]


def test_a_deleted_photo_is_marked_within_a_day(ground: BotHarness) -> None:
    shown = ground.x.add_post("carl", "my cat", [picture("blue")])
    post = ground.x.add_post("ann", ASK, in_reply_to=shown)
    ground.play()
    ground.x.delete_post(shown)
    ground.later = 25 * 3600
    assert ground.play().deleted == 1
    row = ground.db["posts"].get(f"x:{post}")
    assert row["photos_deleted_at"]
    assert row["deleted_at"] is None


@pytest.mark.parametrize("withdrawal", ["stop", "deletion"])
async def test_an_owner_takes_a_photo_from_pages_and_copies(
    ground: BotHarness, tmp_path: Path, withdrawal: str
) -> None:
    """Ann asked about Carl's photo and was answered before Carl withdrew it."""
    shown = ground.x.add_post("carl", "my cat", [picture("blue")])
    asked = ground.x.add_post("ann", ASK, in_reply_to=shown)
    ground.play()
    [image] = ground.db["post_images"].rows
    site, public = site_folder(ground.db), tmp_path / "public"
    init_site(site)
    address = f"/-/critters/posts/x:{asked}.json"
    assert image["url"] in (await open_datasette(site).client.get(address)).text
    if withdrawal == "stop":
        ground.x.add_post("carl", f"@{BOT} stop")
    else:
        ground.x.delete_post(shown)
        ground.later = 25 * 3600
    ground.play()
    assert image["url"] not in (await open_datasette(site).client.get(address)).text
    command = ["--db", str(site / DATABASE_NAME), "publish", str(public)]
    assert CliRunner().invoke(main, command).exit_code == 0
    assert image["url"].encode() not in (public / DATABASE_NAME).read_bytes()


@pytest.mark.parametrize(
    ("words", "settled"),
    [("Nice avatar, it's a bobcat!", False), (f"The answer: it's a bobcat! #{HASHTAG}", True)],
)
def test_a_word_to_somebody_who_asked_is_not_the_answer_to_the_host(
    ground: BotHarness, words: str, settled: bool
) -> None:
    question = ask_as_host(ground)
    asked = ground.x.add_post("ann", ASK, in_reply_to=question)
    ground.play()
    ground.x.add_post(HOST, words, in_reply_to=asked)
    ground.play()
    answered = {row["post_id"] for row in ground.db["answers"].rows}
    assert answered == ({f"x:{question}", f"x:{asked}"} if settled else set())
    waiting = [row["post_id"] for row in ground.db["answer_candidates"].rows]
    assert waiting == ([] if settled else [f"x:{asked}"])
