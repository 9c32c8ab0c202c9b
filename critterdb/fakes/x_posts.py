"""What a stand-in X knows: accounts, posts, and what its search finds among them."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from critterdb._types import Json

# X's ids count milliseconds from 2010-11-04 01:42:54.657 UTC, above 22 bits.
# Written down here as well: a fake that imported the real constant would agree with its mistakes.
ID_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
# Recent search of X reaches back a week.
SEARCH_REACH = timedelta(days=7)


class Posts:
    """Accounts by their small handles, posts and media by their ids."""

    def __init__(self) -> None:
        self.users: dict[str, Json] = {}
        self.posts: dict[str, Json] = {}
        self.media: dict[str, Json] = {}

    def add_user(self, handle: str) -> Json:
        """The account with this name, made where there is none."""
        user = {"id": str(len(self.users) + 1), "username": handle, "name": handle}
        return self.users.setdefault(handle.lower(), user | {"description": ""})

    def add(
        self,
        author: str,
        text: str,
        addresses: Iterable[str],
        references: dict[str, str | None],
        *,
        posted_at: datetime,
        media: str,
        edit_of: str | None,
    ) -> str:
        """Write a post down; its id. `references` are the posts that it refers to, by how."""
        post_id = self._new_id(posted_at)
        quoted = references["quoted"]
        links = [self._link(quoted)] if quoted else []
        post: Json = {
            "id": post_id,
            "edit_history_tweet_ids": [edit_of, post_id] if edit_of else [post_id],
            "author_id": self.add_user(author)["id"],
            "text": f"{text} {links[0]['url']}" if links else text,
            "created_at": posted_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "conversation_id": self._thread_of(references["replied_to"]) or post_id,
            "entities": self._entities(text) | ({"urls": links} if links else {}),
            "referenced_tweets": [
                {"type": kind, "id": other} for kind, other in references.items() if other
            ],
        }
        keys = [self._add_media(address, media) for address in addresses]
        post |= {"attachments": {"media_keys": keys}} if keys else {}
        self.posts[post_id] = post
        return post_id

    def shown(self, posts: list[Json]) -> Json:
        """The posts with their authors, their media, and what they refer to (without its media)."""
        if not posts:
            return {}
        referred = [
            self.posts[item["id"]]
            for post in posts
            for item in post["referenced_tweets"]
            if item["id"] in self.posts
        ]
        keys = [k for post in posts for k in post.get("attachments", {}).get("media_keys", [])]
        users = {post["author_id"]: self.author(post) for post in posts + referred}
        media = [self.media[key] for key in dict.fromkeys(keys)]
        includes = {"users": list(users.values()), "tweets": referred, "media": media}
        return {"data": posts, "includes": {name: item for name, item in includes.items() if item}}

    def search(self, query: str) -> Callable[[Json], bool]:
        """Which posts a query means. A hashtag finds longer ones too, so that whoever relies on it
        is found out.
        """
        query = query.lower()
        author, tag = re.search(r"from:(\w+)", query), re.search(r"#(\w+)", query)
        link = re.search(r'url:"([^"]+)"', query)
        thread = re.search(r"conversation_id:(\d+)", query)
        names = {"reply": "replied_to", "quote": "quoted"}
        wanted = {names[kind] for kind in re.findall(r"(?<!-)is:(reply|quote)", query)}
        oldest = oldest_found()

        def matches(post: Json) -> bool:
            kinds = {reference["type"] for reference in post["referenced_tweets"]}
            tags = [_folded(hashtag["tag"]) for hashtag in post["entities"]["hashtags"]]
            return (
                int(post["id"]) >= oldest
                and (not author or self.author(post)["username"].lower() == author[1])
                and (not tag or any(known.startswith(tag[1]) for known in tags))
                and (not link or _has_link(post, link[1]))
                and (not thread or post["conversation_id"] == thread[1])
                and (not wanted or bool(kinds & wanted))
                and ("-is:retweet" not in query or "retweeted" not in kinds)
            )

        return matches

    def author(self, post: Json) -> Json:
        return next(user for user in self.users.values() if user["id"] == post["author_id"])

    def is_called(self, post: Json, user_id: str) -> bool:
        """Whether an account may answer a post: it is mentioned there, or quoted."""
        quoted = [
            self.posts.get(reference["id"], {}).get("author_id")
            for reference in post["referenced_tweets"]
            if reference["type"] == "quoted"
        ]
        return user_id in quoted or mentions(post, user_id)

    def _thread_of(self, post_id: str | None) -> str | None:
        post = self.posts.get(post_id or "")
        return str(post["conversation_id"]) if post else None

    def _entities(self, text: str) -> Json:
        return {
            "hashtags": [{"tag": tag} for tag in _tags(text)],
            "mentions": [
                {
                    "start": match.start(),
                    "end": match.end(),
                    "username": match[1],
                    "id": self.add_user(match[1])["id"],
                }
                for match in re.finditer(r"@(\w+)", text)
            ],
        }

    def _link(self, quoted: str) -> Json:
        """What X puts at the end of a quote."""
        author = self.author(self.posts[quoted])["username"] if quoted in self.posts else "i/web"
        address = f"https://twitter.com/{author}/status/{quoted}"
        return {"url": f"https://t.co/{quoted[-10:]}", "expanded_url": address}

    def _add_media(self, address: str, kind: str) -> str:
        key = f"{3 if kind == 'photo' else 7}_{len(self.media) + 1}"
        field = "url" if kind == "photo" else "preview_image_url"
        self.media[key] = {"media_key": key, "type": kind, field: address}
        return key

    def _new_id(self, moment: datetime) -> str:
        number = id_at(moment)
        while str(number) in self.posts:
            number += 1
        return str(number)


def mentions(post: Json, user_id: str) -> bool:
    """Whether a post bears an account's handle."""
    return any(mention["id"] == user_id for mention in post["entities"]["mentions"])


def oldest_found() -> int:
    """The id before which search finds nothing."""
    return id_at(datetime.now(UTC) - SEARCH_REACH)


def id_at(moment: datetime) -> int:
    """The id of a post of that time."""
    return (moment - ID_EPOCH) // timedelta(milliseconds=1) << 22


def _tags(text: str) -> list[str]:
    """The hashtags that X marks: after a space or bracket, and not of digits only."""
    candidates = [word.lstrip("([\"'“") for word in text.split()]
    tags = [re.match(r"[#＃](\w+)", word) for word in candidates]
    return [match[1] for match in tags if match and not match[1].isdigit()]


def _folded(tag: str) -> str:
    """A tag as search compares it, full-width letters like others."""
    return unicodedata.normalize("NFKC", tag).lower()


def _has_link(post: Json, wanted: str) -> bool:
    """Whether an address in a post has these words in a row, as X's search compares addresses."""
    parts = re.findall(r"\w+", wanted)
    for link in post["entities"].get("urls", []):
        words = re.findall(r"\w+", f"{link['url']} {link['expanded_url']}".lower())
        if any(words[n:][: len(parts)] == parts for n in range(len(words))):
            return True
    return False
