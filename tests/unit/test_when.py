"""When a round opens: times with zones, across a change of daylight saving time too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from critterdb.bot.rounds.when import parse_when
from critterdb.errors import GameError

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"  # its clocks go from 2:00 to 3:00 on 29 March 2026


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("now", None, "2026-03-28T12:00"),
        ("90m", None, "2026-03-28T13:30"),
        ("+24h", BERLIN, "2026-03-29T12:00"),
        ("2d", BERLIN, "2026-03-30T12:00"),
        ("2026-03-28T18:00Z", BERLIN, "2026-03-28T18:00"),
        ("2026-03-28T18:00+01:00", None, "2026-03-28T17:00"),
        ("2026-03-29 01:59", BERLIN, "2026-03-29T00:59"),
        ("2026-03-29 03:00", BERLIN, "2026-03-29T01:00"),
        ("2026-03-30 18:00", BERLIN, "2026-03-30T16:00"),
        ("2026-07-01 18:00", "America/Denver", "2026-07-02T00:00"),
    ],
)
def test_a_time_is_a_moment(text: str, zone: str | None, moment: str) -> None:
    assert parse_when(text, zone, NOW).isoformat() == f"{moment}:00+00:00"


@pytest.mark.parametrize(
    ("text", "zone", "words"),
    [
        ("2026-03-29 02:30", BERLIN, "never"),
        ("2026-10-25 02:30", BERLIN, "twice"),
        ("2026-03-28 18:00", None, "has no time zone"),
        ("2026-03-28 18:00", "Moon/Crater", "not a time zone"),
        ("2026-03-28 18:00", "../../etc/passwd", "not a time zone"),
        ("tomorrow", BERLIN, "not a time"),
        ("", None, "not a time"),
        ("9999-12-31T23:59-12:00", None, "too far away"),
    ],
)
def test_what_is_not_a_moment_is_refused(text: str, zone: str | None, words: str) -> None:
    with pytest.raises(GameError, match=words):
        parse_when(text, zone, NOW)
