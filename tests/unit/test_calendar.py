"""The catalogue of hashtag games, their rhythms, and the next dates that follow from them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from critterdb.bot.calendar.catalogue import load_catalogue
from critterdb.bot.calendar.events import HORIZON, site_catalogue, upcoming
from critterdb.bot.calendar.rhythm import DAYS, next_occasions, parse_rhythm
from critterdb.cli.output import status_lines
from critterdb.errors import GameError
from critterdb.games import Game, Host, save_game
from critterdb.site.status import site_status
from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.storage.timestamps import utc_text

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

ZONES = ["America/Los_Angeles", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def dates(text: str, after: datetime, count: int = 3) -> list[str]:
    occasions = next_occasions(parse_rhythm(text), after, count)
    return [utc_text(each.moment) if each.moment else str(each.day) for each in occasions]


@given(
    st.sampled_from(DAYS),
    st.times(),
    st.sampled_from(ZONES),
    st.integers(0, 60 * 365 * 24 * 60),
)
@settings(max_examples=60, deadline=None)
def test_a_weekly_game_keeps_its_local_time_across_daylight_saving(
    day: str, clock: object, zone: str, minutes: int
) -> None:
    after = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    text = f"weekly on {day} {clock:%H:%M} {zone}"
    occasions = next_occasions(parse_rhythm(text), after, 60)
    moments = [each.moment for each in occasions if each.moment]
    assert len(moments) == 60
    assert after <= moments[0] <= after + timedelta(days=7, hours=2)
    for earlier, later in pairwise(occasions):
        assert later.day - earlier.day == timedelta(days=7)
    for occasion in occasions:
        assert occasion.moment
        assert DAYS[occasion.day.weekday()] == day
        local = occasion.moment.astimezone(ZoneInfo(zone))
        skipped = local.replace(tzinfo=None) - datetime.combine(
            occasion.day, datetime.strptime(f"{clock:%H:%M}", "%H:%M").time()
        )
        # Not zero only where the clock skips that time in spring.
        assert skipped in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))
        if skipped:
            before = occasion.moment - timedelta(hours=2)
            assert before.astimezone(ZoneInfo(zone)).utcoffset() != local.utcoffset()


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        (
            "weekly on Friday 19:00 America/Los_Angeles",
            datetime(2026, 10, 29, tzinfo=UTC),
            ["2026-10-31T02:00:00Z", "2026-11-07T03:00:00Z", "2026-11-14T03:00:00Z"],
        ),
        (  # 02:30 is skipped on 8 March 2026
            "weekly on Sunday 02:30 America/Los_Angeles",
            datetime(2026, 3, 1, tzinfo=UTC),
            ["2026-03-01T10:30:00Z", "2026-03-08T10:30:00Z", "2026-03-15T09:30:00Z"],
        ),
        (  # 01:30 comes twice on 1 November 2026
            "weekly on Sunday 01:30 America/Los_Angeles",
            datetime(2026, 10, 31, tzinfo=UTC),
            ["2026-11-01T08:30:00Z", "2026-11-08T09:30:00Z", "2026-11-15T09:30:00Z"],
        ),
        (
            "monthly on the last Friday 19:00 Europe/London",
            datetime(2026, 9, 1, tzinfo=UTC),
            ["2026-09-25T18:00:00Z", "2026-10-30T19:00:00Z", "2026-11-27T19:00:00Z"],
        ),
        ("monthly on day 31", NOW, ["2026-12-31", "2027-01-31", "2027-03-31"]),
        ("weekly on Monday and Friday", NOW, ["2026-11-30", "2026-12-04", "2026-12-07"]),
        ("daily 09:00 UTC", NOW, [f"2026-{day}T09:00:00Z" for day in ("11-29", "11-30", "12-01")]),
        ("weekly", NOW, []),
        ("irregular", NOW, []),
        ("unknown", NOW, []),
    ],
)
def test_dates_that_follow_from_a_rhythm(text: str, after: datetime, expected: list[str]) -> None:
    assert dates(text, after) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("weekly on Fryday", "Fryday"),
        ("weekly on Friday 25:00 UTC", "25:00"),
        ("weekly on Friday 19:00 America/Gotham", "America/Gotham"),
        ("weekly 19:00 UTC", "could not be read"),
        ("monthly on day 32", "could not be read"),
        ("now and then", "could not be read"),
        ("", "could not be read"),
    ],
)
def test_another_rhythm_is_an_error_that_shows_one(text: str, what: str) -> None:
    with pytest.raises(GameError, match=what) as caught:
        parse_rhythm(text)
    assert "America/Los_Angeles" in str(caught.value) or "Use" in str(caught.value)


def test_every_game_of_the_catalogue_has_a_source_and_says_nothing_that_nobody_knows() -> None:
    catalogue = load_catalogue()
    assert catalogue.problems == ()
    assert {"cougarornot", "croworno", "findthatlizard"} <= set(catalogue.games)
    for slug, game in catalogue.games.items():
        assert game.link, slug
        assert slug == (game.hashtag or "").lower()
        assert game.still_played is None, f"{slug}: who says so?"


def test_a_site_adds_changes_and_hides_games(tmp_path: Path) -> None:
    (tmp_path / "catalogue.toml").write_text(
        """
        [foxornot]
        hashtag = "FoxOrNot"
        hosts = [{ platform = "mastodon", handle = "@ann@example.org" }]
        rhythm = "weekly on Monday 08:00 Europe/London"
        still_played = true
        since = 2026
        [croworno]
        still_played = false
        [damornot]
        hidden = true
        """
    )
    catalogue = load_catalogue(tmp_path)
    assert catalogue.problems == ()
    assert "damornot" not in catalogue.games
    fox = catalogue.games["foxornot"]
    assert (fox.hosts[0].handle, fox.platforms, fox.since) == (
        "ann@example.org",
        ("mastodon",),
        "2026",
    )
    crow = catalogue.games["croworno"]
    assert crow.still_played is False
    assert crow.question == "Is it a crow?"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[croworno", "could not be read"),
        ("croworno = 3", "croworno must be a section"),
        ("[croworno]\nlink = 'javascript:alert(1)'", "link must be a URL"),
        ("[croworno]\nrhythm = 'on and off'", "rhythm 'on and off' could not be read"),
        ("[croworno]\nhosts = ['ann']", "hosts must be a list such as"),
        ("[croworno]\nstil_played = true", "stil_played is not a key"),
        ("[croworno]\nquestion = '" + "x" * 301 + "'", "question must be a text of at most 300"),
    ],
)
def test_a_bad_file_gives_one_line_and_the_rest_still_works(
    tmp_path: Path, text: str, line: str
) -> None:
    (tmp_path / "catalogue.toml").write_text(text)
    catalogue = load_catalogue(tmp_path)
    [problem] = catalogue.problems
    assert line in problem
    assert "catalogue.toml" in problem
    assert str(tmp_path) not in problem
    assert catalogue.games == load_catalogue().games


def test_status_says_what_is_wrong_with_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "catalogue.toml").write_text("[croworno]\nrhythm = 'on and off'")
    with closing(open_database(tmp_path / DATABASE_NAME, create=True)) as db:
        [line] = status_lines(site_status(db))[-1:]
    assert "catalogue.toml: [croworno] is left out" in line


def add_round(db: SiteDatabase, opens_at: datetime, state: str = "planned") -> None:
    db["rounds"].insert(
        {
            "game": "crowornot",
            "platform": "x",
            "host": "corvidresearch",
            "opens_at": utc_text(opens_at),
            "closes_at": utc_text(opens_at + timedelta(hours=3)),
            "state": state,
            "planned_at": utc_text(NOW),
        }
    )


def test_planned_rounds_win_over_the_rhythm(tmp_path: Path) -> None:
    """The rhythm counts again after the last planned round, if the game is still played."""
    with closing(open_database(tmp_path / DATABASE_NAME, create=True)) as db:
        save_game(db, Game("crowornot", "CrowOrNo", hosts=[Host("x", "corvidresearch")]))
        catalogue = site_catalogue(db, tmp_path)
        assert catalogue.games["croworno"].game == "crowornot"
        assert len(catalogue.games["croworno"].hosts) == 1
        assert upcoming(db, catalogue, NOW) == []
        (tmp_path / "catalogue.toml").write_text("[croworno]\nstill_played = true")
        catalogue = site_catalogue(db, tmp_path)
        promised = upcoming(db, catalogue, NOW)
        assert [event.day for event in promised[:2]] == [date(2026, 12, 2), date(2026, 12, 9)]
        assert promised[-1].day <= (NOW + HORIZON).date()
        add_round(db, datetime(2026, 12, 4, 3, tzinfo=UTC))  # the evening before in Los Angeles
        add_round(db, datetime(2026, 12, 5, tzinfo=UTC), "cancelled")
        add_round(db, datetime(2026, 11, 20, tzinfo=UTC), "revealed")
        planned, following, *_ = upcoming(db, catalogue, NOW)
        assert (planned.day, planned.round_id, planned.host) == (
            date(2026, 12, 3),
            1,
            "corvidresearch",
        )
        assert planned.ends == datetime(2026, 12, 4, 6, tzinfo=UTC)
        assert (following.day, following.round_id) == (date(2026, 12, 9), None)
