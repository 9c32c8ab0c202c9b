"""One connection to a guarded address, every byte of which is counted.

ssrfguard connects only to the very address that it checked. Here the lookup of the name can be
abandoned, and whatever comes over the connection counts: TLS, heads and interim responses included.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import anyio.abc
import httpcore
from httpcore._backends.anyio import AnyIOStream
from ssrfguard.httpx import AsyncSafeBackend

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping

    from ssrfguard import Policy

# Of the 8 s that a fetch has: an address that never answers leaves time for the next one.
CONNECT_S = 3.0  # for each of a name's addresses, of which four are tried
# The kernel would let a fast server fill megabytes before the count below sees them.
RECEIVE_BUFFER_BYTES = 256 * 1024  # what a server can have sent that was not read yet
MAX_LOOKUPS = 256  # some of which may be held up by the servers of a hostile name

# The resolver gives up after half a minute or more and cannot be stopped, so its threads are left
# behind; this says how many may be.
_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


class TooManyBytesError(Exception):
    """More came over the wire than was allowed for."""


class Meter:
    """What one fetch received over all its connections, and how much that may be."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.received = 0

    def count(self, size: int) -> None:
        """Note `size` bytes. Raises TooManyBytesError."""
        self.received += size
        if self.received > self.limit:
            raise TooManyBytesError


class MeteredBackend(AsyncSafeBackend):
    """ssrfguard's backend, whose connections count what they receive."""

    def __init__(self, policy: Policy, meter: Meter) -> None:
        super().__init__(policy=policy)
        self._meter = meter

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Look the name up, check every answer, connect to one of them."""
        answers = await look_up(host, port)
        # The guard must not wait in a thread that cannot be abandoned, so it is given the answers.
        # docs/decisions.md#names-are-looked-up-in-threads-that-can-be-abandoned
        self.resolver = lambda *_: answers
        options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)]
        stream = await super().connect_tcp(host, port, timeout, local_address, options)
        # httpcore offers no place below TLS, so its private class is wrapped. setup.py keeps
        # httpcore below 2, and the tests count bytes of each kind.
        assert isinstance(stream, AnyIOStream)
        return AnyIOStream(_MeteredStream(stream._stream, self._meter))


class _MeteredStream(anyio.abc.ByteStream):
    def __init__(self, stream: anyio.abc.ByteStream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    async def receive(self, max_bytes: int = 65536) -> bytes:
        received = await self._stream.receive(max_bytes)
        self._meter.count(len(received))
        return received

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Any]:
        return self._stream.extra_attributes


async def look_up(host: str, port: int) -> list[Any]:
    """What getaddrinfo() says, in a thread that is left behind when this is cancelled.

    Its resolver may wait for half a minute where a name's servers do not answer. Raises OSError,
    also where too many lookups are being waited for.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()
    if not _lookups.acquire(blocking=False):
        raise OSError("too many names are being looked up")

    def run() -> None:
        result: list[Any] | OSError
        try:
            result = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            result = OSError(str(error))
        finally:
            _lookups.release()
        # A future belongs to its loop: a thread that set it itself would not wake the loop.
        loop.call_soon_threadsafe(settle, result)

    def settle(result: list[Any] | OSError) -> None:
        # The deadline came first; nobody waits for this answer now.
        if answer.cancelled():
            return
        if isinstance(result, OSError):
            answer.set_exception(result)
        else:
            answer.set_result(result)

    threading.Thread(target=run, name="critterdb-name", daemon=True).start()
    return await answer


def connection_pool(
    policy: Policy, meter: Meter, tls: ssl.SSLContext
) -> httpcore.AsyncConnectionPool:
    """A client for one exchange: no cookies, no proxy, no redirects, no decoding, no retries."""
    return httpcore.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=1,
        # A connection that is kept could serve the next fetch, whose policy was another one.
        max_keepalive_connections=0,
        network_backend=MeteredBackend(policy, meter),
    )
