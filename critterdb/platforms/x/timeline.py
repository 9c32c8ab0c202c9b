"""X, through tweepy: mentions of the bot and hashtag posts of the hosts; replies without links.

X has no idempotency key and refuses replies that nobody asked for, so whatever is not plainly
accepted or refused stays unknown until the bot's own posts have been looked at.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from critterdb.errors import TimelineError
from critterdb.games import Game, fold_handle, hosts_on, same_handle
from critterdb.platforms.base import (
    Batch,
    Envelope,
    HostMessages,
    Post,
    Reply,
    ReplyPicture,
    SendResult,
    bare_id,
)
from critterdb.platforms.http.media import fetch_from
from critterdb.platforms.http.requests_session import never_connected
from critterdb.platforms.sources import (
    Found,
    NoResponseError,
    Source,
    UnreadableResponseError,
    gather,
    unreadable,
)
from critterdb.platforms.text_length import MAX_WEIGHT, x_weight
from critterdb.platforms.untrusted_json import as_object, as_text

from .client import DEFAULT_API, first_line, open_client, rate_limit
from .own_posts import XOwnPosts
from .parse import FIELDS, XPage, bare_id_of, id_before

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from critterdb._types import Json
    from critterdb.fetch.fetcher import Fetcher

log = logging.getLogger(__name__)

PAGE_SIZE = 100
MAX_PAGES = 8  # X shows the latest 800 mentions
MAX_OWN_PAGES = 32  # and 3,200 posts of an account
# Nothing is wrong with the reply when X's credits run out (402), so it waits and is not refused.
WITHOUT_CREDITS = timedelta(hours=1)
# Any other 4xx means that X understood the request and posted nothing.
UNDECIDED = (408, 425)  # timeouts of the server: they say nothing about the reply
LOOKUP_SIZE = 100  # posts a request
# Refusals of X that say something about the post or its author, and nothing about the bot.
_ABOUT_THE_POST = re.compile(r"deleted|not visible|protected|suspended user|not authorized to see")
# docs/decisions.md#x-is-read-with-ten-minutes-of-overlap
OVERLAP = timedelta(minutes=10)  # X shows some posts later than others that came after them

WRITING_SECRETS = (
    "CRITTERDB_X_CONSUMER_KEY",
    "CRITTERDB_X_CONSUMER_SECRET",
    "CRITTERDB_X_ACCESS_TOKEN",
    "CRITTERDB_X_ACCESS_TOKEN_SECRET",
)


class XTimeline:
    """One account on X."""

    platform = "x"
    takes_pictures = False

    def __init__(self, client: Any, api: str) -> None:
        self.client = client
        self.api = api
        # A bearer token reads for the app; without one the account reads for itself.
        self.as_user = not client.bearer_token

    @classmethod
    def from_environment(cls) -> XTimeline:
        """As the CRITTERDB_X_… settings say. Raises TimelineError where one is missing."""
        api = os.environ.get("CRITTERDB_X_API", DEFAULT_API).rstrip("/")
        missing = [name for name in WRITING_SECRETS if not os.environ.get(name)]
        if missing:
            raise TimelineError(
                f"X needs {', '.join(missing)} in the environment. You find them in the developer "
                "portal of X, under your app's keys and tokens"
            )
        secrets = [os.environ[name] for name in WRITING_SECRETS]
        return cls(open_client(api, os.environ.get("CRITTERDB_X_BEARER_TOKEN"), secrets), api)

    @cached_property
    def me(self) -> Json:
        """The bot's own account: `id` and `username`."""
        account = as_object(self._ask(lambda: self.client.get_me(user_auth=True)).get("data"))
        if bare_id_of(account.get("id")) is None or not as_text(account.get("username")):
            raise UnreadableResponseError("X")
        return account

    @property
    def own_posts(self) -> XOwnPosts:
        def search(query: str) -> Found:
            return self._read_source(self._search(query), None, with_parents=False)

        def read_own(since: str) -> Found:
            # The id is of our clock, and X has its own.
            return self._read_own(since, OVERLAP)

        return XOwnPosts(self.client, self.handle(), self._ask, read_own, search, _result_of)

    def _read_own(self, since: str, overlap: timedelta = timedelta(0)) -> Found:
        """The account's own posts after an id."""
        return self._read_source(
            lambda **options: self.client.get_users_tweets(self.me["id"], **options),
            since,
            overlap=overlap,
            with_parents=False,
            pages=MAX_OWN_PAGES,
        )

    def handle(self) -> str:
        return str(self.me["username"])

    def full_handle(self, name: str) -> str:
        return name.lstrip("@")

    def read(self, game: Game, cursors: Mapping[str, str]) -> Batch:
        """Mentions, quotes of the bot's posts, and the hosts' posts with the hashtag."""
        own_id, hosts = self.me["id"], hosts_on(game, "x")
        sources: dict[str, Callable[..., Any]] = {
            f"x:mentions:{game.slug}": lambda **options: self.client.get_users_mentions(
                own_id, **options
            )
        }
        # X tells no account who quotes it. A quote has the address of what it quotes as a link.
        # `quotes_of_tweet_id:` is exact, but a query of 512 characters holds only twelve posts.
        sources[f"x:quotes:{game.slug}"] = self._search(
            f'url:"{self.handle()}/status" is:quote -is:retweet'
        )
        for host in hosts if game.hashtag else []:
            sources[f"x:search:{game.slug}:{fold_handle(host)}"] = self._search(
                f"from:{host} #{game.hashtag} -is:retweet"
            )
        batch = gather({name: self._as_source(source) for name, source in sources.items()}, cursors)
        return replace(batch, posts=[_not_a_bot(post, hosts) for post in batch.posts])

    def _as_source(self, source: Callable[..., Any]) -> Source:
        return lambda since: self._read_source(source, since, overlap=OVERLAP)

    def read_host_messages(self, game: Game, post_ids: Sequence[str]) -> HostMessages:
        if not post_ids:
            return HostMessages([])
        oldest = str(min(int(bare_id(post_id)) for post_id in post_ids))
        messages: list[Post] = []
        failed = 0
        # The hosts' own posts: reading conversations costs a request for each open post.
        # docs/decisions.md#a-hosts-later-posts-come-from-the-account
        for host in hosts_on(game, "x"):
            query = f"from:{host} (is:reply OR is:quote) -is:retweet"
            reading = self._read_source(self._search(query), oldest, with_parents=False)
            messages.extend(reading.posts)
            failed += reading.unreadable
        return HostMessages(messages, failed)

    def find_existing(self, post_ids: Sequence[str]) -> set[str]:
        # Only the ids count: a post that cannot be read is still there.
        pages = self._look_up([bare_id(post_id) for post_id in post_ids])
        return {f"x:{bare}" for page in pages for bare in page.ids}

    def find_replies(self, attempted: Mapping[str, Envelope]) -> dict[str, Reply]:
        if not attempted:
            return {}
        oldest = str(min(int(bare_id(post_id)) for post_id in attempted))
        own = self._read_own(oldest)
        # A list that does not reach back to the attempt cannot show that the reply is missing.
        if own.gap_from or own.failure:
            raise TimelineError(
                "X does not show enough of the bot's own posts to tell whether a reply was posted. "
                "Check by hand; its status in the table replies is unknown"
            )
        return {
            post.in_reply_to: Reply(post.id, post.url)
            for post in own.posts
            if post.in_reply_to and post.in_reply_to in attempted
        }

    def fetch_photo(self, address: str, fetcher: Fetcher) -> bytes:
        return fetch_from(self.api, address, fetcher)

    def fits(self, text: str) -> bool:
        return x_weight(text) <= MAX_WEIGHT

    def prepare(
        self, post_id: str, text: str, now: datetime, picture: ReplyPicture | None = None
    ) -> Envelope:
        """X has no key under which a reply would be known again, and replies there are text."""
        return Envelope()

    def label_as_bot(self) -> str:
        raise TimelineError(
            "X has no API for this. Mark the account by hand: Settings, Your account, Account "
            "information, Automation"
        )

    def send(self, post_id: str, text: str, envelope: Envelope) -> SendResult:
        try:
            body: object = self.client.create_tweet(
                text=text, in_reply_to_tweet_id=bare_id(post_id), user_auth=True
            )
        except Exception as error:
            return _result_of(error)
        reply_id = bare_id_of(as_object(as_object(body).get("data")).get("id"))
        if reply_id is None:
            return SendResult("unknown", error=str(UnreadableResponseError("X")))
        url = f"https://x.com/{self.handle()}/status/{reply_id}"
        return SendResult("sent", Reply(f"x:{reply_id}", url))

    def _search(self, query: str) -> Callable[..., Any]:
        return lambda **options: self.client.search_recent_tweets(
            query, **{_SEARCH_NAMES.get(name, name): value for name, value in options.items()}
        )

    def _read_source(
        self,
        source: Callable[..., Any],
        since: str | None,
        *,
        overlap: timedelta = timedelta(0),
        with_parents: bool = True,
        pages: int = MAX_PAGES,
    ) -> Found:
        """Every page since an id, or a little before it; and the cursor, which is the first page's.

        What X no longer shows is a gap from that id on.
        """
        start, page = self._first_page(source, since, overlap)
        gap = since if start is None else None
        # X gives ids in no promised order, and a page without posts has none.
        newest = max(page.newest_id or "0", since or "0", key=int)
        posts: list[Post] = []
        failed = 0
        for pages_left in reversed(range(pages)):
            failed += page.unreadable
            posts.extend(page.read(self._parents(page) if with_parents else None))
            if not page.next_token:
                break
            if pages_left:
                options = {"since_id": start, "pagination_token": page.next_token}
                page = XPage(self._ask(source, **options), self.me["id"])
            elif since and not page.reaches(since):
                gap = since
        cursor = newest if newest != "0" else None
        return Found(posts, cursor, gap, unreadable("X", failed), failed)

    def _first_page(
        self, source: Callable[..., Any], since: str | None, overlap: timedelta
    ) -> tuple[str | None, XPage]:
        """The id that was read from, None if X does not reach back so far; and the page."""
        starts = [id_before(since, overlap), since] if since else []
        for start in starts:
            try:
                return start, XPage(self._ask(source, since_id=start), self.me["id"])
            except _TooOldError:
                continue
        return None, XPage(self._ask(source, since_id=None), self.me["id"])

    def _parents(self, page: XPage) -> dict[str, Post]:
        """What posts without photos refer to: their media come only with a look of their own."""
        wanted = {
            page.parent_id(post)
            for post, read in zip(page.posts, page.read(), strict=True)
            if not read.photos and not read.is_repost and (read.summons or read.hashtags)
        }
        # X charges for each post that is looked up, so only those that could be played.
        bare_ids = sorted(bare for bare in wanted if bare)
        return {
            str(raw["id"]): post
            for looked_up in self._look_up(bare_ids)
            for raw, post in zip(looked_up.posts, looked_up.read(), strict=True)
        }

    def _look_up(self, bare_ids: list[str]) -> list[XPage]:
        return [
            XPage(
                self._ask(self.client.get_tweets, ids=bare_ids[start : start + LOOKUP_SIZE]),
                self.me["id"],
            )
            for start in range(0, len(bare_ids), LOOKUP_SIZE)
        ]

    def _ask(self, call: Callable[..., Any], **options: Any) -> Json:
        """Make one request that reads; its body. Raises TimelineError."""
        import requests
        import tweepy

        if options:
            options = {name: value for name, value in options.items() if value is not None}
            options |= FIELDS | {"user_auth": self.as_user}
            if "ids" not in options:
                options["max_results"] = PAGE_SIZE
        try:
            body = call(**options)
        except tweepy.TooManyRequests as error:
            raise rate_limit(error) from error
        except tweepy.Unauthorized as error:
            raise TimelineError(
                "X did not accept the keys (401). Check the CRITTERDB_X_ settings"
            ) from error
        except tweepy.BadRequest as error:
            if "since_id" in options and "since_id" in str(error):
                raise _TooOldError(str(error)) from error
            raise TimelineError(f"X rejected the request: {first_line(error)}") from error
        except tweepy.HTTPException as error:
            raise TimelineError(
                f"X did not return posts: {first_line(error)}. Try again later"
            ) from error
        except requests.JSONDecodeError:
            raise UnreadableResponseError("X") from None
        except requests.RequestException as error:
            raise NoResponseError(
                f"X at {self.api} did not respond ({type(error).__name__}). Try again later"
            ) from error
        except Exception:
            # tweepy looks into error bodies, and an odd shape may raise anything there.
            log.debug("a response of X could not be read", exc_info=True)
            raise UnreadableResponseError("X") from None
        if not isinstance(body, dict):
            raise UnreadableResponseError("X")
        return body


