"""What strangers may post to Datasette's own pages, where Datasette itself sets no limit.

Version 0.65 reads a form into memory whatever its size, before any page is asked whether it wants
one; a few such bodies would end the server. Whoever is signed in may send what plugins take.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from critterdb.errors import MAX_IMAGE_BYTES, MAX_IMAGE_WORDS, RejectedInputError
from critterdb.web.http.asgi import App, Message, Receive, Scope, Send, send_text
from critterdb.web.http.body import READ_SECONDS
from critterdb.web.http.forms import FORM_OVERHEAD_BYTES
from critterdb.web.state import plugin_state

from .current_request import actor_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasette.app import Datasette

# 0.65, and its check for forged forms which copies all with each piece, read 150 MB in over half a
# minute and took half a gigabyte. What we take at /-/classify is allowed everywhere.
# docs/decisions.md#strangers-may-post-10-mb-to-datasette-065
MAX_BODY_BYTES = MAX_IMAGE_BYTES + FORM_OVERHEAD_BYTES
# Where Datasette has a limit of its own, it is left alone.
OWN_LIMIT = "max_post_body_bytes"  # the setting of Datasette 1.0

TOO_LARGE = (
    f"Request too large: anonymous requests are limited to {MAX_IMAGE_WORDS}. Sign in or send less."
)
TOO_SLOW = f"The request took more than {READ_SECONDS} seconds. Please try again."


class BodyRefusedError(Exception):
    """More came than a stranger may send, or it came too slowly."""


class CountedBody:
    """The body of one request, counted while it arrives unless its sender is signed in."""

    def __init__(self, datasette: Datasette, scope: Scope, receive: Receive) -> None:
        self.refusal: tuple[int, str] | None = None
        self._datasette = datasette
        self._scope = scope
        self._receive = receive
        # Shared with /-/classify: a hundred senders that stop halfway would hold a gigabyte.
        self._memory = plugin_state(datasette).uploads
        self._deadline = asyncio.get_running_loop().time() + READ_SECONDS
        self._signed_in: bool | None = None
        self._taken = 0
        self._held = 0
        self._more = True

    async def receive(self) -> Message:
        """Return the next message. Raises BodyRefusedError once the body is refused."""
        # What follows the body is the end of the connection, which may be far away.
        if not self._more or await self._is_signed_in():
            return await self._receive()
        if self.refusal is None:
            try:
                async with asyncio.timeout_at(self._deadline):
                    message = await self._receive()
            except TimeoutError:
                self.refusal = (408, TOO_SLOW)
            else:
                self._more = bool(message.get("more_body"))
                self._count(len(message.get("body", b"")))
        if self.refusal is not None:
            raise BodyRefusedError
        return message

    def close(self) -> None:
        """Give back the memory of what arrived."""
        self._memory.give_back(self._held)
        self._held = 0

    def _count(self, size: int) -> None:
        self._taken += size
        if self._taken > MAX_BODY_BYTES:
            self.refusal = (413, TOO_LARGE)
            return
        try:
            self._memory.take(size)
        except RejectedInputError as error:
            self.refusal = (error.status, f"{error}.")
        else:
            self._held += size

    async def _is_signed_in(self) -> bool:
        if self._signed_in is None:
            self._signed_in = bool(await actor_of(self._datasette, self._scope))
        return self._signed_in


def limit_bodies(datasette: Datasette, app: App, is_ours: Callable[[Any], bool]) -> App:
    """Return `app` with limits of size, time and memory for the bodies of strangers.

    Paths for which `is_ours` holds have limits of their own. Refuses with 413, 408 or 503.
    """

    async def limited(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_ours(scope):
            await app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if _is_too_much(declared) and not await actor_of(datasette, scope):
            await send_text(send, 413, TOO_LARGE)
            return
        body, begun = CountedBody(datasette, scope, receive), False

        async def answered(message: Message) -> None:
            nonlocal begun
            if not body.refusal or begun:
                begun = True
                await send(message)

        try:
            with suppress(BodyRefusedError):
                await app(scope, body.receive, answered)
        finally:
            body.close()
        if body.refusal and not begun:
            await send_text(send, *body.refusal)

    return limited


def _is_too_much(declared: bytes) -> bool:
    return declared.isdigit() and int(declared) > MAX_BODY_BYTES
