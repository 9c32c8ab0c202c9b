"""Replies as rows: planned once, sent at most once, and in doubt looked for before anything else.

A row says `sending` before the network hears of it and its outcome after. A round that finds
`sending` was killed there, so the row becomes `unknown`; what is unknown is looked for among the
bot's own posts, and goes back to `planned` only when two looks did not show it, the later a while
after the attempt. Text, key and record of a reply are the same in each attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from critterdb._types import Clock
from critterdb.errors import RateLimitedError, TimelineError
from critterdb.platforms.base import Envelope, Reply, SendResult, Timeline
from critterdb.storage.database import SiteDatabase, durable
from critterdb.storage.timestamps import utc_text
from critterdb.system import BootClock

from .reply_limits import whole_number

DEFAULT_RECONCILE_S = 60
LOOKS = 2
TEXTS_DIFFER_FOR = timedelta(days=7)  # X does not say how long it remembers
Count = Callable[[], BootClock]

ATTEMPTS = 5  # sendings of one reply that the platform refuses after an earlier one was in doubt


@dataclass(frozen=True)
class Waiting:
    """A reply that may be sent."""

    post_id: str
    game: str
    author: str
    text: str
    envelope: Envelope | None


def save_reply(
    db: SiteDatabase,
    post_id: str,
    game: str,
    *,
    status: str,
    reason: str | None = None,
    text: str | None = None,
    prediction_id: int | None = None,
    now: datetime,
) -> None:
    """Write a post's one reply row, in the caller's transaction; an earlier one stays."""
    row = {
        "post_id": post_id,
        "game": game,
        "status": status,
        "reason": reason,
        "text": text,
        "prediction_id": prediction_id,
        "planned_at": utc_text(now),
    }
    db["replies"].insert(row, ignore=True)


def recent_texts(db: SiteDatabase, platform: str, now: datetime) -> set[str]:
    """What the account said of late, or may say: platforms refuse equal texts."""
    rows = db.query(
        """
        SELECT text FROM replies JOIN posts ON posts.id = replies.post_id
        WHERE posts.platform = ? AND text IS NOT NULL
            AND (coalesce(sent_at, planned_at) > ? OR status IN ('draft', 'planned', 'unknown'))
        """,
        [platform, utc_text(now - TEXTS_DIFFER_FOR)],
    )
    return {row["text"] for row in rows}


def recover(db: SiteDatabase, platform: str, now: datetime, uptime: BootClock) -> int:
    """What an ended process left as `sending` is unknown. Call it as the only sender."""
    with db.atomic():
        rows = _rows(db, platform, ("sending",))
        for row in rows:
            killed = SendResult("unknown", error="the round was interrupted while sending")
            _record(db, row.post_id, killed, now, uptime)
    return len(rows)


def waiting(db: SiteDatabase, platform: str, game: str, *statuses: str) -> list[Waiting]:
    """A game's drafts and planned replies in the order in which they were planned."""
    rows = _rows(db, platform, statuses or ("draft", "planned"))
    return [row for row in rows if row.game == game]


def unknown(db: SiteDatabase, platform: str) -> dict[str, Envelope]:
    """The posts whose replies are in doubt, with what was sent."""
    rows = _rows(db, platform, ("unknown",))
    return {row.post_id: row.envelope or Envelope() for row in rows}


def skip(db: SiteDatabase, post_id: str, reason: str) -> None:
    """A waiting reply is no longer welcome."""
    with db.atomic():
        db["replies"].update(post_id, {"status": "skipped", "reason": reason})


def send(
    db: SiteDatabase, timeline: Timeline, reply: Waiting, clock: Clock, uptime: Count
) -> SendResult:
    """Send one reply, its text as it was planned, and record what came of it."""
    envelope = reply.envelope
    if envelope is None:
        try:
            envelope = timeline.prepare(reply.post_id, reply.text, clock())
        except TimelineError as error:
            return _put_off(db, reply.post_id, error)
    # On the disk before the network hears of it: what a power cut made us forget we would repeat.
    with durable(db):
        claimed = db.execute(
            """
            UPDATE replies SET status = 'sending', attempts = attempts + 1, error = NULL, looks = 0,
                send_key = coalesce(send_key, ?), send_record = coalesce(send_record, ?)
            WHERE post_id = ? AND status IN ('draft', 'planned') RETURNING attempts
            """,
            [envelope.key, envelope.record, reply.post_id],
        ).fetchone()
    if claimed is None:
        return SendResult("planned", error="it was no longer waiting")
    outcome = timeline.send(reply.post_id, reply.text, envelope)
    if outcome.status == "refused" and claimed[0] > 1:
        outcome = _look_after_refusal(timeline, reply.post_id, envelope, outcome, claimed[0])
    with db.atomic():
        _record(db, reply.post_id, outcome, clock(), uptime())
    return outcome


