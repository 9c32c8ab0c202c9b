"""One post → predictions of its photos → one planned reply, or the reason for none."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from critterdb.bot.host_answers.store import is_answered
from critterdb.errors import RejectedInputError
from critterdb.games import same_handle
from critterdb.imaging.decode import image_format
from critterdb.model.inference import classify_image
from critterdb.model.predictions import save_image, save_prediction
from critterdb.platforms.base import REPLAYED
from critterdb.storage.database import site_folder
from critterdb.storage.photo_store import place_photo
from critterdb.storage.timestamps import parse_time

from . import outbox
from .accounts import OPTED_OUT
from .isolation import concerns_one_item
from .photo_fetches import FETCH_AGAIN_FOR, MAX_PHOTOS_PER_POST, PASSING_TROUBLES, postpone
from .reply_limits import over_cap
from .reply_status import Played, ReplyPlan, SkipReason
from .reply_text import choose_wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb.imaging.decode import ImageInfo
    from critterdb.model.decision import Classification
    from critterdb.model.label_sets import LabelSet
    from critterdb.model.loader import Model
    from critterdb.storage.database import SiteDatabase

    from .phrases import Words
    from .round import Round
    from .stored_post import StoredPost

# A bot that was away for a week does not answer that week's posts when it comes back.
TOO_OLD = timedelta(hours=48)  # at first sight

# A host's post is classified although it gets no reply: it is what the scoreboard counts.
_CLASSIFIED_FOR_HOSTS = ("answered", "too_old", "not_summoned", "cap")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photo:
    """A photo of a post: its place among them from 0, and its address."""

    post_id: str
    position: int
    url: str

    @property
    def key(self) -> tuple[str, int]:
        return self.post_id, self.position


@dataclass
class ClassifiedPhotos:
    """A post's photos that were classified, and those that could not be, with the code why.

    `postponed` says that some were not tried, because their addresses held up the round.
    """

    classified: list[tuple[Photo, Classification, ImageInfo]] = field(default_factory=list)
    errors: list[tuple[Photo, str]] = field(default_factory=list)
    postponed: bool = False

    @property
    def may_come_later(self) -> bool:
        """Whether nothing was classified, and the next round may do better."""
        codes = {code for _, code in self.errors}
        passing = self.postponed or bool(codes & set(PASSING_TROUBLES))
        return not self.classified and passing


def play_post(round_: Round, post: StoredPost, words: Words) -> Played:
    """Classify a post's photos and plan its reply; a post that cannot be played is passed over.

    What the machine lacks (memory, space, files) may be there in the next round, so such a post is
    tried again for a while. Raises CritterError and sqlite3.Error: those are not about one post.
    """
    try:
        return _play(round_, post, words)
    except Exception as error:
        # A stranger chose what is in a post: whatever it raises must not stop the others.
        is_of_machine = isinstance(error, OSError | MemoryError)
        if not is_of_machine and not concerns_one_item(error):
            raise
        log.debug("%s could not be played", post.id, exc_info=True)
        name = type(error).__name__
        if is_of_machine and _was_just_seen(post, round_.now()):
            return Played(status=None, reason="error_to_be_tried_again", error=name)
        with round_.db.atomic():
            outbox.save_reply(round_.db, post, ReplyPlan("skipped", "error"), round_.now())
        return Played("skipped", "error", error=name)


def _play(round_: Round, post: StoredPost, words: Words) -> Played:
    """Classify a post's photos and plan its reply, both in one transaction."""
    db = round_.db
    photos = _load_photos(db, post)
    # Before any fetch: a stranger must not be able to buy our time with a post we never answer.
    reason = _reason_to_skip(round_, post, has_photo=bool(photos))
    for_scoreboard = reason in _CLASSIFIED_FOR_HOSTS and round_.is_by_host(post)
    looks = reason is None or for_scoreboard
    looked = _classify_photos(round_, post, photos if looks else [])
    with db.atomic():
        for photo, code in looked.errors:
            db["post_images"].update(photo.key, {"error": code})
        if looked.may_come_later and _was_just_seen(post, round_.now()):
            postpone(db, post, round_.now())
            return Played(status=None, reason="photos_to_be_fetched_again")
        prediction_id, answer = _save_predictions(db, round_.model, post.id, looked)
        # Asked again, because another process may have written while the photos were fetched.
        has_photo = answer is not None if looks else bool(photos)
        reason = _reason_to_skip(round_, post, has_photo=has_photo)
        plan = _plan(round_, post, words, reason, _Said(answer, _label_set(round_, looked)))
        plan = ReplyPlan(plan.status, plan.reason, plan.text, prediction_id)
        outbox.save_reply(db, post, plan, round_.now())
    return Played(
        plan.status,
        plan.reason,
        classified=bool(looked.classified),
        text=plan.text,
        answer=answer,
    )


