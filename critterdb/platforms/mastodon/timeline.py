"""Mastodon, through Mastodon.py: mentions and quotes of the bot, hashtag posts of the hosts.

Replies are unlisted, begin with the author's handle, and carry an Idempotency-Key, which the server
honours for an hour; after that only a look at the bot's own statuses prevents a second reply, and
such a look comes before each further attempt.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict
from urllib.parse import urlsplit

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.games import Game, fold_handle, hosts_on, same_handle
from critterdb.platforms.base import Batch, Envelope, HostMessages, Post, Reply, SendResult, bare_id
from critterdb.platforms.http.media import fetch_from
from critterdb.platforms.sources import (
    Found,
    NoResponseError,
    Source,
    UnreadableResponseError,
    gather,
    read_each,
    unreadable,
)
from critterdb.platforms.text import fold_tag
from critterdb.platforms.untrusted_json import as_address, as_object, as_text, objects_in

from .client import BadRequestError, MastodonClient, NotFoundError
from .media import upload_picture
from .own_posts import MastodonOwnPosts
from .pagination import (
    MAX_PUBLIC_PAGES,
    GetPage,
    id_order,
    newest_page,
    read_list,
    settled_id,
)
from .parse import Reader, bare_id_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from critterdb._types import Json
    from critterdb.fetch.fetcher import Fetcher
    from critterdb.platforms.base import ReplyPicture

LOOKUP_SIZE = 20  # statuses or accounts a request
# Whoever replies to hidden posts, each time to another one, would otherwise use up the bot's 300
# requests in five minutes, and no round would ever end.
MAX_SINGLE_LOOKUPS = 60  # requests for one status in one reading
# A conversation costs a request. It is read only where the host answered somebody else than the
# asker.
MAX_THREADS = 40  # conversations that are looked through in a round

DEFAULT_MAX_CHARACTERS = 500
# An instance says what it allows, and one may say anything.
MAX_CHARACTERS = 1_000_000  # the highest limit of an instance that is believed
CHARACTERS_PER_LINK = 23
# Every reply begins with the handle of whoever it answers.
RESERVED_FOR_HANDLE = 64  # characters; a handle counts without its domain

_SUMMONS = ["mention", "quote"]
_ACCT = re.compile(r"[\w.-]+(?:@[\w.:-]+)?")


class StatusRecord(TypedDict):
    """The parameters of a reply, kept in its Envelope; their names are Mastodon.py's."""

    status: str
    in_reply_to_id: str
    visibility: Literal["unlisted"]
    language: str
    media_ids: NotRequired[list[str]]


