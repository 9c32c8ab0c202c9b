"""Walking through what a Mastodon server lists, a page at a time.

With `min_id` a page is the one that follows an id, so that a walk forward passes nothing over
however much came in since the last one; with `since_id` it would be the newest one, and a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from critterdb.errors import TimelineError
from critterdb.storage.timestamps import post_moment

from .parse import Json

PAGE_SIZE = 40
MAX_PAGES = 250
FIRST_LOOK = timedelta(days=7)  # what is older at first sight is left alone

# Posts of other servers arrive late, and with ids of the time at which they were written.
LATE_ARRIVALS = timedelta(hours=2)

GetPage = Callable[..., list[Json]]


class Reading:
    """What a list gave, oldest first, how far it was read, and why no farther."""

    def __init__(self, cursor: str | None) -> None:
        self.items: list[Json] = []
        self.cursor = cursor
        self.failure: TimelineError | None = None

    def whole(self) -> list[Json]:
        """All items. Raises TimelineError where something is missing."""
        if self.failure:
            raise self.failure
        return self.items


def read_list(page: GetPage, since: str | None) -> Reading:
    """Everything after the id `since`; without it those of a week.

    What could be read before an error is kept: the cursor goes only as far. Raises TimelineError
    where nothing could.
    """
    reading = Reading(since)
    if since is None:
        for items in _backward(page):
            reading.items[:0] = reversed(items)
        reading.cursor = str(reading.items[-1]["id"]) if reading.items else None
        return reading
    try:
        for items in _forward(page, since):
            reading.items.extend(reversed(items))
            reading.cursor = str(items[0]["id"])
    except TimelineError as error:
        if not reading.items:
            raise
        reading.failure = error
    return reading


def newest_page(page: GetPage) -> list[Json]:
    """The newest items, as far as one page goes."""
    return page(limit=PAGE_SIZE)


def settled_id(statuses: Sequence[Json]) -> str | None:
    """The newest id so far back that nothing older will still come in; statuses: oldest first."""
    times = [_moment(each) for each in statuses]
    settled = max(times) - LATE_ARRIVALS if times else None
    old = [
        str(each["id"])
        for each, moment in zip(statuses, times, strict=True)
        if settled and moment <= settled
    ]
    return old[-1] if old else None


def id_order(bare: str) -> tuple[int, str]:
    """Sorts ids by age: opaque as they are, they grow in length before they grow otherwise."""
    return len(bare), bare


def _forward(page: GetPage, since: str) -> Iterator[list[Json]]:
    for _ in range(MAX_PAGES):
        # A page may be short of what was left out of it: only an empty one is the last.
        items = _newest_first(page(min_id=since, limit=PAGE_SIZE))
        if not items or id_order(str(items[0]["id"])) <= id_order(since):
            return
        since = str(items[0]["id"])
        yield items


def _backward(page: GetPage) -> Iterator[list[Json]]:
    before: str | None = None
    oldest: datetime | None = None
    for _ in range(MAX_PAGES):
        items = _newest_first(page(max_id=before, limit=PAGE_SIZE))
        if not items or (before and id_order(str(items[-1]["id"])) >= id_order(before)):
            return
        before = str(items[-1]["id"])
        oldest = oldest or _moment(items[0]) - FIRST_LOOK
        yield items
        if _moment(items[-1]) < oldest:
            return


def _newest_first(items: list[Json]) -> list[Json]:
    return sorted(items, key=lambda each: id_order(str(each["id"])), reverse=True)


def _moment(status: Json) -> datetime:
    """When it was written; long ago where that cannot be read."""
    try:
        return post_moment(status.get("created_at"))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