def _load_photos(db: SiteDatabase, post: StoredPost) -> list[Photo]:
    rows = db["post_images"].rows_where(
        "post_id = ?", [post.id], order_by="position", limit=MAX_PHOTOS_PER_POST
    )
    return [Photo(row["post_id"], row["position"], row["url"]) for row in rows]


def _classify_photos(round_: Round, post: StoredPost, photos: list[Photo]) -> ClassifiedPhotos:
    looked = ClassifiedPhotos()
    for photo in photos:
        if not round_.failing_fetches.may_try(post.account):
            looked.postponed = True
            break
        try:
            with round_.failing_fetches.measured(post.account):
                data = round_.timeline.fetch_photo(photo.url, round_.fetcher)
            looked.classified.append((photo, *_look_at(round_, data)))
            if post.platform == REPLAYED and "://" not in photo.url:
                # Pages show pictures from where they were posted, and this one is on no server.
                place_photo(site_folder(round_.db), data, image_format(data), "pictures")
        except RejectedInputError as refusal:
            looked.errors.append((photo, refusal.code))
    return looked


@dataclass(frozen=True)
class _Said:
    """What the model says of all photos of a post, and labels of which one is right."""

    answer: Classification | None
    label_set: LabelSet | None


def _label_set(round_: Round, looked: ClassifiedPhotos) -> LabelSet | None:
    classifications = [classification for _, classification, _ in looked.classified]
    return round_.model.label_set(classifications) if classifications else None


def _look_at(round_: Round, data: bytes) -> tuple[Classification, ImageInfo]:
    # The picture is not kept, so that nobody could ask for its evidence later.
    return classify_image(round_.model, data, evidence=True)


def _plan(
    round_: Round,
    post: StoredPost,
    words: Words,
    reason: SkipReason | None,
    said: _Said,
) -> ReplyPlan:
    # A text is fixed when it is planned, so that a draft is sent as somebody read it.
    if reason or said.answer is None:
        return ReplyPlan("skipped", reason or "no_photo")
    taken = outbox.recent_texts(round_.db, round_.platform, round_.now())
    text = choose_wording(
        said.answer,
        post.id,
        taken,
        words=words,
        fits=round_.timeline.fits,
        label_set=said.label_set,
    )
    return ReplyPlan("planned" if round_.sends else "draft", text=text)


def _was_just_seen(post: StoredPost, now: datetime) -> bool:
    return now - parse_time(post.seen_at) < FETCH_AGAIN_FOR


def _save_predictions(
    db: SiteDatabase, model: Model, post_id: str, looked: ClassifiedPhotos
) -> tuple[int | None, Classification | None]:
    """Write a prediction for each photo, and one over all of several.

    Returns the id and the answer that speak for the post.
    """
    if not looked.classified:
        return None, None
    for photo, classification, info in looked.classified:
        save_image(db.conn, info, photo.url)
        db["post_images"].update(photo.key, {"image_sha256": info.sha256, "error": None})
        prediction_id = save_prediction(
            db.conn,
            model,
            classification,
            source="bot",
            image_sha256=info.sha256,
            post_id=post_id,
        )
    classifications = [classification for _, classification, _ in looked.classified]
    if len(classifications) == 1:
        return prediction_id, classifications[0]
    # Several photos show one animal: one answer for the post, beside one for each photo.
    combined = model.combine(classifications)
    return save_prediction(db.conn, model, combined, source="bot", post_id=post_id), combined


def _reason_to_skip(round_: Round, post: StoredPost, *, has_photo: bool) -> SkipReason | None:
    """Return the first reason to say nothing, in the order in which they count."""
    db, asker = round_.db, round_.asker(post)
    age = parse_time(post.seen_at) - parse_time(post.posted_at)
    # X accepts no reply to somebody who did not ask for one, whatever was agreed.
    is_welcome = post.summoned or (asker.is_host and post.platform != "x")
    reasons: tuple[tuple[SkipReason, Callable[[], bool]], ...] = (
        (OPTED_OUT, lambda: post.is_opted_out(db)),
        ("own_post", lambda: same_handle(post.author, round_.timeline.handle())),
        ("deleted", lambda: post.is_gone),
        ("answered", lambda: is_answered(db, post.id)),
        ("too_old", lambda: age > TOO_OLD),
        ("no_photo", lambda: not has_photo),
        ("not_summoned", lambda: not is_welcome),
        ("cap", lambda: over_cap(db, asker, round_.now())),
    )
    return next((reason for reason, holds in reasons if holds()), None)
