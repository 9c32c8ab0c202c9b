"""What a browser or a program sends to the endpoint: read with a cap, taken apart in memory.

Datasette 0.65 reads a body without any limit, and 1.0 takes uploads apart with a reader that 0.65
does not have; so the bytes come straight from ASGI here, the same on both. Nothing touches a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qs

from ..errors import Refusal

FORM_OVERHEAD_BYTES = 64 * 1024
MAX_PARTS = 16
READ_SECONDS = 60
# A sender that is answered in the middle of its body may lose the answer with the connection, so a
# little of what is too much is read and thrown away first.
LINGER_BYTES = 64_000_000
LINGER_SECONDS = 1.0

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class ClientGone(Exception):
    """The sender hung up before its body was complete: there is nobody to answer."""


@dataclass(frozen=True)
class Upload:
    """What a POST holds: a picture's bytes, or an address, or neither; and the wanted model."""

    image: bytes | None = None
    url: str | None = None
    model: str | None = None


async def read_upload(receive: Receive, headers: Mapping[str, str], max_bytes: int) -> Upload:
    """The picture or address in a request's body, multipart, url-encoded or raw.

    Raises Refusal: too_large, or missing_image where a form cannot be understood.
    """
    content_type = headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    is_form = kind in ("multipart/form-data", "application/x-www-form-urlencoded")
    cap = max_bytes + FORM_OVERHEAD_BYTES if is_form else max_bytes
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await _read_body(receive, headers, cap, max_bytes)
    except TimeoutError as error:
        raise Refusal(
            "missing_image", "The photo took more than a minute to arrive. Please try again"
        ) from error
    if kind == "multipart/form-data":
        fields = parse_multipart(body, content_type)
    elif kind == "application/x-www-form-urlencoded":
        fields = parse_form(body)
    else:
        fields = {"image": body}
    image = fields.get("image") or None
    if image and len(image) > max_bytes:
        raise too_large(max_bytes)
    return Upload(image, _text(fields, "url"), _text(fields, "model"))


def parse_form(body: bytes) -> dict[str, bytes]:
    """The first value of each field of a url-encoded body.

    A picture that says it is one of these (as curl does by itself) is still a picture: the bytes of
    a real form are ASCII. Raises Refusal (missing_image) where there are too many fields.
    """
    if not body.isascii():
        return {"image": body}
    try:
        values = parse_qs(body.decode("ascii"), max_num_fields=MAX_PARTS)
    except ValueError as error:
        raise _malformed("it has too many fields") from error
    return {name: value[0].encode() for name, value in values.items()}


def parse_multipart(body: bytes, content_type: str) -> dict[str, bytes]:
    """The first value of each field of a multipart/form-data body (RFC 7578).

    File names are ignored: nothing is stored under a name that a stranger chose. Raises Refusal
    (missing_image) where the form is malformed or has too many parts.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise _malformed("it names no boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # A prepended line break makes the first delimiter look like all others.
    parts = (b"\r\n" + body).split(delimiter, MAX_PARTS + 1)[1:]
    if not any(part.startswith(b"--") for part in parts):
        raise _malformed("it is cut off" if len(parts) <= MAX_PARTS else "it has too many parts")
    fields: dict[str, bytes] = {}
    for part in parts:
        if part.startswith(b"--"):
            break
        head, blank, value = part.partition(b"\r\n\r\n")
        if not blank:
            raise _malformed("a part of it has no header")
        name = _part_name(head)
        if name is not None:
            fields.setdefault(name, value)
    return fields


def too_large(max_bytes: int) -> Refusal:
    return Refusal(
        "too_large",
        f"That is more than {max_bytes / 1e6:g} MB. Please send a smaller version of the photo",
    )


async def _read_body(
    receive: Receive, headers: Mapping[str, str], cap: int, max_bytes: int
) -> bytes:
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > cap:
        # Somebody who waits for "100 Continue" has sent nothing that could get lost.
        if headers.get("expect", "").lower() != "100-continue":
            await _linger(receive)
        raise too_large(max_bytes)
    chunks: list[bytes] = []
    received = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        received += len(chunk)
        more = message.get("more_body", False)
        if received > cap:
            chunks.clear()
            if more:
                await _linger(receive)
            raise too_large(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


async def _linger(receive: Receive) -> None:
    dropped = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while dropped < LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _part_name(head: bytes) -> str | None:
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            header = Message()
            header["content-disposition"] = value.strip()
            field = header.get_param("name", header="content-disposition")
            return field if isinstance(field, str) else None
    return None


def _text(fields: Mapping[str, bytes], name: str) -> str | None:
    return fields.get(name, b"").decode("utf-8", "replace").strip() or None


def _malformed(what: str) -> Refusal:
    return Refusal(
        "missing_image",
        f"The form could not be read: {what}. Send the photo as the field “image”, "
        "or as the whole body of the request",
    )
