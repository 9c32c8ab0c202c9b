"""A round of the bot: where it is played, and how it asks the platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from critterdb.errors import TimelineError
from critterdb.games import Game, find_host, fold_handle, save_hosts
from critterdb.storage.cursors import read_marks
from critterdb.system import BootClock, read_uptime

from . import platform_state
from .identity import describe_mismatches, pin_hosts
from .photo_fetches import FailingFetches
from .reply_limits import Asker
from .round_report import RoundReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from critterdb._types import Clock, Progress
    from critterdb.fetch.fetcher import Fetcher
    from critterdb.model.loader import Model
    from critterdb.platforms.base import Batch, Post, Timeline
    from critterdb.storage.database import SiteDatabase

    from .stored_post import StoredPost

Answer = TypeVar("Answer")


def utc_clock() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


@dataclass
class Round:
    """One round on one platform: its game, what it works with, and its report.

    If `sends` is false, replies stay drafts. `clock` gives the wall clock's time, `boot_clock` the
    seconds since the machine started, which nobody can set. The round ends between two posts once
    `stopping` returns true.
    """

    db: SiteDatabase
    game: Game
    timeline: Timeline
    model: Model
    fetcher: Fetcher
    sends: bool = False
    clock: Clock = utc_clock
    boot_clock: Callable[[], BootClock] = read_uptime
    stopping: Callable[[], bool] = lambda: False
    progress: Progress | None = None
    report: RoundReport = field(default_factory=RoundReport)
    failing_fetches: FailingFetches = field(default_factory=FailingFetches)

    @property
    def platform(self) -> str:
        return self.timeline.platform

    def now(self) -> datetime:
        """Return the present moment by the round's own clock."""
        return self.clock()

    def ask(self, call: Callable[[], Answer]) -> Answer | None:
        """Return the platform's answer, or None if it failed: the report then says how.

        A rate limit is remembered, so that no round asks before it has passed.
        """
        try:
            return call()
        except TimelineError as error:
            platform_state.respect_rate_limit(self.db, self.platform, error, self.now())
            self.report.failures.append(str(error))
            return None

    def read(self) -> Batch:
        """Read new posts. Raises TimelineError if nothing could be read, or not yet."""
        # Cron starts a process for each round: only the row knows of an earlier one's pause.
        standing = platform_state.standing(self.db, self.platform)
        if standing.reads_later(self.now()):
            raise TimelineError(
                f"{self.platform} is rate-limiting requests. Reading resumes at "
                f"{standing.read_from}"
            )
        try:
            batch = self.timeline.read(self.game, read_marks(self.db, f"{self.platform}:"))
        except TimelineError as error:
            platform_state.respect_rate_limit(self.db, self.platform, error, self.now())
            raise
        platform_state.note_reading(self.db, self.platform, self.now())
        if batch.retry_at:
            platform_state.pause_reading(self.db, self.platform, batch.retry_at, self.now())
        return batch

    def identify_hosts(self, posts: Iterable[Post]) -> None:
        """Pin hosts' accounts at first sight; name the handles that changed hands in the report."""
        posts = list(posts)
        # X frees handles at once, and whoever takes one over could answer for the host.
        hosts = pin_hosts(self.game, self.platform, posts)
        self.game = save_hosts(self.db, self.game, hosts)
        for sentence in describe_mismatches(self.game, self.platform, posts):
            if sentence not in self.report.failures:
                self.report.failures.append(sentence)

    def only_hosts(self, posts: Iterable[Post]) -> list[Post]:
        """Return the posts of the game's hosts, without those of who took over a handle."""
        return [
            post
            for post in posts
            if find_host(self.game, self.platform, post.author, post.author_id)
        ]

    def is_by_host(self, post: StoredPost) -> bool:
        """Return whether a host of the game wrote a post."""
        return find_host(self.game, self.platform, post.author, post.author_id) is not None

    def asker(self, post: StoredPost) -> Asker:
        """Return a post's author as somebody who may get a reply."""
        host = find_host(self.game, self.platform, post.author, post.author_id)
        consenting = tuple(
            fold_handle(host_entry.handle)
            for host_entry in self.game.hosts
            if host_entry.platform == self.platform and host_entry.consents
        )
        return Asker(post.account, host is not None and host.consents, consenting)
