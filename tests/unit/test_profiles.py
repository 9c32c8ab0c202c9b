"""Profiles: which say that a bot runs the account, and which only speak of bots."""

from __future__ import annotations

import pytest

from critterdb.platforms.profiles import says_it_is_a_bot, wants_no_bot


@pytest.mark.parametrize(
    ("handle", "name", "description"),
    [
        ("CatFactsBot", "Cat facts", ""),
        ("cat_bot", "Cats", ""),
        ("lynx_bot_2", "Lynx", ""),
        ("everylynx", "Every Lynx Bot", ""),
        ("everylynx", "Every Lynx Bot 🤖", ""),
        ("everylynx", "Every Lynx", "I am a bot. Contact @ann"),
        ("everylynx", "Every Lynx", "I’m a friendly little bot"),
        ("everylynx", "Every Lynx", "Beep boop, I'm a robot!"),
        ("everylynx", "Every Lynx", "Bot that posts a lynx each hour | by @ann"),
        ("everylynx", "Every Lynx", "A bot by @ann"),
        ("everylynx", "Every Lynx", "Unofficial lynx bot. Photos: iNaturalist"),
        ("everylynx", "Every Lynx", "Automated by @ann"),
        ("everylynx", "Every Lynx", "A lynx a day (automated account)"),
        ("everylynx", "Every Lynx", "This account is automated"),
        ("everylynx", "Every Lynx", "🤖 A lynx every hour"),
        ("lynxbot", "Lynx", "🤖 all the lynxes"),
        ("lynxbot", "Lynx 🤖", ""),
    ],
)
def test_a_bot_that_says_so(handle: str, name: str, description: str) -> None:
    assert says_it_is_a_bot(handle, name, description)


@pytest.mark.parametrize(
    ("handle", "name", "description"),
    [
        ("ann", "Ann", ""),
        ("ann", "Ann", "Robotics, cats, and tea"),
        ("ann", "Ann 🤖", "Robotics PhD student"),
        ("ann", "Ann", "AI engineer 🤖 cat person"),
        ("ann", "Ann", "I am not a bot"),
        ("ann", "Ann", "Definitely not a bot 🤖"),
        ("ann", "Ann (not a bot)", "🤖 hourly cats"),
        ("ann", "Ann", "Human, never a bot"),
        ("ann", "Ann", "Bots will be blocked"),
        ("ann", "Ann", "I block every bot"),
        ("ann", "Ann", "I build bots"),
        ("ann", "Ann", "I run a bot that posts cats: @everycat"),
        ("ann", "Ann", "Maker of the cat bot"),
        ("ann", "Ann", "My bot is @everycat 🤖"),
        ("ann", "Ann", "Discord bot developer"),
        ("ann", "Ann", "Bot detection researcher, anti-bot activist"),
        ("ann", "Ann", "Part human, part bot"),
        ("ann", "Ann", "No bots please #nobot"),
        ("lisatalbot", "Lisa Talbot", "Wildlife photographer"),
        ("LisaTalbot", "Lisa Talbot", ""),
        ("johncabot", "John Cabot", "Explorer"),
        ("TurbotFishing", "Turbot", ""),
        ("mrrobot", "Mr Robot", ""),
        ("MrRobot", "Elliot", "Mr Robot fan"),
        ("elliot", "Elliot", "Rewatching Mr. Robot. Cats."),
        ("mélbot", "Mél Talbot", ""),
        ("botany_ann", "Botanist Ann", "Botany every day"),
        ("abbott", "Abbot Ann", "Abbot of St Mary"),
    ],
)
def test_a_person_who_does_not(handle: str, name: str, description: str) -> None:
    assert not says_it_is_a_bot(handle, name, description)


@pytest.mark.parametrize(("text", "no"), [("cats #NoBot", True), ("#nobots", False), ("", False)])
def test_who_wants_no_bot(text: str, no: bool) -> None:
    assert wants_no_bot(text) is no
