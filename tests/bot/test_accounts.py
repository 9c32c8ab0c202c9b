"""What a person says of accounts: who is a bot, who is not, and who is to be left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.storage.database import DATABASE_NAME
from tests.support.bot_harness import BOT, BotHarness
from tests.support.models import picture

ASK = f"@{BOT} what is this?"


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--db", str(folder / DATABASE_NAME), "accounts", *arguments])


def folder_of(ground: BotHarness) -> Path:
    return Path(ground.db.execute("PRAGMA database_list").fetchone()[2]).parent


def test_a_bot_that_a_person_named_is_not_answered(ground: BotHarness) -> None:
    done = run(folder_of(ground), "bot", "x:@CatFacts")
    assert done.stdout == "x:CatFacts is a bot.\n"
    ground.x.add_post("catfacts", ASK, [picture("red")])
    ground.play()
    assert ground.db["posts"].count == 0


def test_a_person_whose_profile_sounds_like_a_bots(ground: BotHarness) -> None:
    ground.x.add_user("cat_bot", note="A bot by @ann")
    ground.x.add_post("cat_bot", ASK, [picture("red")])
    ground.play()
    assert ground.db["posts"].count == 0
    assert "is a person" in run(folder_of(ground), "person", "x:Cat_Bot").stdout
    post = ground.x.add_post("cat_bot", ASK, [picture("red", seed=1)])
    ground.play()
    assert post in {reply["in_reply_to"] for reply in ground.x.sent}


def test_hosts_are_nobodys_bots(ground: BotHarness) -> None:
    """A person named them."""
    ground.x.add_user("host", note="I am a bot")
    post = ground.x.add_post("host", "So? #tintOrNot", [picture("red")])
    ground.play()
    assert ground.reply(post)["reason"] == "not_summoned"


def test_somebody_is_left_alone_by_hand(ground: BotHarness) -> None:
    assert run(folder_of(ground), "leave-alone", "x:ann").exit_code == 0
    post = ground.x.add_post("Ann", ASK, [picture("red")])
    ground.play()
    assert ground.reply(post)["reason"] == "opted_out"


def test_what_is_known_is_listed(ground: BotHarness) -> None:
    folder = folder_of(ground)
    assert "Nobody" in run(folder).stdout
    ground.x.add_post("ann", f"@{BOT} stop")
    ground.play()
    for words in (("bot", "x:b"), ("person", "bluesky:c.test"), ("bot", "bluesky:C.test")):
        assert run(folder, *words).exit_code == 0
    listed = json.loads(run(folder, "--json").stdout)
    assert [
        (account["author"].lower(), account["treated_as"], account["why"]) for account in listed
    ] == [
        ("c.test", "a bot", "a person said so"),
        ("ann", "left alone", "said stop"),
        ("b", "a bot", "a person said so"),
    ]
    assert "left alone" in run(folder).stdout


@pytest.mark.parametrize("account", ["ann", "myspace:ann", "x:", "x:a b", "mastodon:ann"])
def test_a_malformed_account_is_rejected(ground: BotHarness, account: str) -> None:
    done = run(folder_of(ground), "bot", account)
    assert done.exit_code == 1
    assert "Write" in done.output
