"""Walking back through what Bluesky lists newest first, to where the last walk began."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from critterdb.platforms.sources import Found
from critterdb.storage.timestamps import EARLIEST_POST, parse_time

from .parse import Json

MAX_PAGES = 50
FIRST_LOOK = timedelta(days=7)  # what is older at first sight is left alone
# Posts are shown in the order in which they were indexed, give or take.
LATE_ARRIVALS = timedelta(minutes=2)

GetPage = Callable[[str | None], tuple[list[Json], str | None]]


def walk_back(page: GetPage, since: str | None) -> tuple[list[Json], Found]:
    """Items newer than the time `since`, without it those of a week, and the next `since`."""
    found = Found()
    fresh: list[Json] = []
    token: str | None = None
    until = _earlier(since, LATE_ARRIVALS) if since else ""
    reached = ""
    for _ in range(MAX_PAGES):
        items, token = page(token)
        times = [_seen_at(each) for each in items]
        reached = times[-1] if times else reached
        if times and not found.cursor:
            # The first page may begin with what is pinned, however old.
            found.cursor = max([*times, since or ""])
            until = until or _earlier(max(times), FIRST_LOOK)
        new = [each for each, moment in zip(items, times, strict=True) if moment > until]
        fresh.extend(new)
        if not token or not new:
            return fresh, found
    found.gap_from = since if since and reached > since else None
    return fresh, found


def is_repost(item: Json) -> bool:
    """Whether an entry of a feed shows somebody's post again."""
    return str((item.get("reason") or {}).get("$type") or "").endswith("#reasonRepost")


def _seen_at(item: Json) -> str:
    """When a notification or an entry of a feed came to be there."""
    reason = item.get("reason") if "post" in item else None
    shown = item.get("post") or item
    moment = str((reason or {}).get("indexedAt") or shown.get("indexedAt"))
    try:
        is_possible = parse_time(moment) >= EARLIEST_POST
    except ValueError:
        is_possible = False
    return moment if is_possible else "1970-01-01T00:00:00Z"


def _earlier(moment: str, by: timedelta) -> str:
    return (parse_time(moment) - by).isoformat().replace("+00:00", "Z")
