"""What goes with an answer if it is asked for, and on the page: similar photos, and evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.errors import ModelError, RejectedInputError
from critterdb.model.inference import classify_image
from critterdb.web.pages.likenesses import groups_of, has_each
from critterdb.web.queries.training_photos import as_similar

from .similar import embed, find_likenesses, may_see_similar

if TYPE_CHECKING:
    from datasette.database import Database

    from critterdb.model.decision import Classification
    from critterdb.model.evidence import EvidencePayload
    from critterdb.model.loader import Model
    from critterdb.model.payloads import AnswerPayload
    from critterdb.web.queries.training_photos import Likeness

    from .call import Call, Picture
    from .extras import Extras


@dataclass(frozen=True)
class Looked:
    """A picture, and what a model said of it."""

    model: Model
    picture: Picture
    payload: AnswerPayload


@dataclass(frozen=True)
class Additions:
    """Training photos near the picture, and where in it the evidence is; None if not to be had."""

    likenesses: list[Likeness] | None = None
    evidence: EvidencePayload | None = None


def wants_evidence(call: Call, extras: Extras) -> bool:
    """Whether the evidence is asked for, or the page shows it."""
    return extras.evidence or call.as_page


async def find_additions(
    call: Call, database: Database, looked: Looked, extras: Extras
) -> Additions:
    """Add to the payload what was asked for, and return what the page shows.

    On a page these are additions, left out if there is no time for them. A program that
    asked gets RejectedInputError (busy) then.
    """
    payload = looked.payload
    evidence = payload.pop("evidence", None)
    if evidence is None and wants_evidence(call, extras):
        evidence = await _look_for_evidence(call, looked, extras)
    likenesses = None
    if extras.similar or call.as_page:
        likenesses = await _find_similar(call, database, looked, extras)
    if extras.evidence and evidence:
        payload["evidence"] = evidence
    if extras.similar:
        near, path = (likenesses or [])[: extras.similar], call.datasette.urls.path
        payload["similar"] = [as_similar(like.photo, like.distance, path) for like in near]
    return Additions(likenesses, evidence)


async def _look_for_evidence(call: Call, looked: Looked, extras: Extras) -> EvidencePayload | None:
    """The evidence for an answer that came from the database, which does not keep it."""
    model, picture = looked.model, looked.picture
    if not model.has_evidence:
        return None

    # Rows of the endpoint are without it: 2 kB each, for a picture that is at hand.
    async def look() -> Classification:
        limit = call.state.settings.max_pixels
        classification, _ = await call.state.workers.run(
            lambda: classify_image(model, picture.data, max_pixels=limit, evidence=True)
        )
        return classification

    try:
        again = await call.state.coalesce(("evidence", picture.sha256, model.id), look)
    except ModelError as error:
        raise RejectedInputError("no_model", error.public) from error
    except RejectedInputError:
        if extras.evidence:
            raise
        return None
    return again.evidence.as_dict() if again.evidence else None


async def _find_similar(
    call: Call, database: Database, looked: Looked, extras: Extras
) -> list[Likeness] | None:
    """Training photos near a picture, the nearest first; None for who may not see them."""
    if not await may_see_similar(call, database):
        return None
    groups = groups_of(looked.payload, looked.model.labels)

    def is_enough(near: list[Likeness]) -> bool:
        return len(near) >= extras.similar and (not call.as_page or has_each(near, groups))

    try:
        # Decoded again: no embedding of a visitor's picture is kept.
        # docs/decisions.md#similar-photos-are-searched-again-for-each-answer
        vector = await embed(call, looked.model, looked.picture)
        return await find_likenesses(call, database, looked.model, vector, is_enough)
    except RejectedInputError:
        if extras.similar:
            raise
        return None
