"""A round of the bot: posts → predictions → replies.

Every step starts from rows, so that a round which was killed is finished by the next one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from critterdb._types import Clock
from critterdb.bot.host_answers.store import save_answers
from critterdb.errors import SiteError, TimelineError
from critterdb.fetch.fetcher import Fetcher
from critterdb.games import Game, complete_hosts, hosts_on
from critterdb.model.loader import Model
from critterdb.platforms.base import Batch, Timeline
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.timestamps import utc_text
from critterdb.system import read_uptime

from . import outbox, platform_state
from .phrases import load_words
from .planner import Played, play_post
from .posts import mark_deleted, read_cursors, save_batch, unseen
from .reply_limits import is_off
from .round_report import RoundReport
from .sender import send_waiting

ANSWERS_COME_WITHIN = timedelta(days=7)
LOCK_WAIT_S = 60.0

log = logging.getLogger(__name__)

Row = dict[str, Any]


def utc_clock() -> datetime:
    """The time."""
    return datetime.now(UTC)


def play_round(
    db: SiteDatabase,
    game: Game,
    timeline: Timeline,
    *,
    model: Model,
    fetcher: Fetcher,
    post: bool = False,
    now: Clock = utc_clock,
    uptime: outbox.Count = read_uptime,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] | None = None,
) -> RoundReport:
    """Play one round; without `post` replies stay drafts.

    It ends between two posts when `stopping` says so.

    Raises TimelineError where nothing could be read, and SiteError where another round on the same
    database does not end.
    """
    report = RoundReport()
    post = post and not is_off(db)
    platform = timeline.platform
    words = load_words(game.slug, site_folder(db))
    with _only_round(db, platform):
        outbox.recover(db, platform, now(), uptime())
        batch = _read(db, game, timeline, now)
        game = complete_hosts(db, game, platform, timeline.full_handle)
        report.read, report.failures = unseen(db, batch.posts), list(batch.failures)
        report.new = save_batch(db, game, platform, batch, now=now())
        may_send = _look_for_answers(db, game, timeline, report, now)

        def play(row: Row) -> Played:
            return play_post(db, timeline, model, fetcher, row, words=words, post=post, now=now())

        pending = _pending_posts(db, game, platform)
        if not _play_all(pending, play, report, stopping, progress):
            return report
        may_send &= _reconcile(db, timeline, report, now, uptime)
        if post and may_send:
            seen = {each.id for each in batch.posts}
            send_waiting(
                db, game, timeline, report, seen=seen, now=now, uptime=uptime, stopping=stopping
            )
        if not stopping():
            _mark_deleted(db, timeline, report, now)
        report.planned = len(outbox.waiting(db, platform, game.slug, "planned"))
        report.unknown = len(outbox.unknown(db, platform))
        platform_state.note_round(db, platform, now())
    return report


def _read(db: SiteDatabase, game: Game, timeline: Timeline, now: Clock) -> Batch:
    """New posts, unless the platform said that it wants to be left alone."""
    platform = timeline.platform
    standing = platform_state.standing(db, platform)
    if standing.reads_later(now()):
        raise TimelineError(
            f"{platform} wants fewer requests and is left alone until {standing.read_from}"
        )
    try:
        batch = timeline.read(game, read_cursors(db, platform))
    except TimelineError as error:
        platform_state.respect_rate_limit(db, platform, error, now())
        raise
    platform_state.note_reading(db, platform, now())
    if batch.retry_at:
        platform_state.pause_reading(db, platform, batch.retry_at, now())
    return batch


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
        platform_state.respect_rate_limit(db, timeline.platform, error, now())
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


def _play_all(
    pending: list[Row],
    play: Callable[[Row], Played],
    report: RoundReport,
    stopping: Callable[[], bool],
    progress: Callable[[int, int], None] | None,
) -> bool:
    """Play one post after the other; whether that could be done before an end was wanted."""
    for done, row in enumerate(pending, start=1):
        if stopping():
            break
        played = play(row)
        log.debug("%s: %s", row["id"], played.reason or played.status)
        report.count(played)
        if progress:
            progress(done, len(pending))
    else:
        report.name_errors()
        return True
    report.name_errors()
    return False


def _reconcile(
    db: SiteDatabase, timeline: Timeline, report: RoundReport, now: Clock, uptime: outbox.Count
) -> bool:
    try:
        report.sent += outbox.reconcile(db, timeline, now, uptime)
    except TimelineError as error:
        platform_state.respect_rate_limit(db, timeline.platform, error, now())
        report.failures.append(str(error))
        return False
    return True


def _mark_deleted(db: SiteDatabase, timeline: Timeline, report: RoundReport, now: Clock) -> None:
    try:
        report.deleted += mark_deleted(db, timeline, now())
    except TimelineError as error:
        platform_state.respect_rate_limit(db, timeline.platform, error, now())
        report.failures.append(str(error))


@contextmanager
def _only_round(db: SiteDatabase, platform: str) -> Iterator[None]:
    """Hold the site's lock for a platform: one round at a time, so that nobody else is sending."""
    with _lock_file(site_folder(db) / f"bot-{platform}.lock") as file:
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


def _lock_file(path: Path) -> IO[bytes]:
    """Open the lock's file, which nobody reads: whatever lies there in its place stays as it is."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.fdopen(os.open(path, flags, 0o666), "rb", buffering=0)
    except OSError as error:
        raise SiteError(
            f"{path} could not be opened as the bot's lock: {error.strerror}. "
            "Remove it, or let the bot write to the site's folder"
        ) from error
