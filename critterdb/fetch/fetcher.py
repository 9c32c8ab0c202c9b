"""An untrusted URL → bytes, or a refusal that tells a stranger nothing about our network.

ssrfguard decides on the very address that is connected to, again on each redirect;
`address_policy` says which those are, `metered_transport` counts what comes. Here is one deadline
for everything, and what is accepted as an answer. Whatever goes wrong beyond the address's own
form is one and the same refusal, given at the same times, whether a host is private, closed,
unknown or failing.

All fetches of a process run on one event loop of their own, in a thread of their own: a server that
sends its picture in crumbs costs the others little, and those who ask may be threads or coroutines.
"""

from __future__ import annotations

import asyncio
import math
import os
import ssl
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import certifi
import httpcore
import httpx
from ssrfguard import Policy, SSRFGuardError
from ssrfguard.errors import BlockedAddressError

from critterdb._version import __version__
from critterdb.errors import MAX_IMAGE_BYTES, RejectedInputError, too_large

from .address_policy import Opening, openings_from_environment, policy_for
from .metered_transport import CONNECT_S, Meter, TooManyBytesError, connection_pool
from .result_cache import Outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# For all of it: the look-up of the name, redirects, the last byte. A visitor waits for the answer,
# and a server that drips bytes would keep within any timeout for a single read.
TIMEOUT_S = 8.0
MAX_BYTES = MAX_IMAGE_BYTES
# A megabyte of tiny chunks or headers costs a second of processor time, which is what such a flood
# is after: the limits on bytes are limits on that too.
# docs/decisions.md#heads-are-limited-to-128-kb-and-a-chunk-counts-as-1-kb
MAX_HEAD_BYTES = 128 * 1024  # of one response: TLS, interim responses, headers, what comes along
MIN_CHUNK_BYTES = 1000  # a smaller one counts as that: it is as much work to take apart
# The longest that browsers and servers agree on. `images.url` keeps addresses: 10,000 a day of
# 64 kB each would fill a disk.
MAX_URL_LENGTH = 2083  # characters
# Photo hosts redirect once or twice. Each step is checked as the first address was.
MAX_REDIRECTS = 3
# A refusal comes at a multiple of this after the question: how long an inner name or host took to
# be found or not is nobody's business.
# docs/decisions.md#refusals-come-at-multiples-of-a-quarter-second
REFUSAL_STEP_S = 0.25

# Each holds a socket and up to 10 MB: what comes beyond gets "busy" at once instead of waiting for
# memory that is not there.
MAX_UNDER_WAY = 128
MAX_BYTES_UNDER_WAY = 100_000_000

URL_INVALID = (
    "That is not a URL that I can fetch. Give a complete http:// or https:// URL "
    "without spaces, a port, a user name or a password"
)
FETCH_FAILED = (
    "That URL did not return a picture. Open it in a browser to check it, "
    "or upload the picture instead"
)
BUSY = "Too many pictures are being fetched right now. Try again in a moment"

# A server behind a proxy does not know all its names, but it knows a header of its own.
# docs/decisions.md#our-requests-say-via-critterdb
VIA_NAME = "critterdb"
_REDIRECTS = (301, 302, 303, 307, 308)
_PORT_OF = {"http": 80, "https": 443}

Address = tuple[str, int]


@dataclass(frozen=True)
class FetchTarget:
    """An address that may be asked, by which policy, and where redirects must not lead.

    `own` are the hosts and ports of the server that asks: it is not sent to itself.
    """

    address: httpx.URL
    policy: Policy
    own: frozenset[Address]


def fetch_failed() -> RejectedInputError:
    """The one refusal for everything that has to do with where an address leads."""
    return RejectedInputError("fetch_failed", FETCH_FAILED)


def is_own_request(headers: Mapping[str, str]) -> bool:
    """Whether a request came from a critterdb that fetches: an endpoint that was sent to itself.

    It knows itself by this under any name, behind any proxy.
    """
    return any(part.split()[-1:] == [VIA_NAME] for part in headers.get("via", "").split(","))


