"""A round of the bot: posts → predictions → replies.

Every step starts from rows, so that a round which was killed is finished by the next one.
"""

from __future__ import annotations

import fcntl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from . import outbox, platforms
from .answers import save_answers
from .errors import RateLimited, SiteError, TimelineError
from .fetch import Fetcher
from .games import Game, complete_hosts
from .models import Model
from .planning import Played, is_answered, play_post
from .posts import OPTED_OUT, opt_out, opted_out, read_cursors, save_batch, unseen
from .schema import SiteDatabase, site_folder
from .timelines import Batch, Outcome, Timeline, hosts_on, utc_text

ANSWERS_COME_WITHIN = timedelta(days=7)
LOCK_WAIT_S = 60.0

Row = dict[str, Any]
Clock = Callable[[], datetime]


def utc_clock() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass
class RoundReport:
    """What a round did, in numbers of posts; `skipped` by reason, `failures` in words."""

    read: int = 0
    new: int = 0
    classified: int = 0
    drafted: int = 0
    planned: int = 0
    sent: int = 0
    unknown: int = 0
    refused: int = 0
    answers: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def count(self, played: Played) -> None:
        """Add what came of one post."""
        self.classified += played.classified
        self.drafted += played.status == "draft"
        if played.reason:
            self.skipped[played.reason] += 1

    def __str__(self) -> str:
        counts = [
            f"{number} {word}"
            for number, word in (
                (self.classified, "classified"),
                (self.drafted, "drafted"),
                (self.sent, "sent"),
                (self.planned, "still to be sent"),
                (self.unknown, "in doubt"),
                (self.refused, "refused"),
                (self.skipped.total(), f"skipped ({_in_words(self.skipped)})"),
                (self.answers, "answers found"),
            )
            if number
        ]
        line = f"Read {self.read} post{'' if self.read == 1 else 's'}, {self.new} new"
        line += ": " + ", ".join(counts) if counts else ". Nothing to do"
        return ". ".join([line, *self.failures])


def play_round(
    db: SiteDatabase,
    game: Game,
    timeline: Timeline,
    *,
    model: Model,
    fetcher: Fetcher,
    post: bool = False,
    now: Clock = utc_clock,
    progress: Callable[[int, int], None] | None = None,
) -> RoundReport:
    """Play one round; without `post` replies stay drafts.

    Raises TimelineError where nothing could be read, and SiteError where another round on the same
    database does not end.
    """
    report = RoundReport()
    post = post and not outbox.is_off(db)
    platform = timeline.platform
    with _only_round(db, platform):
        outbox.recover(db, platform, now())
        batch = _read(db, game, timeline, now)
        game = complete_hosts(db, game, platform, timeline.full_handle)
        report.read, report.failures = unseen(db, batch.posts), list(batch.failures)
        report.new = save_batch(db, game, platform, batch, now=now())
        may_send = _look_for_answers(db, game, timeline, report, now)
        pending = _pending_posts(db, game, platform)
        for done, row in enumerate(pending, start=1):
            report.count(play_post(db, timeline, model, fetcher, row, post=post, now=now()))
            if progress:
                progress(done, len(pending))
        may_send &= _reconcile(db, timeline, report, now)
        if post and may_send:
            _send_waiting(db, game, timeline, report, seen={p.id for p in batch.posts}, now=now)
        report.planned = len(outbox.waiting(db, platform, game.slug, "planned"))
        report.unknown = len(outbox.unknown(db, platform))
        platforms.note_round(db, platform, now())
    return report


def _read(db: SiteDatabase, game: Game, timeline: Timeline, now: Clock) -> Batch:
    """New posts, unless the platform said that it wants to be left alone."""
    platform = timeline.platform
    standing = platforms.standing(db, platform)
    if standing.reads_later(now()):
        raise TimelineError(
            f"{platform} wants fewer requests and is left alone until {standing.read_from}"
        )
    try:
        batch = timeline.read(game, read_cursors(db, platform))
    except TimelineError as error:
        _heed(db, platform, error, now())
        raise
    platforms.note_reading(db, platform, now())
    if batch.retry_at:
        platforms.pause_reading(db, platform, batch.retry_at, now())
    return batch


def _heed(db: SiteDatabase, platform: str, error: TimelineError, now: datetime) -> None:
    if isinstance(error, RateLimited):
        platforms.pause_reading(db, platform, error.until, now)


