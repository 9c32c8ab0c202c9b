"""Posts of the bot's own on Mastodon and its kin, and what people answer to them.

The server honours an Idempotency-Key for an hour. After that the post is looked for among the
account's statuses by its words, so that no two posts of one account may have the same.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from critterdb.errors import TimelineError
from critterdb.platforms.base import Envelope, HostMessages, Reply, SendResult, bare_id
from critterdb.platforms.sources import UnreadableResponseError, read_each
from critterdb.platforms.text import bare_words
from critterdb.platforms.untrusted_json import as_address, as_object, objects_in

from .html import text_of
from .media import upload_picture
from .pagination import id_order, newest_page, read_list
from .parse import bare_id_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from critterdb._types import Json
    from critterdb.platforms.base import Attempt, OwnPost, Post

    from .client import MastodonClient
    from .pagination import GetPage
    from .parse import Reader


class MastodonOwnPosts:
    """One account's posts; `own_statuses` asks for a page of them."""

    def __init__(self, client: MastodonClient, reader: Reader, own_statuses: GetPage) -> None:
        self.client = client
        self.reader = reader
        self.own_statuses = own_statuses

    def prepare(self, post: OwnPost, now: datetime) -> Envelope:
        newest = newest_page(self.own_statuses)
        # Two sites may play with one account, and both have a first round.
        whole = f"{self.reader.own_id} {post.key} {post.text}"
        digest = hashlib.sha256(whole.encode()).hexdigest()
        status: Json = {
            "status": post.text,
            # Below an own post, so that followers see it once and the hashtag's timeline not again.
            "visibility": "unlisted" if post.in_reply_to else "public",
            "language": "en",
        }
        if post.in_reply_to:
            status["in_reply_to_id"] = bare_id(post.in_reply_to)
        if post.picture:
            # Now and not when it is sent: every attempt must be the same to the platform.
            media_id = upload_picture(self.client, post.picture)
            if media_id is None:
                raise TimelineError("Mastodon did not take the picture. The next round tries again")
            status["media_ids"] = [media_id]
        record = {"status": status, "since": str(newest[0]["id"]) if newest else None}
        return Envelope(f"critterdb-{digest[:32]}", json.dumps(record, ensure_ascii=False))

    def send(self, text: str, envelope: Envelope) -> SendResult:
        status = json.loads(envelope.record)["status"]
        return self.client.attempt(lambda client: _post(client, status, envelope.key))

    def find(self, attempted: Mapping[str, Attempt]) -> dict[str, Reply]:
        if not attempted:
            return {}
        since = [json.loads(attempt.envelope.record)["since"] for attempt in attempted.values()]
        oldest = None if None in since else min(since, key=id_order)
        # The newest ones too: a server whose clock is ahead gives its posts ids of the future.
        statuses = [
            *read_list(self.own_statuses, oldest).whole(),
            *newest_page(self.own_statuses),
        ]
        shown = {bare_words(text_of(str(s.get("content") or ""))[0]): s for s in statuses}
        # Servers forget an Idempotency-Key after an hour: from then on only the words tell.
        wanted = {key: bare_words(attempt.text) for key, attempt in attempted.items()}
        return {key: _reply(shown[words]) for key, words in wanted.items() if words in shown}

    def read_answers(self, post_id: str) -> HostMessages:
        context = self.client.ask_object("status_context", bare_id(post_id))
        below = objects_in(context.get("descendants"))
        posts, failed = self._read(below)
        return HostMessages(list(posts.values()), failed)

    def _read(self, statuses: Iterable[Json]) -> tuple[dict[str, Post], int]:
        return read_each(statuses, "id", self.reader.read, "Mastodon")


def _post(client: Any, status: Json, key: str) -> SendResult:
    posted = as_object(client.status_post(**status, idempotency_key=key))
    if bare_id_of(posted) is None:
        return SendResult("unknown", error=str(UnreadableResponseError("Mastodon")))
    return SendResult("sent", _reply(posted))


def _reply(status: Json) -> Reply:
    return Reply(f"mastodon:{status['id']}", as_address(status.get("url")))
