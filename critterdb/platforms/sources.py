"""A platform's several sources, read one after the other into one batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from critterdb.errors import RateLimitedError, TimelineError

from .base import Batch, Cursor, Post

log = logging.getLogger(__name__)


class NoResponseError(TimelineError):
    """The server could not be reached, or did not answer in time."""


@dataclass
class Found:
    """What a source gave, how far it was read, and why no farther."""

    posts: list[Post] = field(default_factory=list)
    cursor: str | None = None
    gap_from: str | None = None
    failure: TimelineError | None = None


Source = Callable[[str | None], Found]


def read_each(
    items: Iterable[Any], key: str, read: Callable[[Any], Post], platform: str
) -> tuple[dict[str, Post], TimelineError | None]:
    """Those items that make sense as posts, by their `key`; and what to say of the others.

    Strangers chose what is in them, so anything may be raised: one odd post spoils no other.
    """
    posts: dict[str, Post] = {}
    strange = 0
    for each in items:
        try:
            posts[str(each[key])] = read(each)
        except Exception:
            log.debug("a post of %s could not be read", platform, exc_info=True)
            strange += 1
    return posts, unreadable(platform, strange)


def unreadable(platform: str, number: int) -> TimelineError | None:
    """What to say of so many posts that make no sense."""
    if not number:
        return None
    return TimelineError(f"Posts of {platform} that could not be read: {number}")


def gather(sources: Mapping[str, Source], cursors: Mapping[str, str]) -> Batch:
    """Read each source from its cursor on; one failing source spoils no other.

    Where the platform wants fewer requests or does not answer at all, the rest is left for later.
    Raises TimelineError where no source could be read.
    """
    batch = Batch([], [])
    failures: list[TimelineError] = []
    was_read = False
    for name, source in sources.items():
        try:
            found = source(cursors.get(name))
        except TimelineError as error:
            failures.append(error)
            if isinstance(error, RateLimitedError | NoResponseError):
                break
            continue
        was_read = True
        batch.posts.extend(found.posts)
        if found.cursor:
            batch.cursors.append(Cursor(name, found.cursor, found.gap_from))
        failures.extend([found.failure] if found.failure else [])
    if not was_read:
        raise failures[0]
    limits = [error.until for error in failures if isinstance(error, RateLimitedError)]
    words = [str(error) for error in failures]
    return Batch(batch.posts, batch.cursors, words, max(limits, default=None))