def _look_for_answers(
    db: SiteDatabase, game: Game, timeline: Timeline, report: RoundReport, now: Clock
) -> bool:
    """Find the hosts' answers to posts that have none; whether that could be done."""
    since = utc_text(now() - ANSWERS_COME_WITHIN)
    rows = db.query(
        """
        SELECT id FROM posts
        WHERE game = ? AND platform = ? AND posted_at > ? AND deleted_at IS NULL
            AND id NOT IN (SELECT post_id FROM answers)
        """,
        [game.slug, timeline.platform, since],
    )
    post_ids = [row["id"] for row in rows]
    if not post_ids or not hosts_on(game, timeline.platform):
        return True
    try:
        messages = timeline.read_host_messages(game, post_ids)
    except TimelineError as error:
        _heed(db, timeline.platform, error, now())
        report.failures.append(str(error))
        return False
    report.answers += save_answers(db, game, post_ids, messages, utc_text(now()))
    return True


def _pending_posts(db: SiteDatabase, game: Game, platform: str) -> list[Row]:
    """Posts that have no reply row yet: new ones, and what earlier rounds left."""
    return list(
        db.query(
            """
            SELECT * FROM posts WHERE game = ? AND platform = ?
                AND id NOT IN (SELECT post_id FROM replies)
            ORDER BY posted_at, id
            """,
            [game.slug, platform],
        )
    )


def _reconcile(db: SiteDatabase, timeline: Timeline, report: RoundReport, now: Clock) -> bool:
    try:
        report.sent += outbox.reconcile(db, timeline, now)
    except TimelineError as error:
        _heed(db, timeline.platform, error, now())
        report.failures.append(str(error))
        return False
    return True


def _send_waiting(
    db: SiteDatabase,
    game: Game,
    timeline: Timeline,
    report: RoundReport,
    *,
    seen: set[str],
    now: Clock,
) -> None:
    """Send what waits, earlier drafts too, where it is still welcome."""
    platform = timeline.platform
    standing = platforms.standing(db, platform)
    if standing.sends_later(now()):
        report.failures.append(f"Sending waits until {standing.send_from}: {standing.pause_reason}")
        return
    replies = outbox.waiting(db, timeline.platform, game.slug)
    to_check = [reply.post_id for reply in replies if reply.post_id not in seen]
    try:
        gone = set(to_check) - timeline.find_existing(to_check) if to_check else set()
    except TimelineError as error:
        _heed(db, timeline.platform, error, now())
        report.failures.append(str(error))
        return
    for reply in replies:
        if outbox.is_off(db):
            return
        reason = _no_longer_welcome(db, platform, reply, gone, now())
        if reason:
            outbox.skip(db, reply.post_id, reason)
            report.skipped[reason] += 1
            continue
        outcome = outbox.send(db, timeline, reply, now)
        report.sent += outcome.status == "sent"
        report.refused += outcome.status == "refused"
        if outcome.error and outcome.status != "sent":
            report.failures.append(outcome.error)
        if _must_pause(db, platform, reply, outcome, now()) or outcome.stop:
            return


def _must_pause(
    db: SiteDatabase, platform: str, reply: outbox.Waiting, outcome: Outcome, now: datetime
) -> bool:
    """Take to heart how the platform met a reply; whether it is to be left alone for a while."""
    if outcome.blocked:
        opt_out(db, platform, reply.author, "blocked the bot", now)
    if outcome.status == "sent":
        platforms.note_sent(db, platform)
    elif outcome.status == "refused":
        return platforms.note_refusal(db, platform, now) is not None
    elif outcome.retry_at:
        reason = outcome.error or "the platform wants fewer replies"
        platforms.pause_sending(db, platform, outcome.retry_at, now, reason)
        return True
    return False


def _no_longer_welcome(
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
    if outbox.over_cap(db, platform, reply.author, now, leave_out=reply.post_id):
        return "cap"
    return None


def _in_words(skipped: Counter[str]) -> str:
    return ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in skipped.items())


@contextmanager
def _only_round(db: SiteDatabase, platform: str) -> Iterator[None]:
    """Hold the site's lock for a platform: one round at a time, so that nobody else is sending."""
    with (site_folder(db) / f"bot-{platform}.lock").open("w") as file:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise SiteError(
                        "Another round of the bot is under way on this database. "
                        "Wait until it has ended"
                    ) from error
                time.sleep(0.1)
        yield
