"""How many bytes a second each worker may ask of the bucket, leased for a shard at a time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE_S = 60.0
# No limit of the bucket is known, so its own refusals set the rate.
RECOVERY = 1.05  # of the rate, after each minute without a refusal
SLOWER = 0.5  # after a refusal
MIN_RATE = 10_000.0  # bytes a second
# A worker asks before it knows how large a photo is, so it uses somewhat less than its lease.
USED = 0.9


class Leases:
    """The rate of all workers together, and what of it they have.

    A lease ends with the receipt of its shard, or when its worker must be dead.
    """

    def __init__(
        self, bytes_per_second: float, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.most = self.rate = bytes_per_second
        self._now = now
        self._clean_since = now()
        self._leases: dict[str, tuple[float, float]] = {}

    def take(self, name: str, machines: int, expected_bytes: float) -> float | None:
        """Return the rate for a shard, or None while others have all of it."""
        self._recover()
        now = self._now()
        self._leases = {key: lease for key, lease in self._leases.items() if lease[1] > now}
        share = self.rate / max(1, machines)
        # Rounding must not keep the last machine waiting.
        if sum(rate for rate, _ in self._leases.values()) + share > self.rate * 1.0001:
            return None
        # A dead worker gives nothing back, and a slow one must keep what it still uses.
        self._leases[name] = (share, now + MINUTE_S + 5 * expected_bytes / share)
        return share

    def give_back(self, name: str, *, refusals: int) -> None:
        """End a lease; `refusals` of the bucket halve the rate of those that follow."""
        self._leases.pop(name, None)
        if refusals:
            self._recover()
            self.rate = min(self.most, max(MIN_RATE, self.rate * SLOWER))
            self._clean_since = self._now()

    def _recover(self) -> None:
        minutes = int((self._now() - self._clean_since) // MINUTE_S)
        if minutes:
            self.rate = min(self.most, self.rate * RECOVERY**minutes)
            self._clean_since += minutes * MINUTE_S


class Throttle:
    """Keeps the threads of a worker to a rate together."""

    def __init__(
        self,
        bytes_per_second: float,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second * USED
        self._now = now
        self._sleep = sleep
        self._free_at = now()
        self._lock = threading.Lock()

    def take(self, number: float) -> None:
        """Wait until so many bytes may be asked for."""
        with self._lock:
            now = self._now()
            wait_s = self._free_at - now
            self._free_at = max(self._free_at, now) + number / self._rate
        if wait_s > 0:
            self._sleep(wait_s)

    def settle(self, difference: float) -> None:
        """Count bytes that came beyond those that were taken, or fewer."""
        with self._lock:
            self._free_at += difference / self._rate

    def slow_down(self) -> None:
        """Halve the rate: the bucket said that it is busy."""
        with self._lock:
            self._rate = max(MIN_RATE, self._rate * SLOWER)
