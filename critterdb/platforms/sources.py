"""A platform's several sources, read one after the other into one batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from critterdb.errors import RateLimitedError, TimelineError

from .base import Batch, Cursor, Post

if TYPE_CHECKING:
    from critterdb._types import Json

log = logging.getLogger(__name__)


class NoResponseError(TimelineError):
    """The server could not be reached, or did not answer in time."""


class UnreadableResponseError(TimelineError):
    """A response that is not of the shape that the platform's documentation gives."""

    def __init__(self, platform: str) -> None:
        super().__init__(f"{platform} returned an unreadable response. Try again later.")


@dataclass
class Found:
    """What one source gave: its posts, the cursor to go on from, and why it was not read further.

    `gap_from` is the cursor after which posts are missing because the platform no longer shows
    them; `failure` is reported and does not keep the posts from being played. `unreadable` counts
    posts that could not be read.
    """

    posts: list[Post] = field(default_factory=list)
    cursor: str | None = None
    gap_from: str | None = None
    failure: TimelineError | None = None
    unreadable: int = 0


Source = Callable[[str | None], Found]


def read_each(
    items: Iterable[Json], key: str, read: Callable[[Json], Post], platform: str
) -> tuple[dict[str, Post], int]:
    """Read each item as a post; the posts by their `key`, and how many could not be read.

    Strangers wrote what is in them, so reading one may raise anything: it must not stop the others.
    """
    posts: dict[str, Post] = {}
    failed = 0
    for item in items:
        try:
            posts[str(item[key])] = read(item)
        except Exception:
            log.debug("a post of %s could not be read", platform, exc_info=True)
            failed += 1
    return posts, failed


def unreadable(platform: str, count: int) -> TimelineError | None:
    """The failure to report for `count` posts that could not be read; None for no posts."""
    if not count:
        return None
    return TimelineError(f"Posts of {platform} that could not be read: {count}")


def gather(sources: Mapping[str, Source], cursors: Mapping[str, str]) -> Batch:
    """Read each source from its cursor on; one failing source spoils no other.

    If the platform rate-limits or does not answer at all, the rest is left for later.
    Raises TimelineError where no source could be read.
    """
    batch = Batch([], [])
    failures: list[TimelineError] = []
    was_read = False
    for name, source in sources.items():
        try:
            reading = source(cursors.get(name))
        except TimelineError as error:
            failures.append(error)
            if isinstance(error, RateLimitedError | NoResponseError):
                break
            continue
        was_read = True
        batch.posts.extend(reading.posts)
        if reading.cursor:
            batch.cursors.append(Cursor(name, reading.cursor, reading.gap_from))
        failures.extend([reading.failure] if reading.failure else [])
    if not was_read:
        raise failures[0]
    limits = [error.until for error in failures if isinstance(error, RateLimitedError)]
    words = [str(error) for error in failures]
    return Batch(batch.posts, batch.cursors, words, max(limits, default=None))