class Fetcher:
    """Fetches strangers' addresses; remembers each outcome for a minute, in bounded memory.

    `allow` are openings, by default those of the environment; `allow_hosts`, when there are any,
    the only names to fetch from; `own_addresses` hosts and ports never to fetch from; `tls` is for
    other certificates than the usual ones.
    """

    def __init__(
        self,
        *,
        allow: Sequence[Opening] | None = None,
        allow_hosts: Sequence[str] = (),
        own_addresses: Sequence[Address] = (),
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.openings = openings_from_environment() if allow is None else tuple(allow)
        self.allow_hosts = frozenset(_host(name) for name in allow_hosts)
        self.own_addresses = _origins(own_addresses)
        self.timeout_s = timeout_s
        self.max_bytes = max_bytes
        self._tls = tls
        self._outcomes = Outcomes()
        # Both only touched on the loop of the fetches.
        self._under_way: dict[str, asyncio.Task[bytes]] = {}
        self._bytes_under_way = 0

    def fetch(self, url: str) -> bytes:
        """As fetch_async, for code without an event loop."""
        return asyncio.run_coroutine_threadsafe(self._share(url, frozenset()), _loop()).result()

    async def fetch_async(self, url: str, *, own_addresses: Sequence[Address] = ()) -> bytes:
        """The bytes at `url`, at most `max_bytes`, within `timeout_s` for everything.

        `own_addresses` are the host and port under which the server that asks was itself called:
        it is not sent to itself. One fetch at a time is made of a URL; who asks for it meanwhile
        gets the same outcome. Raises RejectedInputError: url_invalid, fetch_failed, too_large or
        busy.
        """
        asked = self._share(url, _origins(own_addresses))
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, _loop()))

    async def _share(self, url: str, own: frozenset[Address]) -> bytes:
        started = time.monotonic()
        try:
            target = self._check(url, own)
            remembered = self._outcomes.get(url)
            if isinstance(remembered, bytes):
                return remembered
            if remembered:
                raise RejectedInputError(*remembered)
            return await asyncio.shield(self._under_way.get(url) or self._start(url, target))
        except RejectedInputError as refusal:
            if refusal.code == "fetch_failed":
                await self._wait_for_step(started)
            raise

    def _start(self, url: str, target: FetchTarget) -> asyncio.Task[bytes]:
        if len(self._under_way) >= MAX_UNDER_WAY:
            raise RejectedInputError("busy", BUSY)
        task = asyncio.create_task(self._fetch(target))
        self._under_way[url] = task
        task.add_done_callback(lambda done: self._finish(url, done))
        return task

    def _finish(self, url: str, task: asyncio.Task[bytes]) -> None:
        self._under_way.pop(url, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._outcomes.put(url, task.result())
        elif isinstance(error, RejectedInputError) and error.code != "busy":
            self._outcomes.put(url, (error.code, str(error)))

    async def _wait_for_step(self, started: float) -> None:
        passed = time.monotonic() - started
        step = math.ceil(passed / REFUSAL_STEP_S) * REFUSAL_STEP_S
        await asyncio.sleep(max(0, min(step, self.timeout_s) - passed))

    async def _fetch(self, target: FetchTarget) -> bytes:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._follow(target)
        except (
            TimeoutError,
            TooManyBytesError,
            OSError,
            UnicodeError,  # a name that TLS cannot spell
            SSRFGuardError,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            httpcore.UnsupportedProtocol,
        ) as error:
            raise fetch_failed() from error

    async def _follow(self, target: FetchTarget) -> bytes:
        meter = Meter(0)
        most = self.max_bytes + MAX_HEAD_BYTES
        for _ in range(MAX_REDIRECTS + 1):
            address = target.address
            meter.limit = min(meter.received + MAX_HEAD_BYTES, most)
            async with (
                connection_pool(target.policy, meter, self._tls or tls_context()) as pool,
                pool.stream(
                    "GET",
                    _as_httpcore(address),
                    headers=_request_headers(address),
                    extensions={
                        "timeout": {"connect": CONNECT_S},
                        "sni_hostname": address.raw_host.decode("ascii").rstrip("."),
                    },
                ) as response,
            ):
                headers = httpx.Headers(response.headers)
                if response.status not in _REDIRECTS:
                    meter.limit = most
                    return await self._read(response, headers)
            target = self._redirected(target, headers.get("location", ""))
        raise fetch_failed()

    def _redirected(self, source: FetchTarget, location: str) -> FetchTarget:
        if not location:
            raise fetch_failed()
        try:
            target = self._check(str(source.address.join(location)), source.own)
        except (RejectedInputError, httpx.InvalidURL, ValueError) as error:
            raise fetch_failed() from error
        if source.address.scheme == "https" and target.address.scheme != "https":
            raise fetch_failed()
        return target

    async def _read(self, response: httpcore.Response, headers: httpx.Headers) -> bytes:
        encoding = headers.get("content-encoding", "identity").lower()
        if response.status != 200 or encoding != "identity":
            raise fetch_failed()
        too_much = too_large(f"{self.max_bytes / 1e6:g} MB")
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.max_bytes:
            raise too_much
        body = bytearray()
        counted = 0
        try:
            async for chunk in response.aiter_stream():
                counted += max(len(chunk), MIN_CHUNK_BYTES)
                if counted > self.max_bytes + MIN_CHUNK_BYTES or (
                    len(body) + len(chunk) > self.max_bytes
                ):
                    raise too_much
                self._bytes_under_way += len(chunk)
                body += chunk
                if self._bytes_under_way > MAX_BYTES_UNDER_WAY:
                    raise RejectedInputError("busy", BUSY)
        except TooManyBytesError as error:
            raise too_much from error
        finally:
            self._bytes_under_way -= len(body)
        return bytes(body)

    def _check(self, url: str, own: frozenset[Address]) -> FetchTarget:
        """What an address says before any packet; the guard does the rest."""
        if len(url) > MAX_URL_LENGTH:
            raise RejectedInputError("url_invalid", URL_INVALID)
        try:
            address = httpx.URL(url)
            port = address.port or _PORT_OF.get(address.scheme, 0)
            policy = policy_for(port, self.openings)
            # As it was written, and as it will be used: two readers of one address can differ.
            policy.check_url(url)
            checked = policy.check_url(str(address))
        except SSRFGuardError as error:
            if isinstance(error.__cause__, BlockedAddressError):
                raise fetch_failed() from error
            raise RejectedInputError("url_invalid", URL_INVALID) from error
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise RejectedInputError("url_invalid", URL_INVALID) from error
        host = checked.host.lower().rstrip(".")
        if (self.allow_hosts and host not in self.allow_hosts) or (
            (host, port) in self.own_addresses | own
        ):
            raise fetch_failed()
        return FetchTarget(address, policy, own)


def _origins(addresses: Sequence[Address]) -> frozenset[Address]:
    return frozenset((_host(host), port) for host, port in addresses)


def _host(name: str) -> str:
    """A host as a request names it, without a dot at its end: in ASCII, small letters."""
    name = name.strip("[]").rstrip(".")
    try:
        bare = f"[{name}]" if ":" in name else name
        return httpx.URL(f"http://{bare}/").raw_host.decode("ascii").lower()
    except (httpx.InvalidURL, UnicodeError):  # UnicodeError for a non-ASCII IPv6 zone
        return name.lower()


def _as_httpcore(address: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=address.raw_scheme,
        host=address.raw_host,
        port=address.port,
        target=address.raw_path,
    )


def _request_headers(address: httpx.URL) -> list[tuple[str, str]]:
    return [
        ("Host", address.netloc.decode("ascii")),
        ("User-Agent", f"critterdb/{__version__}"),
        ("Accept", "image/*"),
        ("Accept-Encoding", "identity"),
        ("Via", f"1.1 {VIA_NAME}"),
        ("Connection", "close"),
    ]


_starting = threading.Lock()


@cache
def tls_context() -> ssl.SSLContext:
    """Trust in the usual certificates, for every client of this process.

    Reading them takes 30 ms, longer than most fetches.
    """
    return ssl.create_default_context(cafile=certifi.where())


def _loop() -> asyncio.AbstractEventLoop:
    with _starting:
        return _started_loop()


@cache
def _started_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    # docs/decisions.md#all-fetches-share-one-event-loop-in-a-thread
    threading.Thread(target=loop.run_forever, name="critterdb-fetch", daemon=True).start()
    return loop


# A forked process has the loop, but not the thread that runs it.
os.register_at_fork(after_in_child=_started_loop.cache_clear)
