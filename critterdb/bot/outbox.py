"""Replies as rows: planned once, sent at most once, and in doubt looked for before anything else.

A row says `sending` before the network hears of it and its result after. A round that finds
`sending` was killed there, so the row becomes `unknown`; what is unknown is looked for among the
bot's own posts, and goes back to `planned` only if two looks did not show it, the later a while
after the attempt. Text, key and record of a reply are the same in each attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.platforms.base import Envelope, Reply, ReplyPicture, SendResult, Timeline
from critterdb.storage.database import SiteDatabase, durable
from critterdb.storage.timestamps import utc_text
from critterdb.system import BootClock

from .pictures import is_attaching_pictures, reply_picture
from .reply_limits import whole_number
from .stored_post import StoredPost, columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .reply_status import ReplyPlan, ReplyStatus, SkipReason
    from .round import Round

# X showed replies up to a minute late. A second reply is worse than one that comes a round later.
DEFAULT_RECONCILE_S = 60
# One look is not proof: X showed the bot's own reply up to a minute late.
MIN_LOOKS = 2
# words.toml makes over a thousand forms of each answer, so that those of a week differ.
TEXTS_DIFFER_FOR = timedelta(days=7)  # X does not say how long it remembers

# docs/decisions.md#a-refusal-after-a-doubtful-attempt-is-doubtful
MAX_ATTEMPTS = 5  # at one reply that is refused after an earlier attempt was in doubt


@dataclass(frozen=True)
class WaitingReply:
    """A reply that may be sent, and the post that it answers."""

    post: StoredPost
    text: str
    envelope: Envelope | None


def save_reply(db: SiteDatabase, post: StoredPost, plan: ReplyPlan, now: datetime) -> None:
    """Write a post's one reply row, in the caller's transaction; an earlier one stays."""
    row = {
        "post_id": post.id,
        "game": post.game,
        "status": plan.status,
        "reason": plan.reason,
        "text": plan.text,
        "prediction_id": plan.prediction_id,
        "planned_at": utc_text(now),
    }
    # A post has one reply row for ever, so that no bug and no second process plans two.
    db["replies"].insert(row, ignore=True)


def recent_texts(db: SiteDatabase, platform: str, now: datetime) -> set[str]:
    """Return what the account said recently, or may say: platforms refuse equal texts."""
    rows = db.query(
        """
        SELECT text FROM replies JOIN posts ON posts.id = replies.post_id
        WHERE posts.platform = ? AND text IS NOT NULL
            AND (coalesce(sent_at, planned_at) > ? OR status IN ('draft', 'planned', 'unknown'))
        """,
        [platform, utc_text(now - TEXTS_DIFFER_FOR)],
    )
    return {row["text"] for row in rows}


def recover(round_: Round) -> int:
    """Turn what a killed process left as `sending` to unknown; return how many replies.

    Call it as the only sender.
    """
    killed = SendResult("unknown", error="the round was interrupted while sending")
    with round_.db.atomic():
        replies = _replies(round_.db, round_.platform, "sending")
        for reply in replies:
            _record(round_, reply.post.id, killed)
    return len(replies)


def waiting(
    db: SiteDatabase, platform: str, game: str, *statuses: ReplyStatus
) -> list[WaitingReply]:
    """Return a game's drafts and planned replies in the order in which they were planned."""
    replies = _replies(db, platform, *(statuses or ("draft", "planned")))
    return [reply for reply in replies if reply.post.game == game]


def unknown(db: SiteDatabase, platform: str) -> dict[str, Envelope]:
    """Return what was sent in the replies that are in doubt, by post id."""
    replies = _replies(db, platform, "unknown")
    return {reply.post.id: reply.envelope or Envelope() for reply in replies}


def skip(db: SiteDatabase, post_id: str, reason: SkipReason) -> None:
    """Note that a waiting reply is no longer welcome."""
    with db.atomic():
        db["replies"].update(post_id, {"status": "skipped", "reason": reason})


def send(round_: Round, reply: WaitingReply) -> SendResult:
    """Send one reply, its text as it was planned, and record the result."""
    timeline, post_id, envelope = round_.timeline, reply.post.id, reply.envelope
    if envelope is None:
        try:
            envelope = timeline.prepare(post_id, reply.text, round_.now(), _picture(round_, reply))
        except TimelineError as error:
            return _put_off(round_.db, post_id, error)
    # The key and the record too: every attempt must be the same to the platform.
    # On the disk before the network hears of it: a reply forgotten in a power cut is sent twice.
    with durable(round_.db):
        claimed = round_.db.execute(
            """
            UPDATE replies SET status = 'sending', attempts = attempts + 1, error = NULL, looks = 0,
                send_key = coalesce(send_key, ?), send_record = coalesce(send_record, ?)
            WHERE post_id = ? AND status IN ('draft', 'planned') RETURNING attempts
            """,
            [envelope.key, envelope.record, post_id],
        ).fetchone()
    if claimed is None:
        return SendResult("planned", error="it was no longer pending")
    result = timeline.send(post_id, reply.text, envelope)
    # A duplicate of what the platform does not show yet is refused as well, so doubt remains doubt.
    # Only after an earlier attempt: the first refusal of a reply is what it says.
    if result.status == "refused" and claimed[0] > 1:
        result = _look_after_refusal(timeline, post_id, envelope, result, claimed[0])
    with round_.db.atomic():
        _record(round_, post_id, result)
    return result


