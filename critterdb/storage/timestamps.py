"""Times as the database writes them, and those of strangers, who may say anything."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Authors choose the time on Bluesky, and Python cannot read again a year of three digits that it
# wrote.
# docs/decisions.md#post-times-are-clamped-to-2006-and-now
EARLIEST_POST = datetime(2006, 1, 1, tzinfo=UTC)  # no platform here is older


def utc_text(moment: datetime) -> str:
    """A time as the database writes it, such as `2026-11-23T20:15:00Z`."""
    # strftime() writes the year 999 with three digits on Linux, which nothing reads again.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_time(text: str) -> datetime:
    """A time out of ISO 8601, UTC where it does not say. Raises ValueError."""
    return _in_utc(datetime.fromisoformat(text))


def post_moment(value: object) -> datetime:
    """When a post was written: neither before there were platforms nor in the future, whatever the
    platform passes on from its author. Raises ValueError where it is not a time.
    """
    moment = _in_utc(value) if isinstance(value, datetime) else parse_time(str(value))
    return min(max(moment, EARLIEST_POST), datetime.now(UTC))


def post_time(value: object) -> str:
    """As post_moment, as the database writes it."""
    return utc_text(post_moment(value))


def utc_text_of(text: object) -> str | None:
    """A stranger's ISO 8601 time as the database writes it; null if it cannot be read.

    One without an offset is not taken for UTC: nobody says which zone it is of.
    """
    try:
        moment = datetime.fromisoformat(str(text))
        return utc_text(moment) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def utc_text_in_form(text: str, forms: Iterable[str]) -> str | None:
    """A time in one of strptime's forms (UTC if it names no zone), as the database writes it."""
    for form in forms:
        with suppress(ValueError, OverflowError):
            moment = datetime.strptime(text.strip(), form)
            return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return None


def microsecond_text(moment: datetime) -> str:
    """A time to the microsecond, such as `2026-11-23T20:15:00.000000Z`; they sort as text."""
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    return naive.isoformat(timespec="microseconds") + "Z"


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("not a valid time") from error


def utc_now() -> str:
    """The time as the database writes it: `2026-11-23T20:15:00Z`."""
    return utc_text(datetime.now(UTC))
