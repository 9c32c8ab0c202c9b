"""The outbox of what the bot posts unasked, with the rules of the outbox of replies.

A row has a key that says what it is for, so that nothing is planned twice. It says `sending` before
the network hears of it; what is in doubt is looked for, and tried again only if two looks did not
show it. What a post changes in its round is written in the same transaction as its result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from critterdb.bot import outbox
from critterdb.errors import RateLimitedError, TimelineError
from critterdb.platforms.base import Attempt, Envelope, OwnPost, Reply, SendResult
from critterdb.storage.database import durable
from critterdb.storage.timestamps import utc_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from critterdb._types import Json
    from critterdb.bot.round import Round
    from critterdb.platforms.base import ReplyPicture
    from critterdb.storage.database import SiteDatabase

Kind = Literal["opening", "reveal", "correction", "cancellation", "announcement"]
INTERRUPTED = "the round was interrupted while sending"

# A round that was cancelled meanwhile is not opened, and nothing is told before it is closed.
# The first key and record stay: a platform knows a repeated post by the same bytes only.
_CLAIM = """
UPDATE own_posts SET status = 'sending', attempts = attempts + 1, error = NULL, looks = 0,
    send_key = coalesce(send_key, ?), send_record = coalesce(send_record, ?)
WHERE key = ? AND text = ? AND status IN ('draft', 'planned') AND (
    kind NOT IN ('opening', 'reveal')
    OR (SELECT state FROM rounds WHERE rounds.id = own_posts.round_id)
        = iif(kind = 'opening', 'planned', 'closed')
)
RETURNING attempts
"""


def key_of(round_id: int, kind: Kind) -> str:
    """Return the key of a round's post."""
    return f"round-{round_id}-{kind}"


def find(db: SiteDatabase, key: str) -> Json | None:
    """Return the row with a key, if there is one."""
    return next(db["own_posts"].rows_where("key = ?", [key]), None)


def plan(db: SiteDatabase, row: Json, now: datetime) -> None:
    """Write the row of a post, unless one with its key is there; in the caller's transaction."""
    planned = {"status": "planned", "planned_at": utc_text(now), **row}
    db["own_posts"].insert(planned, ignore=True)


def skip(db: SiteDatabase, key: str, reason: str) -> None:
    """Note that a post which was not tried is no longer wanted."""
    db.execute(
        "UPDATE own_posts SET status = 'skipped', reason = ? "
        "WHERE key = ? AND status IN ('draft', 'planned')",
        [reason, key],
    )


def recover(round_: Round) -> None:
    """Turn what a killed process left as `sending` to unknown. Call it as the only sender."""
    db, killed = round_.db, SendResult("unknown", error=INTERRUPTED)
    with db.atomic():
        for key in _keys(db, round_.platform, "sending"):
            _record(round_, key, killed)


def reconcile(round_: Round) -> int:
    """Look for posts in doubt; return how many were there. Raises TimelineError."""
    db = round_.db
    rows = list(_rows(db, round_.platform, "unknown"))
    if not rows:
        return 0
    attempted = {row["key"]: Attempt(row["text"], _envelope(row) or Envelope()) for row in rows}
    # Read before the look, as the outbox of replies does.
    looked_at, reading = round_.now(), round_.boot_clock()
    existing = round_.timeline.own_posts.find(attempted)
    with db.atomic():
        for key in attempted:
            if key in existing:
                _note_sent(db, key, existing[key], looked_at)
            else:
                row = db["own_posts"].get(key)
                db["own_posts"].update(key, outbox.after_look(row, reading))
    return len(existing)


