"""Records of the stand-in Bluesky, and how its views show what they embed."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from critterdb._types import Json

GIF_CARD = {"uri": "https://media.tenor.com/x/cat.gif", "title": "a", "description": "b"}


def full_name(handle: str) -> str:
    """`ann.test` of `ann`: names are domains here."""
    name = handle.lower().lstrip("@")
    return name if "." in name else f"{name}.test"


def content_id(value: Json) -> str:
    """The same for the same record, as a cid is."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return "bafyrei" + hashlib.sha256(canonical.encode()).hexdigest()[:40]


def timestamp_id(microseconds: int) -> str:
    """A record key of that time: a TID of clock 0, base 32 of 65 bits."""
    bits = f"{microseconds << 10:065b}"
    fives = [int(bits[start : start + 5], 2) for start in range(0, 65, 5)]
    return "".join("234567abcdefghijklmnopqrstuvwxyz"[five] for five in fives)


def facets(text: str, did_of: Callable[[str], str]) -> list[Json]:
    """Hashtags and mentions as the platform's own app marks them."""
    items = []
    for match in re.finditer(r"(?<!\S)[#＃](\w+)", text):
        tag = {"$type": "app.bsky.richtext.facet#tag", "tag": match[1]}
        items.append(_facet(text, match.start(), match.end(), tag))
    for match in re.finditer(r"(?<!\w)@([\w.-]*\w)", text):
        mention = {"$type": "app.bsky.richtext.facet#mention", "did": did_of(match[1])}
        items.append(_facet(text, match.start(), match.end(), mention))
    return items


def embeds(
    addresses: Sequence[str], media: str, quoted: tuple[Json, Json] | None
) -> tuple[Json | None, Json | None]:
    """What a record embeds, and how its view shows it.

    `media` is photo, video or gif; `quoted` the reference to a post and its view.
    """
    shown = _media(addresses, media) if addresses else (None, None)
    if quoted is None:
        return shown
    reference, view = quoted
    record: Json = {"$type": "app.bsky.embed.record", "record": reference}
    quote = {"$type": "app.bsky.embed.record#viewRecord", **view}
    record_view: Json = {"$type": "app.bsky.embed.record#view", "record": quote}
    if not addresses:
        return record, record_view
    both = "app.bsky.embed.recordWithMedia"
    return (
        {"$type": both, "record": record, "media": shown[0]},
        {"$type": f"{both}#view", "record": record_view, "media": shown[1]},
    )


def _media(addresses: Sequence[str], media: str) -> tuple[Json, Json]:
    kind = {"photo": "images", "video": "video", "gif": "external"}[media]
    record: Json = {"$type": f"app.bsky.embed.{kind}"}
    view: Json = {"$type": f"app.bsky.embed.{kind}#view"}
    if kind == "images":
        record["images"] = [{"alt": "", "image": _blob(address)} for address in addresses]
        view["images"] = [
            {"alt": "", "fullsize": address, "thumb": address} for address in addresses
        ]
    elif kind == "video":
        record["video"] = _blob(addresses[0])
        view |= {"cid": "bafvideo", "playlist": "", "thumbnail": addresses[0]}
    else:
        record["external"] = GIF_CARD
        view["external"] = GIF_CARD | {"thumb": addresses[0]}
    return record, view


def _facet(text: str, start: int, end: int, feature: Json) -> Json:
    before, covered = text[:start].encode(), text[:end].encode()
    return {"index": {"byteStart": len(before), "byteEnd": len(covered)}, "features": [feature]}


def _blob(address: str) -> Json:
    ref = {"$link": "baf" + hashlib.sha256(address.encode()).hexdigest()[:32]}
    return {"$type": "blob", "ref": ref, "mimeType": "image/jpeg", "size": 1000}
