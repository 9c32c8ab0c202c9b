"""The last step of a round: replies that wait are sent if they are still welcome."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from critterdb.bot.host_answers.store import is_answered

from . import outbox, platform_state, reply_limits
from .accounts import OPTED_OUT, opt_out
from .posts import mark_gone

if TYPE_CHECKING:
    from critterdb.platforms.base import SendResult

    from .outbox import WaitingReply
    from .reply_status import SkipReason
    from .round import Round

log = logging.getLogger(__name__)


def send_waiting(round_: Round, seen: set[str]) -> None:
    """Send what waits, earlier drafts too, if it is still welcome.

    `seen` are the posts that were read in this round, so that they certainly exist.
    """
    db, platform, report = round_.db, round_.platform, round_.report
    standing = platform_state.standing(db, platform)
    if standing.sends_later(round_.now()):
        report.failures.append(f"Sending resumes at {standing.send_from}: {standing.pause_reason}")
        return
    # Drafts of earlier rounds too: what a dry run planned is sent as somebody read it.
    replies = _in_order(round_)
    gone = round_.ask(lambda: _find_gone(round_, replies, seen))
    if gone is None:
        return
    mark_gone(db, gone, round_.now())
    for reply in replies:
        if round_.stopping() or reply_limits.is_off(db):
            return
        reason = _reason_to_skip(round_, reply, gone)
        # Asked again right before sending: people delete, opt out and answer while replies wait.
        if reason:
            log.debug("%s: skipped, %s", reply.post.id, reason)
            outbox.skip(db, reply.post.id, reason)
            report.skipped[reason] += 1
            continue
        result = outbox.send(round_, reply)
        _report(round_, reply, result)
        if _must_pause(round_, reply, result) or result.stop:
            return


def _in_order(round_: Round) -> list[WaitingReply]:
    """Return the replies that wait; those to authors with a refusal on record come last.

    After a pause the first reply decides how long the next one is.
    """
    refused = platform_state.read_refused_posts(round_.db, round_.platform)
    keys = {post.account.key for post in refused}
    replies = outbox.waiting(round_.db, round_.platform, round_.game.slug)
    return sorted(replies, key=lambda reply: reply.post.account.key in keys)


def _find_gone(round_: Round, replies: list[WaitingReply], seen: set[str]) -> set[str]:
    """Return the posts that no longer exist: those to be answered, and the sources of photos."""
    wanted = [reply.post.id for reply in replies if reply.post.id not in seen]
    wanted += [reply.post.photos_post_id for reply in replies if reply.post.photos_post_id]
    to_check = list(dict.fromkeys(post_id for post_id in wanted if post_id not in seen))
    return set(to_check) - round_.timeline.find_existing(to_check) if to_check else set()


def _report(round_: Round, reply: WaitingReply, result: SendResult) -> None:
    detail = result.reply.id if result.reply else result.error
    log.debug("%s: %s, %s", reply.post.id, result.status, detail)
    round_.report.sent += result.status == "sent"
    round_.report.refused += result.status == "refused"
    if result.error and result.status != "sent":
        round_.report.failures.append(result.error)


def _must_pause(round_: Round, reply: WaitingReply, result: SendResult) -> bool:
    """Update the platform's state after a send; return whether nothing else may be tried now."""
    db, now = round_.db, round_.now()
    if result.blocked:
        opt_out(db, reply.post.account, "blocked the bot", now)
    if result.status == "sent":
        platform_state.note_sent(db, round_.platform)
    elif result.status == "refused":
        # A block or a limit on replies says nothing about the bot's own account.
        if result.blocked or result.is_personal:
            return False
        return platform_state.note_refusal(db, reply.post, now) is not None
    elif result.retry_at:
        reason = result.error or "the platform limits the rate of replies"
        platform_state.pause_sending(db, round_.platform, result.retry_at, now, reason)
        return True
    return False


def _reason_to_skip(round_: Round, reply: WaitingReply, gone: set[str]) -> SkipReason | None:
    db, post = round_.db, reply.post
    if post.is_opted_out(db):
        return OPTED_OUT
    if post.is_gone or post.id in gone or post.photos_post_id in gone:
        return "deleted"
    if is_answered(db, post.id):
        return "answered"
    if reply_limits.over_cap(db, round_.asker(post), round_.now(), leave_out=post.id):
        return "cap"
    return None
