"""The calendar and the pages of games: as HTML, JSON, Atom and iCalendar."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.storage.timestamps import utc_text
from critterdb.web.pages.ics import MAX_LINE_BYTES, fold, unfold
from tests.support.datasette_site import shared_datasette
from tests.support.pages import GAME, make_furnished_site
from tests.support.static_site import bake

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CALENDAR = "/-/critters/calendar"
ATOM = "{http://www.w3.org/2005/Atom}"
# Any Monday to Sunday; the clock changes in both parts of the year somewhere.
OWN_GAMES = """
[foxornot]
hashtag = "FoxOrNot"
question = "Fox; or, as some say, not a fox, but a «coyote» – 狐狸? And what is it doing there?"
hosts = [{ platform = "mastodon", handle = "ann@example.org", name = "Ann" }]
rhythm = "daily 19:00 America/Los_Angeles"
still_played = true
[owlornot]
rhythm = "weekly on Sunday"
still_played = true
[croworno]
rhythm = "never"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_furnished_site(tmp_path_factory.mktemp("calendar") / "mysite")
    (folder / "catalogue.toml").write_text(OWN_GAMES, "utf-8")
    opens = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["rounds"].insert(
            {
                "game": GAME,
                "platform": "x",
                "host": "drmichellelarue",
                "photo_id": 1,
                "opens_at": utc_text(opens),
                "closes_at": utc_text(opens + timedelta(hours=3)),
                "planned_at": "2026-11-20T10:00:00Z",
            }
        )
    return folder


async def get(folder: Path, path: str) -> Any:
    response = await shared_datasette(folder).client.get(path)
    assert response.status_code == 200, response.text
    return response


async def test_the_calendar_lists_rounds_and_games(folder: Path) -> None:
    text = (await get(folder, CALENDAR)).text
    assert "#FoxOrNot" in text
    assert "@drmichellelarue on X" in text
    assert "last seen in July 2023" in text
    assert "catalogue.toml: [croworno]" not in text, "only for reviewers"
    assert text.count("<time") == 3, "a planned round, and the next usual time of two games"
    data = (await get(folder, f"{CALENDAR}.json")).json()
    assert len(data["events"]) > 3
    planned = [event for event in data["events"] if event["is_planned"]]
    assert [(event["game"], event["host"]) for event in planned] == [
        ("cougarornot", "drmichellelarue")
    ]
    assert data["games"][0]["slug"] == "cougarornot", "the site's own first"
    crow = next(game for game in data["games"] if game["slug"] == "croworno")
    assert crow["rhythm"] == "weekly on Wednesday 11:30 America/Los_Angeles"
    assert crow["next"] is None, "nobody confirmed that it is still played"


async def test_reviewers_see_what_is_wrong_with_the_catalogue(folder: Path) -> None:
    datasette = shared_datasette(folder)
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    response = await datasette.client.get(CALENDAR, cookies=cookies)
    assert "catalogue.toml: [croworno] is left out. The rhythm" in response.text


async def test_a_game_has_a_page_with_how_to_join_and_how_the_bot_does(folder: Path) -> None:
    text = (await get(folder, "/-/critters/games/CougarOrNot")).text
    assert "right about 1 of 2, wrong about 1" in text
    assert not re.search(r"\d%", re.sub(r"<head>.*?</head>", "", text, flags=re.DOTALL))
    assert "/-/critters/play/cougarornot" in text
    assert "planned</span> by @drmichellelarue" in text
    other = (await get(folder, "/-/critters/games/knockknockwhosbear")).text
    assert "Whether it is still played is unknown" in other
    missing = await shared_datasette(folder).client.get("/-/critters/games/nosuchgame")
    assert missing.status_code == 404


async def test_the_file_opens_in_a_strict_parser_and_its_times_are_right(folder: Path) -> None:
    icalendar = pytest.importorskip("icalendar", reason="pip install critterdb[test]")
    response = await get(folder, f"{CALENDAR}.ics")
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    body = response.content
    lines = body.split(b"\r\n")
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= MAX_LINE_BYTES
    calendar = icalendar.Calendar.from_ical(body)
    assert calendar.errors == []
    events = calendar.walk("VEVENT")
    assert [error for event in events for error in event.errors] == []
    assert len({event["UID"] for event in events}) == len(events)
    for event in events:
        assert event["DTSTAMP"].dt.tzinfo is not None
    foxes = [event for event in events if "FoxOrNot" in event["SUMMARY"]]
    from zoneinfo import ZoneInfo

    home = ZoneInfo("America/Los_Angeles")
    assert {event["DTSTART"].dt.astimezone(home).hour for event in foxes} == {19}
    assert "Fox; or, as some say, not a fox, but a «coyote» – 狐狸?" in foxes[0]["SUMMARY"]
    [planned] = [event for event in events if event["STATUS"] == "CONFIRMED"]
    assert planned["DTEND"].dt - planned["DTSTART"].dt == timedelta(hours=3)
    owls = [event for event in events if "owlornot" in event["SUMMARY"]]
    assert {event["DTSTART"].dt.strftime("%A") for event in owls} == {"Sunday"}
    again = icalendar.Calendar.from_ical((await get(folder, f"{CALENDAR}.ics")).content)
    assert [event["UID"] for event in again.walk("VEVENT")] == [event["UID"] for event in events]


@pytest.mark.any_line
def test_lines_are_folded_between_characters() -> None:
    line = "SUMMARY:" + "狐" * 60 + "x" * 90
    folded = fold(line)
    assert all(len(piece.encode()) <= MAX_LINE_BYTES for piece in folded.split("\r\n"))
    assert unfold(folded) == [line]


async def test_the_feed_has_an_entry_for_each_round(folder: Path) -> None:
    response = await get(folder, f"{CALENDAR}.atom")
    root = ET.fromstring(response.text)
    ids = [entry.findtext(f"{ATOM}id") for entry in root.iter(f"{ATOM}entry")]
    assert len(ids) == len(set(ids)) > 3
    assert root.findtext(f"{ATOM}updated")


@pytest.mark.any_line
def test_the_static_site_has_all_of_it(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("icalendar")
    import icalendar

    bake(folder, tmp_path / "public", base_url="https://me.example/repo/")
    critters = tmp_path / "public" / "critters"
    calendar = icalendar.Calendar.from_ical((critters / "calendar.ics").read_bytes())
    addresses = {event["URL"] for event in calendar.walk("VEVENT")}
    assert "https://me.example/repo/critters/games/cougarornot/" in addresses
    assert (critters / "games/findthatlizard/index.html").is_file()
    assert "https://me.example/repo/critters/games/" in (critters / "calendar.atom").read_text()
    assert (critters / "calendar.json").is_file()
