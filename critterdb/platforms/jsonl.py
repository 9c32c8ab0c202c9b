"""A file as a timeline: a post a line, for replays without any platform.

The bot's own name in it is `critterdb`, unless CRITTERDB_BOT_HANDLE says another.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from critterdb.errors import RejectedInputError, TimelineError, too_large
from critterdb.games import Game, fold_handle, hosts_on, same_handle
from critterdb.imaging.decode import MAX_IMAGE_BYTES
from critterdb.storage.timestamps import post_time, utc_text

from .base import (
    REPLAYED,
    Attempt,
    Batch,
    Cursor,
    Envelope,
    HostMessages,
    OwnPost,
    Post,
    Reply,
    ReplyPicture,
    SendResult,
    bare_id,
)
from .text import tags_in
from .untrusted_json import as_address, as_object, as_text, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from critterdb._types import Json
    from critterdb.fetch.fetcher import Fetcher

DEFAULT_HANDLE = "critterdb"
# As on X, so that drafts of a replay look as they would there.
MAX_LENGTH = 280
MAX_REASON_LENGTH = 200  # characters of what is said of a line that cannot be read


class ReplyLine(TypedDict):
    """A reply as a line of PATH.replies.jsonl; a post of the bot's own has a `key`."""

    id: str
    author: str
    posted_at: str
    text: str
    in_reply_to: str | None
    key: NotRequired[str]
    alt: NotRequired[str]


