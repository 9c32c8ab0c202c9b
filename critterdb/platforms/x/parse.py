"""The JSON of X's API v2 → posts."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from critterdb._types import Json
from critterdb.platforms.base import Post
from critterdb.platforms.profiles import says_it_is_a_bot, wants_no_bot
from critterdb.platforms.text import length_of_run
from critterdb.storage.timestamps import post_time

log = logging.getLogger(__name__)

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


class XPage:
    """Posts as one response gives them, with the users, media and other posts it includes."""

    def __init__(self, body: Json, own_id: str) -> None:
        included = body.get("includes") or {}
        self.own_id = own_id
        self.users = _by(included.get("users"), "id")
        self.media = _by(included.get("media"), "media_key")
        self.included = _by(included.get("tweets"), "id")
        given: list[Json] = body.get("data") or []
        self.posts = [each for each in given if self._makes_sense(each)]
        self.unreadable = len(given) - len(self.posts)

    def reaches(self, bare: str) -> bool:
        """Whether a post as old as this id, or an older one, is on the page."""
        return any(int(post["id"]) <= int(bare) for post in self.posts)

    def parent_id(self, post: Json) -> str | None:
        """The post that shows what this one asks about: the quoted one before the answered one."""
        return _reference(post, "quoted") or _reference(post, "replied_to")

    def read(self, parents: dict[str, Post] | None = None) -> list[Post]:
        """The posts; `parents` are those that were looked up, by their bare id."""
        return [self._read_one(post, parents or {}) for post in self.posts]

    def _makes_sense(self, post: Json) -> bool:
        """Strangers chose what is in a post: whatever it raises, it may not stop the others."""
        try:
            int(post["id"])
            self._read_one(post, {})
        except Exception:
            log.debug("a post of X could not be read", exc_info=True)
            return False
        return True

    def _read_one(self, post: Json, parents: dict[str, Post]) -> Post:
        photos = tuple(self._photos(post))
        text, entities = _text(post)
        author_id = str(post.get("author_id", ""))
        user = self.users.get(author_id, {})
        author = str(user.get("username", author_id))
        is_own = author_id == self.own_id
        first_id = _first_id(post)
        return Post(
            id=f"x:{first_id}",
            author=author,
            author_id=author_id or None,
            posted_at=_posted_at(post),
            text=text,
            url=f"https://x.com/{author}/status/{first_id}",
            photos=photos,
            hashtags=tuple(str(each["tag"]) for each in entities.get("hashtags", [])),
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
        return _as_id(_first_id(self.included[bare]) if bare in self.included else bare)

    def _photos(self, post: Json) -> Iterable[str]:
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
        starts = [int(each.get("start") or 0) for each in self._own_mentions(post)]
        answered = _reference(post, "replied_to")
        if not starts or answered is None or max(starts) >= length_of_run(text):
            return bool(starts)
        above = self.included.get(answered)
        return above is not None and not self._is_ours(answered) and not self._own_mentions(above)

    def _own_mentions(self, post: Json) -> list[Json]:
        mentions = _text(post)[1].get("mentions", [])
        return [each for each in mentions if each.get("id") == self.own_id]

    def _is_ours(self, bare: str | None) -> bool:
        return bool(self.included.get(bare or "", {}).get("author_id") == self.own_id)


def _by(items: object, key: str) -> dict[str, Json]:
    """What a response includes, by its key, as far as it has one."""
    listed = items if isinstance(items, list) else []
    return {str(each[key]): each for each in listed if isinstance(each, dict) and key in each}


def _is_bot(user: Json) -> bool:
    names = (str(user.get(each) or "") for each in ("username", "name", "description"))
    return says_it_is_a_bot(*names)


def _opts_out(user: Json) -> str | None:
    return "#nobot in the profile" if wants_no_bot(str(user.get("description") or "")) else None


def _first_id(post: Json) -> str:
    """Every edit is a new id; the first one stays the post's."""
    return str((post.get("edit_history_tweet_ids") or [post["id"]])[0])


def _posted_at(post: Json) -> str:
    if "created_at" in post:
        return post_time(post["created_at"])
    milliseconds = (int(post["id"]) >> 22) + EPOCH_MS
    return post_time(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _reference(post: Json, kind: str) -> str | None:
    for each in post.get("referenced_tweets") or []:
        if each["type"] == kind:
            return str(each["id"])
    return None


def _as_id(bare: str | None) -> str | None:
    return f"x:{bare}" if bare else None


def _text(post: Json) -> tuple[str, Json]:
    """Text and entities; a long post has its whole text in a field of its own."""
    whole = post.get("note_tweet") or post
    return whole.get("text", ""), whole.get("entities") or post.get("entities") or {}
