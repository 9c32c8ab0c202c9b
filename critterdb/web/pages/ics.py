"""The calendar as a file that calendar programs subscribe to: iCalendar (RFC 5545).

Every time is UTC, and every event a single one: the dates of a rhythm were worked out in its own
time zone, so that no program has to know that zone's changes of daylight saving.
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from critterdb.formatting import list_of, where_posted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from critterdb.bot.calendar.events import Event

# Section 3.1: octets, without the line break, and never within a character.
MAX_LINE_BYTES = 75
ICS_TYPE = "text/calendar; charset=utf-8"
# An object needs a component, also if there is no event.
NO_EVENTS = (
    *("BEGIN:VTIMEZONE", "TZID:Etc/UTC", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
    *("TZOFFSETFROM:+0000", "TZOFFSETTO:+0000", "END:STANDARD", "END:VTIMEZONE"),
)
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "critterdb")

_ESCAPED = re.compile(r"[\\;,]")
_BREAKS = re.compile(r"\r\n|[\r\n]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def calendar_file(
    name: str, events: Iterable[Event], page: Callable[[Event], str], made_at: datetime
) -> str:
    """Return events as a calendar called `name`; `page` gives an event's URL."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//critterdb//calendar of hashtag games//EN",
        "CALSCALE:GREGORIAN",
        f"NAME:{escape(name)}",
        f"X-WR-CALNAME:{escape(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:P1D",
    ]
    written = [line for event in events for line in _event(event, page(event), made_at)]
    lines += written or NO_EVENTS
    return "".join(fold(line) for line in [*lines, "END:VCALENDAR"])


def _event(event: Event, page: str, made_at: datetime) -> Iterator[str]:
    # Single events: a recurring one needs VTIMEZONE, which programs read in different ways.
    # docs/decisions.md#the-calendar-file-has-single-events-in-utc
    yield "BEGIN:VEVENT"
    yield f"UID:{uuid.uuid5(NAMESPACE, event.uid)}"
    yield f"DTSTAMP:{_utc(made_at)}"
    if event.starts:
        yield f"DTSTART:{_utc(event.starts)}"
        if event.ends:
            yield f"DTEND:{_utc(event.ends)}"
    else:
        yield f"DTSTART;VALUE=DATE:{event.day:%Y%m%d}"
        yield f"DTEND;VALUE=DATE:{event.day + timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{escape(title_of(event))}"
    yield f"DESCRIPTION:{escape(description_of(event))}"
    yield f"URL:{page}"
    yield f"STATUS:{'CONFIRMED' if event.round_id else 'TENTATIVE'}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def title_of(event: Event) -> str:
    """Return the hashtag and the question."""
    name = f"#{event.game.hashtag}" if event.game.hashtag else event.game.slug
    return f"{name}: {event.game.question}" if event.game.question else name


def description_of(event: Event) -> str:
    """Return who hosts it, and how sure the date is."""
    if event.round_id and event.host and event.platform:
        return f"A round by @{event.host} {where_posted(event.platform)}."
    hosts = [f"@{host.handle} {where_posted(host.platform)}" for host in event.game.hosts]
    by = f"Hosted by {list_of(hosts)}. " if hosts else ""
    return f"{by}This is the game's usual time ({event.game.rhythm.text}), not a planned round."


def escape(text: str) -> str:
    """Return a value of type TEXT (section 3.3.11), on one line."""
    text = _ESCAPED.sub(lambda match: f"\\{match[0]}", text)
    return _CONTROLS.sub("", _BREAKS.sub(r"\\n", text))


def fold(line: str) -> str:
    """Return a content line with its line break, folded if it is long."""
    pieces, size = [""], 0
    for character in line:
        octets = len(character.encode("utf-8", "replace"))
        if size + octets > MAX_LINE_BYTES:
            pieces.append(" ")
            size = 1
        pieces[-1] += character
        size += octets
    return "\r\n".join(pieces) + "\r\n"


def unfold(text: str) -> list[str]:
    """Return the content lines of a calendar file."""
    return text.replace("\r\n ", "").split("\r\n")[:-1]


def _utc(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"