def send(round_: Round, key: str, picture: Callable[[], ReplyPicture] | None = None) -> SendResult:
    """Send one post, its text as it was planned, and record the result.

    `picture` makes the picture that goes with it; it may raise CritterError.
    """
    db, own_posts = round_.db, round_.timeline.own_posts
    row = db["own_posts"].get(key)
    envelope = _envelope(row)
    if envelope is None:
        try:
            post = _own_post(db, row, picture() if picture else None)
            # Before the claim: the id of an uploaded picture is a part of the frozen record.
            envelope = own_posts.prepare(post, round_.now())
        except TimelineError as error:
            return _put_off(db, key, error)
    # On the disk before the network hears of it: what is forgotten in a power cut is sent twice.
    with durable(db):
        claimed = db.execute(_CLAIM, [envelope.key, envelope.record, key, row["text"]]).fetchone()
    if claimed is None:
        return SendResult("planned", error=None)
    result = own_posts.send(row["text"], envelope)
    # A duplicate of what the platform does not show yet is refused as well.
    if result.status == "refused" and claimed[0] > 1:
        result = _look_after_refusal(round_, key, Attempt(row["text"], envelope), result)
    with db.atomic():
        _record(round_, key, result)
    return result


def _own_post(db: SiteDatabase, row: Json, picture: ReplyPicture | None) -> OwnPost:
    players = db.query(
        "SELECT player, author_id FROM players WHERE platform = ? AND author_id IS NOT NULL "
        "AND player IN (SELECT value FROM json_each(?))",
        [row["platform"], row["names"]],
    )
    mentions = {player["player"]: player["author_id"] for player in players}
    return OwnPost(row["key"], row["text"], row["in_reply_to"], picture, mentions)


def _look_after_refusal(
    round_: Round, key: str, attempt: Attempt, refusal: SendResult
) -> SendResult:
    try:
        found = round_.timeline.own_posts.find({key: attempt}).get(key)
    except TimelineError:
        return SendResult("unknown", error=refusal.error)
    if found:
        return SendResult("sent", found)
    attempts = round_.db["own_posts"].get(key)["attempts"]
    is_final = attempts >= outbox.MAX_ATTEMPTS
    return refusal if is_final else SendResult("unknown", error=refusal.error)


def _put_off(db: SiteDatabase, key: str, error: TimelineError) -> SendResult:
    with db.atomic():
        db["own_posts"].update(key, {"error": str(error)})
    until = error.until if isinstance(error, RateLimitedError) else None
    return SendResult("planned", error=str(error), stop=until is not None, retry_at=until)


def _record(round_: Round, key: str, result: SendResult) -> None:
    now = round_.now()
    if result.reply:
        _note_sent(round_.db, key, result.reply, now)
        return
    row = outbox.after_attempt(result, now, round_.boot_clock())
    round_.db["own_posts"].update(key, row)


def _note_sent(db: SiteDatabase, key: str, post: Reply, now: datetime) -> None:
    """Write that a post stands, and what that changes in its round."""
    sent = {"status": "sent", "post_id": post.id, "post_url": post.url, "error": None}
    db["own_posts"].update(key, {**sent, "sent_at": utc_text(now), "send_record": None})
    row = db["own_posts"].get(key)
    if row["kind"] == "opening":
        # One that was cancelled while its post was on the way stays cancelled.
        db.execute(
            "UPDATE rounds SET post_id = ?, state = iif(state = 'planned', 'open', state) "
            "WHERE id = ?",
            [post.id, row["round_id"]],
        )
        db.execute(
            "UPDATE own_posts SET in_reply_to = ? WHERE round_id = ? AND kind = 'cancellation'",
            [post.id, row["round_id"]],
        )
    elif row["kind"] == "reveal":
        db.execute(
            "UPDATE rounds SET reveal_post_id = ?, state = 'revealed' WHERE id = ?",
            [post.id, row["round_id"]],
        )
        db.execute(
            "UPDATE own_posts SET in_reply_to = ? WHERE round_id = ? AND kind = 'correction'",
            [post.id, row["round_id"]],
        )


def _envelope(row: Json) -> Envelope | None:
    return None if row["send_key"] is None else Envelope(row["send_key"], row["send_record"])


def _keys(db: SiteDatabase, platform: str, status: str) -> list[str]:
    return [row["key"] for row in _rows(db, platform, status)]


def _rows(db: SiteDatabase, platform: str, status: str) -> list[Json]:
    rows = db["own_posts"].rows_where(
        "platform = ? AND status = ?", [platform, status], order_by="planned_at, key"
    )
    return list(rows)
