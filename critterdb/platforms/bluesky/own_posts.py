"""Posts of the bot's own on Bluesky, and what people answer to them.

A post's record, its key and its time are stored before the first attempt, and the same record under
the same key makes no second post.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from critterdb.errors import TimelineError
from critterdb.platforms.base import Envelope, HostMessages, Post, Reply, bare_id
from critterdb.platforms.sources import UnreadableResponseError, read_each
from critterdb.platforms.untrusted_json import as_object, as_text, objects_in
from critterdb.storage.timestamps import post_time

from .client import RefusedError
from .parse import POSTS, web_address
from .records import post_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from critterdb._types import Json
    from critterdb.platforms.base import Attempt, OwnPost, ReplyPicture, SendResult

    from .client import BlueskyClient
    from .parse import Reader
    from .records import ImagesEmbed

# What the lexicon of getPostThread allows.
DEPTH = 1000
MISSING = ("RecordNotFound", "NotFound", "InvalidRequest")


class BlueskyOwnPosts:
    """One account's posts. `upload` makes an embed of a picture, or None if it fails; `put` puts a
    record under its key, and `new_key` makes one.
    """

    def __init__(
        self,
        client: BlueskyClient,
        reader: Reader,
        upload: Callable[[ReplyPicture], ImagesEmbed | None],
        put: Callable[[Json], SendResult],
        new_key: Callable[[datetime], str],
    ) -> None:
        self.client = client
        self.reader = reader
        self.upload = upload
        self.put = put
        self.new_key = new_key

    def prepare(self, post: OwnPost, now: datetime) -> Envelope:
        above = self._view(post.in_reply_to) if post.in_reply_to else None
        try:
            record = post_record(post, above, now)
        except ValueError:
            raise UnreadableResponseError("Bluesky") from None
        if post.picture:
            # The same key with other bytes would change the post: uploaded before it is frozen.
            embed = self.upload(post.picture)
            if embed is None:
                raise TimelineError("Bluesky did not take the picture. The next round tries again")
            record["embed"] = embed
        return Envelope(self.new_key(now), json.dumps(record, ensure_ascii=False))

    def send(self, text: str, envelope: Envelope) -> SendResult:
        record = json.loads(envelope.record)
        body = {"repo": self.client.did, "collection": POSTS, "rkey": envelope.key}
        return self.put({**body, "record": record})

    def find(self, attempted: Mapping[str, Attempt]) -> dict[str, Reply]:
        found: dict[str, Reply] = {}
        for key, attempt in attempted.items():
            rkey = attempt.envelope.key
            try:
                body = self.client.get(
                    "com.atproto.repo.getRecord",
                    repo=self.client.did,
                    collection=POSTS,
                    rkey=rkey,
                )
            except RefusedError as error:
                if error.name not in MISSING:
                    raise
                continue
            uri = as_text(body.get("uri"))
            if not uri:
                raise UnreadableResponseError("Bluesky")
            found[key] = Reply(f"bluesky:{uri}", web_address(uri))
        return found

    def read_answers(self, post_id: str) -> HostMessages:
        body = self.client.get(
            "app.bsky.feed.getPostThread", uri=bare_id(post_id), depth=DEPTH, parentHeight=0
        )
        views = list(_below(as_object(body.get("thread"))))
        posts, failed = read_each(views, "uri", self._read, "Bluesky")
        return HostMessages(list(posts.values()), failed)

    def _read(self, view: Json) -> Post:
        post = self.reader.read(view)
        # An author writes the time of a record, and could write one before the round closed.
        return replace(post, posted_at=post_time(view["indexedAt"]))

    def _view(self, post_id: str) -> Json:
        body = self.client.get("app.bsky.feed.getPosts", uris=[bare_id(post_id)])
        for view in objects_in(body.get("posts")):
            return view
        raise TimelineError(f"{web_address(bare_id(post_id))} is no longer there")


def _below(thread: Json) -> Iterator[Json]:
    """The views of the posts below the first one; those that are hidden or gone have none."""
    waiting = objects_in(thread.get("replies"))
    while waiting:
        node = waiting.pop(0)
        view = as_object(node.get("post"))
        if view:
            yield view
        waiting += objects_in(node.get("replies"))
