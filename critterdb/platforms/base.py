"""Where posts come from and replies go: what the bot asks of any platform.

A post's text lives here for as long as a round lasts, and is never written down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from critterdb.fetch.fetcher import Fetcher
    from critterdb.games import Game

REPLAYED = "jsonl"  # the platform that is a file, whose pictures are files beside it


@dataclass(frozen=True)
class Post:
    """A post as a platform shows it. Ids are `PLATFORM:ID`, times UTC ISO 8601 ending in Z.

    `summons` says that its author mentions the bot or quotes it; `to_bot` that it is one of those,
    answers the bot, or bears its handle because the platform put it there. `parent` is the post
    that it replies to or quotes, given where the post has no photos of its own; `thread` is the
    first post of its thread.
    `opts_out` says how the author let the platform know that no bot is wanted: `#nobot in the
    profile`, or a block. `author_id` is what stays when the author takes another handle; every
    platform gives it but jsonl, also for a `parent`.
    `is_private` is a post that not everybody may see. `edited_at` is given where an edit keeps the
    post's id and time.
    """

    id: str
    author: str
    posted_at: str
    text: str = field(default="", repr=False)
    url: str | None = None
    photos: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    summons: bool = False
    to_bot: bool = False
    in_reply_to: str | None = None
    quotes: str | None = None
    thread: str | None = None
    parent: Post | None = None
    is_repost: bool = False
    by_bot: bool = False
    opts_out: str | None = None
    author_id: str | None = None
    is_private: bool = False
    edited_at: str | None = None

    def __post_init__(self) -> None:
        # JSON can hold half of a surrogate pair, which neither UTF-8 nor SQLite can.
        for name, value in vars(self).items():
            if isinstance(value, str):
                object.__setattr__(self, name, _well_formed(value))
            elif isinstance(value, tuple):
                object.__setattr__(self, name, tuple(map(_well_formed, value)))


@dataclass(frozen=True)
class Cursor:
    """How far a source has been read; `gap_from` where what lies before could not be shown."""

    name: str
    value: str
    gap_from: str | None = None


@dataclass(frozen=True)
class Batch:
    """What one reading gave; the cursors are to be stored together with the posts they cover.

    Sources that failed are named in `failures`; `retry_at` is when the platform wants to be asked
    again, where it said so.
    """

    posts: list[Post]
    # Stored in one transaction with the posts: a bot that is killed reads them again, or has them.
    cursors: list[Cursor]
    failures: list[str] = field(default_factory=list)
    retry_at: datetime | None = None


@dataclass(frozen=True)
class HostMessages:
    """What a game's hosts wrote, and how many of their messages could not be read."""

    posts: list[Post]
    unreadable: int = 0


@dataclass(frozen=True)
class Envelope:
    """What stays the same in each attempt at a reply; frozen in its row before the first one.

    `key` is Mastodon's Idempotency-Key or Bluesky's record key; `record` is whatever else must not
    change, in the platform's own words (for Bluesky the whole record as JSON). X has neither.
    """

    key: str = ""
    record: str = ""


@dataclass(frozen=True)
class ReplyPicture:
    """A picture beside a reply's text; `alt` says the same to people who do not see it.

    `data` is a PNG or JPEG file without metadata, whose sides are in pixels.
    """

    data: bytes = field(repr=False)
    media_type: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class OwnPost:
    """What the bot posts unasked: on its own, or below an earlier post of its own.

    `key` is the same in each attempt, and no other post has it. A post with a `picture` is not
    posted without it. `mentions` are account ids by the handles in the text, where they are known.
    """

    key: str
    text: str
    in_reply_to: str | None = None
    picture: ReplyPicture | None = None
    mentions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """What an attempt at a post of the bot's own was made with."""

    text: str
    envelope: Envelope


@dataclass(frozen=True)
class Reply:
    """A reply that stands on the platform."""

    id: str
    url: str | None = None


