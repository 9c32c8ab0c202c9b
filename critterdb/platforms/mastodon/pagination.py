"""Walk through what a Mastodon server lists, a page at a time.

With `min_id` a page is the one that follows an id, so a walk forward skips nothing however much
came in since the last one; with `since_id` it would be the newest page, and leave a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from critterdb.errors import TimelineError
from critterdb.platforms.untrusted_json import objects_in
from critterdb.storage.timestamps import post_moment

from .parse import bare_id_of

if TYPE_CHECKING:
    from critterdb._types import Json

# The most that Mastodon gives for a timeline.
PAGE_SIZE = 40
# 10,000 posts: more than a hashtag gets in the week of the first look.
MAX_PAGES = 250
# Anybody can write to the bot or under a hashtag. Of 300 requests in five minutes these and the
# look-ups that 600 mentions need leave enough to find answers and to send replies.
MAX_PUBLIC_PAGES = 15  # in one round; the next round reads on
FIRST_LOOK = timedelta(days=7)  # what is older at first sight is left alone

# Posts of other servers arrive late, and with ids of the time at which they were written.
LATE_ARRIVALS = timedelta(hours=2)

GetPage = Callable[..., list[object]]
"""Asks for one page with `min_id`, `max_id` and `limit`; its items may have any shape."""


class Reading:
    """What a list returned, oldest first, how far it was read, and why it stopped there.

    `unreadable` counts items without an id: nothing can be said of them, and no page begin there.
    `is_cut` says that there is more, which was left for the next reading.
    """

    def __init__(self, page: GetPage, cursor: str | None) -> None:
        self.items: list[Json] = []
        self.cursor = cursor
        self.failure: TimelineError | None = None
        self.unreadable = 0
        self.is_cut = False
        self._page = page

    def whole(self) -> list[Json]:
        """All items. Raises TimelineError if some could not be read."""
        if self.failure:
            raise self.failure
        return self.items

    def ask(self, **options: object) -> list[Json]:
        """One page, newest first, of the items that have an id."""
        received = self._page(**options, limit=PAGE_SIZE)
        items = [item for item in objects_in(received) if bare_id_of(item)]
        self.unreadable += len(received) - len(items)
        return sorted(items, key=lambda item: id_order(str(item["id"])), reverse=True)


def read_list(page: GetPage, since: str | None, *, pages: int = MAX_PAGES) -> Reading:
    """Read `pages` after the id `since`; without it, what was written in the last week.

    What could be read before an error is kept: the cursor goes only as far. Raises TimelineError
    if nothing could be read.
    """
    reading = Reading(page, since)
    if since is None:
        for items in _backward(reading, pages):
            reading.items[:0] = reversed(items)
        reading.cursor = str(reading.items[-1]["id"]) if reading.items else None
        return reading
    try:
        for items in _forward(reading, since, pages):
            reading.items.extend(reversed(items))
            reading.cursor = str(items[0]["id"])
    except TimelineError as error:
        if not reading.items:
            raise
        reading.failure = error
    return reading


def newest_page(page: GetPage) -> list[Json]:
    """The newest items, as many as one page holds."""
    return Reading(page, None).ask()


def settled_id(statuses: Sequence[Json]) -> str | None:
    """The newest id before which nothing will still arrive; statuses: oldest id first.

    A status is settled LATE_ARRIVALS after it was written, and only together with all before it:
    the time is its author's to choose, and one backdated to 1990 may have the newest id.
    """
    times = [_moment(status) for status in statuses]
    settled_until = max(times, default=datetime.now(UTC)) - LATE_ARRIVALS
    newest = None
    for status, moment in zip(statuses, times, strict=True):
        if moment > settled_until:
            break
        newest = str(status["id"])
    return newest


def id_order(bare: str) -> tuple[int, str]:
    """Sort key of ids by age: they are opaque, and grow in length before they grow otherwise."""
    return len(bare), bare


def _forward(reading: Reading, since: str, pages: int) -> Iterator[list[Json]]:
    for _ in range(pages):
        # A page may be short of what was left out of it: only an empty one is the last.
        items = reading.ask(min_id=since)
        if not items or id_order(str(items[0]["id"])) <= id_order(since):
            return
        since = str(items[0]["id"])
        yield items
    reading.is_cut = True


def _backward(reading: Reading, pages: int) -> Iterator[list[Json]]:
    before: str | None = None
    oldest: datetime | None = None
    for _ in range(pages):
        items = reading.ask(max_id=before)
        if not items or (before and id_order(str(items[-1]["id"])) >= id_order(before)):
            return
        before = str(items[-1]["id"])
        # Of a whole page: a single status may be backdated.
        newest = max(map(_moment, items))
        oldest = oldest or newest - FIRST_LOOK
        yield items
        if newest < oldest:
            return


def _moment(status: Json) -> datetime:
    """When it was written; long ago if that cannot be read."""
    try:
        return post_moment(status.get("created_at"))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
