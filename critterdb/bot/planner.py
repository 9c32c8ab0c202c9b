"""One post → predictions of its photos → one planned reply, or the reason for none."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from critterdb.bot.host_answers.store import is_answered
from critterdb.errors import CritterError, RejectedInputError
from critterdb.fetch.fetcher import Fetcher
from critterdb.imaging.decode import ImageInfo
from critterdb.model.decision import Classification
from critterdb.model.inference import classify_image
from critterdb.model.loader import Model
from critterdb.model.predictions import save_image, save_prediction
from critterdb.platforms.base import Timeline
from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.storage.timestamps import parse_time

from . import outbox
from .accounts import OPTED_OUT, opted_out
from .phrases import Words
from .reply_limits import over_cap
from .reply_text import choose_wording

TOO_OLD = timedelta(hours=48)  # at first sight
FETCH_AGAIN_FOR = timedelta(hours=6)
PASSING = ("fetch_failed", "busy")  # troubles that may be over in the next round
PHOTOS_LATER = "photos_to_be_fetched_again"
ERROR = "error"
TRIED_LATER = "error_to_be_tried_again"

log = logging.getLogger(__name__)

Row = dict[str, Any]


@dataclass(frozen=True)
class Played:
    """What came of a post: its reply's status (null where it has none yet), and why.

    `error` is the class of what playing it raised.
    """

    status: str | None
    reason: str | None
    classified: bool = False
    error: str | None = None


def play_post(
    db: SiteDatabase,
    timeline: Timeline,
    model: Model,
    fetcher: Fetcher,
    post_row: Row,
    *,
    words: Words,
    post: bool,
    now: datetime,
) -> Played:
    """Classify a post's photos and plan its reply; a post that cannot be played is passed over.

    What the machine lacks (memory, space, files) may be there in the next round, so such a post is
    tried again for a while. Raises CritterError and sqlite3.Error: those are not about one post.
    """
    try:
        return _play(db, timeline, model, fetcher, post_row, words=words, post=post, now=now)
    except (CritterError, sqlite3.Error):
        raise
    except Exception as error:
        # A stranger chose what is in a post: whatever it raises, it may not stop the others.
        log.debug("%s could not be played", post_row["id"], exc_info=True)
        name = type(error).__name__
        if isinstance(error, OSError | MemoryError) and _was_just_seen(post_row, now):
            return Played(status=None, reason=TRIED_LATER, error=name)
        with db.atomic():
            outbox.save_reply(
                db, post_row["id"], post_row["game"], status="skipped", reason=ERROR, now=now
            )
        return Played("skipped", ERROR, error=name)


def _play(
    db: SiteDatabase,
    timeline: Timeline,
    model: Model,
    fetcher: Fetcher,
    post_row: Row,
    *,
    words: Words,
    post: bool,
    now: datetime,
) -> Played:
    """Classify a post's photos and plan its reply, both in one transaction."""
    handle = timeline.handle()
    images = list(db["post_images"].rows_where("post_id = ?", [post_row["id"]], "position"))
    looked: list[tuple[Row, Classification, ImageInfo]] = []
    errors: list[tuple[Row, str]] = []
    if not opted_out(db, timeline.platform, post_row["author"]):
        for image in images:
            try:
                data = timeline.fetch_photo(image["url"], fetcher)
                looked.append((image, *classify_image(model, data)))
            except RejectedInputError as refusal:
                errors.append((image, refusal.code))
    with db.atomic():
        for image, code in errors:
            key = (image["post_id"], image["position"])
            db["post_images"].update(key, {"error": code})
        if not looked and _worth_another_try(post_row, errors, now):
            return Played(status=None, reason=PHOTOS_LATER)
        prediction_id, answer = _save_predictions(db, model, post_row["id"], looked)
        reason = _skip_reason(db, handle, post_row, answer, now)
        text = None
        if answer and not reason:
            taken = outbox.recent_texts(db, timeline.platform, now)
            text = choose_wording(answer, post_row["id"], taken, words=words, fits=timeline.fits)
        status = "skipped" if reason else "planned" if post else "draft"
        outbox.save_reply(
            db,
            post_row["id"],
            post_row["game"],
            status=status,
            reason=reason,
            text=text,
            prediction_id=prediction_id,
            now=now,
        )
    return Played(status, reason, classified=bool(looked))


def _worth_another_try(post_row: Row, errors: list[tuple[Row, str]], now: datetime) -> bool:
    return _was_just_seen(post_row, now) and any(code in PASSING for _, code in errors)


def _was_just_seen(post_row: Row, now: datetime) -> bool:
    return now - parse_time(post_row["seen_at"]) < FETCH_AGAIN_FOR


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


def _skip_reason(
    db: SiteDatabase,
    handle: str,
    post_row: Row,
    answer: Classification | None,
    now: datetime,
) -> str | None:
    """The first reason to say nothing, in the order in which they count."""
    author, platform = post_row["author"], post_row["platform"]
    age = parse_time(post_row["seen_at"]) - parse_time(post_row["posted_at"])
    reasons = (
        (OPTED_OUT, opted_out(db, platform, author)),
        ("own_post", author.lower() == handle.lower()),
        ("deleted", post_row["deleted_at"] is not None),
        ("answered", is_answered(db, post_row["id"])),
        ("too_old", age > TOO_OLD),
        ("no_photo", answer is None),
        ("not_summoned", not post_row["summoned"] and not _consents(db, post_row)),
        ("cap", over_cap(db, platform, author, now)),
    )
    return next((reason for reason, holds in reasons if holds), None)


def _consents(db: SiteDatabase, post_row: Row) -> bool:
    """Whether the author is a host who wants replies unasked; X accepts none of those."""
    if post_row["platform"] == "x":
        return False
    found = db.execute(
        """
        SELECT 1 FROM games, json_each(games.hosts) AS host
        WHERE games.slug = ? AND json_extract(host.value, '$.platform') = ?
            AND lower(json_extract(host.value, '$.handle')) = lower(?)
            AND json_extract(host.value, '$.consents')
        """,
        [post_row["game"], post_row["platform"], post_row["author"]],
    )
    return found.fetchone() is not None
