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

from . import outbox
from .answering import Classification
from .answers import save_answers
from .errors import Refusal, SiteError, TimelineError
from .fetch import Fetcher
from .games import Game
from .images import ImageInfo
from .models import Model
from .posts import OPTED_OUT, opted_out, read_cursors, save_batch
from .predictions import classify_image, save_image, save_prediction
from .schema import SiteDatabase, site_folder
from .timelines import Timeline, hosts_on, parse_time, utc_text
from .wording import choose_wording

TOO_OLD = timedelta(hours=48)  # at first sight
ANSWERS_COME_WITHIN = timedelta(days=7)
FETCH_AGAIN_FOR = timedelta(hours=6)
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
        line = f"Read {self.read} posts, {self.new} new"
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
    post = post and not outbox.is_off()
    with _only_round(db):
        outbox.recover(db, timeline.platform, now())
        batch = timeline.read(game, read_cursors(db, timeline.platform))
        report.read, report.failures = len(batch.posts), list(batch.failures)
        new = save_batch(db, game, timeline.platform, batch, now=now())
        report.new = len(new)
        may_send = _look_for_answers(db, game, timeline, report, now)
        pending = _pending_posts(db, game, timeline.platform)
        for done, row in enumerate(pending, start=1):
            _play_post(db, timeline, model, fetcher, row, report, post=post, now=now)
            if progress:
                progress(done, len(pending))
        may_send &= _reconcile(db, timeline, report, now)
        if post and may_send:
            _send_waiting(db, game, timeline, report, seen={p.id for p in batch.posts}, now=now)
        _count_outcomes(db, game, timeline.platform, new, report)
    return report


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


def _play_post(
    db: SiteDatabase,
    timeline: Timeline,
    model: Model,
    fetcher: Fetcher,
    post_row: Row,
    report: RoundReport,
    *,
    post: bool,
    now: Clock,
) -> None:
    """Classify a post's photos and plan its reply, both in one transaction."""
    images = list(db["post_images"].rows_where("post_id = ?", [post_row["id"]], "position"))
    looked: list[tuple[Row, Classification, ImageInfo]] = []
    errors: list[tuple[Row, str]] = []
    if not opted_out(db, timeline.platform, post_row["author"]):
        for image in images:
            try:
                data = timeline.fetch_photo(image["url"], fetcher)
                looked.append((image, *classify_image(model, data)))
            except Refusal as refusal:
                errors.append((image, refusal.code))
    with db.atomic():
        for image, code in errors:
            key = (image["post_id"], image["position"])
            db["post_images"].update(key, {"error": code})
        if not looked and _worth_another_try(post_row, errors, now()):
            report.skipped["photos to be fetched again"] += 1
            return
        prediction_id, answer = _save_predictions(db, model, post_row["id"], looked)
        _plan_reply(db, timeline, post_row, answer, prediction_id, post=post, now=now())
    report.classified += bool(looked)


def _worth_another_try(post_row: Row, errors: list[tuple[Row, str]], now: datetime) -> bool:
    since_seen = now - parse_time(post_row["seen_at"])
    return since_seen < FETCH_AGAIN_FOR and any(code == "fetch_failed" for _, code in errors)


def _save_predictions(
    db: SiteDatabase,
    model: Model,
    post_id: str,
    looked: list[tuple[Row, Classification, ImageInfo]],
) -> tuple[int | None, Classification | None]:
    """A prediction an image, and one over all of several; the row that speaks for the post."""
    if not looked:
        return None, None
    for image, classification, info in looked:
        save_image(db.conn, info, image["url"])
        key = (image["post_id"], image["position"])
        db["post_images"].update(key, {"image_sha256": info.sha256, "error": None})
        prediction_id = save_prediction(
            db.conn,
            model,
            classification,
            source="bot",
            image_sha256=info.sha256,
            post_id=post_id,
        )
    if len(looked) == 1:
        return prediction_id, looked[0][1]
    together = model.combine([classification for _, classification, _ in looked])
    return save_prediction(db.conn, model, together, source="bot", post_id=post_id), together


