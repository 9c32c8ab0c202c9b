"""What strangers may post to Datasette's own pages, where Datasette itself sets no limit.

Version 0.65 reads a form into memory whatever its size, before any page is asked whether it wants
one; a few such bodies would end the server. Whoever is signed in may send what plugins take.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from critterdb.web.http.body import FORM_OVERHEAD_BYTES
from critterdb.web.http.headers import data_headers
from critterdb.web.settings import MAX_BYTES

if TYPE_CHECKING:
    from datasette.app import Datasette

MAX_BODY_BYTES = MAX_BYTES + FORM_OVERHEAD_BYTES
OWN_LIMIT = "max_post_body_bytes"  # the setting of Datasette 1.0

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


class BodyTooLargeError(Exception):
    """More came than a stranger may send."""


def limit_bodies(datasette: Datasette, app: App, is_ours: Callable[[Any], bool]) -> App:
    """`app`, whose strangers get 413 for larger bodies than MAX_BODY_BYTES, but where `is_ours`."""

    async def limited(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_ours(scope):
            await app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if _is_too_much(declared) and not await _is_known(datasette, scope):
            await _refuse(send)
            return
        taken, refused, begun = 0, False, False

        async def counted() -> Message:
            nonlocal taken, refused
            message = await receive()
            before, taken = taken, taken + len(message.get("body", b""))
            # Who sends it is asked once, when the limit is passed.
            if before <= MAX_BODY_BYTES < taken and not await _is_known(datasette, scope):
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
            await _refuse(send)

    return limited


def _is_too_much(declared: bytes) -> bool:
    return declared.isdigit() and int(declared) > MAX_BODY_BYTES


async def _is_known(datasette: Datasette, scope: Mapping[str, Any]) -> bool:
    from datasette.plugins import pm
    from datasette.utils import await_me_maybe
    from datasette.utils.asgi import Request

    request = Request(scope, None)
    for found in pm.hook.actor_from_request(datasette=datasette, request=request):
        if await await_me_maybe(found):
            return True
    return False


async def _refuse(send: Send) -> None:
    words = (
        f"Strangers may send {MAX_BYTES / 1e6:g} MB here at most. Sign in, or send less.".encode()
    )
    headers = {
        **data_headers(),
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(words)),
        "Connection": "close",
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 413, "headers": raw})
    await send({"type": "http.response.body", "body": words})
