"""The JSON of X's API v2 → posts."""

from __future__ import annotations

import contextlib
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from critterdb.platforms.base import Post
from critterdb.platforms.profiles import says_it_is_a_bot, wants_no_bot
from critterdb.platforms.sources import UnreadableResponseError
from critterdb.platforms.text import length_of_run
from critterdb.platforms.untrusted_json import as_object, as_text, objects_in
from critterdb.storage.timestamps import post_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from critterdb._types import Json

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9]{1,19}")
# Of 4 November 2010; the lowest 22 bits of an id count within a millisecond.
EPOCH_MS = 1_288_834_974_657  # what X counts the time in its ids from

# What to ask for with every reading of posts.
FIELDS: dict[str, list[str]] = {
    "expansions": ["author_id", "attachments.media_keys", "referenced_tweets.id"],
    "tweet_fields": [
        "attachments",
        "author_id",
        "conversation_id",
        "created_at",
        "edit_history_tweet_ids",
        "entities",
        "note_tweet",
        "referenced_tweets",
    ],
    "media_fields": ["url", "preview_image_url", "type"],
    "user_fields": ["description", "name", "username"],
}


def id_before(bare: str, stretch: timedelta) -> str:
    """The id that a post had which came so much earlier."""
    return str(max(int(bare) - (int(stretch.total_seconds() * 1000) << 22), 0))


def id_at(moment: datetime) -> int:
    """The lowest id of a post of that time."""
    return (int(moment.timestamp() * 1000) - EPOCH_MS) << 22


class XPage:
    """Posts as one response gives them, with the users, media and other posts it includes.

    `unreadable` counts those that could not be read. Raises UnreadableResponseError if the response
    has no list of posts.
    """

    def __init__(self, body: Json, own_id: str) -> None:
        included = as_object(body.get("includes"))
        self.own_id = own_id
        self.users = _by(included.get("users"), "id")
        self.media = _by(included.get("media"), "media_key")
        self.included = _by(included.get("tweets"), "id")
        data = body.get("data") or []
        if not isinstance(data, list):
            raise UnreadableResponseError("X")
        self.posts = [post for post in objects_in(data) if self._makes_sense(post)]
        self.unreadable = len(data) - len(self.posts)
        # Without a token this is the last page, and an empty one has no ids.
        meta = as_object(body.get("meta"))
        self.newest_id = bare_id_of(meta.get("newest_id"))
        self.next_token = as_text(meta.get("next_token")) or None
        self.ids = _first_ids(objects_in(data))

    def reaches(self, bare: str) -> bool:
        """Whether a post as old as this id, or an older one, is on the page."""
        return any(int(post["id"]) <= int(bare) for post in self.posts)

    def parent_id(self, post: Json) -> str | None:
        """The post that shows what this one asks about: the quoted one before the answered one."""
        return bare_id_of(_reference(post, "quoted") or _reference(post, "replied_to"))

    def read(self, parents: dict[str, Post] | None = None) -> list[Post]:
        """The posts; `parents` are those that were looked up, by their bare id."""
        return [self._read_one(post, parents or {}) for post in self.posts]

    def _makes_sense(self, post: Json) -> bool:
        """Strangers wrote what is in a post: whatever it raises, it must not stop the others."""
        try:
            self._read_one(post, {})
        except Exception:
            log.debug("a post of X could not be read", exc_info=True)
            return False
        return True

    def _read_one(self, post: Json, parents: dict[str, Post]) -> Post:
        photos = tuple(self._photo_addresses(post))
        text, entities = _text(post)
        author_id = str(post.get("author_id", ""))
        user = self.users.get(author_id, {})
        author = str(user.get("username", author_id))
        is_own = author_id == self.own_id
        bare = first_id(post)
        return Post(
            id=f"x:{bare}",
            author=author,
            author_id=author_id or None,
            posted_at=_posted_at(post),
            text=text,
            url=f"https://x.com/{author}/status/{bare}",
            photos=photos,
            hashtags=tuple(str(tag["tag"]) for tag in entities.get("hashtags", [])),
            summons=self._calls_bot(post),
            to_bot=bool(self._own_mentions(post))
            or any(self._is_ours(_reference(post, kind)) for kind in ("replied_to", "quoted")),
            in_reply_to=self._refers(post, "replied_to"),
            quotes=self._refers(post, "quoted"),
            thread=_as_id(post.get("conversation_id")),
            parent=None if photos else parents.get(self.parent_id(post) or ""),
            is_repost=_reference(post, "retweeted") is not None,
            by_bot=not is_own and _is_bot(user),
            opts_out=None if is_own else _opts_out(user),
        )

    def _refers(self, post: Json, kind: str) -> str | None:
        """The post referred to, by its first id where an edit of it is meant."""
        bare = _reference(post, kind)
        return _as_id(first_id(self.included[bare]) if bare in self.included else bare)

    def _photo_addresses(self, post: Json) -> Iterable[str]:
        """Addresses of all photos; of a video or GIF its preview frame."""
        for key in (post.get("attachments") or {}).get("media_keys", []):
            media = self.media.get(key, {})
            address = media.get("url") or media.get("preview_image_url")
            if address:
                yield str(address)

    def _calls_bot(self, post: Json) -> bool:
        """Whether its author wrote the bot's handle, or quotes the bot.

        X puts the handles of a thread before each answer. One there was written only where the post
        that is answered neither is the bot's nor has it, and where that is not shown, nobody knows.
        """
        if self._is_ours(_reference(post, "quoted")):
            return True
        text, _ = _text(post)
        starts = [int(mention.get("start") or 0) for mention in self._own_mentions(post)]
        answered = _reference(post, "replied_to")
        if not starts or answered is None or max(starts) >= length_of_run(text):
            return bool(starts)
        above = self.included.get(answered)
        return above is not None and not self._is_ours(answered) and not self._own_mentions(above)

    def _own_mentions(self, post: Json) -> list[Json]:
        mentions = _text(post)[1].get("mentions", [])
        return [mention for mention in mentions if mention.get("id") == self.own_id]

    def _is_ours(self, bare: str | None) -> bool:
        return bool(self.included.get(bare or "", {}).get("author_id") == self.own_id)