class JsonlTimeline:
    """Posts from PATH; replies are appended to PATH.replies.jsonl."""

    platform = REPLAYED
    takes_pictures = False

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.replies_path = Path(f"{path}.replies.jsonl")

    @property
    def own_posts(self) -> JsonlOwnPosts:
        return JsonlOwnPosts(self)

    def handle(self) -> str:
        return os.environ.get("CRITTERDB_BOT_HANDLE", DEFAULT_HANDLE).lstrip("@")

    def full_handle(self, name: str) -> str:
        return name.lstrip("@")

    def read(self, game: Game, cursors: Mapping[str, str]) -> Batch:
        """Read the lines after the cursor; one that cannot be read is named and skipped."""
        lines = self._lines()
        name = f"jsonl:{self.path.resolve()}:{game.slug}"
        done = int(cursors.get(name, "0"))
        if done > len(lines):
            done = 0  # another file has taken its place
        known, complaints = self._parse(lines)
        by_id = {post.id: post for post in reversed(known.values())}
        fresh = [_with_parent(known[n], by_id) for n in sorted(known) if n >= done]
        failures = [text for number, text in complaints.items() if number >= done]
        return Batch(fresh, [Cursor(name, str(len(lines)))] if lines else [], failures)

    def read_host_messages(self, game: Game, post_ids: Sequence[str]) -> HostMessages:
        """Lines that cannot be read are named by `read`: whose they are cannot be told."""
        hosts = {fold_handle(handle) for handle in hosts_on(game, self.platform)}
        posts = self._parse(self._lines())[0].values()
        by_id = {post.id: post for post in posts}
        return HostMessages(
            [
                _with_parent(post, by_id)
                for post in posts
                if fold_handle(post.author) in hosts and (post.in_reply_to or post.quotes)
            ]
        )

    def find_existing(self, post_ids: Sequence[str]) -> set[str]:
        return {post.id for post in self._parse(self._lines())[0].values()} & set(post_ids)

    def find_replies(self, attempted: Mapping[str, Envelope]) -> dict[str, Reply]:
        return {
            post_id: Reply(reply_id)
            for reply_id, post_id in self._replies().items()
            if post_id in attempted
        }

    def fetch_photo(self, address: str, fetcher: Fetcher) -> bytes:
        """Bytes behind an address, or of a file whose path starts at PATH's folder."""
        if "://" in address:
            return fetcher.fetch(address)
        path = self.path.parent / address
        try:
            if not path.is_file():  # a pipe or a device may never end
                raise FileNotFoundError(path)
            with path.open("rb") as file:
                data = file.read(MAX_IMAGE_BYTES + 1)
        except (OSError, ValueError) as error:
            message = f"{address} could not be read. Check its path"
            raise RejectedInputError("missing_image", message) from error
        if len(data) > MAX_IMAGE_BYTES:
            raise too_large()
        return data

    def fits(self, text: str) -> bool:
        return len(text) <= MAX_LENGTH

    def prepare(
        self, post_id: str, text: str, now: datetime, picture: ReplyPicture | None = None
    ) -> Envelope:
        return Envelope()

    def label_as_bot(self) -> str:
        raise TimelineError("A file has no account to label. Name a platform with --on")

    def send(self, post_id: str, text: str, envelope: Envelope) -> SendResult:
        reply: ReplyLine = {
            "id": f"jsonl:reply-{bare_id(post_id)}",
            "author": self.handle(),
            "posted_at": utc_text(datetime.now(UTC)),
            "text": text,
            "in_reply_to": post_id,
        }
        return self.write_line(reply)

    def write_line(self, reply: ReplyLine) -> SendResult:
        """Append one line to the replies; what is known after it."""
        line = json.dumps(reply, ensure_ascii=False) + "\n"
        try:
            # One write, on a line of its own even where an earlier one was cut off on a full disk.
            with self.replies_path.open("a+b", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(end - 1, 0))
                start = "\n" if file.read(1) not in (b"", b"\n") else ""
                data = (start + line).encode()
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, "the disk is full")
                os.fsync(file.fileno())
        except OSError as error:
            return SendResult("unknown", error=f"{self.replies_path}: {error.strerror}", stop=True)
        return SendResult("sent", Reply(reply["id"]))

    def _lines(self) -> list[str]:
        """The lines that are complete: somebody may be writing the last one."""
        try:
            text = self.path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise TimelineError(f"{self.path} could not be read: {reason}") from error
        lines = text.split("\n")
        if lines and not lines[-1].rstrip().endswith("}"):
            lines.pop()
        return lines

    def _parse(self, lines: Iterable[str]) -> tuple[dict[int, Post], dict[int, str]]:
        """Posts and complaints by the number of their line, from 0."""
        posts: dict[int, Post] = {}
        failures: dict[int, str] = {}
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            try:
                posts[number] = self._read_line(parse_json(line))
            except Exception as error:
                # A file may come from anywhere: one odd line must not stop the others.
                failures[number] = (
                    f"{self.path}, line {number + 1}: not read, because {_why_unreadable(error)}"
                )
        ours = {post.id for post in posts.values() if same_handle(post.author, self.handle())}
        ours |= set(self._replies())
        parents = {post.id: post.in_reply_to for post in posts.values()}
        for number, post in posts.items():
            summons = post.summons or post.quotes in ours
            posts[number] = replace(
                post,
                summons=summons,
                to_bot=summons or post.in_reply_to in ours,
                thread=_first(post.id, parents),
            )
        return posts, failures

    def _replies(self) -> dict[str, str]:
        """The replies that were written whole: their ids, and what they reply to."""
        if not self.replies_path.exists():
            return {}
        replies: dict[str, str] = {}
        for line in self.replies_path.read_text("utf-8", errors="replace").split("\n"):
            with suppress(ValueError, TypeError, KeyError):
                reply = as_object(parse_json(line))
                replies[str(reply["id"])] = str(reply["in_reply_to"])
        return replies

    def find_own(self) -> dict[str, str]:
        """The ids of the bot's own posts that were written whole, by their key."""
        return {bare_id(post_id): post_id for post_id in self._replies()}

    def answers_to(self, post_id: str) -> list[Post]:
        """The posts in the thread of a post of the bot's."""
        posts = self._parse(self._lines())[0].values()
        return [post for post in posts if post.thread == post_id]

    def _read_line(self, value: object) -> Post:
        """One line as a post. Raises an error of any kind where it makes no sense as one."""
        if not isinstance(value, dict):
            raise TypeError("it is not a JSON object")
        line: Json = value
        text = str(line.get("text") or "")
        author = str(line["author"]).lstrip("@")
        mentions = line.get("mentions") or []
        names = [] if isinstance(mentions, bool) else [str(name) for name in mentions]
        own = self.handle()
        post_id = _as_id(line["id"])
        if post_id is None:
            raise ValueError("its id is empty")
        return Post(
            id=post_id,
            author=author,
            posted_at=_as_time(line["posted_at"]),
            text=text,
            url=as_address(line.get("url")),
            photos=tuple(str(image) for image in line.get("images") or []),
            hashtags=tags_in(text),
            summons=mentions is True or any(same_handle(name.lstrip("@"), own) for name in names),
            in_reply_to=_as_id(line.get("in_reply_to")),
            quotes=_as_id(line.get("quotes")),
            by_bot=bool(line.get("bot")) and not same_handle(author, own),
            is_repost=bool(line.get("repost")),
            edited_at=_as_time(line["edited_at"]) if line.get("edited_at") else None,
        )


