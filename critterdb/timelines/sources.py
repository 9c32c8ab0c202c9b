"""A platform's several sources, read one after the other into one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import RateLimited, TimelineError
from . import Batch, Cursor, Post


class NoAnswer(TimelineError):
    """The server could not be reached, or did not answer in time."""


@dataclass
class Found:
    """What a source gave, how far it was read, and why no farther."""

    posts: list[Post] = field(default_factory=list)
    cursor: str | None = None
    gap_from: str | None = None
    failure: TimelineError | None = None


Source = Callable[[str | None], Found]


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
            if isinstance(error, RateLimited | NoAnswer):
                break
            continue
        was_read = True
        batch.posts.extend(found.posts)
        if found.cursor:
            batch.cursors.append(Cursor(name, found.cursor, found.gap_from))
        failures.extend([found.failure] if found.failure else [])
    if not was_read:
        raise failures[0]
    limits = [error.until for error in failures if isinstance(error, RateLimited)]
    words = [str(error) for error in failures]
    return Batch(batch.posts, batch.cursors, words, max(limits, default=None))