def _by(items: object, key: str) -> dict[str, Json]:
    """What a response includes, by its key; items without one are left out."""
    return {str(item[key]): item for item in objects_in(items) if key in item}


def _is_bot(user: Json) -> bool:
    # X's API has no field for automated accounts.
    texts = (str(user.get(field) or "") for field in ("username", "name", "description"))
    return says_it_is_a_bot(*texts)


def _opts_out(user: Json) -> str | None:
    return "#nobot in the profile" if wants_no_bot(str(user.get("description") or "")) else None


def first_id(post: Json) -> str:
    """The id of a post's first version: every edit has a new one. Raises ValueError."""
    versions = [*(post.get("edit_history_tweet_ids") or []), post.get("id")]
    if (bare := bare_id_of(versions[0])) is None or bare_id_of(versions[-1]) is None:
        raise ValueError("a post without an id")
    return bare


def _first_ids(posts: Iterable[Json]) -> set[str]:
    """The ids of all posts that have one, whether they can be read or not."""
    ids: set[str] = set()
    for post in posts:
        with contextlib.suppress(TypeError, ValueError):
            ids.add(first_id(post))
    return ids


def bare_id_of(value: object) -> str | None:
    """An id of X, which has up to 19 digits; None where it is not one.

    X refuses all ids of a request for one that is malformed.
    """
    text = as_text(value)
    return text if _ID.fullmatch(text) else None


def _posted_at(post: Json) -> str:
    if "created_at" in post:
        return post_time(post["created_at"])
    milliseconds = (int(post["id"]) >> 22) + EPOCH_MS
    return post_time(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _reference(post: Json, kind: str) -> str | None:
    for reference in post.get("referenced_tweets") or []:
        if reference["type"] == kind:
            return str(reference["id"])
    return None


def _as_id(bare: str | None) -> str | None:
    return f"x:{bare}" if bare else None


def _text(post: Json) -> tuple[str, Json]:
    """Text and entities; a long post has its whole text in a field of its own."""
    whole = post.get("note_tweet") or post
    return str(whole.get("text") or ""), whole.get("entities") or post.get("entities") or {}
