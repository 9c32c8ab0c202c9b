"""Walk back through what Bluesky lists newest first, to where the last walk began."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from critterdb.platforms.untrusted_json import as_object, as_text, objects_in
from critterdb.storage.timestamps import parse_time, post_moment

if TYPE_CHECKING:
    from critterdb._types import Json

MAX_PAGES = 50
FIRST_LOOK = timedelta(days=7)  # what is older at first sight is left alone
# Posts are post in the order in which they were indexed, give or take.
# What comes twice is recognized by its id and stored once.
LATE_ARRIVALS = timedelta(minutes=2)

GetPage = Callable[[str | None], tuple[list[object], str | None]]
"""Asks for the page after a token; its items, of any shape, and the next token."""


@dataclass
class Walk:
    """What a walk back gave, newest first, the next `since`, and where it could not go on.

    `unreadable` counts items that are not objects.
    """

    items: list[Json] = field(default_factory=list)
    cursor: str | None = None
    gap_from: str | None = None
    unreadable: int = 0


def walk_back(page: GetPage, since: str | None) -> Walk:
    """Read the items newer than the time `since`; without it, those of the last week."""
    walk = Walk()
    token: str | None = None
    until = _earlier(since, LATE_ARRIVALS) if since else ""
    reached = ""
    for _ in range(MAX_PAGES):
        received, token = page(token)
        items = objects_in(received)
        walk.unreadable += len(received) - len(items)
        times = [_seen_at(item) for item in items]
        reached = times[-1] if times else reached
        if times and not walk.cursor:
            # The first page may begin with what is pinned, however old.
            walk.cursor = max([*times, since or ""])
            until = until or _earlier(max(times), FIRST_LOOK)
        new = [item for item, moment in zip(items, times, strict=True) if moment > until]
        walk.items.extend(new)
        if not token or (items and not new):
            return walk
    walk.gap_from = since if since and reached > since else None
    return walk


def is_repost(item: Json) -> bool:
    """Whether an entry of a feed shows somebody's post again."""
    return as_text(as_object(item.get("reason")).get("$type")).endswith("#reasonRepost")


def _seen_at(item: Json) -> str:
    """When a notification or an entry of a feed was indexed; 1970 if that makes no sense."""
    reason = as_object(item.get("reason")) if "post" in item else {}
    post = as_object(item.get("post")) or item
    moment = as_text(reason.get("indexedAt")) or as_text(post.get("indexedAt"))
    try:
        # Clamped, because a cursor of the future would skip everything until then.
        return _text(post_moment(moment))
    except ValueError:
        return _text(datetime.fromtimestamp(0, UTC))


def _earlier(moment: str, by: timedelta) -> str:
    return _text(parse_time(moment) - by)


def _text(moment: datetime) -> str:
    """As Bluesky writes times, so that they sort."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
