"""Pictures that the bot uploads, as Mastodon and Bluesky take them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email import message_from_bytes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from critterdb._types import Json
    from critterdb.fakes.server import Request

# Both are lower than the servers' own limits for other files.
MASTODON_BYTES, BLUESKY_BYTES = 16_000_000, 1_000_000


@dataclass
class Upload:
    """A picture that was uploaded; Mastodon says that it is ready after `polls` more questions."""

    data: bytes
    kind: str
    alt: str = ""
    polls: int = 0
    is_used: bool = False


def multipart_fields(request: Request) -> dict[str, tuple[bytes, str]]:
    """The fields of a form, each with its content type."""
    head = f"Content-Type: {request.headers.get('Content-Type')}\r\n\r\n".encode()
    fields: dict[str, tuple[bytes, str]] = {}
    for part in message_from_bytes(head + request.body).walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            data = part.get_payload(decode=True)
            assert isinstance(data, bytes)
            fields[name] = (data, part.get_content_type())
    return fields


def blob_of(upload: Upload) -> Json:
    """What Bluesky calls an uploaded picture in a record."""
    link = "bafkrei" + hashlib.sha256(upload.data).hexdigest()[:40]
    return {
        "$type": "blob",
        "ref": {"$link": link},
        "mimeType": upload.kind,
        "size": len(upload.data),
    }