def reconcile(db: SiteDatabase, timeline: Timeline, clock: Clock, uptime: Count) -> int:
    """Look for replies in doubt; the number of those that were found. Raises TimelineError."""
    attempted = unknown(db, timeline.platform)
    if not attempted:
        return 0
    looked_at, looked = clock(), uptime()
    shown = timeline.find_replies(attempted)
    with db.atomic():
        for post_id in attempted:
            if post_id in shown:
                _settle(db, post_id, shown[post_id], looked_at)
            else:
                _not_shown(db, post_id, looked)
    return len(shown)


def _put_off(db: SiteDatabase, post_id: str, error: TimelineError) -> SendResult:
    with db.atomic():
        db["replies"].update(post_id, {"error": str(error)})
    until = error.until if isinstance(error, RateLimitedError) else None
    return SendResult("planned", error=str(error), stop=until is not None, retry_at=until)


def _look_after_refusal(
    timeline: Timeline, post_id: str, envelope: Envelope, refusal: SendResult, attempts: int
) -> SendResult:
    """What a refusal means after an attempt that was thought lost.

    The platform may be calling a duplicate what it has not shown yet, so a refusal alone proves
    neither that the reply stands nor that it does not.
    """
    try:
        found = timeline.find_replies({post_id: envelope}).get(post_id)
    except TimelineError:
        return SendResult("unknown", error=refusal.error)
    if found:
        return SendResult("sent", found)
    return refusal if attempts >= ATTEMPTS else SendResult("unknown", error=refusal.error)


def _record(
    db: SiteDatabase, post_id: str, outcome: SendResult, now: datetime, uptime: BootClock
) -> None:
    if outcome.reply:
        _settle(db, post_id, outcome.reply, now)
        return
    row = {
        "status": outcome.status,
        "error": outcome.error,
        "attempt_ended_at": utc_text(now),
        "attempt_boot": uptime.boot,
        "attempt_uptime": uptime.seconds,
        "looks": 0,
    }
    db["replies"].update(post_id, row)


def _settle(db: SiteDatabase, post_id: str, reply: Reply, now: datetime) -> None:
    row = {
        "status": "sent",
        "reply_id": reply.id,
        "reply_url": reply.url,
        "sent_at": utc_text(now),
        "error": None,
    }
    db["replies"].update(post_id, row)


def _not_shown(db: SiteDatabase, post_id: str, looked: BootClock) -> None:
    row = db["replies"].get(post_id)
    ended = BootClock(row["attempt_boot"] or "", row["attempt_uptime"] or 0.0)
    waited = looked.since(ended)
    looks = row["looks"] + 1
    changes: dict[str, Any] = {"looks": looks}
    if waited is None:
        # The machine was started anew, or the site came to another one: it waits from here on.
        changes |= {"attempt_boot": looked.boot, "attempt_uptime": looked.seconds}
    wait_s = whole_number("CRITTERDB_RECONCILE_SECONDS", DEFAULT_RECONCILE_S)
    if looks >= LOOKS and (waited or 0) >= wait_s:
        changes["status"] = "planned"
    db["replies"].update(post_id, changes)


def _rows(db: SiteDatabase, platform: str, statuses: tuple[str, ...]) -> list[Waiting]:
    marks = ", ".join("?" * len(statuses))
    rows = db.query(
        f"""
        SELECT replies.post_id, replies.game, posts.author, replies.text,
            replies.send_key, replies.send_record
        FROM replies JOIN posts ON posts.id = replies.post_id
        WHERE posts.platform = ? AND replies.status IN ({marks})
        ORDER BY replies.planned_at, replies.rowid
        """,
        [platform, *statuses],
    )
    return [_waiting(row) for row in rows]


def _waiting(row: dict[str, Any]) -> Waiting:
    key, record = row.pop("send_key"), row.pop("send_record")
    return Waiting(**row, envelope=None if key is None else Envelope(key, record))
