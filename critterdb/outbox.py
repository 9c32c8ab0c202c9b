"""Replies as rows: planned once, sent at most once, and in doubt looked for before anything else.

A row says `sending` before the network hears of it and its outcome after. A round that finds
`sending` was killed there, so the row becomes `unknown`; what is unknown is looked for among the
bot's own posts, and goes back to `planned` only when two looks did not show it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .errors import TimelineError
from .schema import SiteDatabase
from .timelines import Outcome, Reply, Timeline, parse_time, utc_text

AUTHOR_CAP = 3  # replies an author a day
DEFAULT_DAY_CAP = 20
DAY = timedelta(days=1)
DEFAULT_RECONCILE_S = 60
LOOKS = 2

_OPEN = ("draft", "planned", "sending", "unknown", "sent")


@dataclass(frozen=True)
class Waiting:
    """A reply that may be sent."""

    post_id: str
    game: str
    author: str
    text: str


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


def is_off() -> bool:
    """Whether CRITTERDB_BOT_OFF forbids sending anything."""
    return os.environ.get("CRITTERDB_BOT_OFF", "") not in ("", "0")


def over_cap(
    db: SiteDatabase, platform: str, author: str, now: datetime, *, leave_out: str = ""
) -> bool:
    """Whether one more reply within 24 hours would be too many, for the author or for all.

    Drafts count: they may be sent. Raises TimelineError where CRITTERDB_REPLIES_PER_DAY is no
    number.
    """
    row = db.execute(
        f"""
        SELECT count(*), coalesce(sum(lower(posts.author) = lower(:author)), 0)
        FROM replies JOIN posts ON posts.id = replies.post_id
        WHERE posts.platform = :platform AND replies.post_id <> :leave_out
            AND replies.status IN {_OPEN}
            AND (
                coalesce(replies.sent_at, replies.planned_at) > :since
                OR replies.status IN ('sending', 'unknown')
            )
        """,
        {
            "author": author,
            "platform": platform,
            "leave_out": leave_out,
            "since": utc_text(now - DAY),
        },
    ).fetchone()
    return bool(row[0] >= _number("CRITTERDB_REPLIES_PER_DAY", DEFAULT_DAY_CAP)) or bool(
        row[1] >= AUTHOR_CAP
    )


def texts_of_the_day(db: SiteDatabase, platform: str, now: datetime) -> set[str]:
    """What the account said, or may say, within a day."""
    rows = db.query(
        """
        SELECT text FROM replies JOIN posts ON posts.id = replies.post_id
        WHERE posts.platform = ? AND text IS NOT NULL
            AND (coalesce(sent_at, planned_at) > ? OR status IN ('draft', 'planned', 'unknown'))
        """,
        [platform, utc_text(now - DAY)],
    )
    return {row["text"] for row in rows}


def recover(db: SiteDatabase, platform: str, now: datetime) -> int:
    """What an ended process left as `sending` is unknown. Call it as the only sender."""
    with db.atomic():
        rows = _rows(db, platform, ("sending",))
        for row in rows:
            _doubt(db, row.post_id, "the round was interrupted while sending", now)
    return len(rows)


def waiting(db: SiteDatabase, platform: str, game: str, *statuses: str) -> list[Waiting]:
    """A game's drafts and planned replies in the order in which they were planned."""
    rows = _rows(db, platform, statuses or ("draft", "planned"))
    return [row for row in rows if row.game == game]


def unknown(db: SiteDatabase, platform: str) -> list[str]:
    """The posts whose replies are in doubt."""
    return [row.post_id for row in _rows(db, platform, ("unknown",))]


def skip(db: SiteDatabase, post_id: str, reason: str) -> None:
    """A waiting reply is no longer welcome."""
    with db.atomic():
        db["replies"].update(post_id, {"status": "skipped", "reason": reason})


def send(
    db: SiteDatabase, timeline: Timeline, reply: Waiting, clock: Callable[[], datetime]
) -> Outcome:
    """Send one reply, its text as it was planned, and record what came of it."""
    with db.atomic():
        claimed = db.execute(
            """
            UPDATE replies SET status = 'sending', attempts = attempts + 1, error = NULL
            WHERE post_id = ? AND status IN ('draft', 'planned') RETURNING attempts
            """,
            [reply.post_id],
        ).fetchone()
    if claimed is None:
        return Outcome("planned", error="it was no longer waiting")
    outcome = timeline.send(reply.post_id, reply.text)
    if outcome.status == "refused" and claimed[0] > 1:
        # An earlier attempt that was thought lost may be what the platform calls a duplicate.
        outcome = _look_once(timeline, reply.post_id) or outcome
    with db.atomic():
        _record(db, reply.post_id, outcome, clock())
    return outcome


