"""Play a round of the bot: posts → predictions → replies.

Every step starts from rows, so that a round which was killed is finished by the next one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING

from critterdb.bot.host_answers.history import BY_A_PERSON
from critterdb.bot.host_answers.store import save_answers
from critterdb.bot.host_answers.suggestions import suggest
from critterdb.bot.reading.second_reader import configured_reader
from critterdb.errors import SiteError
from critterdb.games import complete_hosts, hosts_on
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.timestamps import utc_text

from . import outbox, platform_state
from .announcements import announce_rounds
from .photo_fetches import LONGEST_WAIT
from .phrases import Words, load_words
from .planner import play_post
from .posts import count_unseen, mark_deleted, save_batch
from .reply_limits import is_off
from .rounds import own_posts
from .rounds.play import play_hosted_rounds
from .sender import send_waiting
from .stored_post import StoredPost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb.platforms.base import Post

    from .round import Round
    from .round_report import RoundReport

# Hosts answer within days; each open post is looked for in every round until then.
ANSWERS_COME_WITHIN = timedelta(days=7)
# Hosts correct themselves within hours; a corrected answer is looked for again from then on.
CORRECTIONS_COME_WITHIN = timedelta(days=2)
# A round takes seconds; cron may start the next one while it is still at a slow server.
LOCK_WAIT_S = 60.0

log = logging.getLogger(__name__)


def play_round(round_: Round) -> RoundReport:
    """Play one round and return its report.

    Raises TimelineError if nothing could be read, and SiteError if another round on the same
    database does not end.
    """
    db, platform, report = round_.db, round_.platform, round_.report
    round_.sends = round_.sends and not is_off(db)
    words = load_words(round_.game.slug, site_folder(db))
    # The lock is the platform's own, so that a slow server does not hold up the others.
    with _only_round(db, platform):
        # Under the lock a reply that is `sending` belongs to a dead process. Whether it was sent,
        # nobody knows.
        outbox.recover(round_)
        own_posts.recover(round_)
        batch = round_.read()
        report.failures += batch.failures
        round_.game = complete_hosts(db, round_.game, platform, round_.timeline.full_handle)
        round_.identify_hosts(batch.posts)
        # Before they are stored: afterwards all of them have been seen.
        report.read = count_unseen(db, batch.posts)
        saved = save_batch(
            db,
            round_.game,
            platform,
            batch,
            now=round_.now(),
            own_handle=round_.timeline.handle(),
        )
        report.new = saved.new
        report.passed_over.update(saved.passed_over)
        report.name_errors("Posts that could not be stored", saved.errors)
        # Before photos are classified, which may take a while: hosted rounds have their times.
        play_hosted_rounds(round_)
        announce_rounds(round_)
        # Answers first: without them the bot might guess what the host has just told.
        may_send = _look_for_answers(round_)
        if not _play_pending(round_, words):
            return report
        settled = round_.ask(lambda: outbox.reconcile(round_))
        report.sent += settled or 0
        # Where answers could not be looked for, the bot might guess what the host has told already.
        if round_.sends and may_send and settled is not None:
            send_waiting(round_, {post.id for post in batch.posts})
        if not round_.stopping():
            report.deleted += (
                round_.ask(lambda: mark_deleted(db, round_.timeline, round_.now())) or 0
            )
        report.planned = len(outbox.waiting(db, platform, round_.game.slug, "planned"))
        drafts = len(outbox.waiting(db, platform, round_.game.slug, "draft"))
        report.earlier_drafts = max(0, drafts - report.drafted)
        report.unknown = len(outbox.unknown(db, platform))
        platform_state.note_round(db, platform, round_.now())
    return report


def _look_for_answers(round_: Round) -> bool:
    """Find the hosts' answers to posts, and corrections; return whether the platform answered."""
    db, game = round_.db, round_.game
    rows = db.query(
        """
        SELECT id FROM posts
        WHERE game = ? AND platform = ? AND posted_at > ? AND deleted_at IS NULL
            AND id NOT IN (SELECT post_id FROM answers WHERE found_at < ? OR method = ?)
        """,
        [
            *(game.slug, round_.platform, utc_text(round_.now() - ANSWERS_COME_WITHIN)),
            *(utc_text(round_.now() - CORRECTIONS_COME_WITHIN), BY_A_PERSON),
        ],
    )
    post_ids = [row["id"] for row in rows]
    if not post_ids or not hosts_on(game, round_.platform):
        return True
    messages = round_.ask(lambda: round_.timeline.read_host_messages(game, post_ids))
    if messages is None:
        return False
    if messages.unreadable:
        round_.report.failures.append(
            f"Host messages that could not be read: {messages.unreadable}"
        )
    round_.identify_hosts(messages.posts)
    by_hosts = round_.only_hosts(messages.posts)
    saved = save_answers(db, round_.game, post_ids, by_hosts, utc_text(round_.now()))
    _ask_second_reader(round_, by_hosts)
    round_.report.answers += saved.answers
    round_.report.name_errors("Host messages that could not be used", saved.errors)
    return True


def _ask_second_reader(round_: Round, messages: list[Post]) -> None:
    """Have the configured language model read what waits, if one is configured."""
    try:
        reader = configured_reader()
    except SiteError as error:
        round_.report.failures.append(str(error))
        return
    if reader:
        suggest(round_.db, round_.game, messages, reader)


def _play_pending(round_: Round, words: Words) -> bool:
    """Play the pending posts one by one; return false if the round is to stop before the last."""
    pending = _pending_posts(round_)
    finished = True
    for done, post in enumerate(pending, start=1):
        if round_.stopping():
            finished = False
            break
        played = play_post(round_, post, words)
        log.debug("%s: %s", post.id, played.reason or played.status)
        round_.report.count(post, played)
        if round_.progress:
            round_.progress(done, len(pending))
    round_.report.name_errors("Posts that could not be played", round_.report.errors)
    return finished


def _pending_posts(round_: Round) -> list[StoredPost]:
    """Return posts without a reply row: new ones first, then what earlier rounds left."""
    now = round_.now()
    rows = round_.db.query(
        """
        SELECT * FROM posts
        WHERE game = :game AND platform = :platform
            AND id NOT IN (SELECT post_id FROM replies)
            AND (try_from IS NULL OR try_from <= :now OR try_from > :latest)
        ORDER BY tries, posted_at, id
        """,
        {
            "game": round_.game.slug,
            "platform": round_.platform,
            "now": utc_text(now),
            # What lies further ahead was written by a clock that was wrong.
            "latest": utc_text(now + LONGEST_WAIT),
        },
    )
    # Posts that failed before come last, so that they delay no new one.
    return [StoredPost.from_row(row) for row in rows]


@contextmanager
def _only_round(db: SiteDatabase, platform: str) -> Iterator[None]:
    """Hold the site's lock for a platform: one round at a time, so that nobody else is sending."""
    with _lock_file(site_folder(db) / f"bot-{platform}.lock") as file:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                # docs/decisions.md#one-round-at-a-time
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise SiteError(
                        "Another round of the bot is running on this database. Wait until it ends"
                    ) from error
                time.sleep(0.1)
        yield


def _lock_file(path: Path) -> IO[bytes]:
    """Open the lock's file, which nobody reads: whatever is there in its place stays as it is."""
    # No link is followed: opened with "w", the file that it points to would be emptied.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.fdopen(os.open(path, flags, 0o666), "rb", buffering=0)
    except OSError as error:
        raise SiteError(
            f"{path} could not be opened as the bot's lock: {error.strerror}. "
            "Delete it, or make the site's folder writable"
        ) from error
