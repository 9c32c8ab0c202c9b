"""Read the body of a request with a cap, in memory only.

Datasette 0.65 reads a body without any limit, and 1.0 takes uploads apart with a reader that 0.65
does not have; so the bytes come straight from ASGI here, the same on both. Nothing touches a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from critterdb.errors import RejectedInputError
from critterdb.web.errors import PageNotFoundError

from .forms import FORM_OVERHEAD_BYTES, parse_form

if TYPE_CHECKING:
    from datasette.utils.asgi import Request

NOT_AS_HERE = "This form could not be read. Go back and send it again"

# In memory and not on a disk, where files would have to be removed after a crash.
MAX_UPLOAD_MEMORY_BYTES = 256_000_000
BUSY = "Too many photos are waiting right now. Try again in a moment"
# A sender that drips would hold its share of that memory for as long as it likes.
# docs/decisions.md#uploads-stay-in-memory-256-mb-in-total
READ_SECONDS = 60
# A sender that is answered in the middle of its body may lose the answer with the connection, so a
# little of what is too much is read and thrown away first.
LINGER_BYTES = 64_000_000
# Usual clients see the 413 so, and who goes on sending is cut off.
# docs/decisions.md#a-refused-upload-is-read-for-one-more-second
LINGER_SECONDS = 1.0

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class ClientDisconnectedError(Exception):
    """The sender hung up before its body was complete: there is nobody to answer."""


class UploadMemory:
    """What all uploads together may hold while they arrive; only the event loop's thread counts."""

    def __init__(self, max_bytes: int = MAX_UPLOAD_MEMORY_BYTES) -> None:
        self.max_bytes = max_bytes
        self.held = 0

    def take(self, size: int) -> None:
        """Count bytes. Raises RejectedInputError (busy) if that would be too much."""
        if self.held + size > self.max_bytes:
            raise RejectedInputError("busy", BUSY)
        self.held += size

    def give_back(self, size: int) -> None:
        self.held -= size


class Body:
    """The body of one request: read once with a cap, or thrown away; `close` frees its memory."""

    def __init__(
        self, receive: Receive, headers: Mapping[str, str], memory: UploadMemory | None = None
    ) -> None:
        self.headers = headers
        self._receive = receive
        self._memory = memory or UploadMemory()
        self._held = 0
        self._more = True

    async def read(self, cap: int) -> bytearray | None:
        """Return the bytes; None as soon as there are more than `cap`.

        Raises ClientDisconnectedError, TimeoutError after READ_SECONDS, and RejectedInputError
        (busy).
        """
        # Refuse at once what says that it is too large; what lies about it is counted below.
        declared = self.headers.get("content-length", "")
        # Before a byte is read, and before 100 Continue invites them.
        if declared.isdigit() and int(declared) > cap:
            return None
        body = bytearray()
        async with asyncio.timeout(READ_SECONDS):
            while self._more:
                chunk = await self._next()
                if len(body) + len(chunk) > cap:
                    return None
                self._memory.take(len(chunk))
                self._held += len(chunk)
                body += chunk
        return body

    async def discard(self) -> bool:
        """Read a little of what is left; return whether something was, and the connection must end.

        A sender that is answered in the middle of its body may lose the answer otherwise. One
        that waits for "100 Continue" has sent nothing that could get lost.
        """
        self.close()
        if not self._more or self.headers.get("expect", "").lower() == "100-continue":
            return self._more
        dropped = 0
        with suppress(TimeoutError, ClientDisconnectedError):
            async with asyncio.timeout(LINGER_SECONDS):
                while self._more and dropped < LINGER_BYTES:
                    dropped += len(await self._next())
        return True

    def close(self) -> None:
        self._memory.give_back(self._held)
        self._held = 0

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._more = False
            raise ClientDisconnectedError
        self._more = message.get("more_body", False)
        return bytes(message.get("body", b""))


async def read_form(request: Request) -> dict[str, str]:
    """The first value of each field of a url-encoded form. Raises PageNotFoundError if it is
    not one.

    Datasette's own reader takes as much as is sent on 0.65, and fails on what is not UTF-8.
    """
    try:
        body = await Body(request.receive, request.headers).read(FORM_OVERHEAD_BYTES)
        fields = parse_form(bytes(body or b""))
    except (ClientDisconnectedError, TimeoutError, RejectedInputError) as error:
        raise PageNotFoundError(NOT_AS_HERE) from error
    return {name: value.decode("utf-8", "replace") for name, value in fields.items()}
