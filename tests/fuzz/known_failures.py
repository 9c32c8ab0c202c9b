"""Failures that fuzzing found and that are not fixed yet: tests expect each of them.

A fixed one makes its test fail (xfail is strict): remove its entry here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
        "mastodon", r"\*  ?$", ".*", "an item that is not an object makes a list unreadable"
    ),
    KnownFailure(
        "mastodon",
        r"notifications \* status$",
        ".*",
        "such a status ends the round",
    ),
    KnownFailure(
        "mastodon",
        r"notifications \* id$",
        ".*",
        "an id that is not one becomes the cursor, and nothing is read after it",
    ),
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

KNOWN_PAGE_FAILURES = {
    ("x", "too deep"): "RecursionError is not caught",
    ("x", "too deep objects"): "RecursionError is not caught",
    ("mastodon", "too deep"): "RecursionError is not caught",
    ("mastodon", "too deep objects"): "RecursionError is not caught",
}

KNOWN_PARSER_FAILURES = {
    "X: included users, media and posts": "includes that are not an object raise AttributeError",
    "Mastodon: server address": "the ValueError of urlsplit is not caught",
    "model descriptions": "odd types pass the loader, or raise something else than ModelError",
    "iNaturalist: observations": "a value of a wrong type ends the sync",
    "iNaturalist: taxa": "a value of a wrong type ends the sync",
    "words.toml": "deep nesting raises RecursionError",
}
