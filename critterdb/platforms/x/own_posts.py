"""Posts of the bot's own on X, and what people answer to them.

X knows no idempotency key: a post in doubt is looked for among the account's own by its words, so
that no two posts of one account may have the same.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from critterdb.errors import TimelineError
from critterdb.platforms.base import Envelope, HostMessages, Post, Reply, SendResult, bare_id
from critterdb.platforms.sources import UnreadableResponseError
from critterdb.platforms.text import bare_words
from critterdb.platforms.untrusted_json import as_object

from .parse import bare_id_of, id_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from critterdb._types import Json
    from critterdb.platforms.base import Attempt, OwnPost, ReplyPicture
    from critterdb.platforms.sources import Found

MAX_ALT_CHARACTERS = 1000  # X's own limit


class XOwnPosts:
    """One account's posts; the functions are its timeline's ways to ask X."""

    def __init__(
        self,
        client: Any,
        handle: str,
        ask: Callable[..., Json],
        read_own: Callable[[str], Found],
        search: Callable[[str], Found],
        result_of: Callable[[Exception], SendResult],
    ) -> None:
        self.client = client
        self.handle = handle
        self.ask = ask
        self.read_own = read_own
        self.search = search
        self.result_of = result_of

    def prepare(self, post: OwnPost, now: datetime) -> Envelope:
        record: Json = {"since": str(id_at(now))}
        if post.picture:
            record["media_ids"] = [self._upload(post.picture)]
        if post.in_reply_to:
            record["in_reply_to_tweet_id"] = bare_id(post.in_reply_to)
        return Envelope("", json.dumps(record))

    def send(self, text: str, envelope: Envelope) -> SendResult:
        record = json.loads(envelope.record)
        del record["since"]
        try:
            body: object = self.client.create_tweet(text=text, user_auth=True, **record)
        except Exception as error:
            return self.result_of(error)
        bare = bare_id_of(as_object(as_object(body).get("data")).get("id"))
        if bare is None:
            return SendResult("unknown", error=str(UnreadableResponseError("X")))
        return SendResult("sent", Reply(f"x:{bare}", f"https://x.com/{self.handle}/status/{bare}"))

    def find(self, attempted: Mapping[str, Attempt]) -> dict[str, Reply]:
        if not attempted:
            return {}
        records = [json.loads(attempt.envelope.record) for attempt in attempted.values()]
        own = self.read_own(min((record["since"] for record in records), key=int))
        if own.gap_from or own.failure:
            raise TimelineError(
                "X does not show enough of the bot's own posts to tell whether a post was made. "
                "Check by hand; its status in the table own_posts is unknown"
            )
        # X has no key of a post: it is found by its words, which hold the number of the round.
        shown = {bare_words(post.text): post for post in own.posts}
        wanted = {key: bare_words(attempt.text) for key, attempt in attempted.items()}
        return {key: _reply(shown[words]) for key, words in wanted.items() if words in shown}

    def read_answers(self, post_id: str) -> HostMessages:
        query = f"conversation_id:{bare_id(post_id)} is:reply -is:retweet"
        found = self.search(query)
        return HostMessages(found.posts, found.unreadable)

    def _upload(self, picture: ReplyPicture) -> str:
        """Upload a picture with its alt text; its id. Raises TimelineError."""
        upload = {
            "media": base64.b64encode(picture.data).decode(),
            "media_category": "tweet_image",
            "media_type": picture.media_type,
        }
        data = as_object(self._post("/2/media/upload", upload).get("data"))
        media_id = bare_id_of(data.get("id"))
        if media_id is None:
            raise UnreadableResponseError("X")
        alt = {"alt_text": {"text": picture.alt[:MAX_ALT_CHARACTERS]}}
        self._post("/2/media/metadata", {"id": media_id, "metadata": alt})
        return media_id

    def _post(self, path: str, body: Json) -> Json:
        return self.ask(lambda: self.client.request("POST", path, json=body, user_auth=True).json())


def _reply(post: Post) -> Reply:
    return Reply(post.id, post.url)
