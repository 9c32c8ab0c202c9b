"""Take url-encoded and multipart forms apart, in time that grows with their size only."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from critterdb.errors import RejectedInputError

# Boundaries, part heads and short fields beside the picture.
FORM_OVERHEAD_BYTES = 64 * 1024
# Each part costs a search of the body for the next delimiter; the form has three fields.
MAX_PARTS = 16
# What is needed to take a header's parameters apart grows with the square of its length.
MAX_HEAD_BYTES = 2048

_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))')


def parse_form(body: bytes) -> dict[str, bytes]:
    """Return the first value of each field of a url-encoded body.

    A picture that says it is one of these (as curl does by itself) is still a picture: the bytes of
    a real form are ASCII, and few. Raises RejectedInputError (missing_image) if there are too
    many fields.
    """
    # `curl --data-binary @photo.jpg` says that it sends a form.
    if not body.isascii() or len(body) > FORM_OVERHEAD_BYTES:
        return {"image": body}
    try:
        values = parse_qs(body.decode("ascii"), max_num_fields=MAX_PARTS)
    except ValueError as error:
        raise _malformed("it has too many fields") from error
    return {name: value[0].encode() for name, value in values.items()}


def parse_multipart(body: bytes | bytearray, content_type: str) -> dict[str, bytes]:
    """Return the first value of each field of a multipart/form-data body (RFC 7578).

    By hand, because python-multipart takes 3 s of the event loop for a form of 10 MB that repeats a
    short boundary; this takes 10 ms (docs/decisions.md). File names are ignored: nothing is stored
    under a name that a stranger chose. Raises RejectedInputError (missing_image) if the form is
    malformed or has too many parts.
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
    """Return a parameter of a header such as `form-data; name="image"`; the first of its name.

    What RFC 2231 allows elsewhere (`name*=utf-8''image`) is not allowed in forms (RFC 7578);
    Python's own reader understands it, and fails on mixtures.
    """
    for key, quoted, plain in _PARAMETER.findall(header):
        if key.lower() == name:
            return re.sub(r"\\(.)", r"\1", quoted).rstrip() or plain.strip()
    return None


def _malformed(what: str) -> RejectedInputError:
    return RejectedInputError(
        "missing_image",
        f"The form could not be read: {what}. Send the photo as the field “image”, "
        "or as the whole body of the request",
    )
