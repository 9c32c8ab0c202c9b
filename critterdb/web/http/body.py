"""What a browser or a program sends to the endpoint: read with a cap, taken apart in memory.

Datasette 0.65 reads a body without any limit, and 1.0 takes uploads apart with a reader that 0.65
does not have; so the bytes come straight from ASGI here, the same on both. Nothing touches a disk.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from critterdb.errors import RejectedInputError, too_large
from critterdb.web.endpoint.limits import UploadMemory
from critterdb.web.errors import PageNotFoundError

if TYPE_CHECKING:
    from datasette.utils.asgi import Request

NOT_AS_HERE = "That form was not filled in as this page does it. Go back to it"

FORM_OVERHEAD_BYTES = 64 * 1024
MAX_PARTS = 16
# What is needed to take a header's parameters apart grows with the square of its length.
MAX_HEAD_BYTES = 2048
READ_SECONDS = 60
# A sender that is answered in the middle of its body may lose the answer with the connection, so a
# little of what is too much is read and thrown away first.
LINGER_BYTES = 64_000_000
LINGER_SECONDS = 1.0

_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))')

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class ClientDisconnectedError(Exception):
    """The sender hung up before its body was complete: there is nobody to answer."""


@dataclass(frozen=True)
class Upload:
    """What a POST holds: a picture's bytes, or an address, or neither; and the wanted model."""

    image: bytes | None = None
    url: str | None = None
    model: str | None = None


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
        """The bytes; None where there are more than `cap`, told as early as they show it.

        Raises ClientDisconnectedError, TimeoutError after READ_SECONDS, and Refusal (busy).
        """
        declared = self.headers.get("content-length", "")
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
        """Read a little of what is left; whether something was, so that the connection must end.

        A sender that is answered in the middle of its body may lose the answer otherwise. Whoever
        waits for "100 Continue" has sent nothing that could get lost.
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


async def read_upload(body: Body, max_bytes: int) -> Upload:
    """The picture or address in a request's body, multipart, url-encoded or raw.

    Raises RejectedInputError: too_large, or missing_image where a form cannot be understood.
    """
    content_type = body.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    is_form = kind in ("multipart/form-data", "application/x-www-form-urlencoded")
    try:
        data = await body.read(max_bytes + FORM_OVERHEAD_BYTES if is_form else max_bytes)
    except TimeoutError as error:
        raise RejectedInputError(
            "missing_image", "The photo took more than a minute to arrive. Please try again"
        ) from error
    if data is None:
        raise too_large(f"{max_bytes / 1e6:g} MB")
    if kind == "multipart/form-data":
        fields = parse_multipart(data, content_type)
    elif kind == "application/x-www-form-urlencoded":
        fields = parse_form(bytes(data))
    else:
        fields = {"image": bytes(data)}
    image = fields.get("image") or None
    if image and len(image) > max_bytes:
        raise too_large(f"{max_bytes / 1e6:g} MB")
    return Upload(image, _text(fields, "url"), _text(fields, "model"))


def parse_form(body: bytes) -> dict[str, bytes]:
    """The first value of each field of a url-encoded body.

    A picture that says it is one of these (as curl does by itself) is still a picture: the bytes of
    a real form are ASCII, and few. Raises RejectedInputError (missing_image) where there are too
    many fields.
    """
    if not body.isascii() or len(body) > FORM_OVERHEAD_BYTES:
        return {"image": body}
    try:
        values = parse_qs(body.decode("ascii"), max_num_fields=MAX_PARTS)
    except ValueError as error:
        raise _malformed("it has too many fields") from error
    return {name: value[0].encode() for name, value in values.items()}


def parse_multipart(body: bytes | bytearray, content_type: str) -> dict[str, bytes]:
    """The first value of each field of a multipart/form-data body (RFC 7578).

    File names are ignored: nothing is stored under a name that a stranger chose. Raises
    RejectedInputError (missing_image) where the form is malformed or has too many parts.
    """
    boundary = _parameter(content_type, "boundary") if len(content_type) <= MAX_HEAD_BYTES else None
    if not boundary:
        raise _malformed("it names no boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # The first delimiter may stand at the very beginning, without its line break.
    begins = body.startswith(delimiter[2:])
    end = -2 if begins else body.find(delimiter)
    fields: dict[str, bytes] = {}
    for _ in range(MAX_PARTS + 1):
        start = end + len(delimiter)
        if end == -1:
            raise _malformed("it is cut off")
        if body[start : start + 2] == b"--":
            return fields
        end = body.find(delimiter, start)
        blank = body.find(b"\r\n\r\n", start, None if end == -1 else end)
        if end != -1 and blank == -1:
            raise _malformed("a part of it has no header")
        if end != -1 and blank - start > MAX_HEAD_BYTES:
            raise _malformed("a part of it has too long a header")
        name = _part_name(bytes(body[start:blank])) if end != -1 else None
        if name is not None and name not in fields:
            fields[name] = bytes(memoryview(body)[blank + 4 : end])
    raise _malformed("it has too many parts")


def _part_name(head: bytes) -> str | None:
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return _parameter(value, "name")
    return None


def _parameter(header: str, name: str) -> str | None:
    """A parameter of a header such as `form-data; name="image"`; the first of its name.

    What RFC 2231 allows elsewhere (`name*=utf-8''image`) is no form's, says RFC 7578; Python's own
    reader understands it, and fails on mixtures.
    """
    for key, quoted, plain in _PARAMETER.findall(header):
        if key.lower() == name:
            return re.sub(r"\\(.)", r"\1", quoted).rstrip() or plain.strip()
    return None


def _text(fields: Mapping[str, bytes], name: str) -> str | None:
    return fields.get(name, b"").decode("utf-8", "replace").strip() or None


def _malformed(what: str) -> RejectedInputError:
    return RejectedInputError(
        "missing_image",
        f"The form could not be read: {what}. Send the photo as the field “image”, "
        "or as the whole body of the request",
    )


async def read_form(request: Request) -> dict[str, str]:
    """The first value of each field of a url-encoded form. Raises PageNotFoundError where it is
    none.

    Datasette's own reader takes as much as is sent on 0.65, and fails on what is no UTF-8.
    """
    try:
        body = await Body(request.receive, request.headers).read(FORM_OVERHEAD_BYTES)
        fields = parse_form(bytes(body or b""))
    except (ClientDisconnectedError, TimeoutError, RejectedInputError) as error:
        raise PageNotFoundError(NOT_AS_HERE) from error
    return {name: value.decode("utf-8", "replace") for name, value in fields.items()}
