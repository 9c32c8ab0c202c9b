"""What the bot writes on Bluesky: its records, and the keys under which they stand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NotRequired, TypedDict

from critterdb.platforms.text import tags_in
from critterdb.platforms.untrusted_json import as_object, as_text

from .parse import POSTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb._types import Json
    from critterdb.platforms.base import OwnPost, ReplyPicture

# Base 32 in an order in which later keys sort behind earlier ones.
_TID_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"


class StrongReference(TypedDict):
    """A record's address and the hash of its version."""

    uri: str
    cid: str


class ReplyReference(TypedDict):
    """The first post of a thread and the post that is replied to."""

    root: StrongReference
    parent: StrongReference


class ByteRange(TypedDict):
    """A stretch of a text's UTF-8, its end excluded."""

    byteStart: int
    byteEnd: int


MentionFeature = TypedDict("MentionFeature", {"$type": str, "did": str})
TagFeature = TypedDict("TagFeature", {"$type": str, "tag": str})


class Facet(TypedDict):
    """What a stretch of a text stands for."""

    index: ByteRange
    features: list[MentionFeature] | list[TagFeature]


class AspectRatio(TypedDict):
    """The sides of a picture in pixels."""

    width: int
    height: int


class EmbeddedImage(TypedDict):
    """A picture of a post: the blob that the server named, and a text that says the same."""

    alt: str
    image: Json
    aspectRatio: AspectRatio


ImagesEmbed = TypedDict("ImagesEmbed", {"$type": str, "images": list[EmbeddedImage]})

ReplyRecord = TypedDict(
    "ReplyRecord",
    {
        "$type": str,
        "text": str,
        "createdAt": str,
        "langs": list[str],
        "reply": NotRequired[ReplyReference],
        "facets": NotRequired[list[Facet]],
        "embed": NotRequired[ImagesEmbed],
    },
)
"""A post as it is put into the repository; one that is not a reply lacks `reply`."""


def reply_record(view: Json, text: str, now: datetime) -> ReplyRecord:
    """Build a reply to the post of this view, with the versions of the posts that it follows.

    Raises ValueError if the view lacks its address or version.
    """
    parent = _reference(view)
    root = as_object(as_object(view.get("record")).get("reply")).get("root")
    record: ReplyRecord = {
        "$type": POSTS,
        "text": text,
        "createdAt": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z",
        "langs": ["en"],
        "reply": {"root": _reference(as_object(root)) if root else parent, "parent": parent},
    }
    author = as_object(view.get("author"))
    facets = mention_facets(text, {as_text(author.get("handle")): as_text(author.get("did"))})
    if facets:
        record["facets"] = facets
    return record


def post_record(post: OwnPost, above: Json | None, now: datetime) -> ReplyRecord:
    """Build a post of the bot's own, below the post of the view `above` if there is one.

    Raises ValueError if that view lacks its address or version.
    """
    record: ReplyRecord = {
        "$type": POSTS,
        "text": post.text,
        "createdAt": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z",
        "langs": ["en"],
    }
    if above is not None:
        parent = _reference(above)
        root = as_object(as_object(above.get("record")).get("reply")).get("root")
        record["reply"] = {
            "root": _reference(as_object(root)) if root else parent,
            "parent": parent,
        }
    facets = mention_facets(post.text, post.mentions) + tag_facets(post.text)
    if facets:
        record["facets"] = facets
    return record


def images_embed(blob: Json, picture: ReplyPicture) -> ImagesEmbed:
    """Build what shows an uploaded picture in a post."""
    ratio: AspectRatio = {"width": picture.width, "height": picture.height}
    image: EmbeddedImage = {"alt": picture.alt, "image": blob, "aspectRatio": ratio}
    return {"$type": "app.bsky.embed.images", "images": [image]}


def _reference(view: Json) -> StrongReference:
    uri, cid = as_text(view.get("uri")), as_text(view.get("cid"))
    if not uri or not cid:
        raise ValueError("a post without its address or version")
    return {"uri": uri, "cid": cid}


def timestamp_id(microseconds: int, clock: int) -> str:
    """A TID: 53 bits of time and 10 that tell clocks apart, in 13 sortable characters."""
    number = (microseconds & (1 << 53) - 1) << 10 | clock
    digits = []
    for _ in range(13):
        number, digit = divmod(number, 32)
        digits.append(_TID_ALPHABET[digit])
    return "".join(reversed(digits))


def time_of_key(key: str) -> datetime:
    """The time in a TID; 1970 for a key of another kind."""
    if len(key) != 13 or not set(key) <= set(_TID_ALPHABET):
        return datetime.fromtimestamp(0, UTC)
    number = 0
    for digit in key:
        number = number * 32 + _TID_ALPHABET.index(digit)
    return datetime.fromtimestamp((number >> 10) / 1_000_000, UTC)


def mention_facets(text: str, accounts: Mapping[str, str]) -> list[Facet]:
    """What makes `@handle` in a text a mention; `accounts` are account ids by their handle."""
    facets: list[Facet] = []
    for handle, did in accounts.items():
        mention = f"@{handle}".encode()
        start = text.encode().find(mention)
        if handle and start >= 0:
            covered: ByteRange = {"byteStart": start, "byteEnd": start + len(mention)}
            feature: MentionFeature = {"$type": "app.bsky.richtext.facet#mention", "did": did}
            facets.append({"index": covered, "features": [feature]})
    return facets


def tag_facets(text: str) -> list[Facet]:
    """What makes the hashtags of a text links: without them nobody finds the post by its tag."""
    facets: list[Facet] = []
    for tag in tags_in(text):
        start = text.encode().find(f"#{tag}".encode())
        if start >= 0:
            covered: ByteRange = {"byteStart": start, "byteEnd": start + len(f"#{tag}".encode())}
            feature: TagFeature = {"$type": "app.bsky.richtext.facet#tag", "tag": tag}
            facets.append({"index": covered, "features": [feature]})
    return facets
