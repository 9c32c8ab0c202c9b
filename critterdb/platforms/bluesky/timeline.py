"""Bluesky, through atproto: mentions and quotes of the bot, hashtag posts of the hosts.

A reply's record, its key and its time are chosen and stored before the first attempt; putting the
identical record under the same key again changes nothing, however long ago the first attempt was.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.fetch.fetcher import Fetcher
from critterdb.games import Game, hosts_on
from critterdb.platforms.base import Batch, Envelope, Post, Reply, SendResult, bare_id
from critterdb.platforms.http.media import fetch_from
from critterdb.platforms.sources import Found, Source, gather, read_each
from critterdb.platforms.text_length import count_graphemes
from critterdb.storage.timestamps import utc_text

from .client import ABOUT_THE_ACCOUNT, BlueskyClient, NeverConnected, RefusedError, items_of
from .pagination import is_repost, walk_back
from .parse import BOT_LABEL, POSTS, Json, Reader, record_key, web_address
from .records import reply_record, time_of_key, timestamp_id

DEFAULT_SERVER = "https://bsky.social"
PAGE_SIZE = 100
LOOKUP_SIZE = 25  # posts a request
MAX_GRAPHEMES, MAX_BYTES = 300, 3000

ANSWERS_COME_WITHIN = timedelta(days=8)

_SUMMONS = frozenset({"mention", "quote", "reply"})


class BlueskyTimeline:
    """One account on Bluesky, or on another server of its protocol."""

    platform = "bluesky"

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
                f"Bluesky needs {' and '.join(missing)} in the environment. As password, give an "
                "app password: Settings, Privacy and security, App passwords"
            )
        address = os.environ.get("CRITTERDB_BLUESKY_URL", "").rstrip("/") or DEFAULT_SERVER
        if urlsplit(address).scheme not in ("http", "https"):
            raise TimelineError(
                f"CRITTERDB_BLUESKY_URL is {address!r}. Give an address such as {DEFAULT_SERVER}"
            )
        handle, password = (os.environ[name] for name in needed)
        return cls(BlueskyClient(address, handle.strip().lstrip("@"), password))

    @property
    def reader(self) -> Reader:
        return Reader(self.client.did)

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
            sources[f"bluesky:feed:{game.slug}:{host.lower()}"] = self._feed_reader(host)
        return gather(sources, cursors)

    def read_host_messages(self, game: Game, post_ids: Sequence[str]) -> list[Post]:
        hosts = hosts_on(game, self.platform)
        if not post_ids or not hosts:
            return []
        oldest = min(time_of_key(record_key(each)) for each in post_ids)
        since = utc_text(max(oldest, datetime.now(UTC) - ANSWERS_COME_WITHIN))
        messages: list[Post] = []
        for host in hosts:
            try:
                messages.extend(self._feed_reader(host)(since).posts)
            except FeedHiddenError:
                continue  # an account that is gone says nothing; the reading before has named it
        return [each for each in messages if each.in_reply_to or each.quotes]

    def find_existing(self, post_ids: Sequence[str]) -> set[str]:
        return {f"bluesky:{uri}" for uri in self._look_up(bare_id(each) for each in post_ids)}

    def find_replies(self, attempted: Mapping[str, Envelope]) -> dict[str, Reply]:
        """Each is looked for under its own key, where it stands or does not."""
        found: dict[str, Reply] = {}
        for post_id, envelope in attempted.items():
            try:
                body = self.client.get(
                    "com.atproto.repo.getRecord",
                    repo=self.client.did,
                    collection=POSTS,
                    rkey=envelope.key,
                )
            except RefusedError as error:
                if error.name not in ("RecordNotFound", "NotFound", "InvalidRequest"):
                    raise
                continue
            parent = ((body.get("value") or {}).get("reply") or {}).get("parent") or {}
            if f"bluesky:{parent.get('uri')}" == post_id:
                found[post_id] = _reply(str(body["uri"]))
        return found

    def fetch_photo(self, address: str, fetcher: Fetcher) -> bytes:
        return fetch_from(self.client.address, address, fetcher)

    def fits(self, text: str) -> bool:
        return count_graphemes(text) <= MAX_GRAPHEMES and len(text.encode()) <= MAX_BYTES

    def prepare(self, post_id: str, text: str, now: datetime) -> Envelope:
        """The whole record, with the versions of the posts that it replies to, and its key."""
        uri = bare_id(post_id)
        view = self._look_up([uri]).get(uri)
        if view is None:
            raise TimelineError(f"{web_address(uri)} is no longer there")
        try:
            record = reply_record(view, text, now)
        except (KeyError, TypeError, AttributeError):
            raise TimelineError(f"{web_address(uri)} is shown in a way that says nothing") from None
        return Envelope(self._new_key(now), json.dumps(record, ensure_ascii=False))

    def send(self, post_id: str, text: str, envelope: Envelope) -> SendResult:
        try:
            refusal = self._unwelcome(bare_id(post_id))
            body = {
                "repo": self.client.did,
                "collection": POSTS,
                "rkey": envelope.key,
                "record": json.loads(envelope.record),
            }
        except TimelineError as error:
            return _not_tried(error)
        if refusal:
            return refusal
        try:
            answer = self.client.post("com.atproto.repo.putRecord", body)
            uri = str(answer["uri"])
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
        except (KeyError, TypeError):
            return SendResult("unknown", error="Bluesky gave an answer that says nothing")
        return SendResult("sent", _reply(uri))

    def _unwelcome(self, uri: str) -> SendResult | None:
        """Why the author wants no reply; the server itself would not say so."""
        view = self._look_up([uri]).get(uri)
        if view is None:
            return SendResult("refused", error="The post is no longer there", is_personal=True)
        if ((view.get("author") or {}).get("viewer") or {}).get("blockedBy"):
            return SendResult("refused", error="The author blocks the bot", blocked=True)
        if (view.get("viewer") or {}).get("replyDisabled"):
            words = "The author has limited who may reply"
            return SendResult("refused", error=words, is_personal=True)
        return None

    def label_as_bot(self) -> str:
        """Put the self-label into the profile; whatever else stands there stays."""
        place = {"repo": self.client.did, "collection": "app.bsky.actor.profile", "rkey": "self"}
        try:
            body = self.client.get("com.atproto.repo.getRecord", **place)
        except RefusedError as error:
            if error.name not in ("RecordNotFound", "NotFound", "InvalidRequest"):
                raise
            body = {}
        profile = dict(body.get("value") or {"$type": "app.bsky.actor.profile"})
        values = list((profile.get("labels") or {}).get("values") or [])
        if any(each.get("val") == BOT_LABEL for each in values):
            return f"{self.handle()} is labelled as a bot already"
        profile["labels"] = {
            "$type": "com.atproto.label.defs#selfLabels",
            "values": [*values, {"val": BOT_LABEL}],
        }
        changed = place | {"record": profile, "swapRecord": body.get("cid")}
        self.client.post("com.atproto.repo.putRecord", changed)
        return f"{self.handle()} is now labelled as a bot"

    def _read_notifications(self, since: str | None) -> Found:
        def page(token: str | None) -> tuple[list[Json], str | None]:
            body = self.client.get(
                "app.bsky.notification.listNotifications", limit=PAGE_SIZE, cursor=token
            )
            return items_of(body, "notifications"), body.get("cursor")

        items, found = walk_back(page, since)
        # Answers to the bot that do not call it are read only for a `stop`: they need no photos.
        items = [each for each in items if each.get("reason") in _SUMMONS]
        bare, found.failure = self._readable(items)
        views = self._look_up(uri for uri, post in bare.items() if post.summons)
        parents = self._parents(views.values())
        for uri, post in bare.items():
            if uri in views:
                whole = self.reader.read(views[uri], parents)
                found.posts.append(replace(whole, opts_out=whole.opts_out or post.opts_out))
            elif not post.summons:
                found.posts.append(post)
        return found

    def _feed_reader(self, host: str) -> Source:
        def page(token: str | None) -> tuple[list[Json], str | None]:
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
                raise FeedHiddenError(f"The posts of {host} are not shown: {error}") from None
            return items_of(body, "feed"), body.get("cursor")

        def read(since: str | None) -> Found:
            items, found = walk_back(page, since)
            # A repost stands in the feed at the time of the repost; it is no post of the host.
            views = [each.get("post") or {} for each in items if not is_repost(each)]
            bare, found.failure = self._readable(views)
            views = [each for each in views if each.get("uri") in bare]
            parents = self._parents(views)
            found.posts = [self.reader.read(each, parents) for each in views]
            return found

        return read

    def _readable(self, views: Iterable[Json]) -> tuple[dict[str, Post], TimelineError | None]:
        """Those that make sense, by their uri; and what to say of the others."""
        return read_each(views, "uri", self.reader.read, "Bluesky")

    def _parents(self, views: Iterable[Json]) -> dict[str, Json]:
        """What posts without photos refer to."""
        bare = [each for each in views if not self.reader.read(each).photos]
        wanted = {self.reader.parent_uri(each.get("record") or {}) for each in bare}
        return self._look_up(sorted(each for each in wanted if each))

    def _look_up(self, uris: Iterable[str]) -> dict[str, Json]:
        """The views of these posts, by their uri, as far as they are there."""
        wanted = list(dict.fromkeys(uris))
        found: dict[str, Json] = {}
        for some in _batches(wanted, LOOKUP_SIZE):
            body = self.client.get("app.bsky.feed.getPosts", uris=some)
            views = items_of(body, "posts")
            readable = self._readable(views)[0]
            found |= {str(each["uri"]): each for each in views if each.get("uri") in readable}
        return found

    def _new_key(self, now: datetime) -> str:
        """A record key of the time, never the same twice."""
        self._last_key = max(self._last_key + 1, int(now.timestamp() * 1_000_000))
        return timestamp_id(self._last_key, secrets.randbelow(1024))


class FeedHiddenError(TimelineError):
    """A host's feed that the server does not show."""


def _reply(uri: str) -> Reply:
    return Reply(f"bluesky:{uri}", web_address(uri))


def _not_tried(error: TimelineError) -> SendResult:
    until = error.until if isinstance(error, RateLimitedError) else None
    return SendResult("planned", error=str(error), stop=True, retry_at=until)


def _batches(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
