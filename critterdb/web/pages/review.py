"""`/-/critters/review` and `/-/critters/answers`: a person says what it really was, by keyboard.

Each is a form with buttons, and works as one; review.js lets keys press the buttons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from critterdb.inaturalist.taxon_search import find_taxon
from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.web import urls
from critterdb.web.datasette.compat import write
from critterdb.web.datasette.permissions import REVIEW, may
from critterdb.web.errors import PageNotFoundError
from critterdb.web.files.static import static_path
from critterdb.web.http.body import NOT_AS_HERE, read_form
from critterdb.web.http.csrf import is_forged
from critterdb.web.http.headers import data_headers
from critterdb.web.http.negotiation import whole_number
from critterdb.web.queries.photos import PHOTO_TABLES, Photo, shown
from critterdb.web.queries.posts import STORY_TABLES, pictures_of, web_address
from critterdb.web.queries.reviews import (
    SOURCES,
    ReviewQueue,
    load_candidate,
    load_prediction,
    load_queue,
    save_review,
)
from critterdb.web.queries.settling import settle

from .base import Page, Visit, busy, page

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasette.utils.asgi import Response

# Forms only, so that reviewing works without scripts; a script lets keys press their buttons.
METHODS = ("GET", "HEAD", "POST")

Verdict = Literal["right", "wrong", "is", "named", "other", "inconclusive", "nothing"]
"""The buttons of both forms: `is` names a taxon by its id, `named` by what somebody wrote."""


@dataclass(frozen=True)
class Decision:
    """What a person said: a verdict, with a taxon's id or the name that was written."""

    verdict: Verdict
    taxon_id: int | None
    name: str

    def taxon(self, db: SiteDatabase) -> int | None:
        """Return the taxon that it was, if one was said. Raises LookupError if it is not here."""
        if self.verdict != "named":
            return self.taxon_id
        taxon_id = find_taxon(db, self.name)
        if taxon_id is None:
            raise LookupError(f"There is no critter called “{self.name}”. Go back and try another")
        return taxon_id


@page(
    *PHOTO_TABLES,
    *("reviews", "images", "posts", "post_images", "prediction_counts"),
    methods=METHODS,
)
async def review(visit: Visit) -> Page | Response:
    """The newest prediction that waits for a look; a POST says whether it was right."""
    await _check_rights(visit)
    if visit.request.method == "POST":
        return await _save_review(visit)
    source, model = visit.argument("source") or "bot", visit.argument("model")
    if source not in SOURCES:
        raise PageNotFoundError(f"“source” should be one of {', '.join(SOURCES)}")
    before, again = visit.number("before"), visit.number("prediction")
    local = visit.sees_local_photos
    data = await visit.read(
        lambda db: _load_queue(db, (source, model), before, again, local_photos=local)
    )
    prediction = data["prediction"]
    pictures = prediction["pictures"] if prediction else []
    if prediction:
        prediction["pictures"] = [web_address(url) or visit.path(url) for url in pictures]
    if prediction and prediction["photo"]:
        prediction["photo"] = shown(visit, cast("Photo", prediction["photo"]))
    queue = {"source": source, "model": model}
    following = prediction["prediction_id"] if prediction else None
    further = data["further_before"]
    return Page(
        "critterdb_review.html",
        title="Was it right?",
        description="Say whether a prediction was right, and what it really was.",
        data={**data, **queue},
        extras={
            "sources": SOURCES,
            "review_js": visit.path(static_path("review.js")),
            "skip_path": visit.path(urls.with_query(urls.REVIEW, **queue, before=following)),
            "further_path": visit.path(urls.with_query(urls.REVIEW, **queue, before=further)),
            "last": visit.number("last"),
        },
        pictures_from=tuple(filter(web_address, pictures)),
    )


def _load_queue(
    db: SiteDatabase,
    queue: tuple[str, str],
    before: int | None,
    again: int | None,
    *,
    local_photos: bool,
) -> ReviewQueue:
    """The queue of a source and model, with the prediction `again` on top if that is asked for."""
    data = load_queue(db, *queue, before, local_photos=local_photos)
    if again is not None:
        prediction = load_prediction(db, again, local_photos=local_photos)
        if prediction is None:
            raise PageNotFoundError(f"There is no prediction {again} here")
        data = {**data, "prediction": prediction}
    return data


async def _save_review(visit: Visit) -> Response:
    form = await read_form(visit.request)
    source, model = form.get("source") or "bot", form.get("model") or ""
    prediction_id = _whole(form.get("prediction_id"))
    decision = _decision(form)

    def save(db: SiteDatabase) -> None:
        taxon_id = decision.taxon(db)
        verdict = "is" if decision.verdict == "named" else decision.verdict
        save_review(db, prediction_id, verdict, taxon_id, _actor_name(visit))

    await _write(visit, save)
    path = urls.with_query(
        urls.REVIEW, source=source, model=model, before=prediction_id, last=prediction_id
    )
    return _redirect(visit, path)