def _result_of(error: Exception) -> SendResult:
    """What is known after an attempt that raised this."""
    import requests
    import tweepy

    if isinstance(error, tweepy.TooManyRequests):
        limit = rate_limit(error)
        return SendResult("planned", error=str(limit), stop=True, retry_at=limit.until)
    if isinstance(error, tweepy.Unauthorized):
        return SendResult("planned", error="X did not accept the keys (401)", stop=True)
    if isinstance(error, tweepy.HTTPException):
        return _result_of_status(first_line(error), int(error.response.status_code))
    if isinstance(error, requests.RequestException) and not isinstance(error, ValueError):
        if never_connected(error):
            return SendResult("planned", error="X could not be reached", stop=True)
        # A server that hangs would hang for each reply that waits.
        hangs = isinstance(error, requests.Timeout)
        words = f"X did not respond ({type(error).__name__})"
        return SendResult("unknown", error=words, stop=hangs)
    # Whatever tweepy makes of an odd response, the reply may have been posted.
    log.debug("a response of X could not be read", exc_info=error)
    return SendResult("unknown", error=str(UnreadableResponseError("X")))


def _result_of_status(words: str, status: int) -> SendResult:
    if status == 402:
        return SendResult(
            "planned",
            error=f"X requires credits: buy some in its Developer Console ({words})",
            stop=True,
            retry_at=datetime.now(UTC) + WITHOUT_CREDITS,
        )
    # A 5xx may come after the reply was stored.
    if status < 400 or status >= 500 or status in UNDECIDED:
        return SendResult("unknown", error=words)
    blocked = "blocked" in words.lower()
    is_personal = blocked or _ABOUT_THE_POST.search(words) is not None
    return SendResult("refused", error=words, blocked=blocked, is_personal=is_personal)


def _not_a_bot(post: Post, hosts: Sequence[str]) -> Post:
    """A person named the hosts, whatever their profiles sound like."""
    is_host = any(same_handle(post.author, host) for host in hosts)
    return replace(post, by_bot=False) if is_host else post


# Search calls its page token by another name than the other endpoints.
_SEARCH_NAMES = {"pagination_token": "next_token"}


class _TooOldError(TimelineError):
    """The cursor lies before what search reaches."""