@dataclass(frozen=True)
class SendResult:
    """What is known after an attempt to reply.

    `planned` means that it certainly was not sent and may be later; with `stop` nothing else should
    be tried in this round, and before `retry_at` where the platform named a time. `blocked` says
    that it was refused because the author refuses replies, `is_personal` that the reason
    is one of this author or post (replies limited, protected, gone) and not of the bot's account.
    """

    status: Literal["sent", "refused", "unknown", "planned"]
    reply: Reply | None = None
    error: str | None = None
    stop: bool = False
    retry_at: datetime | None = None
    blocked: bool = False
    is_personal: bool = False


class OwnPosts(Protocol):
    """What an account posts unasked, and what people answer to it.

    As in a Timeline, every method may raise TimelineError, and `send` returns a SendResult instead.
    """

    def prepare(self, post: OwnPost, now: datetime) -> Envelope:
        """Upload the picture; what every attempt must have in common, stored before the first."""

    def send(self, text: str, envelope: Envelope) -> SendResult:
        """Post it. Where the platform can prevent it, the same envelope makes no second post."""

    def find(self, attempted: Mapping[str, Attempt]) -> dict[str, Reply]:
        """Those of the attempted posts that the platform shows, by their key."""

    def read_answers(self, post_id: str) -> HostMessages:
        """What everybody wrote below a post; an edit counts from its own time."""


class Timeline(Protocol):
    """An account on a platform, as the bot uses it.

    Every method may raise TimelineError: RateLimitedError if the platform limits requests until a
    time, UnreadableResponseError if a response has the wrong shape. `send` returns a SendResult
    instead. A post that cannot be read is counted in the batch's `failures` and never stops the
    others. No single request takes longer than `deadline.CALL_DEADLINE_S`.
    """

    platform: str
    takes_pictures: bool

    @property
    def own_posts(self) -> OwnPosts:
        """What the account posts unasked."""

    def handle(self) -> str:
        """The bot's own name there."""

    def full_handle(self, name: str) -> str:
        """A handle as posts give it, for one as people write it: without @, with its domain."""

    def read(self, game: Game, cursors: Mapping[str, str]) -> Batch:
        """Posts since the cursors: those of the game's hosts with its hashtag, and mentions."""

    def read_host_messages(self, game: Game, post_ids: Sequence[str]) -> HostMessages:
        """What the game's hosts wrote since these posts, in reply to anything or quoting it."""

    def find_existing(self, post_ids: Sequence[str]) -> set[str]:
        """Which of these posts still exist, whether they can be read or not."""

    def find_replies(self, attempted: Mapping[str, Envelope]) -> dict[str, Reply]:
        """The bot's own replies to these posts, as the platform shows them."""

    def fetch_photo(self, address: str, fetcher: Fetcher) -> bytes:
        """Fetch a photo: the platform's own server is trusted, all else goes through `fetcher`.

        Raises RejectedInputError, also for an address that cannot be parsed.
        """

    def fits(self, text: str) -> bool:
        """Whether a reply is short enough, counted as the platform counts."""

    def prepare(
        self, post_id: str, text: str, now: datetime, picture: ReplyPicture | None = None
    ) -> Envelope:
        """What every attempt at this reply must have in common; stored before the first one.

        The picture is uploaded here, where the platform takes any. What was uploaded and belongs to
        no post is removed by the platform, so that being killed in between leaves no trace. A
        picture that is refused is left out of the reply.
        """

    def send(self, post_id: str, text: str, envelope: Envelope) -> SendResult:
        """Reply to a post. Where the platform can prevent it, the same envelope again makes no
        second reply.
        """

    def label_as_bot(self) -> str:
        """Mark the account as a bot, once; a sentence that says what was done."""


def _well_formed(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def bare_id(post_id: str) -> str:
    """`123` of `x:123`."""
    return post_id.partition(":")[2]
