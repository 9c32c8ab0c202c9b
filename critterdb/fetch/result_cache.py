"""A cache of fetch results by URL, limited in age, entries and bytes.

Failures count as much as pictures: an address that is asked for again and again is fetched once a
minute. Of a refusal only its code and words are kept, because an exception holds on to all that the
fetch had received.
"""

from __future__ import annotations

import time
from collections import OrderedDict

# A picture that is shared is asked for by many at once. A minute serves them, and a page that is
# mended is fetched again soon.
REMEMBER_S = 60
REMEMBER_ENTRIES = 64
# Room for three pictures of the largest size (10 MB), or for 64 of half a megabyte.
REMEMBER_BYTES = 32_000_000

CachedResult = bytes | tuple[str, str]  # a picture, or the code and the words of a refusal


class Outcomes:
    """The newest outcomes; used by one thread."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[str, tuple[float, CachedResult]] = OrderedDict()
        self._bytes = 0

    def get(self, url: str) -> CachedResult | None:
        """What came of an address lately, if it is known."""
        known = self._outcomes.get(url)
        # By the clock that nobody sets.
        if known and known[0] > time.monotonic():
            return known[1]
        self._drop(url)
        return None

    def put(self, url: str, outcome: CachedResult) -> None:
        """Remember an outcome; the oldest ones go where there are too many."""
        self._drop(url)
        self._outcomes[url] = (time.monotonic() + REMEMBER_S, outcome)
        self._bytes += _size(url, outcome)
        # The address counts as well: strangers choose how long it is.
        while len(self._outcomes) > REMEMBER_ENTRIES or self._bytes > REMEMBER_BYTES:
            self._drop(next(iter(self._outcomes)))

    def _drop(self, url: str) -> None:
        known = self._outcomes.pop(url, None)
        if known:
            self._bytes -= _size(url, known[1])


def _size(url: str, outcome: CachedResult) -> int:
    return len(url) + (len(outcome) if isinstance(outcome, bytes) else 0)
