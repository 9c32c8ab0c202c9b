"""What a visitor asks of the endpoint: a picture or an address, and which model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError, too_large
from critterdb.platforms.untrusted_json import parse_json
from critterdb.web.http.forms import FORM_OVERHEAD_BYTES, parse_form, parse_multipart

from .extras import NAMES, NOTHING_ELSE, Extras, read_extras

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb.web.http.body import Body

MULTIPART = "multipart/form-data"
JSON = "application/json"
# `curl --data-binary @photo.jpg` claims to send this. A body that is not ASCII is taken for the
# picture itself, so that the obvious command works.
URL_ENCODED = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Upload:
    """What a POST holds: a picture's bytes, or an address, or neither; and the wanted model.

    `extras` is what else the answer should hold.
    """

    image: bytes | None = None
    url: str | None = None
    model: str | None = None
    extras: Extras = NOTHING_ELSE


async def read_upload(body: Body, max_bytes: int, extras: Extras | None = None) -> Upload:
    """Read the picture or address in a request's body: multipart, url-encoded, JSON or raw.

    `extras` are those of the address, for what the body leaves out. Raises RejectedInputError:
    too_large, parameter_invalid, or missing_image if a form or JSON cannot be understood.
    """
    content_type = body.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    is_form = kind in (MULTIPART, URL_ENCODED)
    # An address is short: whoever sends more than a form's small fields means something else.
    cap = min(max_bytes, FORM_OVERHEAD_BYTES) if kind == JSON else max_bytes
    try:
        data = await body.read(cap + FORM_OVERHEAD_BYTES if is_form else cap)
    except TimeoutError as error:
        raise RejectedInputError(
            "missing_image", "The upload took more than a minute. Please try again"
        ) from error
    if data is None and kind == JSON:
        raise RejectedInputError(
            "too_large", f"The JSON has more than {cap:,} bytes. Send the address alone, or a form"
        )
    if data is None:
        raise too_large(f"{max_bytes / 1e6:g} MB")
    if kind == JSON:
        return parse_question(bytes(data), extras)
    if kind == MULTIPART:
        fields = parse_multipart(data, content_type)
    elif kind == URL_ENCODED:
        fields = parse_form(bytes(data))
    else:
        fields = {"image": bytes(data)}
    image = fields.get("image") or None
    if image and len(image) > max_bytes:
        raise too_large(f"{max_bytes / 1e6:g} MB")
    wanted = read_extras(lambda name: _text(fields, name), extras)
    return Upload(image, _text(fields, "url"), _text(fields, "model"), wanted)


def parse_question(data: bytes, extras: Extras | None = None) -> Upload:
    """Return the address and the model in a JSON object such as {"url": "https://…"}.

    Keys that are not known are ignored. Raises RejectedInputError (missing_image) if it is
    malformed, and parameter_invalid for a parameter that cannot be used.
    """
    try:
        question = parse_json(data)
    except ValueError as error:
        raise _malformed("it is not valid JSON") from error
    if not isinstance(question, dict):
        raise _malformed("it is not an object")
    texts: list[str | None] = []
    for name in ("url", "model"):
        value = question.get(name)
        if value is not None and not isinstance(value, str):
            raise _malformed(f"“{name}” is not a string")
        texts.append((value or "").strip() or None)
    asked = {name: str(question[name]) for name in NAMES if question.get(name) is not None}
    url, model = texts
    return Upload(None, url, model, read_extras(asked.get, extras))


def _malformed(what: str) -> RejectedInputError:
    return RejectedInputError(
        "missing_image",
        f"The JSON could not be read: {what}. Send an object such as "
        '{"url": "https://example.org/photo.jpg"}',
    )


def _text(fields: Mapping[str, bytes], name: str) -> str | None:
    return fields.get(name, b"").decode("utf-8", "replace").strip() or None
