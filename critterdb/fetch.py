"""An untrusted URL → bytes, or a refusal that tells a stranger nothing about our network.

ssrfguard decides on the very address that is connected to, on each redirect anew. Here its table is
made stricter, and the whole fetch gets one deadline, one byte cap counted on the wire, no content
encoding, no cookies and no proxy. Whatever goes wrong beyond the address's own form is one and the
same refusal, whether a host is private, closed, unknown or failing.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpx
from ssrfguard import DEFAULT_DENIED, AddressTable, Block, Policy, Reach, SSRFGuardError, Verdict
from ssrfguard.errors import BlockedAddressError
from ssrfguard.httpx import AsyncClient

from . import __version__
from .errors import CritterError, Refusal

TIMEOUT_S = 8.0
MAX_BYTES = 10_000_000
MAX_REDIRECTS = 3
PORTS = frozenset({80, 443})
REMEMBER_S = 60
REMEMBER_ENTRIES = 64
REMEMBER_BYTES = 32_000_000

URL_INVALID = (
    "That is not an address that I can fetch. Give a whole http:// or https:// address "
    "without a port, user name or password"
)
FETCH_FAILED = (
    "That address gave no picture. Open it in a browser to check it, or upload the picture instead"
)
TOO_LARGE = "The picture is over 10 MB. Make it smaller and try again"

# Interface identifiers ::0:5efe:a.b.c.d and ::200:5efe:a.b.c.d carry an IPv4 address (RFC 5214).
_ISATAP = (0x00005EFE, 0x02005EFE)
_REDIRECTS = (301, 302, 303, 307, 308)


class StrictTable(AddressTable):
    """ssrfguard's table, and beyond it nothing but ordinary unicast addresses.

    Anycast services (AS112, AMT, TURN …) that the registries call reachable hold no photos; IPv6
    outside 2000::/3 is no public host; an ISATAP address is a way to spell an IPv4 one.
    """

    def classify(self, address: Any) -> Verdict:
        parsed = ip_address(address) if isinstance(address, str) else address
        if isinstance(parsed, IPv6Address) and (int(parsed) >> 32) & 0xFFFFFFFF in _ISATAP:
            return Verdict(address=parsed, blocked=True, block=self.match(parsed))
        return super().classify(parsed)


def _block(network: str, name: str, reach: Reach) -> Block:
    return Block(network=ip_network(network), name=name, rfc="", reach=reach)


STRICT_TABLE = StrictTable(
    (
        *(
            replace(block, reach=Reach.DENIED) if block.reach is Reach.PERMITTED else block
            for block in DEFAULT_DENIED.blocks
        ),
        _block("::/0", "not global unicast", Reach.DENIED),
        _block("2000::/3", "global unicast", Reach.PERMITTED),
    )
)
NOTHING = AddressTable(
    (_block("0.0.0.0/0", "closed", Reach.DENIED), _block("::/0", "closed", Reach.DENIED))
)


@dataclass(frozen=True)
class Opening:
    """A network and a port that may be fetched from although the table refuses them."""

    network: IPv4Network | IPv6Network
    port: int


def openings_from_environment() -> tuple[Opening, ...]:
    """CRITTERDB_FETCH_ALLOW, such as `127.0.0.2/32:18080,[fd00::/8]:8080`.

    Raises CritterError where it cannot be read.
    """
    text = os.environ.get("CRITTERDB_FETCH_ALLOW", "")
    return tuple(_opening(part.strip()) for part in text.split(",") if part.strip())


def _opening(text: str) -> Opening:
    match = re.fullmatch(r"\[?([0-9A-Fa-f:.]+(?:/\d+)?)\]?:(\d{1,5})", text)
    try:
        if not match:
            raise ValueError("it is not NETWORK:PORT")
        return Opening(ip_network(match[1]), int(match[2]))
    except ValueError as error:
        raise CritterError(
            f"CRITTERDB_FETCH_ALLOW holds {text!r}: {error}. Write it like 127.0.0.2/32:18080"
        ) from error


def fetch_failed() -> Refusal:
    """The one refusal for everything that has to do with where an address leads."""
    return Refusal("fetch_failed", FETCH_FAILED)


class Fetcher:
    """Fetches strangers' addresses; remembers each outcome for a minute, in bounded memory."""

    def __init__(
        self,
        *,
        allow: Sequence[Opening] | None = None,
        allow_hosts: Sequence[str] = (),
        own_addresses: Sequence[tuple[str, int]] = (),
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.openings = openings_from_environment() if allow is None else tuple(allow)
        self.allow_hosts = frozenset(host.lower().rstrip(".") for host in allow_hosts)
        self.own_addresses = frozenset(own_addresses)
        self.timeout_s = timeout_s
        self.max_bytes = max_bytes
        self._memory = _Memory()
        self._under_way: dict[tuple[int, str], asyncio.Task[bytes]] = {}

    def fetch(self, url: str) -> bytes:
        """As fetch_async, for code without an event loop (in a thread that has none)."""
        return asyncio.run(self.fetch_async(url))

    async def fetch_async(self, url: str) -> bytes:
        """The bytes at `url`, at most `max_bytes`, within `timeout_s` for everything.

        Raises Refusal: url_invalid, fetch_failed or too_large. One fetch at a time is made of an
        address; who asks for it meanwhile gets the same outcome.
        """
        target = self._check(url)
        remembered = self._memory.get(url)
        if isinstance(remembered, Refusal):
            raise remembered
        if remembered is not None:
            return remembered
        key = (id(asyncio.get_running_loop()), url)
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(url, target))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._finish(key, done))
        return await asyncio.shield(task)

    def _finish(self, key: tuple[int, str], task: asyncio.Task[bytes]) -> None:
        self._under_way.pop(key, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._memory.put(key[1], task.result())
        elif isinstance(error, Refusal):
            self._memory.put(key[1], error)

    async def _fetch(self, url: str, target: tuple[httpx.URL, Policy]) -> bytes:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._follow(target)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, SSRFGuardError, OSError) as error:
            raise fetch_failed() from error

    async def _follow(self, target: tuple[httpx.URL, Policy]) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            address, policy = target
            async with self._client(policy) as client, client.stream("GET", address) as response:
                if response.status_code not in _REDIRECTS:
                    return await self._read(response)
                location = response.headers.get("location", "")
            try:
                target = self._check(str(address.join(location)))
            except (Refusal, httpx.InvalidURL) as error:
                raise fetch_failed() from error
            if address.scheme == "https" and target[0].scheme != "https":
                raise fetch_failed()
        raise fetch_failed()

    async def _read(self, response: httpx.Response) -> bytes:
        if response.status_code != 200 or response.headers.get("content-encoding", "identity") != (
            "identity"
        ):
            raise fetch_failed()
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.max_bytes:
            raise Refusal("too_large", TOO_LARGE)
        chunks: list[bytes] = []
        received = 0
        async for chunk in response.aiter_raw():
            received += len(chunk)
            if received > self.max_bytes:
                raise Refusal("too_large", TOO_LARGE)
            chunks.append(chunk)
        return b"".join(chunks)

    def _client(self, policy: Policy) -> AsyncClient:
        return AsyncClient(
            policy=policy,
            verify=_tls(),
            timeout=self.timeout_s,
            trust_env=False,
            follow_redirects=False,
            headers={
                "User-Agent": f"critterdb/{__version__}",
                "Accept": "image/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
            },
        )

    def _check(self, url: str) -> tuple[httpx.URL, Policy]:
        """What can be told of an address before any packet; the guard does the rest."""
        try:
            address = httpx.URL(url)
            port = address.port or {"http": 80, "https": 443}.get(address.scheme, 0)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise Refusal("url_invalid", URL_INVALID) from error
        policy = self._policy(port)
        try:
            target = policy.check_url(url)
        except SSRFGuardError as error:
            if isinstance(error.__cause__, BlockedAddressError):
                raise fetch_failed() from error
            raise Refusal("url_invalid", URL_INVALID) from error
        host = target.host.lower().rstrip(".")
        if (self.allow_hosts and host not in self.allow_hosts) or (
            (host, port) in self.own_addresses
        ):
            raise fetch_failed()
        return address, policy

    def _policy(self, port: int) -> Policy:
        """The table for a port: the usual one for 80 and 443, elsewhere nothing but openings."""
        networks = tuple(opening.network for opening in self.openings if opening.port == port)
        return Policy(
            denied_networks=STRICT_TABLE if port in PORTS else NOTHING,
            allowed_networks=networks,
            allowed_ports=PORTS | ({port} if networks else set()),
        )


@cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer than most fetches, so it is done once.
    return httpx.create_ssl_context(trust_env=False)


class _Memory:
    """Outcomes by address: the newest of them, for a while, in so many entries and bytes."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[str, tuple[float, bytes | Refusal]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, url: str) -> bytes | Refusal | None:
        with self._lock:
            known = self._outcomes.get(url)
            return known[1] if known and known[0] > time.monotonic() else None

    def put(self, url: str, outcome: bytes | Refusal) -> None:
        with self._lock:
            self._drop(url)
            self._outcomes[url] = (time.monotonic() + REMEMBER_S, outcome)
            self._bytes += _size(outcome)
            while len(self._outcomes) > REMEMBER_ENTRIES or self._bytes > REMEMBER_BYTES:
                self._drop(next(iter(self._outcomes)))

    def _drop(self, url: str) -> None:
        known = self._outcomes.pop(url, None)
        if known:
            self._bytes -= _size(known[1])


def _size(outcome: bytes | Refusal) -> int:
    return len(outcome) if isinstance(outcome, bytes) else 0
