"""How much one client, and all of them together, may ask of the endpoint."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from ..errors import Refusal
from .settings import Network

T = TypeVar("T")

WORKERS = min(4, os.cpu_count() or 1)
MAX_WAITING = 32
BUSY_SECONDS = 2
WINDOW_SECONDS = 60
# One household or attacker holds a whole /64 of IPv6 addresses.
IPV6_PREFIX_BITS = 64


class Workers:
    """Threads that decode and classify, so that Datasette's event loop and its pages stay quick.

    The queue is bounded: what would wait too long is refused at once, with `busy`.
    """

    def __init__(self, workers: int = WORKERS, waiting: int = MAX_WAITING) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="critterdb-classify")
        self._places = threading.BoundedSemaphore(workers + waiting)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Await `function(*arguments)` from a thread. Raises Refusal (busy) with no place left."""
        if not self._places.acquire(blocking=False):
            raise Refusal("busy", "Many photos are waiting just now. Please try again in a moment")
        future: Future[T] = self._threads.submit(function, *arguments)
        # A thread goes on when its client has hung up, so the place is freed by the thread's end.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


class RateLimit:
    """At most `rate` requests a minute for each client address; 0 sets no limit."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.time) -> None:
        self.rate = rate
        self._clock = clock
        self._window = 0
        self._counts: dict[str, int] = {}

    def count(self, client: str) -> None:
        """Note one request. Raises Refusal (rate_limited) where it is one too many."""
        if not self.rate:
            return
        window = int(self._clock() // WINDOW_SECONDS)
        if window != self._window:
            self._window, self._counts = window, {}
        self._counts[client] = self._counts.get(client, 0) + 1
        if self._counts[client] > self.rate:
            raise Refusal(
                "rate_limited",
                f"That is more than {self.rate} photos a minute. Please wait a little",
            )

    def retry_seconds(self) -> int:
        """Whole seconds until the next window begins."""
        return WINDOW_SECONDS - int(self._clock()) % WINDOW_SECONDS


def client_address(
    scope: Mapping[str, Any], headers: Mapping[str, str], trusted: tuple[Network, ...]
) -> str:
    """Who asks: the socket's address or, behind a trusted proxy, the last address it vouches for.

    IPv6 addresses come back as their /64 network.
    """
    address = str((scope.get("client") or ("", 0))[0])
    hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    while hops and _is_in(address, trusted):
        address = hops.pop()
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((address, IPV6_PREFIX_BITS), strict=False))


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