def _picture(round_: Round, reply: WaitingReply) -> ReplyPicture | None:
    """The picture that goes with a reply, if the bot attaches any and the platform takes it."""
    if not round_.timeline.takes_pictures or not is_attaching_pictures():
        return None
    return reply_picture(round_.db, reply.post.id)


def reconcile(round_: Round) -> int:
    """Look for replies in doubt; return how many were there. Raises TimelineError."""
    attempted = unknown(round_.db, round_.platform)
    if not attempted:
        return 0
    # Read before the look: time that the platform takes to answer is not time that the reply had to
    # show.
    looked_at, reading = round_.now(), round_.boot_clock()
    existing = round_.timeline.find_replies(attempted)
    with round_.db.atomic():
        for post_id in attempted:
            if post_id in existing:
                _note_sent(round_.db, post_id, existing[post_id], looked_at)
            else:
                _note_not_shown(round_.db, post_id, reading)
    return len(existing)


def _put_off(db: SiteDatabase, post_id: str, error: TimelineError) -> SendResult:
    with db.atomic():
        db["replies"].update(post_id, {"error": str(error)})
    until = error.until if isinstance(error, RateLimitedError) else None
    return SendResult("planned", error=str(error), stop=until is not None, retry_at=until)


def _look_after_refusal(
    timeline: Timeline, post_id: str, envelope: Envelope, refusal: SendResult, attempts: int
) -> SendResult:
    """Return what a refusal means after an attempt that seemed to be lost.

    The platform may be refusing a duplicate of what it does not show yet, so a refusal alone proves
    neither that the reply exists nor that it does not.
    """
    try:
        reply = timeline.find_replies({post_id: envelope}).get(post_id)
    except TimelineError:
        return SendResult("unknown", error=refusal.error)
    if reply:
        return SendResult("sent", reply)
    # By now the platform would show what it has: the refusal is about the text or the author.
    return refusal if attempts >= MAX_ATTEMPTS else SendResult("unknown", error=refusal.error)


def _record(round_: Round, post_id: str, result: SendResult) -> None:
    now, reading = round_.now(), round_.boot_clock()
    if result.reply:
        _note_sent(round_.db, post_id, result.reply, now)
        return
    round_.db["replies"].update(post_id, after_attempt(result, now, reading))


def after_attempt(
    result: SendResult, now: datetime, reading: BootClock
) -> dict[str, str | int | float | None]:
    """Return the columns of a row after an attempt that did not plainly succeed."""
    return {
        "status": result.status,
        "error": result.error,
        "attempt_ended_at": utc_text(now),
        "attempt_boot": reading.boot,
        "attempt_uptime": reading.seconds,
        "looks": 0,
    }


def _note_sent(db: SiteDatabase, post_id: str, reply: Reply, now: datetime) -> None:
    row = {
        "status": "sent",
        "reply_id": reply.id,
        "reply_url": reply.url,
        "sent_at": utc_text(now),
        "error": None,
    }
    db["replies"].update(post_id, row)


def _note_not_shown(db: SiteDatabase, post_id: str, reading: BootClock) -> None:
    db["replies"].update(post_id, after_look(db["replies"].get(post_id), reading))


def after_look(row: Mapping[str, Any], reading: BootClock) -> dict[str, str | int | float]:
    """Return the columns of a row in doubt after a look that did not show what it sent."""
    ended = BootClock(row["attempt_boot"] or "", row["attempt_uptime"] or 0.0)
    # Not the wall clock: NTP or a time zone may set it between the attempt and the look.
    waited_s = reading.since(ended)
    looks = row["looks"] + 1
    changes: dict[str, str | int | float] = {"looks": looks}
    if waited_s is None:
        # The machine restarted, or the site moved to another one: the wait starts here.
        changes |= {"attempt_boot": reading.boot, "attempt_uptime": reading.seconds}
    min_wait_s = whole_number("CRITTERDB_RECONCILE_SECONDS", DEFAULT_RECONCILE_S)
    # Twice not shown, and long enough after the attempt by the machine's own count of seconds.
    if looks >= MIN_LOOKS and (waited_s or 0) >= min_wait_s:
        changes["status"] = "planned"
    return changes


def _replies(db: SiteDatabase, platform: str, *statuses: ReplyStatus) -> list[WaitingReply]:
    marks = ", ".join("?" * len(statuses))
    rows = db.query(
        f"""
        SELECT {columns_of("posts")}, replies.text, replies.send_key, replies.send_record
        FROM replies JOIN posts ON posts.id = replies.post_id
        WHERE posts.platform = ? AND replies.status IN ({marks})
        ORDER BY replies.planned_at, replies.rowid
        """,
        [platform, *statuses],
    )
    return [
        WaitingReply(
            StoredPost.from_row(row),
            row["text"],
            None if row["send_key"] is None else Envelope(row["send_key"], row["send_record"]),
        )
        for row in rows
    ]
