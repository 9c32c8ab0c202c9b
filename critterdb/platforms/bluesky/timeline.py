"""Bluesky, through atproto: mentions and quotes of the bot, hashtag posts of the hosts.

A reply's record, its key and its time are chosen and stored before the first attempt; putting the
identical record under the same key again changes nothing, however long ago the first attempt was.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.games import Game, fold_handle, hosts_on
from critterdb.platforms.base import Batch, Envelope, HostMessages, Post, Reply, SendResult, bare_id
from critterdb.platforms.http.media import fetch_from
from critterdb.platforms.sources import (
    Found,
    Source,
    UnreadableResponseError,
    gather,
    read_each,
    unreadable,
)
from critterdb.platforms.text_length import count_graphemes
from critterdb.platforms.untrusted_json import as_object, as_text, objects_in
from critterdb.storage.timestamps import utc_text

from .client import ABOUT_THE_ACCOUNT, BlueskyClient, NeverConnected, RefusedError, items_of
from .own_posts import BlueskyOwnPosts
from .pagination import is_repost, walk_back
from .parse import BOT_LABEL, POSTS, Reader, record_key, web_address
from .records import ImagesEmbed, images_embed, reply_record, time_of_key, timestamp_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from critterdb._types import Json
    from critterdb.fetch.fetcher import Fetcher
    from critterdb.platforms.base import ReplyPicture

DEFAULT_SERVER = "https://bsky.social"
PAGE_SIZE = 100
# The most that getPosts takes.
LOOKUP_SIZE = 25  # posts a request
# Both limits are in the lexicon of app.bsky.feed.post.
MAX_GRAPHEMES, MAX_BYTES = 300, 3000
MAX_PICTURE_BYTES = 1_000_000  # in the lexicon of app.bsky.embed.images

ANSWERS_COME_WITHIN = timedelta(days=8)

log = logging.getLogger(__name__)

_SUMMONS = frozenset({"mention", "quote", "reply"})


class BlueskyTimeline:
    """One account on Bluesky, or on another server of its protocol."""

    platform = "bluesky"
    takes_pictures = True

    def __init__(self, client: BlueskyClient) -> None:
        self.client = client
        self._last_key = 0

    @classmethod
    def from_environment(cls) -> BlueskyTimeline:
        """As the CRITTERDB_BLUESKY_… settings say. Raises TimelineError where one is missing."""
        needed = ("CRITTERDB_BLUESKY_HANDLE", "CRITTERDB_BLUESKY_PASSWORD")
        missing = [name for name in needed if not os.environ.get(name)]
        if missing:
            raise TimelineError(
                f"Bluesky needs {' and '.join(missing)} in the environment. Use an app "
                "password: Settings, Privacy and security, App passwords"
            )
        address = os.environ.get("CRITTERDB_BLUESKY_URL", "").rstrip("/") or DEFAULT_SERVER
        if not _is_server(address):
            raise TimelineError(
                f"CRITTERDB_BLUESKY_URL is {address!r}. Give an address such as {DEFAULT_SERVER}"
            )
        handle, password = (os.environ[name] for name in needed)
        return cls(BlueskyClient(address, handle.strip().lstrip("@"), password))

    @property
    def reader(self) -> Reader:
        """Reads posts as the bot's account sees them."""
        return Reader(self.client.did)

    @property
    def own_posts(self) -> BlueskyOwnPosts:
        return BlueskyOwnPosts(
            self.client,
            self.reader,
            self._upload,
            lambda body: self._try_to_put(body, self._put_whole),
            self._new_key,
        )

    def handle(self) -> str:
        return self.client.handle

    def full_handle(self, name: str) -> str:
        return name.lstrip("@")

    def read(self, game: Game, cursors: Mapping[str, str]) -> Batch:
        """Mentions, and the hosts' posts; one failing source spoils no other."""
        sources: dict[str, Source] = {
            f"bluesky:notifications:{game.slug}": self._read_notifications
        }
        for host in hosts_on(game, self.platform) if game.hashtag else []:
            sources[f"bluesky:feed:{game.slug}:{fold_handle(host)}"] = self._feed_reader(host)
        return gather(sources, cursors)

    def read_host_messages(self, game: Game, post_ids: Sequence[str]) -> HostMessages:
        hosts = hosts_on(game, self.platform)
        if not post_ids or not hosts:
            return HostMessages([])
        oldest = min(time_of_key(record_key(post_id)) for post_id in post_ids)
        since = utc_text(max(oldest, datetime.now(UTC) - ANSWERS_COME_WITHIN))
        messages: list[Post] = []
        failed = 0
        for host in hosts:
            try:
                reading = self._feed_reader(host)(since)
            except FeedHiddenError:
                continue  # an account that is gone writes nothing; `read` has named it
            messages.extend(reading.posts)
            failed += reading.unreadable
        answers = [post for post in messages if post.in_reply_to or post.quotes]
        return HostMessages(answers, failed)

    def find_existing(self, post_ids: Sequence[str]) -> set[str]:
        # Only the addresses count: a post that cannot be read is still there.
        return {f"bluesky:{uri}" for uri in self._look_up(bare_id(post) for post in post_ids)}

    def find_replies(self, attempted: Mapping[str, Envelope]) -> dict[str, Reply]:
        """Look for each reply under its own record key."""
        replies: dict[str, Reply] = {}
        # In the bot's own repository, because that shows a record at once.
        for post_id, envelope in attempted.items():
            try:
                body = self.client.get(
                    "com.atproto.repo.getRecord",
                    repo=self.client.did,
                    collection=POSTS,
                    rkey=envelope.key,
                )
            except RefusedError as error:
                # Servers of the protocol name a missing record in different ways.
                if error.name not in ("RecordNotFound", "NotFound", "InvalidRequest"):
                    raise
                continue
            reply = as_object(as_object(body.get("value")).get("reply"))
            uri = as_text(body.get("uri"))
            if not reply or not uri:
                raise UnreadableResponseError("Bluesky")
            if f"bluesky:{as_object(reply.get('parent')).get('uri')}" == post_id:
                replies[post_id] = _reply(uri)
        return replies

    def fetch_photo(self, address: str, fetcher: Fetcher) -> bytes:
        return fetch_from(self.client.address, address, fetcher)

    def fits(self, text: str) -> bool:
        return count_graphemes(text) <= MAX_GRAPHEMES and len(text.encode()) <= MAX_BYTES

    def prepare(
        self, post_id: str, text: str, now: datetime, picture: ReplyPicture | None = None
    ) -> Envelope:
        """Build the whole record, with the versions of the posts it replies to, and its key."""
        uri = bare_id(post_id)
        view = self._look_up([uri]).get(uri)
        if view is None:
            raise TimelineError(f"{web_address(uri)} is no longer there")
        try:
            record = reply_record(view, text, now)
        except ValueError:
            raise UnreadableResponseError("Bluesky") from None
        embed = self._upload(picture) if picture else None
        if embed:
            record["embed"] = embed
        return Envelope(self._new_key(now), json.dumps(record, ensure_ascii=False))

    def _upload(self, picture: ReplyPicture) -> ImagesEmbed | None:
        """Upload a picture for a record; None if it fails. Raises RateLimitedError."""
        # A picture that cannot be used costs the picture, not the reply.
        if len(picture.data) > MAX_PICTURE_BYTES:
            return None
        try:
            body = self.client.upload(picture.data, picture.media_type)
        except RateLimitedError:
            raise
        except TimelineError:
            log.debug("a picture could not be uploaded to Bluesky", exc_info=True)
            return None
        blob = as_object(body.get("blob"))
        return images_embed(blob, picture) if blob else None

    def send(self, post_id: str, text: str, envelope: Envelope) -> SendResult:
        try:
            # Bluesky's servers let anybody reply, also where the author limited replies or blocks
            # the bot.
            refusal = self._refusal_of_author(bare_id(post_id))
            body = {
                "repo": self.client.did,
                "collection": POSTS,
                "rkey": envelope.key,
                "record": json.loads(envelope.record),
            }
        except TimelineError as error:
            return _not_tried(error)
        return refusal or self._try_to_put(body, self._put)

    def _try_to_put(self, body: Json, put: Callable[[Json], Json]) -> SendResult:
        """Put a record under its key by one of the two ways below; what is known after it."""
        try:
            response = put(body)
        except RateLimitedError as error:
            return _not_tried(error)
        except NeverConnected as error:
            return SendResult("planned", error=str(error), stop=True)
        except RefusedError as error:
            if error.status == 401 or error.name in ABOUT_THE_ACCOUNT:
                return SendResult("planned", error=str(error), stop=True)
            return SendResult("refused", error=str(error))
        except TimelineError as error:
            return SendResult("unknown", error=str(error))
        uri = as_text(response.get("uri"))
        if not uri:
            return SendResult("unknown", error=str(UnreadableResponseError("Bluesky")))
        return SendResult("sent", _reply(uri))

    def _put_whole(self, body: Json) -> Json:
        """Put a record under its key with all that it has. Raises TimelineError."""
        # The same key with the same bytes again changes nothing, even hours later: hence put and
        # not create.
        return self.client.post("com.atproto.repo.putRecord", body)

    def _put(self, body: Json) -> Json:
        """Put a record under its key, without its picture if need be. Raises TimelineError."""
        try:
            return self._put_whole(body)
        except RefusedError as error:
            is_about_record = error.status == 400 and error.name not in ABOUT_THE_ACCOUNT
            if not is_about_record or "embed" not in body["record"]:
                raise
        # An upload that no record names is removed after a while: then the text goes alone, under
        # the same key.
        record = {name: value for name, value in body["record"].items() if name != "embed"}
        return self.client.post("com.atproto.repo.putRecord", {**body, "record": record})

    def _refusal_of_author(self, uri: str) -> SendResult | None:
        """Why the post may not be replied to; the server itself accepts such a reply."""
        view = self._look_up([uri]).get(uri)
        if view is None:
            return SendResult("refused", error="The post is no longer there", is_personal=True)
        if as_object(as_object(view.get("author")).get("viewer")).get("blockedBy"):
            return SendResult("refused", error="The author blocks the bot", blocked=True)
        if as_object(view.get("viewer")).get("replyDisabled"):
            words = "The author has limited who may reply"
            return SendResult("refused", error=words, is_personal=True)
        return None

    def label_as_bot(self) -> str:
        """Put the self-label into the profile, and leave the rest of it as it is."""
        address = {"repo": self.client.did, "collection": "app.bsky.actor.profile", "rkey": "self"}
        try:
            body = self.client.get("com.atproto.repo.getRecord", **address)
        except RefusedError as error:
            if error.name not in ("RecordNotFound", "NotFound", "InvalidRequest"):
                raise
            body = {}
        profile = as_object(body.get("value")) or {"$type": "app.bsky.actor.profile"}
        if body and not isinstance(body.get("value"), dict):
            raise UnreadableResponseError("Bluesky")  # a profile written now would lose the old one
        values = objects_in(as_object(profile.get("labels")).get("values"))
        if any(label.get("val") == BOT_LABEL for label in values):
            return f"{self.handle()} is already labelled as a bot"
        profile["labels"] = {
            "$type": "com.atproto.label.defs#selfLabels",
            "values": [*values, {"val": BOT_LABEL}],
        }
        changed = address | {"record": profile, "swapRecord": body.get("cid")}
        self.client.post("com.atproto.repo.putRecord", changed)
        return f"{self.handle()} is now labelled as a bot"

    def _read_notifications(self, since: str | None) -> Found:
        def page(token: str | None) -> tuple[list[object], str | None]:
            # Likes and follows cost nobody anything, and could fill all pages of a walk.
            body = self.client.get(
                "app.bsky.notification.listNotifications",
                reasons=sorted(_SUMMONS),
                limit=PAGE_SIZE,
                cursor=token,
            )
            return items_of(body, "notifications"), as_text(body.get("cursor")) or None

        walk = walk_back(page, since)
        # Replies to the bot that do not call it are read only for a `stop`: they need no photos.
        items = [item for item in walk.items if as_text(item.get("reason")) in _SUMMONS]
        bare_posts, failed = self._readable(items)
        views = self._look_up(uri for uri, post in bare_posts.items() if post.summons)
        whole_posts, failed_later = self._read_with_parents(views.values())
        posts: list[Post] = []
        for uri, post in bare_posts.items():
            if uri in whole_posts:
                whole = whole_posts[uri]
                posts.append(replace(whole, opts_out=whole.opts_out or post.opts_out))
            elif not post.summons:
                posts.append(post)
        failure = unreadable("Bluesky", walk.unreadable + failed + failed_later)
        return Found(posts, walk.cursor, walk.gap_from, failure)

    def _feed_reader(self, host: str) -> Source:
        def page(token: str | None) -> tuple[list[object], str | None]:
            try:
                body = self.client.get(
                    "app.bsky.feed.getAuthorFeed",
                    actor=host,
                    filter="posts_with_replies",
                    limit=PAGE_SIZE,
                    cursor=token,
                )
            except RefusedError as error:
                if error.name in ABOUT_THE_ACCOUNT:
                    raise
                raise FeedHiddenError(f"The posts of {host} could not be read: {error}") from None
            return items_of(body, "feed"), as_text(body.get("cursor")) or None

        def read(since: str | None) -> Found:
            walk = walk_back(page, since)
            # A repost has the time of the repost, and is not a post of the host.
            views = [as_object(item.get("post")) for item in walk.items if not is_repost(item)]
            posts, failed = self._read_with_parents(views)
            failed += walk.unreadable
            failure = unreadable("Bluesky", failed)
            return Found(list(posts.values()), walk.cursor, walk.gap_from, failure, failed)

        return read

    def _readable(self, views: Iterable[Json]) -> tuple[dict[str, Post], int]:
        """The views that can be read, as posts by their uri; and how many cannot."""
        return read_each(views, "uri", self.reader.read, "Bluesky")

    def _read_with_parents(self, views: Iterable[Json]) -> tuple[dict[str, Post], int]:
        """As `_readable`, each post with what it refers to if it has no photos of its own."""
        readable = list(views)
        bare_posts, failed = self._readable(readable)
        readable = [view for view in readable if as_text(view.get("uri")) in bare_posts]
        wanted = {
            self.reader.parent_uri(view.get("record") or {})
            for view in readable
            if not bare_posts[view["uri"]].photos
        }
        looked_up = self._look_up(sorted(uri for uri in wanted if uri), skips_refused=True)
        parents = {uri: looked_up[uri] for uri in self._readable(looked_up.values())[0]}
        posts, failed_later = read_each(
            readable, "uri", lambda view: self.reader.read(view, parents), "Bluesky"
        )
        return posts, failed + failed_later

    def _look_up(self, uris: Iterable[str], *, skips_refused: bool = False) -> dict[str, Json]:
        """The views of these posts, by their uri, as far as they are there.

        With `skips_refused`, an address that the server refuses counts as not there.
        """
        wanted = list(dict.fromkeys(uris))
        return {
            as_text(view.get("uri")): view
            for batch in _batches(wanted, LOOKUP_SIZE)
            for view in self._look_up_batch(batch, skips_refused)
        }

    def _look_up_batch(self, uris: Sequence[str], skips_refused: bool) -> list[Json]:
        try:
            body = self.client.get("app.bsky.feed.getPosts", uris=uris)
        except RefusedError as error:
            if not skips_refused or error.status != 400 or error.name in ABOUT_THE_ACCOUNT:
                raise
            # Strangers choose what their posts refer to, and one bad address refuses the batch.
            if len(uris) == 1:
                return []
            middle = len(uris) // 2
            halves = (uris[:middle], uris[middle:])
            return [view for half in halves for view in self._look_up_batch(half, skips_refused)]
        return objects_in(items_of(body, "posts"))

    def _new_key(self, now: datetime) -> str:
        """A record key of the time, never the same twice."""
        self._last_key = max(self._last_key + 1, int(now.timestamp() * 1_000_000))
        return timestamp_id(self._last_key, secrets.randbelow(1024))


class FeedHiddenError(TimelineError):
    """A host's feed that the server does not show."""


def _is_server(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _reply(uri: str) -> Reply:
    return Reply(f"bluesky:{uri}", web_address(uri))


def _not_tried(error: TimelineError) -> SendResult:
    until = error.until if isinstance(error, RateLimitedError) else None
    return SendResult("planned", error=str(error), stop=True, retry_at=until)


def _batches(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
