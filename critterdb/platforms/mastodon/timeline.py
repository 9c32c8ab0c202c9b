"""Mastodon, through Mastodon.py: mentions and quotes of the bot, hashtag posts of the hosts.

Replies are unlisted, begin with the handle of whom they answer, and carry an Idempotency-Key, which
the server honours for an hour; after that only a look at the bot's own statuses prevents a second
one, and such a look comes before each further attempt.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from critterdb.errors import TimelineError
from critterdb.fetch.fetcher import Fetcher
from critterdb.games import Game, hosts_on
from critterdb.platforms.base import Batch, Envelope, Post, Reply, SendResult, bare_id
from critterdb.platforms.http.media import fetch_from
from critterdb.platforms.sources import Found, Source, gather, read_each
from critterdb.platforms.text import fold_tag

from .client import BadRequestError, MastodonClient, NotFoundError
from .pagination import GetPage, id_order, newest_page, read_list, settled_id
from .parse import Json, Reader

LOOKUP_SIZE = 20  # statuses or accounts a request
THREADS = 40  # conversations that are looked through in a round

DEFAULT_MAX_CHARACTERS = 500
CHARACTERS_OF_A_LINK = 23
RESERVED_FOR_HANDLE = 64  # characters; a handle counts without its domain

_SUMMONS = ["mention", "quote"]
_ACCT = re.compile(r"[\w.-]+(?:@[\w.:-]+)?")


class MastodonTimeline:
    """One account on an instance of Mastodon, GoToSocial, Pleroma or their kin."""

    platform = "mastodon"

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
                f"Mastodon needs {' and '.join(missing)} in the environment. The token stands in "
                "the account's preferences, under Development, Your applications"
            )
        return cls(MastodonClient(*(os.environ[name] for name in needed)))

    @cached_property
    def me(self) -> Json:
        """The bot's own account."""
        account: Json = self.client.ask("account_verify_credentials")
        if not account.get("id"):
            raise TimelineError(
                "Mastodon does not say whose account this is. Check CRITTERDB_MASTODON_TOKEN"
            )
        return account

    @cached_property
    def instance(self) -> Json:
        """What the instance says of itself; kin of Mastodon know only the older call."""
        try:
            return dict(self.client.ask("instance_v2"))
        except NotFoundError:
            return dict(self.client.ask("instance_v1"))

    @cached_property
    def reader(self) -> Reader:
        named = str(self.instance.get("domain") or self.instance.get("uri") or "")
        domain = urlsplit(named if "://" in named else f"//{named}").netloc
        return Reader(self.me, domain or urlsplit(self.client.address).netloc)

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

    def read_host_messages(self, game: Game, post_ids: Sequence[str]) -> list[Post]:
        if not post_ids:
            return []
        oldest = min((bare_id(each) for each in post_ids), key=id_order)
        messages: list[Post] = []
        for host in sorted(self._hosts(game)):
            try:
                account_id = self._account_id(host)
                statuses = read_list(self._statuses_of(account_id), oldest).whole()
            except NotFoundError:
                continue  # an account that is gone says nothing
            messages.extend(self._readable(statuses)[0].values())
        replies = [each for each in messages if each.in_reply_to or each.quotes]
        return self._with_threads(replies, set(post_ids))

    def find_existing(self, post_ids: Sequence[str]) -> set[str]:
        return {f"mastodon:{each}" for each in self._look_up([bare_id(one) for one in post_ids])}

    def find_replies(self, attempted: Mapping[str, Envelope]) -> dict[str, Reply]:
        oldest = min((bare_id(each) for each in attempted), key=id_order)
        page = self._statuses_of(str(self.me["id"]))
        # The newest ones too: a server whose clock is ahead gives its posts ids of the future.
        statuses = [*read_list(page, oldest).whole(), *newest_page(page)]
        own = self._readable(statuses)[0].values()
        return {
            post.in_reply_to: Reply(post.id, post.url)
            for post in own
            if post.in_reply_to and post.in_reply_to in attempted
        }

    def fetch_photo(self, address: str, fetcher: Fetcher) -> bytes:
        return fetch_from(self.client.address, address, fetcher)

    def fits(self, text: str) -> bool:
        """Whether it is within the instance's limit, links and handles counted as Mastodon does."""
        settings = (self.instance.get("configuration") or {}).get("statuses") or {}
        limit = settings.get("max_characters") or self.instance.get("max_toot_chars")
        of_a_link = settings.get("characters_reserved_per_url") or CHARACTERS_OF_A_LINK
        length = count_characters(text, int(of_a_link))
        return length + RESERVED_FOR_HANDLE <= int(limit or DEFAULT_MAX_CHARACTERS)

    def prepare(self, post_id: str, text: str, now: datetime) -> Envelope:
        """The key comes from the post and the account, so that also a lost database repeats it."""
        status = self.client.ask("status", bare_id(post_id))
        acct = str((status.get("account") or {}).get("acct"))
        if not _ACCT.fullmatch(acct):
            raise TimelineError(f"{post_id} is by somebody whose handle cannot be written")
        digest = hashlib.sha256(f"{self.handle()} {post_id}".encode()).hexdigest()
        record = {
            "status": f"@{acct} {text}",
            "in_reply_to_id": bare_id(post_id),
            "visibility": "unlisted",
            "language": "en",
        }
        return Envelope(f"critterdb-{digest[:32]}", json.dumps(record, ensure_ascii=False))

    def send(self, post_id: str, text: str, envelope: Envelope) -> SendResult:
        record = json.loads(envelope.record)

        def post(client: Any) -> SendResult:
            status = client.status_post(**record, idempotency_key=envelope.key)
            url = status.get("url")
            return SendResult("sent", Reply(f"mastodon:{status['id']}", str(url) if url else None))

        return self.client.attempt(post)

    def label_as_bot(self) -> str:
        if self.me.get("bot"):
            return f"{self.handle()} is marked as a bot already"
        self.client.ask("account_update_credentials", bot=True)
        return f"{self.handle()} is now marked as a bot"

    def _hosts(self, game: Game) -> set[str]:
        return {self.full_handle(each).lower() for each in hosts_on(game, self.platform)}

    def _read_mentions(self, since: str | None) -> Found:
        def page(**options: Any) -> list[Json]:
            try:
                return self.client.ask_list("notifications", types=_SUMMONS, **options)
            except BadRequestError:
                # Not every server knows of quotes.
                return self.client.ask_list("notifications", types=["mention"], **options)

        reading = read_list(page, since)
        wanted = [each for each in reading.items if each.get("type") in _SUMMONS]
        statuses = [each["status"] for each in wanted if each.get("status")]
        posts, unreadable = self._as_posts(statuses)
        return Found(posts, reading.cursor, failure=reading.failure or unreadable)

    def _read_tag(self, tag: str, hosts: set[str], since: str | None) -> Found:
        reading = read_list(
            lambda **options: self.client.ask_list("timeline_hashtag", tag, **options), since
        )
        statuses = [each for each in reading.items if _handle(self.reader, each).lower() in hosts]
        cursor = settled_id(reading.items) or since
        posts, unreadable = self._as_posts(statuses)
        return Found(posts, cursor, failure=reading.failure or unreadable)

    def _statuses_of(self, account_id: str) -> GetPage:
        return lambda **options: self.client.ask_list(
            "account_statuses", account_id, exclude_reblogs=True, **options
        )

    def _as_posts(self, statuses: Sequence[Json]) -> tuple[list[Post], TimelineError | None]:
        """Statuses as posts, with what they ask about, and who blocks the bot."""
        bare, unreadable = self._readable(statuses)
        shown = {str(each["id"]): each for each in statuses if str(each.get("id")) in bare}
        wanted = {
            self.reader.parent_id(shown[bare_id])
            for bare_id, post in bare.items()
            if not post.photos and not post.parent and not post.is_repost
        } | {self.reader.answered_id(each) for each in shown.values()}
        parents = self._look_up(sorted(each for each in wanted if each))
        blocking = self._blocking([*shown.values(), *parents.values()])
        return [self.reader.read(each, parents, blocking) for each in shown.values()], unreadable

    def _readable(self, statuses: Iterable[Json]) -> tuple[dict[str, Post], TimelineError | None]:
        """Those that make sense, by their id; and what to say of the others."""
        return read_each(statuses, "id", self.reader.read, "Mastodon")

    def _blocking(self, statuses: Iterable[Json]) -> set[str]:
        """The ids of authors who block the bot."""
        authors = {str((each.get("account") or {}).get("id")) for each in statuses}
        ids = sorted(authors - {str(self.me["id"]), "None"})
        found: set[str] = set()
        for start in range(0, len(ids), LOOKUP_SIZE):
            try:
                some = self.client.ask_list("account_relationships", ids[start:][:LOOKUP_SIZE])
            except (NotFoundError, BadRequestError):
                continue  # an account among them is gone, or the server knows no such call
            found |= {str(each.get("id")) for each in some if each.get("blocked_by")}
        return found

    def _look_up(self, bare_ids: Sequence[str]) -> dict[str, Json]:
        """These statuses, by their id, as far as they are there."""
        found: dict[str, Json] = {}
        for start in range(0, len(bare_ids), LOOKUP_SIZE):
            statuses = self._look_up_page(bare_ids[start : start + LOOKUP_SIZE])
            readable = self._readable(statuses)[0]
            found |= {str(s["id"]): s for s in statuses if str(s.get("id")) in readable}
        return found

    def _look_up_page(self, bare_ids: Sequence[str]) -> list[Json]:
        found: list[Json] = []
        if len(bare_ids) > 1 and self._looks_up_many:
            try:
                found = self.client.ask_list("statuses", list(bare_ids))
            except (NotFoundError, BadRequestError):
                self._looks_up_many = False
        # One by one what is missing: a server that does not know the call above may show nothing.
        for each in set(bare_ids) - {str(status.get("id")) for status in found}:
            with contextlib.suppress(NotFoundError):
                found.append(self.client.ask("status", each))
        return found

    def _account_id(self, handle: str) -> str:
        """The id of an account. Raises NotFoundError where the server cannot find it."""
        name, _, domain = handle.partition("@")
        acct = name if domain == self.reader.domain else handle
        try:
            return str(self.client.ask("account_lookup", acct)["id"])
        except NotFoundError:
            found = self.client.ask_list("account_search", handle, resolve=True, limit=5)
        for each in found:
            if self.reader.handle(each).lower() == handle:
                return str(each["id"])
        raise NotFoundError(f"Mastodon does not know {handle}")

    def _with_threads(self, messages: Sequence[Post], post_ids: set[str]) -> list[Post]:
        """Messages deeper in a conversation are led to the post that it is about."""
        threaded: list[Post] = []
        looked = 0
        for message in messages:
            is_direct = {message.in_reply_to, message.quotes} & post_ids
            if is_direct or not message.in_reply_to or looked >= THREADS:
                threaded.append(message)
                continue
            looked += 1
            try:
                context = self.client.ask("status_context", bare_id(message.id))
            except NotFoundError:
                continue
            above = [f"mastodon:{each['id']}" for each in context.get("ancestors") or []]
            about = next((each for each in reversed(above) if each in post_ids), None)
            threaded.append(replace(message, thread=about or (above[0] if above else None)))
        return threaded


def _handle(reader: Reader, status: Json) -> str:
    """Whose a status is, or nothing where that makes no sense: it is not a host's."""
    account = status.get("account")
    return reader.handle(account) if isinstance(account, Mapping) else ""


def count_characters(text: str, of_a_link: int = CHARACTERS_OF_A_LINK) -> int:
    """A text's length as Mastodon counts: links are all alike, handles have no domain."""
    text = re.sub(r"https?://\S+", "x" * of_a_link, text)
    return len(re.sub(r"(@\w+)@[\w.-]+\w", r"\1", text))
