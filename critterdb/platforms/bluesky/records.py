"""What the bot writes on Bluesky: its records, and the keys under which they stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .parse import POSTS, Json

_TID_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"


def reply_record(view: Json, text: str, now: datetime) -> dict[str, Any]:
    """A reply to the post that is shown so, with the versions of the posts that it follows."""
    parent = {"uri": str(view["uri"]), "cid": str(view["cid"])}
    root = ((view.get("record") or {}).get("reply") or {}).get("root") or parent
    author = view.get("author") or {}
    record: dict[str, Any] = {
        "$type": POSTS,
        "text": text,
        "createdAt": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z",
        "langs": ["en"],
        "reply": {"root": {"uri": str(root["uri"]), "cid": str(root["cid"])}, "parent": parent},
    }
    facets = mention_facets(text, {str(author.get("handle")): str(author.get("did"))})
    return record | ({"facets": facets} if facets else {})


def timestamp_id(microseconds: int, clock: int) -> str:
    """A TID: 53 bits of time and 10 that tell clocks apart, in 13 sortable characters."""
    number = (microseconds & (1 << 53) - 1) << 10 | clock
    digits = []
    for _ in range(13):
        number, digit = divmod(number, 32)
        digits.append(_TID_ALPHABET[digit])
    return "".join(reversed(digits))


def time_of_key(key: str) -> datetime:
    """The time in a TID; the beginning of all times for a key of another kind."""
    if len(key) != 13 or any(each not in _TID_ALPHABET for each in key):
        return datetime.fromtimestamp(0, UTC)
    number = 0
    for each in key:
        number = number * 32 + _TID_ALPHABET.index(each)
    return datetime.fromtimestamp((number >> 10) / 1_000_000, UTC)


def mention_facets(text: str, accounts: Mapping[str, str]) -> list[dict[str, Any]]:
    """What makes `@handle` in a text a mention: the bytes that it covers, and whose it is."""
    facets = []
    for handle, did in accounts.items():
        start = text.encode().find(f"@{handle}".encode())
        if start >= 0:
            covered = {"byteStart": start, "byteEnd": start + len(f"@{handle}".encode())}
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": did}
            facets.append({"index": covered, "features": [feature]})
    return facets
