"""Open a platform by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.errors import TimelineError
from critterdb.storage.timestamps import parse_time as parse_time
from critterdb.storage.timestamps import utc_text as utc_text

if TYPE_CHECKING:
    from .base import Timeline


def open_timeline(name: str) -> Timeline:
    """The timeline called `x`, `mastodon`, `bluesky` or `jsonl:PATH`. Raises TimelineError for
    anything else.
    """
    platform, _, rest = name.partition(":")
    if platform == "x" and not rest:
        from critterdb.platforms.x.timeline import XTimeline

        return XTimeline.from_environment()
    if platform == "mastodon" and not rest:
        from critterdb.platforms.mastodon.timeline import MastodonTimeline

        return MastodonTimeline.from_environment()
    if platform == "bluesky" and not rest:
        from critterdb.platforms.bluesky.timeline import BlueskyTimeline

        return BlueskyTimeline.from_environment()
    if platform == "jsonl" and rest:
        from .jsonl import JsonlTimeline

        return JsonlTimeline(rest)
    raise TimelineError(
        f"There is no platform called {name}. Use x, mastodon, bluesky, or jsonl:PATH"
    )
