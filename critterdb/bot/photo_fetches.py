"""How long failing addresses may hold up a round, and when a post's photos are tried again."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError
from critterdb.storage.timestamps import utc_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb.storage.database import SiteDatabase

    from .accounts import Account
    from .stored_post import StoredPost

MAX_PHOTOS_PER_POST = 8  # of hosts' posts too; X and Bluesky allow four, Mastodon four by default
# Four addresses that never answer take 32 s, and a stranger can ask about them again and again.
FAILING_FETCHES_BUDGET_S = 60.0  # in one round
# With waits that double from ten minutes these are 8 attempts instead of 36. A late reply is still
# welcome, a very late one is not sent.
# docs/decisions.md#photos-are-retried-for-six-hours
FETCH_AGAIN_FOR = timedelta(hours=6)  # after the post was first seen
FIRST_WAIT = timedelta(minutes=10)  # before the third attempt; the second is in the next round
LONGEST_WAIT = timedelta(hours=2)
PASSING_TROUBLES = ("fetch_failed", "busy")  # codes of what may be over in the next round


@dataclass
class FailingFetches:
    """The seconds that a round has lost to addresses that did not answer, and whose they were."""

    spent_s: float = 0.0
    _account_keys: set[str] = field(default_factory=set)

    def may_try(self, account: Account) -> bool:
        """Return whether a photo of this account may be fetched in this round.

        Once the budget is spent, an account that caused a failure waits for the next round; others
        are still tried, so that one account delays nobody else.
        """
        return self.spent_s < FAILING_FETCHES_BUDGET_S or account.key not in self._account_keys

    @contextmanager
    def measured(self, account: Account) -> Iterator[None]:
        """Add the time of the block to the account's failures if it ends in a passing trouble."""
        started = time.monotonic()
        try:
            yield
        except RejectedInputError as error:
            if error.code in PASSING_TROUBLES:
                self.spent_s += time.monotonic() - started
                self._account_keys.add(account.key)
            raise


def postpone(db: SiteDatabase, post: StoredPost, now: datetime) -> None:
    """Leave a post pending, and do not fetch its photos before a wait that doubles each time."""
    doublings = post.tries - 1
    # The first two attempts come in rounds that follow each other: most failures are over by then.
    wait = min(FIRST_WAIT * (1 << min(doublings, 5)), LONGEST_WAIT) if doublings >= 0 else None
    try_from = utc_text(now + wait) if wait else None
    db["posts"].update(post.id, {"tries": post.tries + 1, "try_from": try_from})
