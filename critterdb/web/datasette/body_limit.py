"""What strangers may post to Datasette's own pages, where Datasette itself sets no limit.

Version 0.65 reads a form into memory whatever its size, before any page is asked whether it wants
one; a few such bodies would end the server. Whoever is signed in may send what plugins take.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from critterdb.errors import MAX_IMAGE_BYTES, MAX_IMAGE_WORDS
from critterdb.web.http.asgi import App, Message, Receive, Send, send_text
from critterdb.web.http.forms import FORM_OVERHEAD_BYTES

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


class BodyTooLargeError(Exception):
    """More came than a stranger may send."""


def limit_bodies(datasette: Datasette, app: App, is_ours: Callable[[Any], bool]) -> App:
    """`app`, whose strangers get 413 for larger bodies than MAX_BODY_BYTES, but where `is_ours`."""

    async def limited(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_ours(scope):
            await app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if _is_too_much(declared) and not await actor_of(datasette, scope):
            await send_text(send, 413, TOO_LARGE)
            return
        taken, refused, begun = 0, False, False

        async def counted() -> Message:
            nonlocal taken, refused
            message = await receive()
            before, taken = taken, taken + len(message.get("body", b""))
            # Who sends it is asked once, when the limit is passed.
            if before <= MAX_BODY_BYTES < taken and not await actor_of(datasette, scope):
                refused = True
            if refused:
                raise BodyTooLargeError
            return message

        async def answered(message: Message) -> None:
            nonlocal begun
            if not refused or begun:
                begun = True
                await send(message)

        with suppress(BodyTooLargeError):
            await app(scope, counted, answered)
        if refused and not begun:
            await send_text(send, 413, TOO_LARGE)

    return limited


def _is_too_much(declared: bytes) -> bool:
    return declared.isdigit() and int(declared) > MAX_BODY_BYTES