def reconcile(db: SiteDatabase, timeline: Timeline, clock: Callable[[], datetime]) -> int:
    """Look for replies in doubt; the number of those that were found. Raises TimelineError."""
    posts = unknown(db, timeline.platform)
    if not posts:
        return 0
    looked_at = clock()
    shown = timeline.find_replies(posts)
    with db.atomic():
        for post_id in posts:
            if post_id in shown:
                _settle(db, post_id, shown[post_id], looked_at)
            else:
                _not_shown(db, post_id, looked_at)
    return len(shown)


def _look_once(timeline: Timeline, post_id: str) -> Outcome | None:
    try:
        found = timeline.find_replies([post_id]).get(post_id)
    except TimelineError as error:
        return Outcome("unknown", error=str(error))
    return Outcome("sent", found) if found else None


def _record(db: SiteDatabase, post_id: str, outcome: Outcome, now: datetime) -> None:
    if outcome.status == "unknown":
        _doubt(db, post_id, outcome.error, now)
    elif outcome.reply:
        _settle(db, post_id, outcome.reply, now)
    else:
        db["replies"].update(post_id, {"status": outcome.status, "error": outcome.error})


def _settle(db: SiteDatabase, post_id: str, reply: Reply, now: datetime) -> None:
    row = {
        "status": "sent",
        "reply_id": reply.id,
        "reply_url": reply.url,
        "sent_at": utc_text(now),
        "error": None,
    }
    db["replies"].update(post_id, row)
    db["cursors"].delete_where("name = ?", [_doubt_name(post_id)])


def _doubt(db: SiteDatabase, post_id: str, error: str | None, now: datetime) -> None:
    db["replies"].update(post_id, {"status": "unknown", "error": error})
    _note_doubt(db, post_id, ended_at=now, looks=0, now=now)


def _not_shown(db: SiteDatabase, post_id: str, now: datetime) -> None:
    row = db.execute("SELECT value FROM cursors WHERE name = ?", [_doubt_name(post_id)]).fetchone()
    doubt: dict[str, Any] = json.loads(row[0]) if row else {"ended_at": now.isoformat(), "looks": 0}
    ended_at = parse_time(doubt["ended_at"])
    wait = timedelta(seconds=_number("CRITTERDB_RECONCILE_SECONDS", DEFAULT_RECONCILE_S))
    if doubt["looks"] + 1 >= LOOKS and now - ended_at >= wait:
        db["replies"].update(post_id, {"status": "planned"})
        db["cursors"].delete_where("name = ?", [_doubt_name(post_id)])
    else:
        _note_doubt(db, post_id, ended_at=ended_at, looks=doubt["looks"] + 1, now=now)


def _note_doubt(
    db: SiteDatabase, post_id: str, *, ended_at: datetime, looks: int, now: datetime
) -> None:
    """When the last attempt ended, and how often it was looked for since."""
    value = json.dumps({"ended_at": ended_at.isoformat(), "looks": looks})
    row = {"name": _doubt_name(post_id), "value": value, "updated_at": utc_text(now)}
    db["cursors"].upsert(row, pk="name")


def _doubt_name(post_id: str) -> str:
    return f"doubt:{post_id}"


def _rows(db: SiteDatabase, platform: str, statuses: tuple[str, ...]) -> list[Waiting]:
    marks = ", ".join("?" * len(statuses))
    rows = db.query(
        f"""
        SELECT replies.post_id, replies.game, posts.author, replies.text
        FROM replies JOIN posts ON posts.id = replies.post_id
        WHERE posts.platform = ? AND replies.status IN ({marks})
        ORDER BY replies.planned_at, replies.rowid
        """,
        [platform, *statuses],
    )
    return [Waiting(**row) for row in rows]


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    try:
        return int(text) if text else default
    except ValueError as error:
        raise TimelineError(f"{name} is {text!r}. Give a whole number") from error