# Why a message waits for a person: the reasons of bot/reading and bot/host_answers, as sentences.
WHY = {
    "hedged": "It waits because the host hedged.",
    "two names": "It waits because it names more than one animal.",
    "a joke": "It waits because it may be a joke.",
    "takes itself back": "It waits because it seems to take back what it says.",
    "too coarse": "It waits because it names a group that includes the animal in question.",
    "only mentioned": "It waits because it names an animal without saying that it is the answer.",
    "only ruled out": "It waits because it only says what the animal is not.",
    "still open": "It waits because the host seems to ask or hint, so the game may go on.",
    "a shrug": "It waits because “no idea” may not be the last word.",
    "elsewhere in the thread": "It waits because it may be about another photo in the thread.",
    "corrects an answer": "It seems to correct the stored answer.",
    "contradicts an answer": "It differs from the stored answer, which still counts.",
    "takes an answer back": "It takes back the earlier answer, which no longer counts.",
}


@page(
    *STORY_TABLES,
    *("answer_candidates", "superseded_answers", "model_labels"),
    methods=METHODS,
)
async def answers(visit: Visit) -> Page | Response:
    """The oldest message of a host that may hold an answer; a POST says what it does say."""
    await _check_rights(visit)
    if visit.request.method == "POST":
        return await _settle(visit)
    after = visit.number("after") or 0
    local = visit.sees_local_photos
    data = await visit.read(lambda db: load_candidate(db, after, local_photos=local))
    candidate = data["candidate"]
    following = candidate["id"] if candidate else None
    reason = candidate["reason"] if candidate else None
    return Page(
        "critterdb_answers.html",
        title="What did the host say?",
        description="Messages by hosts that may contain an answer and need review.",
        data=data,
        extras={
            "why": WHY.get(reason or ""),
            "review_js": visit.path(static_path("review.js")),
            "skip_path": visit.path(urls.with_query(urls.ANSWERS, after=following)),
        },
        pictures_from=pictures_of([data["post"]] if data["post"] else []),
    )


async def _settle(visit: Visit) -> Response:
    form = await read_form(visit.request)
    candidate_id = _whole(form.get("candidate_id"))
    decision = _decision(form)

    def save(db: SiteDatabase) -> None:
        taxon_id = decision.taxon(db)
        choice = decision.verdict if taxon_id is None else "taxon"
        settle(db, candidate_id, choice, taxon_id)

    await _write(visit, save)
    return _redirect(visit, urls.ANSWERS)


async def _check_rights(visit: Visit) -> None:
    # Signing in is not enough: a review is signed and changes what the site says of itself.
    if not await may(visit.datasette, visit.request.actor, REVIEW):
        raise PageNotFoundError(
            "Only reviewers may review. Sign in, or ask the site's owner. "
            "On your own machine, critterdb serve --root signs you in",
            status=403,
        )
    if visit.request.method == "POST" and is_forged(visit.request):
        raise PageNotFoundError(
            "Another site sent this form. Open the form on this site instead", status=403
        )
    if not visit.database.is_mutable:
        raise PageNotFoundError("This copy of the site is read-only, so you cannot review here")


async def _write(visit: Visit, save: Callable[[SiteDatabase], None]) -> None:
    def save_on(conn: Any) -> None:
        save(SiteDatabase(conn))

    try:
        await write(visit.database, save_on)
    except LookupError as error:
        raise PageNotFoundError(str(error)) from error
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        raise busy(
            "Another program is writing to this site's database, so nothing was saved. "
            "Go back and try again in a minute"
        ) from error


def _decision(form: dict[str, str]) -> Decision:
    """What the pressed button says: `right`, `wrong` … as they are; `is:42007` as a taxon."""
    word, _, taxon = (form.get("verdict") or "").partition(":")
    if word not in get_args(Verdict):
        raise PageNotFoundError("Press one of the buttons to say what it was")
    taxon_id = _whole(taxon) if word == "is" else None
    return Decision(cast("Verdict", word), taxon_id, (form.get("taxon") or "").strip())


def _whole(value: str | None) -> int:
    try:
        return whole_number(value or "")
    except ValueError:
        raise PageNotFoundError(NOT_AS_HERE) from None


def _actor_name(visit: Visit) -> str | None:
    actor = visit.request.actor
    return str(actor["id"]) if actor and actor.get("id") is not None else None


def _redirect(visit: Visit, address: str) -> Response:
    from datasette.utils.asgi import Response

    headers = {**data_headers(), "Location": visit.path(address)}
    return Response("", status=303, headers=headers)