class JsonlOwnPosts:
    """Posts of the bot's own, as lines beside its replies; the picture stays where it is."""

    def __init__(self, timeline: JsonlTimeline) -> None:
        self.timeline = timeline

    def prepare(self, post: OwnPost, now: datetime) -> Envelope:
        line: ReplyLine = {
            "id": f"jsonl:{post.key}",
            "author": self.timeline.handle(),
            "posted_at": utc_text(now),
            "text": post.text,
            "in_reply_to": post.in_reply_to,
            "key": post.key,
        }
        if post.picture:
            line["alt"] = post.picture.alt
        return Envelope(post.key, json.dumps(line, ensure_ascii=False))

    def send(self, text: str, envelope: Envelope) -> SendResult:
        return self.timeline.write_line(json.loads(envelope.record))

    def find(self, attempted: Mapping[str, Attempt]) -> dict[str, Reply]:
        there = self.timeline.find_own()
        return {key: Reply(there[key]) for key in attempted if key in there}

    def read_answers(self, post_id: str) -> HostMessages:
        return HostMessages(self.timeline.answers_to(post_id))


def _why_unreadable(error: Exception) -> str:
    """Say what is wrong with a line, and what to do about it."""
    if isinstance(error, json.JSONDecodeError):
        return f"it is not valid JSON at column {error.colno}. Correct the line or delete it"
    if isinstance(error, KeyError):
        return f"it has no “{error.args[0]}”. Add it"
    return f"{' '.join(str(error).split())[:MAX_REASON_LENGTH]}. Correct the line or delete it"


def _with_parent(post: Post, known: Mapping[str, Post]) -> Post:
    """The post with what it quotes or replies to, if it has no photos of its own."""
    parent_id = post.quotes or post.in_reply_to
    return post if post.photos or not parent_id else replace(post, parent=known.get(parent_id))


def _first(post_id: str, parents: Mapping[str, str | None]) -> str:
    """The first post of a thread; a file may hold circles."""
    passed = {post_id}
    while (parent := parents.get(post_id)) and parent not in passed:
        passed.add(parent)
        post_id = parent
    return post_id


def _as_time(value: object) -> str:
    """A time as rows have it. Raises ValueError."""
    try:
        return post_time(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("“posted_at” is not a time such as 2026-11-27T10:00:00Z") from error


def _as_id(value: object) -> str | None:
    """`jsonl:1` of `1`; None for nothing. Raises TypeError for anything but a string or integer."""
    if value is None or value == "":
        return None
    bare_id = as_text(value)
    if not bare_id:
        raise TypeError("an id is a string or an integer")
    return bare_id if bare_id.startswith("jsonl:") else f"jsonl:{bare_id}"
