"""Odd values that stop more than the post that they are in, until that is mended."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.fuzz.odd_rounds import Oddity


@dataclass(frozen=True)
class KnownFailure:
    """Fields and kinds of values, by patterns, that a platform's rounds cannot take yet."""

    platform: str
    fields: str
    kinds: str
    reason: str

    def covers(self, platform: str, oddity: Oddity) -> bool:
        return (
            platform == self.platform
            and re.search(self.fields, str(oddity.field)) is not None
            and re.fullmatch(self.kinds, oddity.kind) is not None
        )


def is_known(platform: str, oddity: Oddity) -> bool:
    """Whether one of KNOWN_FAILURES covers an odd value."""
    return any(known.covers(platform, oddity) for known in KNOWN_FAILURES)


KNOWN_FAILURES: tuple[KnownFailure, ...] = (
    KnownFailure(
        "x",
        r"data\.\* edit_history_tweet_ids(\.0)?$",
        ".*",
        "an id that is not a number is stored, and ends every later round",
    ),
    KnownFailure(
        "bluesky",
        "",
        "lone surrogate|deep|deep objects",
        "atproto does not parse a page with one such value in it",
    ),
    KnownFailure(
        "bluesky", r"\.\* $", ".*", "an item that is not an object makes a page unreadable"
    ),
    KnownFailure("bluesky", r"posts\.\* uri$", ".*", "a uri that is not a text ends the round"),
    KnownFailure(
        "bluesky", r"posts\.\* viewer$", ".*", "a viewer that is not an object ends the round"
    ),
)
