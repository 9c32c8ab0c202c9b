"""The last step of a round: replies that wait are sent where they are still welcome."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from critterdb._types import Clock
from critterdb.bot.host_answers.store import is_answered
from critterdb.errors import TimelineError
from critterdb.games import Game
from critterdb.platforms.base import SendResult, Timeline
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import utc_text

from . import outbox, platform_state, reply_limits
from .accounts import OPTED_OUT, opt_out, opted_out
from .round_report import RoundReport

log = logging.getLogger(__name__)


def send_waiting(
    db: SiteDatabase,
    game: Game,
    timeline: Timeline,
    report: RoundReport,
    *,
    seen: set[str],
    now: Clock,
    uptime: outbox.Count,
    stopping: Callable[[], bool],
) -> None:
    """Send what waits, earlier drafts too, where it is still welcome."""
    platform = timeline.platform
    standing = platform_state.standing(db, platform)
    if standing.sends_later(now()):
        report.failures.append(f"Sending waits until {standing.send_from}: {standing.pause_reason}")
        return
    replies = outbox.waiting(db, timeline.platform, game.slug)
    to_check = [reply.post_id for reply in replies if reply.post_id not in seen]
    try:
        gone = set(to_check) - timeline.find_existing(to_check) if to_check else set()
    except TimelineError as error:
        platform_state.respect_rate_limit(db, timeline.platform, error, now())
        report.failures.append(str(error))
        return
    for reply in replies:
        if stopping() or reply_limits.is_off(db):
            return
        reason = _reason_to_skip(db, platform, reply, gone, now())
        if reason:
            log.debug("%s: skipped, %s", reply.post_id, reason)
            outbox.skip(db, reply.post_id, reason)
            report.skipped[reason] += 1
            continue
        outcome = outbox.send(db, timeline, reply, now, uptime)
        log.debug(
            "%s: %s%s",
            reply.post_id,
            outcome.status,
            f", {outcome.reply.id if outcome.reply else outcome.error}",
        )
        report.sent += outcome.status == "sent"
        report.refused += outcome.status == "refused"
        if outcome.error and outcome.status != "sent":
            report.failures.append(outcome.error)
        if _must_pause(db, platform, reply, outcome, now()) or outcome.stop:
            return


def _must_pause(
    db: SiteDatabase, platform: str, reply: outbox.Waiting, outcome: SendResult, now: datetime
) -> bool:
    """Take to heart how the platform met a reply; whether it is to be left alone for a while."""
    if outcome.blocked:
        opt_out(db, platform, reply.author, "blocked the bot", now)
    if outcome.status == "sent":
        platform_state.note_sent(db, platform)
    elif outcome.status == "refused":
        return platform_state.note_refusal(db, platform, now) is not None
    elif outcome.retry_at:
        reason = outcome.error or "the platform wants fewer replies"
        platform_state.pause_sending(db, platform, outcome.retry_at, now, reason)
        return True
    return False


def _reason_to_skip(
    db: SiteDatabase, platform: str, reply: outbox.Waiting, gone: set[str], now: datetime
) -> str | None:
    if opted_out(db, platform, reply.author):
        return OPTED_OUT
    if reply.post_id in gone:
        with db.atomic():
            db["posts"].update(reply.post_id, {"deleted_at": utc_text(now)})
        return "deleted"
    if is_answered(db, reply.post_id):
        return "answered"
    if reply_limits.over_cap(db, platform, reply.author, now, leave_out=reply.post_id):
        return "cap"
    return None
