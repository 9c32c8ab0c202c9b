"""How the bot stands with each platform: when it may ask again, and what stands in the way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import parse_time, utc_text

from .reply_limits import day_cap, is_off, replies_of_the_day

REFUSALS_IN_A_ROW = 5
FIRST_PAUSE = timedelta(hours=6)
LONGEST_PAUSE = timedelta(hours=24)
LONGEST_WAIT = LONGEST_PAUSE * 1.2  # with the jitter; what lies further ahead a wrong clock wrote

Draw = Callable[[float, float], float]


@dataclass(frozen=True)
class Standing:
    """A platform's row; times are null where nothing stands in the way."""

    platform: str
    round_at: str | None = None
    read_at: str | None = None
    read_from: str | None = None
    send_from: str | None = None
    pause_reason: str | None = None
    refusals: int = 0

    def reads_later(self, now: datetime) -> bool:
        """Whether the platform does not want to be read yet."""
        return _is_ahead(self.read_from, now)

    def sends_later(self, now: datetime) -> bool:
        """Whether no reply may be tried yet."""
        return _is_ahead(self.send_from, now)


def standing(db: SiteDatabase, platform: str) -> Standing:
    """How the bot stands with a platform, also with one that it never played on."""
    for row in db["platforms"].rows_where("platform = ?", [platform]):
        return Standing(**row)
    return Standing(platform)


def note_reading(db: SiteDatabase, platform: str, now: datetime) -> None:
    """The platform was read, as far as it can be."""
    _save(db, platform, read_at=utc_text(now), read_from=None)


def respect_rate_limit(
    db: SiteDatabase, platform: str, error: TimelineError, now: datetime
) -> None:
    """Where an error says when to come back, do not ask before."""
    if isinstance(error, RateLimitedError):
        pause_reading(db, platform, error.until, now)


def note_round(db: SiteDatabase, platform: str, now: datetime) -> None:
    """A round has ended."""
    _save(db, platform, round_at=utc_text(now))


def pause_reading(
    db: SiteDatabase, platform: str, until: datetime, now: datetime, draw: Draw = random.uniform
) -> datetime:
    """Ask for nothing before the platform's own reset and a little more; that time."""
    until = with_jitter(until, now, draw)
    _save(db, platform, read_from=utc_text(until))
    return until


def pause_sending(
    db: SiteDatabase,
    platform: str,
    until: datetime,
    now: datetime,
    reason: str,
    draw: Draw = random.uniform,
) -> datetime:
    """Send nothing before the platform's own reset and a little more; that time."""
    until = with_jitter(until, now, draw)
    _save(db, platform, send_from=utc_text(until), pause_reason=reason)
    return until


def note_sent(db: SiteDatabase, platform: str) -> None:
    """A reply was accepted: earlier refusals no longer count."""
    _save(db, platform, refusals=0, send_from=None, pause_reason=None)


def note_refusal(db: SiteDatabase, platform: str, now: datetime) -> datetime | None:
    """A reply was refused; where that happens again and again, when the next one may be tried.

    After five in a row nothing is sent for six hours. Then one is tried, and another refusal
    doubles the pause, up to a day.
    """
    refusals = standing(db, platform).refusals + 1
    _save(db, platform, refusals=refusals)
    beyond = refusals - REFUSALS_IN_A_ROW
    if beyond < 0:
        return None
    until = now + min(FIRST_PAUSE * 2 ** min(beyond, 4), LONGEST_PAUSE)
    reason = f"the last {refusals} replies were refused; see replies.error"
    _save(db, platform, send_from=utc_text(until), pause_reason=reason)
    return until


def standings(db: SiteDatabase, now: datetime) -> dict[str, dict[str, Any]]:
    """For each platform that was played on: last round and poll, caps, resets, the outbox."""
    found: dict[str, dict[str, Any]] = {}
    for row in db["platforms"].rows_where(order_by="platform"):
        platform = row["platform"]
        used, _ = replies_of_the_day(db, platform, "", now)
        by_status = db.query(
            """
            SELECT status, count(*) AS number FROM replies
            JOIN posts ON posts.id = replies.post_id WHERE platform = ? GROUP BY status
            """,
            [platform],
        )
        later = {name: row[name] for name in ("read_from", "send_from")}
        found[platform] = {
            "last_round": row["round_at"],
            "last_poll": row["read_at"],
            "replies_today": used,
            "replies_a_day": day_cap(),
            **{name: at if _is_ahead(at, now) else None for name, at in later.items()},
            "waits_because": row["pause_reason"],
            "refusals_in_a_row": row["refusals"],
            "is_off": is_off(db),
            "outbox": {each["status"]: each["number"] for each in by_status},
        }
    return found


def with_jitter(until: datetime, now: datetime, draw: Draw) -> datetime:
    """A little after `until`, so that not all clients come back in the same second.

    What lies more than a day ahead is a mistake of the platform's, and counts as a day.
    """
    wait = min(max((until - now).total_seconds(), 0), LONGEST_PAUSE.total_seconds())
    return now + timedelta(seconds=wait + draw(1.0, max(2.0, wait / 10)))


def _is_ahead(until: str | None, now: datetime) -> bool:
    return until is not None and now < parse_time(until) <= now + LONGEST_WAIT


def _save(db: SiteDatabase, platform: str, **values: Any) -> None:
    with db.atomic():
        db["platforms"].insert({"platform": platform}, pk="platform", ignore=True)
        db["platforms"].update(platform, values)
