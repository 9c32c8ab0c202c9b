"""How the bot stands with each platform: when it may ask again, and what it waits for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.storage.timestamps import parse_time, utc_text

from .accounts import Account
from .reply_limits import Asker, day_cap, is_off, usage_of_the_day
from .stored_post import StoredPost

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

# Of different authors: one stranger with five requests could otherwise silence the bot for
# everybody.
REFUSALS_IN_A_ROW = 5  # to different authors
# After it one reply is tried, and a refusal of it doubles the pause.
FIRST_PAUSE = timedelta(hours=6)
LONGEST_PAUSE = timedelta(hours=24)
LONGEST_WAIT = LONGEST_PAUSE * 1.2  # with the jitter; a wrong clock wrote what is further ahead

Draw = Callable[[float, float], float]


@dataclass(frozen=True)
class Standing:
    """A platform's row; times are None if there is nothing to wait for.

    `refusals` counts the authors whose replies were refused in a row; `refused_posts` is the JSON
    list of one post for each of them.
    """

    platform: str
    round_at: str | None = None
    read_at: str | None = None
    read_from: str | None = None
    send_from: str | None = None
    pause_reason: str | None = None
    refusals: int = 0
    refused_posts: str | None = None

    def reads_later(self, now: datetime) -> bool:
        """Return whether the platform must not be read yet."""
        return _is_ahead(self.read_from, now)

    def sends_later(self, now: datetime) -> bool:
        """Return whether no reply may be tried yet."""
        return _is_ahead(self.send_from, now)


class PlatformStatus(TypedDict):
    """A platform as `critterdb status --json` shows it; times are None if nothing waits."""

    last_round: str | None
    last_poll: str | None
    replies_today: int
    replies_a_day: int
    read_from: str | None
    send_from: str | None
    waits_because: str | None
    refusals_in_a_row: int
    is_off: bool
    outbox: dict[str, int]


def standing(db: SiteDatabase, platform: str) -> Standing:
    """Return the bot's state on a platform, even if it never played there."""
    for row in db["platforms"].rows_where("platform = ?", [platform]):
        return Standing(**row)
    return Standing(platform)


def note_reading(db: SiteDatabase, platform: str, now: datetime) -> None:
    """Note that the platform was read, as far as it can be."""
    _save(db, platform, read_at=utc_text(now), read_from=None)


def respect_rate_limit(
    db: SiteDatabase, platform: str, error: TimelineError, now: datetime
) -> None:
    """If an error says when to come back, do not ask before."""
    if isinstance(error, RateLimitedError):
        pause_reading(db, platform, error.until, now)


def note_round(db: SiteDatabase, platform: str, now: datetime) -> None:
    """Note that a round has ended."""
    _save(db, platform, round_at=utc_text(now))


def pause_reading(
    db: SiteDatabase, platform: str, until: datetime, now: datetime, draw: Draw = random.uniform
) -> datetime:
    """Ask for nothing before the platform's own reset and a little more; return that time."""
    until = with_jitter(until, now, draw)
    _save(db, platform, read_from=utc_text(until))
    return until


def pause_sending(
    db: SiteDatabase, platform: str, until: datetime, now: datetime, reason: str
) -> datetime:
    """Send nothing before the platform's own reset and a little more; return that time."""
    until = with_jitter(until, now, random.uniform)
    _save(db, platform, send_from=utc_text(until), pause_reason=reason)
    return until


def note_sent(db: SiteDatabase, platform: str) -> None:
    """Note that a reply was accepted, so that earlier refusals no longer count."""
    _save(db, platform, refusals=0, refused_posts=None, send_from=None, pause_reason=None)


def note_refusal(db: SiteDatabase, post: StoredPost, now: datetime) -> datetime | None:
    """Note that the reply to a post was refused; return when the next may be tried, if not at once.

    After refusals for five different authors in a row nothing is sent for six hours. Then one reply
    is tried, and a refusal for one more author doubles the pause, up to a day.
    """
    # Authors, not replies: one stranger with five calls would otherwise silence the bot for all.
    refused = read_refused_posts(db, post.platform)
    if post.account.key not in {earlier.account.key for earlier in refused}:
        refused.append(post)
    ids = json.dumps([earlier.id for earlier in refused])
    _save(db, post.platform, refusals=len(refused), refused_posts=ids)
    beyond = len(refused) - REFUSALS_IN_A_ROW
    if beyond < 0:
        return None
    until = now + min(FIRST_PAUSE * (1 << min(beyond, 4)), LONGEST_PAUSE)
    reason = f"replies to the last {len(refused)} authors were refused; see replies.error"
    _save(db, post.platform, send_from=utc_text(until), pause_reason=reason)
    return until


def read_refused_posts(db: SiteDatabase, platform: str) -> list[StoredPost]:
    """Return one post for each author whose replies were refused in a row."""
    ids = standing(db, platform).refused_posts or "[]"
    rows = db["posts"].rows_where("id IN (SELECT value FROM json_each(?))", [ids], order_by="rowid")
    return [StoredPost.from_row(row) for row in rows]


def standings(db: SiteDatabase, now: datetime) -> dict[str, PlatformStatus]:
    """Return for each platform that was played on: last round and poll, caps, resets, outbox."""
    return {
        row["platform"]: _status(db, Standing(**row), now)
        for row in db["platforms"].rows_where(order_by="platform")
    }


def _status(db: SiteDatabase, state: Standing, now: datetime) -> PlatformStatus:
    replies = db.query(
        """
        SELECT status, count(*) AS number FROM replies
        JOIN posts ON posts.id = replies.post_id WHERE platform = ? GROUP BY status
        """,
        [state.platform],
    )
    nobody = Asker(Account(state.platform, ""))
    return {
        "last_round": state.round_at,
        "last_poll": state.read_at,
        "replies_today": usage_of_the_day(db, nobody, now).to_all,
        "replies_a_day": day_cap(),
        "read_from": state.read_from if state.reads_later(now) else None,
        "send_from": state.send_from if state.sends_later(now) else None,
        "waits_because": state.pause_reason,
        "refusals_in_a_row": state.refusals,
        "is_off": is_off(db),
        "outbox": {row["status"]: row["number"] for row in replies},
    }


def with_jitter(until: datetime, now: datetime, draw: Draw) -> datetime:
    """Return a time a little after `until`, so that clients do not all come back at once.

    A time more than a day ahead is the platform's mistake, and counts as a day.
    """
    wait = min(max((until - now).total_seconds(), 0), LONGEST_PAUSE.total_seconds())
    return now + timedelta(seconds=wait + draw(1.0, max(2.0, wait / 10)))


def _is_ahead(until: str | None, now: datetime) -> bool:
    # A time further ahead than any pause was written while the clock was wrong.
    return until is not None and now < parse_time(until) <= now + LONGEST_WAIT


def _save(db: SiteDatabase, platform: str, **values: str | int | None) -> None:
    with db.atomic():
        db["platforms"].insert({"platform": platform}, pk="platform", ignore=True)
        db["platforms"].update(platform, values)
