"""Where and when a photo was taken, as somebody said it: checked, and never stored."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from critterdb.errors import RejectedInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

Unusual = Literal["place", "season"]
"""What is unusual about an answer: to be there at all, or at that time of the year."""

UNUSUAL_WORDS: dict[Unusual, str] = {
    "place": "seldom or never observed near there",
    "season": "seldom or never observed near there at that time of the year",
}
INVALID = "place_invalid"
NAMES = {
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lng"),
    "on": ("on", "observed_on"),
}
"""The three parts by the names that clients may use; the first has precedence."""
MAX_DEGREES = {"latitude": 90, "longitude": 180}
EARLIEST = date(1900, 1, 1)
# At a time-zone offset of 14 hours it is already tomorrow.
AHEAD = timedelta(days=1)
MAX_CHARACTERS = 32

# float() alone takes nan, 1_000 and the digits of every script.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# date.fromisoformat() alone takes 20261127 and 2026-W48-5 too.
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Whereabouts:
    """Where a photo was taken, in degrees, and on which day, if that is known."""

    latitude: float
    longitude: float
    on: date | None = None


@dataclass(frozen=True)
class Said:
    """The parts of whereabouts as a client sent them; null if it did not."""

    latitude: object = None
    longitude: object = None
    on: object = None


NOTHING_SAID = Said()


def said_by(values: Mapping[str, object]) -> Said:
    """Return the parts of whereabouts among a form's, a query's or an object's values."""
    return Said(**{part: _first(values, names) for part, names in NAMES.items()})


def _first(values: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((values[name] for name in names if not _is_empty(values.get(name))), None)


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def parse_whereabouts(said: Said, today: date | None = None) -> Whereabouts | None:
    """Return what was said as whereabouts, or None if nothing was.

    Raises RejectedInputError (place_invalid) for what is out of range, not a number or a date, or
    incomplete.
    """
    if all(map(_is_empty, (said.latitude, said.longitude, said.on))):
        return None
    if _is_empty(said.latitude) or _is_empty(said.longitude):
        raise RejectedInputError(
            INVALID, "A place needs both latitude and longitude. Add the missing one, or omit both"
        )
    return Whereabouts(
        _degrees("latitude", said.latitude),
        _degrees("longitude", said.longitude),
        None if _is_empty(said.on) else parse_day(said.on, today),
    )


def _degrees(name: str, value: object) -> float:
    most = MAX_DEGREES[name]
    degrees = _number(value)
    if not math.isfinite(degrees) or abs(degrees) > most:
        raise RejectedInputError(
            INVALID, f"The {name} is not a number from -{most} to {most}. Use decimal degrees"
        )
    return degrees


def _number(value: object) -> float:
    if isinstance(value, str):
        text = value.strip()
        is_number = len(text) <= MAX_CHARACTERS and _NUMBER.fullmatch(text)
        return float(text) if is_number else math.nan
    # To Python, the true of JSON is the number 1.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def parse_day(value: object, today: date | None = None) -> date:
    """Return a day such as "2026-11-27". Raises RejectedInputError (place_invalid)."""
    today = today or datetime.now(UTC).date()
    day = value if isinstance(value, date) and not isinstance(value, datetime) else _iso_day(value)
    if day is None or not EARLIEST <= day <= today + AHEAD:
        raise RejectedInputError(
            INVALID,
            f"The date is not a day from {EARLIEST} to today. Write it as YYYY-MM-DD",
        )
    return day


def _iso_day(value: object) -> date | None:
    if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
        return None
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        return None
