"""The JSON of Bluesky's views → posts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from critterdb.platforms.base import Post
from critterdb.platforms.profiles import wants_no_bot
from critterdb.platforms.text import fold_tag, tags_in
from critterdb.platforms.untrusted_json import as_address, as_object, as_text
from critterdb.storage.timestamps import post_moment, utc_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from critterdb._types import Json

POSTS = "app.bsky.feed.post"
BOT_LABEL = "bot"

# getPosts refuses all 25 addresses for one that is malformed.
_URI = re.compile(r"at://[\w.:%-]{1,300}/[\w.-]{1,300}/[\w.:~-]{1,512}", re.ASCII)

# Where GIFs come from that are posted as cards with a link.
_GIF_HOSTS = ("tenor.com", "giphy.com", "klipy.com")


class Reader:
    """Reads posts as the account with the id `own_did`.

    Whatever a stranger's record holds, its methods may raise: callers count it and go on.
    """

    def __init__(self, own_did: str) -> None:
        self.own_did = own_did

    def parent_uri(self, record: Json) -> str | None:
        """The post that shows what this one asks about: the quoted one before the answered one."""
        return quoted_uri(record) or _uri((record.get("reply") or {}).get("parent"))

    def read(
        self,
        view: Json,
        parents: Mapping[str, Json] | None = None,
        *,
        is_repost: bool = False,
    ) -> Post:
        """One post out of its view; `parents` are the views of others, by their uri."""
        uri = _uri(view)
        if uri is None:
            raise ValueError("a post without an address")
        record = view.get("record") or {}
        author = view.get("author") or {}
        did = as_text(author.get("did")) or did_of(uri)
        photos = tuple(_photo_addresses(view.get("embed")))
        parent = None if photos else (parents or {}).get(self.parent_uri(record) or "")
        quoted = quoted_uri(record)
        reply = record.get("reply") or {}
        is_own = did == self.own_did
        answered = _uri(reply.get("parent"))
        summons = self.own_did in _mentioned(record) or did_of(quoted or "") == self.own_did
        return Post(
            id=f"bluesky:{uri}",
            author=_handle(author, did),
            author_id=did,
            posted_at=_posted_at(view, record),
            text=str(record.get("text") or ""),
            url=web_address(uri),
            photos=photos,
            hashtags=tuple(_hashtags(record)),
            summons=summons,
            to_bot=summons or did_of(answered or "") == self.own_did,
            in_reply_to=_post_id(answered),
            quotes=_post_id(quoted),
            thread=_post_id(_uri(reply.get("root")) or uri),
            parent=self.read(parent) if parent else None,
            is_repost=is_repost,
            by_bot=not is_own and _says_that_it_is_a_bot(author, did),
            opts_out=None if is_own else _opts_out(author),
        )


def did_of(uri: str) -> str:
    """`did:plc:abc` of `at://did:plc:abc/app.bsky.feed.post/3k…`."""
    return uri.removeprefix("at://").partition("/")[0]


def record_key(uri: str) -> str:
    """`3k…` of `at://did:plc:abc/app.bsky.feed.post/3k…`."""
    return uri.rpartition("/")[2]


def web_address(uri: str) -> str:
    """Where people see a post. With the account's id, because handles change."""
    return f"https://bsky.app/profile/{did_of(uri)}/post/{record_key(uri)}"


def quoted_uri(record: Json) -> str | None:
    """The post that a record quotes, with photos of its own or without."""
    embed = record.get("embed") or {}
    quoted = embed.get("record") or {}
    if embed.get("$type") == "app.bsky.embed.recordWithMedia":
        quoted = quoted.get("record") or {}
    uri = _uri(quoted)
    # Lists, feeds and starter packs can be embedded too.
    return uri if uri and f"/{POSTS}/" in uri else None


def _photo_addresses(embed: Json | None) -> Iterable[str]:
    """Addresses of all photos; of a video or GIF its preview frame."""
    embed = embed or {}
    kind = str(embed.get("$type") or "").partition("#")[0]
    addresses: list[object] = []
    if kind == "app.bsky.embed.recordWithMedia":
        addresses = list(_photo_addresses(embed.get("media")))
    elif kind in ("app.bsky.embed.images", "app.bsky.embed.gallery"):
        images = [*(embed.get("images") or []), *(embed.get("items") or [])]
        addresses = [image.get("fullsize") or image.get("thumb") for image in images]
    elif kind == "app.bsky.embed.video":
        addresses = [embed.get("thumbnail")]
    elif kind == "app.bsky.embed.external":
        card = embed.get("external") or {}
        addresses = [card.get("thumb")] if _is_gif(str(card.get("uri") or "")) else []
    return [str(address) for address in addresses if as_address(address)]


def _is_gif(address: str) -> bool:
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    from_library = any(host == name or host.endswith(f".{name}") for name in _GIF_HOSTS)
    return from_library or parts.path.lower().endswith(".gif")


def _features(record: Json) -> Iterable[tuple[Json, Json]]:
    """Each facet's features with the stretch of bytes that they cover."""
    for facet in record.get("facets") or []:
        for feature in facet.get("features") or []:
            yield feature, facet.get("index") or {}


def _mentioned(record: Json) -> set[str]:
    return {str(feature["did"]) for feature, _ in _features(record) if feature.get("did")}


def _hashtags(record: Json) -> Iterable[str]:
    """Tags that are marked as such, and those in the text that a client did not mark."""
    text = str(record.get("text") or "").encode()
    listed = [str(tag) for tag in record.get("tags") or []]
    for feature, index in _features(record):
        if feature.get("tag"):
            listed.append(str(feature["tag"]))
        elif feature.get("uri"):
            start, end = int(index.get("byteStart") or 0), int(index.get("byteEnd") or 0)
            text = text[:start] + b"x" * len(text[start:end]) + text[end:]
    folded = {fold_tag(tag) for tag in listed}
    plain = re.sub(r"https?://\S+", " ", text.decode(errors="replace"))
    return [*listed, *(tag for tag in tags_in(plain) if fold_tag(tag) not in folded)]


def _says_that_it_is_a_bot(author: Json, did: str) -> bool:
    return any(
        label.get("val") == BOT_LABEL and label.get("src") == did and not label.get("neg")
        for label in author.get("labels") or []
    )


def _opts_out(author: Json) -> str | None:
    if (author.get("viewer") or {}).get("blockedBy"):
        return "blocks the bot"
    # Only notifications come with their author's description.
    wants_none = wants_no_bot(str(author.get("description") or ""))
    return "#nobot in the profile" if wants_none else None


def _posted_at(view: Json, record: Json) -> str:
    """When it was written, as it says, but not later than it was first seen."""
    # Anybody can claim any time; being seen bounds it.
    # docs/decisions.md#a-bluesky-posts-time-is-the-earlier-of-two
    times = []
    for written in (record.get("createdAt"), view.get("indexedAt")):
        try:
            times.append(post_moment(written))
        except ValueError:
            continue
    return utc_text(min(times, default=datetime.now(UTC) - timedelta(days=365)))


def _handle(author: Json, did: str) -> str:
    name = str(author.get("handle") or "")
    return did if not name or name == "handle.invalid" else name


def _uri(reference: object) -> str | None:
    uri = as_text(as_object(reference).get("uri"))
    return uri if _URI.fullmatch(uri) else None


def _post_id(uri: str | None) -> str | None:
    return f"bluesky:{uri}" if uri else None
