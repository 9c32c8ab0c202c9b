"""How much one client, and all of them together, may ask of the endpoint."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from critterdb.errors import RejectedInputError
from critterdb.system import cores, lower_priority
from critterdb.web.http.addresses import parsed_address
from critterdb.web.http.body import BUSY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from critterdb.web.settings import Network

T = TypeVar("T")

# A photo that is being decoded can take 1.1 GB: four at once is what a server of a few gigabytes
# bears.
MAX_WORKERS = 4
# What would wait for longer is refused at once, so that nobody waits for nothing.
MAX_WAITING = 32
BUSY_SECONDS = 2
# `rate` counts a calendar minute for each address: one number a visitor, and nothing to tidy.
WINDOW_SECONDS = 60
# In memory: a restart begins the day again, which costs some 20 MB of disk at the most.
DAY_SECONDS = 86_400
# One household or attacker holds a whole /64 of IPv6 addresses.
IPV6_PREFIX_BITS = 64


class Workers:
    """Threads that decode and classify, so that Datasette's event loop and its pages stay quick.

    The queue is bounded: what would wait too long is refused at once, with `busy`.
    """

    def __init__(self, workers: int | None = None, waiting: int = MAX_WAITING) -> None:
        # One more than processors, because each of them waits for a decoding process at times; two
        # more made pages slower. At niceness 10 pages take half as long while photos are decoded.
        # docs/decisions.md#classification-and-decoding-run-at-niceness-10
        self.workers = workers or min(MAX_WORKERS, cores() + 1)
        self.places = self.workers + waiting
        self._threads = ThreadPoolExecutor(
            self.workers, thread_name_prefix="critterdb-classify", initializer=lower_priority
        )
        self._lock = threading.Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many photos are being classified or wait for it."""
        return self._taken

    def prepare(self, function: Callable[[], Any]) -> None:
        """Do something now, in a thread, that the first photo would otherwise have to wait for."""
        self._threads.submit(function)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Await `function(*arguments)` from a thread. Raises RejectedInputError (busy) if the
        queue is full.
        """
        with self._lock:
            if self._taken >= self.places:
                raise RejectedInputError("busy", BUSY)
            self._taken += 1
        # The place is taken before the thread is there, so the queue is never longer than its
        # limit.
        future: Future[T] = self._threads.submit(function, *arguments)
        # A thread goes on when its client has hung up, so only its end frees its place.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[Any]) -> None:
        with self._lock:
            self._taken -= 1


class RateLimit:
    """At most `rate` requests a minute for each client address; 0 sets no limit."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.time) -> None:
        self.rate = rate
        self._clock = clock
        self._window = 0
        self._counts: dict[str, int] = {}

    def count(self, client: str) -> None:
        """Count one request. Raises RejectedInputError (rate_limited) if it is one too many."""
        if not self.rate:
            return
        window = int(self._clock() // WINDOW_SECONDS)
        if window != self._window:
            self._window, self._counts = window, {}
        self._counts[client] = self._counts.get(client, 0) + 1
        if self._counts[client] > self.rate:
            raise RejectedInputError(
                "rate_limited",
                f"The limit is {self.rate} photos a minute. Please wait a moment",
            )

    def retry_seconds(self) -> int:
        """Whole seconds until the next window begins."""
        return WINDOW_SECONDS - int(self._clock()) % WINDOW_SECONDS


class DailyBudget:
    """At most `limit` of something in 24 hours; 0 sets no limit. Starts again with the process."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._since = clock()
        self._taken = 0

    def take(self) -> bool:
        """Count one, and return whether it is within the limit."""
        if self._clock() - self._since >= DAY_SECONDS:
            self._since, self._taken = self._clock(), 0
        self._taken += 1
        return not self.limit or self._taken <= self.limit


def client_address(
    scope: Mapping[str, Any], headers: Mapping[str, str], trusted: tuple[Network, ...]
) -> str:
    """Return the socket's address or, behind a trusted proxy, the last address it vouches for.

    IPv6 addresses come back as their /64 network, IPv4 ones that IPv6 spells as themselves.
    """
    address = str((scope.get("client") or ("", 0))[0])
    hops = [_without_port(hop) for hop in headers.get("x-forwarded-for", "").split(",")]
    hops = [hop for hop in hops if hop]
    # From the right: each proxy adds the address that it saw itself; what stands further left is
    # the visitor's own claim.
    while hops and _is_in(address, trusted):
        address = hops.pop()
    parsed = parsed_address(address)
    if parsed is None or parsed.version == 4:
        return str(parsed or address)
    # Otherwise one household could ask 2^64 times the rate.
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX_BITS), strict=False))


def _without_port(hop: str) -> str:
    """Without the port that some proxies add, which differs for each connection."""
    hop = hop.strip().strip('"')
    match = re.fullmatch(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+", hop)
    return (match[1] or match[2]) if match else hop


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    parsed = parsed_address(address)
    return parsed is not None and any(parsed in network for network in networks)