class MastodonTimeline:
    """One account on an instance of Mastodon, GoToSocial, Pleroma or their kin."""

    platform = "mastodon"
    takes_pictures = True

    def __init__(self, client: MastodonClient) -> None:
        self.client = client
        self._looks_up_many = True  # a call that came with Mastodon 4.3

    @classmethod
    def from_environment(cls) -> MastodonTimeline:
        """As the CRITTERDB_MASTODON_… settings say. Raises TimelineError where one is missing."""
        needed = ("CRITTERDB_MASTODON_URL", "CRITTERDB_MASTODON_TOKEN")
        missing = [name for name in needed if not os.environ.get(name)]
        if missing:
            raise TimelineError(
                f"Mastodon needs {' and '.join(missing)} in the environment. You find the token in "
                "the account's preferences, under Development, Your applications"
            )
        return cls(MastodonClient(*(os.environ[name] for name in needed)))

    @cached_property
    def me(self) -> Json:
        """The bot's own account."""
        account = self.client.ask_object("account_verify_credentials")
        if bare_id_of(account) is None:
            raise UnreadableResponseError("Mastodon")
        return account

    @cached_property
    def instance(self) -> Json:
        """The instance's domain and limits; kin of Mastodon know only the older call."""
        try:
            return self.client.ask_object("instance_v2")
        except NotFoundError:
            return self.client.ask_object("instance_v1")

    @cached_property
    def reader(self) -> Reader:
        """Reads statuses as this account sees them."""
        named = as_text(self.instance.get("domain")) or as_text(self.instance.get("uri"))
        try:
            domain = urlsplit(named if "://" in named else f"//{named}").netloc
        except ValueError:
            raise UnreadableResponseError("Mastodon") from None
        return Reader(self.me, domain or urlsplit(self.client.address).netloc)

    @property
    def own_posts(self) -> MastodonOwnPosts:
        page = self._statuses_of(str(self.me["id"]))
        return MastodonOwnPosts(self.client, self.reader, page)

    def handle(self) -> str:
        return self.reader.handle(self.me)

    def full_handle(self, name: str) -> str:
        return self.reader.full_handle(name)

    def read(self, game: Game, cursors: Mapping[str, str]) -> Batch:
        """Mentions, and the hosts' posts with the hashtag."""
        prefix = f"mastodon:{self.reader.domain}"
        sources: dict[str, Source] = {f"{prefix}:mentions:{game.slug}": self._read_mentions}
        hosts = self._hosts(game)
        if game.hashtag and hosts:
            tag = fold_tag(game.hashtag)
            name = f"{prefix}:tag:{game.slug}:{tag}"
            sources[name] = lambda since: self._read_tag(tag, hosts, since)
        return gather(sources, cursors)

    def read_host_messages(self, game: Game, post_ids: Sequence[str]) -> HostMessages:
        if not post_ids:
            return HostMessages([])
        oldest = min((bare_id(post_id) for post_id in post_ids), key=id_order)
        messages: list[Post] = []
        unreadable_messages = 0
        for host in sorted(self._hosts(game)):
            try:
                account_id = self._account_id(host)
                reading = read_list(self._statuses_of(account_id), oldest)
                posts, failed = self._readable(reading.whole())
            except NotFoundError:
                continue  # an account that is gone writes nothing
            messages.extend(posts.values())
            unreadable_messages += failed + reading.unreadable
        replies = [post for post in messages if post.in_reply_to or post.quotes]
        threaded, failed = self._with_threads(replies, set(post_ids))
        return HostMessages(threaded, unreadable_messages + failed)

    def find_existing(self, post_ids: Sequence[str]) -> set[str]:
        # Only the ids count: a post that was not shown or not asked for may still be there.
        statuses, unseen = self._look_up([bare_id(post) for post in post_ids])
        return {f"mastodon:{bare}" for bare in statuses.keys() | unseen}

    def find_replies(self, attempted: Mapping[str, Envelope]) -> dict[str, Reply]:
        if not attempted:
            return {}
        oldest = min((bare_id(post_id) for post_id in attempted), key=id_order)
        page = self._statuses_of(str(self.me["id"]))
        # The newest ones too: a server whose clock is ahead gives its posts ids of the future.
        statuses = [*read_list(page, oldest).whole(), *newest_page(page)]
        # Only ids and addresses: a reply that was missed here would be sent a second time.
        return {
            post_id: Reply(f"mastodon:{status['id']}", as_address(status.get("url")))
            for status in statuses
            if (post_id := f"mastodon:{status.get('in_reply_to_id')}") in attempted
        }

    def fetch_photo(self, address: str, fetcher: Fetcher) -> bytes:
        return fetch_from(self.client.address, address, fetcher)

    def fits(self, text: str) -> bool:
        """Whether it is within the instance's limit, links and handles counted as Mastodon does."""
        settings = as_object(as_object(self.instance.get("configuration")).get("statuses"))
        limit = settings.get("max_characters") or self.instance.get("max_toot_chars")
        link_length = _count_or(settings.get("characters_reserved_per_url"), CHARACTERS_PER_LINK)
        length = count_characters(text, link_length)
        return length + RESERVED_FOR_HANDLE <= _count_or(limit, DEFAULT_MAX_CHARACTERS)

    def prepare(
        self, post_id: str, text: str, now: datetime, picture: ReplyPicture | None = None
    ) -> Envelope:
        """The key comes from the post and the account, so that also a lost database repeats it."""
        status = self.client.ask_object("status", bare_id(post_id))
        acct = as_text(as_object(status.get("account")).get("acct"))
        if not _ACCT.fullmatch(acct):
            raise TimelineError(f"{post_id} is by an account whose handle cannot be mentioned")
        digest = hashlib.sha256(f"{self.handle()} {post_id}".encode()).hexdigest()
        record: StatusRecord = {
            "status": f"@{acct} {text}",
            "in_reply_to_id": bare_id(post_id),
            # A bot that replies in public fills the public timelines of its server.
            "visibility": "unlisted",
            "language": "en",
        }
        media_id = upload_picture(self.client, picture) if picture else None
        if media_id:
            record["media_ids"] = [media_id]
        return Envelope(f"critterdb-{digest[:32]}", json.dumps(record, ensure_ascii=False))

    def send(self, post_id: str, text: str, envelope: Envelope) -> SendResult:
        record: StatusRecord = json.loads(envelope.record)
        result = self.client.attempt(lambda client: _post(client, record, envelope.key))
        if result.status != "refused" or result.is_personal or "media_ids" not in record:
            return result
        # An unused upload is removed after a day. What was refused was not posted, and the key is
        # the same, so that the text alone makes no second reply.
        del record["media_ids"]
        return self.client.attempt(lambda client: _post(client, record, envelope.key))

    def label_as_bot(self) -> str:
        if self.me.get("bot"):
            return f"{self.handle()} is already marked as a bot"
        self.client.ask_object("account_update_credentials", bot=True)
        return f"{self.handle()} is now marked as a bot"

    def _hosts(self, game: Game) -> set[str]:
        return {fold_handle(self.full_handle(host)) for host in hosts_on(game, self.platform)}

    def _read_mentions(self, since: str | None) -> Found:
        def page(**options: Any) -> list[object]:
            try:
                return self.client.ask_list("notifications", types=_SUMMONS, **options)
            except BadRequestError:
                # Not every server knows of quotes.
                return self.client.ask_list("notifications", types=["mention"], **options)

        reading = read_list(page, since, pages=MAX_PUBLIC_PAGES)
        wanted = [item.get("status") for item in reading.items if item.get("type") in _SUMMONS]
        statuses = objects_in(wanted)
        posts, failed = self._as_posts(statuses)
        # A status that is null was deleted meanwhile.
        failed += reading.unreadable + sum(bool(item) for item in wanted) - len(statuses)
        failure = reading.failure or unreadable("Mastodon", failed)
        return Found(posts, reading.cursor, failure=failure)

    def _read_tag(self, tag: str, hosts: set[str], since: str | None) -> Found:
        reading = read_list(
            lambda **options: self.client.ask_list("timeline_hashtag", tag, **options),
            since,
            pages=MAX_PUBLIC_PAGES,
        )
        statuses = [status for status in reading.items if self._author_of(status) in hosts]
        posts, failed = self._as_posts(statuses)
        failure = reading.failure or unreadable("Mastodon", failed + reading.unreadable)
        # A flood of posts within two hours has no settled one, and must not be read for ever.
        cursor = reading.cursor if reading.is_cut else settled_id(reading.items) or since
        return Found(posts, cursor, failure=failure)

    def _author_of(self, status: Json) -> str:
        """The lower-case handle of a status's author; nothing if it does not make sense."""
        account = status.get("account")
        return fold_handle(self.reader.handle(account)) if isinstance(account, dict) else ""

    def _statuses_of(self, account_id: str) -> GetPage:
        return lambda **options: self.client.ask_list(
            "account_statuses", account_id, exclude_reblogs=True, **options
        )

    def _as_posts(self, statuses: Sequence[Json]) -> tuple[list[Post], int]:
        """Statuses as posts, with their parents and whose authors block the bot; and how many of
        all these could not be read.
        """
        bare_posts, failed = self._readable(statuses)
        readable = {str(s["id"]): s for s in statuses if bare_id_of(s) in bare_posts}
        wanted = {
            self.reader.parent_id(readable[bare])
            for bare, post in bare_posts.items()
            if not post.photos and not post.parent and not post.is_repost
        } | {self.reader.answered_id(status) for status in readable.values()}
        looked_up, lost = self._look_up(sorted(bare for bare in wanted if bare))
        parents = {bare: looked_up[bare] for bare in self._readable(looked_up.values())[0]}
        blocking = self._blocking([*readable.values(), *parents.values()])
        posts, failed_later = read_each(
            readable.values(),
            "id",
            lambda status: self.reader.read(status, parents, blocking),
            "Mastodon",
        )
        return list(posts.values()), failed + failed_later + len(lost)

    def _readable(self, statuses: Iterable[Json]) -> tuple[dict[str, Post], int]:
        """The statuses that can be read, as posts by their id; and how many cannot."""
        return read_each(statuses, "id", self.reader.read, "Mastodon")

    def _blocking(self, statuses: Iterable[Json]) -> set[str]:
        """The ids of authors who block the bot."""
        authors = {bare_id_of(as_object(status.get("account"))) for status in statuses}
        ids = sorted(author for author in authors - {str(self.me["id"])} if author)
        blocking: set[str] = set()
        for start in range(0, len(ids), LOOKUP_SIZE):
            try:
                page = self.client.ask_list("account_relationships", ids[start:][:LOOKUP_SIZE])
            except (NotFoundError, BadRequestError):
                continue  # an account among them is gone, or the server does not have this call
            blocking |= {
                str(relationship.get("id"))
                for relationship in objects_in(page)
                if relationship.get("blocked_by")
            }
        return blocking

    def _look_up(self, bare_ids: Sequence[str]) -> tuple[dict[str, Json], set[str]]:
        """These statuses, by their id, as far as they are there; and the ids of those that the
        server failed to show, or that were too many to ask for one by one.
        """
        statuses: dict[str, Json] = {}
        for start in range(0, len(bare_ids), LOOKUP_SIZE):
            statuses |= self._look_up_page(bare_ids[start : start + LOOKUP_SIZE])
        # One by one what is missing: a server that does not know the other call may show nothing.
        missing = [bare for bare in bare_ids if bare not in statuses]
        # Not always the same ones, so that each has its turn in some round.
        asked_for = random.sample(missing, min(len(missing), MAX_SINGLE_LOOKUPS))
        unseen = set(missing) - set(asked_for)
        for bare in asked_for:
            try:
                statuses[bare] = self.client.ask_object("status", bare)
            except NotFoundError:
                continue
            except TimelineError as error:
                self._raise_outage(error)
                unseen.add(bare)
        return statuses, unseen

    def _look_up_page(self, bare_ids: Sequence[str]) -> dict[str, Json]:
        if len(bare_ids) > 1 and self._looks_up_many:
            try:
                page = objects_in(self.client.ask_list("statuses", list(bare_ids)))
                return {str(status.get("id")): status for status in page}
            except (NotFoundError, BadRequestError):
                self._looks_up_many = False
            except TimelineError as error:
                self._raise_outage(error)
        return {}

    def _raise_outage(self, error: TimelineError) -> None:
        """Raise an error of a request if the server fails at others too.

        Strangers choose what their statuses refer to, and one at which the server fails (400, 500)
        must not stop the reading of all others.
        """
        if isinstance(error, RateLimitedError | NoResponseError):
            raise error
        try:
            self.client.ask_object("account_verify_credentials")
        except TimelineError:
            raise error from None

    def _account_id(self, handle: str) -> str:
        """The id of an account. Raises NotFoundError where the server cannot find it."""
        name, _, domain = handle.partition("@")
        acct = name if domain == self.reader.domain else handle
        try:
            accounts = [self.client.ask_object("account_lookup", acct)]
        except NotFoundError:
            matches = objects_in(
                self.client.ask_list("account_search", handle, resolve=True, limit=5)
            )
            accounts = [
                match for match in matches if same_handle(self.reader.handle(match), handle)
            ]
        for account in accounts:
            account_id = bare_id_of(account)
            if account_id is None:
                raise UnreadableResponseError("Mastodon")
            return account_id
        raise NotFoundError(f"Mastodon has no account {handle}")

    def _with_threads(self, messages: Sequence[Post], post_ids: set[str]) -> tuple[list[Post], int]:
        """Point messages deeper in a conversation to the post that it is about; and count those
        whose conversation the server fails to show.
        """
        threaded: list[Post] = []
        looked_up = failed = 0
        for message in messages:
            is_direct = {message.in_reply_to, message.quotes} & post_ids
            if is_direct or not message.in_reply_to or looked_up >= MAX_THREADS:
                threaded.append(message)
                continue
            looked_up += 1
            try:
                context = self.client.ask_object("status_context", bare_id(message.id))
            except NotFoundError:
                continue
            except TimelineError as error:
                self._raise_outage(error)
                failed += 1
                continue
            ancestors = objects_in(context.get("ancestors"))
            above = [f"mastodon:{status.get('id')}" for status in ancestors]
            about = next((post_id for post_id in reversed(above) if post_id in post_ids), None)
            thread = about or (above[0] if above else None)
            threaded.append(replace(message, thread=thread, parent=self._public(ancestors[-1:])))
        return threaded, failed

    def _public(self, statuses: Sequence[Json]) -> Post | None:
        """The last of some statuses as a post, if everybody may read it."""
        posts = [post for post in self._readable(statuses)[0].values() if not post.is_private]
        return posts[-1] if posts else None


def _post(client: Any, record: StatusRecord, key: str) -> SendResult:
    status = as_object(client.status_post(**record, idempotency_key=key))
    if bare_id_of(status) is None:
        return SendResult("unknown", error=str(UnreadableResponseError("Mastodon")))
    return SendResult("sent", Reply(f"mastodon:{status['id']}", as_address(status.get("url"))))


def count_characters(text: str, link_length: int = CHARACTERS_PER_LINK) -> int:
    """A text's length as Mastodon counts: links are all alike, handles have no domain."""
    text = re.sub(r"https?://\S+", "x" * link_length, text)
    return len(re.sub(r"(@\w+)@[\w.-]+\w", r"\1", text))


def _count_or(value: object, default: int) -> int:
    """A limit that the instance gives, within reason, or the `default`."""
    return value if type(value) is int and 0 < value <= MAX_CHARACTERS else default
