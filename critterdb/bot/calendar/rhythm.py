"""How often a game is played, in a line of text, and the next times that follow from it.

    daily 09:00 Europe/London
    weekly on Monday, Tuesday and Wednesday 20:00 America/New_York
    weekly on Friday
    monthly on the last Friday 19:00 America/Los_Angeles
    monthly on day 15
    weekly, monthly, irregular, unknown

A time is local time of its zone, on both sides of a change of daylight saving. A time that the
clock skips in spring is played as much later as the clock skips; of one that comes twice in autumn
the first counts. Months without a day 31 are left out. Without a time only the day is known.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from critterdb.errors import GameError

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
Often = Literal["daily", "weekly", "monthly", "irregular", "unknown"]
EXAMPLES = "“weekly on Friday 19:00 America/Los_Angeles”, “monthly on day 15” or “irregular”"
DAYS_SEARCHED = 800  # two years, so that the fifth of a rare date is found and a loop ends

_TIME = re.compile(r"^(?P<rule>.*?)(?:\s+(?P<clock>\d{1,2}:\d{2})\s+(?P<zone>[A-Za-z_+\-/0-9]+))?$")
_WEEKLY = re.compile(r"^weekly on (.+)$")
_NTH = re.compile(rf"^monthly on the ({'|'.join(ORDINALS)}) ({'|'.join(DAYS)})$", re.IGNORECASE)
_DAY = re.compile(r"^monthly on day (\d{1,2})$")


@dataclass(frozen=True)
class Rhythm:
    """A parsed rhythm. `days` are weekdays (Monday is 0), or with `nth` the one of a month.

    `clock` and `zone` are None if only the day is known.
    """

    text: str
    often: Often
    days: frozenset[int] = frozenset()
    nth: int | None = None
    day_of_month: int | None = None
    clock: time | None = None
    zone: str | None = None

    @property
    def has_dates(self) -> bool:
        """Whether the days follow from it."""
        return self.often == "daily" or bool(self.days) or self.day_of_month is not None

    def falls_on(self, day: date) -> bool:
        """Whether the game is played on this day of its zone."""
        if self.often == "monthly":
            if self.day_of_month is not None:
                return day.day == self.day_of_month
            return day.weekday() in self.days and self.nth is not None and _is_nth(day, self.nth)
        return self.often == "daily" or day.weekday() in self.days


@dataclass(frozen=True)
class Occasion:
    """One time at which a game is played: a local day, and the moment (UTC) if that is known."""

    day: date
    moment: datetime | None = None


def parse_rhythm(text: str) -> Rhythm:
    """Return the rhythm that a text describes. Raises GameError if it is not one."""
    words = " ".join(text.split())
    match = _TIME.match(words)
    assert match
    rule, clock, zone = match["rule"].rstrip(","), match["clock"], match["zone"]
    if rule in ("irregular", "unknown") or (rule in ("weekly", "monthly") and not clock):
        if clock:
            raise GameError(f"The rhythm {text!r} has a time and no day. Use {EXAMPLES}")
        often: Often = rule  # type: ignore[assignment]
        return Rhythm(words, often)
    at = (_clock(clock, text), _zone(zone, text)) if clock else (None, None)
    if rule == "daily":
        return Rhythm(words, "daily", clock=at[0], zone=at[1])
    if weekly := _WEEKLY.match(rule):
        names = re.split(r", | and |, and ", weekly[1])
        return Rhythm(words, "weekly", _weekdays(names, text), clock=at[0], zone=at[1])
    if nth := _NTH.match(rule):
        ordinal = ORDINALS[nth[1].lower()]
        days = _weekdays([nth[2]], text)
        return Rhythm(words, "monthly", days, ordinal, clock=at[0], zone=at[1])
    if (day := _DAY.match(rule)) and 1 <= int(day[1]) <= 31:
        return Rhythm(words, "monthly", day_of_month=int(day[1]), clock=at[0], zone=at[1])
    raise GameError(f"The rhythm {text!r} could not be read. Use {EXAMPLES}")


def next_occasions(rhythm: Rhythm, after: datetime, count: int) -> list[Occasion]:
    """Return the next times at or after a moment, at most `count`.

    There are none if the rhythm has no days, or if this machine does not know its time zone.
    """
    if not rhythm.has_dates:
        return []
    zone = _find_zone(rhythm.zone) if rhythm.zone else None
    if rhythm.zone and zone is None:
        return []
    start = after.astimezone(zone or UTC).date()
    occasions = []
    for day in _days_from(start - timedelta(days=1)):
        if not rhythm.falls_on(day):
            continue
        occasion = _occasion(rhythm, day, zone)
        is_over = occasion.moment < after if occasion.moment else occasion.day < start
        if not is_over:
            occasions.append(occasion)
        if len(occasions) == count:
            break
    return occasions


def _occasion(rhythm: Rhythm, day: date, zone: ZoneInfo | None) -> Occasion:
    if rhythm.clock is None or zone is None:
        return Occasion(day)
    # Without a fold Python takes the offset before the change, which is what the page above says.
    local = datetime.combine(day, rhythm.clock, zone)
    return Occasion(day, local.astimezone(UTC))


def _days_from(day: date) -> Iterator[date]:
    for number in range(DAYS_SEARCHED):
        yield day + timedelta(days=number)


def _is_nth(day: date, nth: int) -> bool:
    if nth < 0:
        return day.day + 7 > calendar.monthrange(day.year, day.month)[1]
    return (day.day - 1) // 7 == nth


def _weekdays(names: list[str], text: str) -> frozenset[int]:
    known = {name.lower(): number for number, name in enumerate(DAYS)}
    unknown = [name for name in names if name.lower() not in known]
    if unknown:
        raise GameError(f"The rhythm {text!r} has the unknown day {unknown[0]!r}. Use {DAYS[4]}")
    return frozenset(known[name.lower()] for name in names)


def _clock(text: str, rhythm: str) -> time:
    hour, minute = map(int, text.split(":"))
    try:
        return time(hour, minute)
    except ValueError as error:
        raise GameError(f"The rhythm {rhythm!r} has no such time: {text}. Use 19:00") from error


def _zone(name: str, rhythm: str) -> str:
    # A browser's tab and some containers have no time zones at all: there every name is unknown.
    if _find_zone(name) is None and _find_zone("America/Los_Angeles") is not None:
        raise GameError(
            f"The rhythm {rhythm!r} has the unknown time zone {name}. Use America/Los_Angeles"
        )
    return name


def _find_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None