def _plan_reply(
    db: SiteDatabase,
    timeline: Timeline,
    post_row: Row,
    answer: Classification | None,
    prediction_id: int | None,
    *,
    post: bool,
    now: datetime,
) -> None:
    """Write a post's one reply row: what will be said, or why nothing will."""
    reason = _skip_reason(db, timeline, post_row, answer, now)
    text = None
    if answer and not reason:
        taken = outbox.texts_of_the_day(db, timeline.platform, now)
        text = choose_wording(answer, post_row["id"], taken)
    outbox.save_reply(
        db,
        post_row["id"],
        post_row["game"],
        status="skipped" if reason else "planned" if post else "draft",
        reason=reason,
        text=text,
        prediction_id=prediction_id,
        now=now,
    )


def _skip_reason(
    db: SiteDatabase,
    timeline: Timeline,
    post_row: Row,
    answer: Classification | None,
    now: datetime,
) -> str | None:
    """The first reason to say nothing, in the order in which they count."""
    author, platform = post_row["author"], post_row["platform"]
    age = parse_time(post_row["seen_at"]) - parse_time(post_row["posted_at"])
    reasons = (
        (OPTED_OUT, opted_out(db, platform, author)),
        ("own_post", author.lower() == timeline.handle().lower()),
        ("deleted", post_row["deleted_at"] is not None),
        ("answered", _is_answered(db, post_row["id"])),
        ("too_old", age > TOO_OLD),
        ("no_photo", answer is None),
        ("not_summoned", not post_row["summoned"] and not _consents(db, post_row)),
        ("cap", outbox.over_cap(db, platform, author, now)),
    )
    return next((reason for reason, holds in reasons if holds), None)


def _consents(db: SiteDatabase, post_row: Row) -> bool:
    """Whether the author is a host who wants replies unasked; X accepts none of those."""
    if post_row["platform"] == "x":
        return False
    found = db.execute(
        """
        SELECT 1 FROM games, json_each(games.hosts) AS host
        WHERE games.slug = ? AND host.value ->> 'platform' = ?
            AND lower(host.value ->> 'handle') = lower(?) AND host.value ->> 'consents'
        """,
        [post_row["game"], post_row["platform"], post_row["author"]],
    )
    return found.fetchone() is not None


def _is_answered(db: SiteDatabase, post_id: str) -> bool:
    return bool(db["answers"].count_where("post_id = ?", [post_id]))


def _reconcile(db: SiteDatabase, timeline: Timeline, report: RoundReport, now: Clock) -> bool:
    try:
        report.sent += outbox.reconcile(db, timeline, now)
    except TimelineError as error:
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
    replies = outbox.waiting(db, timeline.platform, game.slug)
    to_check = [reply.post_id for reply in replies if reply.post_id not in seen]
    try:
        gone = set(to_check) - timeline.find_existing(to_check) if to_check else set()
    except TimelineError as error:
        report.failures.append(str(error))
        return
    for reply in replies:
        reason = _no_longer_welcome(db, timeline.platform, reply, gone, now())
        if reason:
            outbox.skip(db, reply.post_id, reason)
            report.skipped[reason] += 1
            continue
        outcome = outbox.send(db, timeline, reply, now)
        report.sent += outcome.status == "sent"
        report.refused += outcome.status == "refused"
        if outcome.error and outcome.status != "sent":
            report.failures.append(outcome.error)
        if outcome.stop:
            return


def _no_longer_welcome(
    db: SiteDatabase, platform: str, reply: outbox.Waiting, gone: set[str], now: datetime
) -> str | None:
    if opted_out(db, platform, reply.author):
        return OPTED_OUT
    if reply.post_id in gone:
        with db.atomic():
            db["posts"].update(reply.post_id, {"deleted_at": utc_text(now)})
        return "deleted"
    if _is_answered(db, reply.post_id):
        return "answered"
    if outbox.over_cap(db, platform, reply.author, now, leave_out=reply.post_id):
        return "cap"
    return None


def _count_outcomes(
    db: SiteDatabase, game: Game, platform: str, new: list[str], report: RoundReport
) -> None:
    for row in db["replies"].rows_where("game = ?", [game.slug]):
        if not row["post_id"].startswith(f"{platform}:"):
            continue
        report.unknown += row["status"] == "unknown"
        report.planned += row["status"] == "planned"
        if row["post_id"] in new:
            report.drafted += row["status"] == "draft"


def _in_words(skipped: Counter[str]) -> str:
    return ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in skipped.items())


@contextmanager
def _only_round(db: SiteDatabase) -> Iterator[None]:
    """Hold the site's bot lock: one round at a time, so that nobody else is sending."""
    with (site_folder(db) / "bot.lock").open("w") as file:
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
