"""What a visitor asks of the endpoint: a picture or an address, and which model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError, too_large
from critterdb.model.whereabouts import NAMES, NOTHING_SAID, Said, said_by
from critterdb.platforms.untrusted_json import parse_json
from critterdb.web.http.forms import FORM_OVERHEAD_BYTES, parse_form, parse_multipart
from critterdb.web.http.negotiation import read_switch

from .extras import NAMES as EXTRA_NAMES
from .extras import NOTHING_ELSE, Extras, read_extras

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb.web.http.body import Body

MULTIPART = "multipart/form-data"
JSON = "application/json"
# `curl --data-binary @photo.jpg` claims to send this. A body that is not ASCII is taken for the
# picture itself, so that the obvious command works.
URL_ENCODED = "application/x-www-form-urlencoded"
# The fields of a form beside the picture.
TEXTS = ("url", "model", "use_exif", *(name for names in NAMES.values() for name in names))


@dataclass(frozen=True)
class Upload:
    """What a POST holds: a picture's bytes, or an address, or neither; and the wanted model.

    `said` is where and when the picture was taken, unchecked; with `use_exif` its file says so.
    `extras` is what else the answer should hold.
    """

    image: bytes | None = None
    url: str | None = None
    model: str | None = None
    said: Said = NOTHING_SAID
    use_exif: bool = False
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
            "too_large", f"The JSON is larger than {cap:,} bytes. Send only the URL, or a form"
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
    texts = {name: _text(fields, name) for name in TEXTS}
    return Upload(
        image,
        texts["url"],
        texts["model"],
        said_by(texts),
        read_switch(texts["use_exif"]) is True,
        read_extras(lambda name: _text(fields, name), extras),
    )


def read_query(arguments: Mapping[str, str]) -> Upload:
    """Return what the query string of a request asks, but for the extras, which can be refused."""
    return Upload(
        url=arguments.get("url"),
        model=arguments.get("model"),
        said=said_by(arguments),
        use_exif=read_switch(arguments.get("use_exif")) is True,
    )


def combined(sent: Upload, in_address: Upload) -> Upload:
    """Return what a body asks; what it leaves out may be in the query string."""
    return Upload(
        sent.image,
        sent.url or in_address.url,
        sent.model or in_address.model,
        sent.said if sent.said != NOTHING_SAID else in_address.said,
        sent.use_exif or in_address.use_exif,
        sent.extras,
    )


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
    url, model = texts
    asked = {name: str(question[name]) for name in EXTRA_NAMES if question.get(name) is not None}
    use_exif = read_switch(question.get("use_exif")) is True
    return Upload(None, url, model, said_by(question), use_exif, read_extras(asked.get, extras))


def _malformed(what: str) -> RejectedInputError:
    return RejectedInputError(
        "missing_image",
        f"The JSON could not be read: {what}. Send an object such as "
        '{"url": "https://example.org/photo.jpg"}',
    )


def _text(fields: Mapping[str, bytes], name: str) -> str | None:
    return fields.get(name, b"").decode("utf-8", "replace").strip() or None
