"""When a round opens and closes, as a person writes it: a time with its zone, or a duration."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from critterdb.errors import GameError

DURATION = re.compile(r"\+?\s*([0-9]{1,4})\s*(m|h|d)")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def parse_when(text: str, zone: str | None, start: datetime) -> datetime:
    """Return the moment that a text means, in UTC.

    It is `now` (the moment `start`), a duration after `start` (30m, 24h, 2d; a day is 24 hours), or
    a time such as 2026-11-28T18:00+01:00. A time without an offset is one of `zone`, such as
    Europe/Berlin. Raises GameError for anything else, and for a time that the zone's clocks skip
    or show twice.
    """
    text = text.strip()
    if text.lower() == "now":
        return start.astimezone(UTC)
    if match := DURATION.fullmatch(text.lower()):
        return (start + int(match[1]) * UNITS[match[2]]).astimezone(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise GameError(
            f"{text!r} is not a time. Write one such as 2026-11-28T18:00+01:00, "
            "a duration such as 24h, or now"
        ) from None
    if moment.tzinfo is None:
        moment = _in_zone(moment, text, zone)
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise GameError(f"{text!r} is too far away. Write another time") from None


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name. Raises GameError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise GameError(
            f"{name!r} is not a time zone. Write one such as Europe/Berlin or UTC"
        ) from None


def _in_zone(moment: datetime, text: str, zone: str | None) -> datetime:
    if not zone:
        raise GameError(
            f"{text} has no time zone. Add an offset (+01:00 or Z), or name a zone with --zone"
        )
    there = find_zone(zone)
    first, second = (moment.replace(tzinfo=there, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    # Between the two offsets a clock either skips an hour or shows it twice.
    back = first.astimezone(UTC).astimezone(there).replace(tzinfo=None)
    what = "twice" if back == moment else "never"
    raise GameError(
        f"Clocks in {zone} show {text} {what}, because of daylight saving time. "
        "Add an offset such as +01:00"
    )
