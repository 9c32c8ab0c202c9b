"""The JSON of an answer and of a refusal, for the endpoint, the commands and the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from .placed_answer import answer_with_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.errors import RejectedInputError
    from critterdb.imaging.decode import ImageInfo

    from .decision import Classification
    from .evidence import EvidencePayload
    from .label_sets import LabelSet
    from .labels import Answer, Reason, ScoredTaxon
    from .loader import Model
    from .placed_answer import PlacedAnswer
    from .whereabouts import Whereabouts


class ModelPayload(TypedDict):
    """Which model answered."""

    id: str
    game: str
    backbone: str


class ImagePayload(TypedDict):
    """The picture as it was sent; sides in pixels."""

    sha256: str
    width: int
    height: int


class SimilarPhoto(TypedDict):
    """A training photo like the picture; `image` and `page` are addresses on a served site.

    `distance` is one minus the cosine of the embeddings: 0 for the same picture.
    """

    photo_id: int
    distance: float
    taxon_id: int | None
    name: str | None
    common_name: str | None
    license_code: str | None
    attribution: str | None
    image: str
    page: str


class AnswerPayload(TypedDict):
    """An answer. `source` is what `critterdb classify` was given; the endpoint has none.

    `similar` and `evidence` are there if they were asked for; `evidence` also needs a model that
    has it. `set` and `looks` are there if the model has them, `with_place` if the model knows of
    places and it was said where the picture was taken.
    """

    ok: Literal[True]
    answer: Answer | None
    abstained: bool
    reason: Reason | None
    predictions: list[ScoredTaxon]
    novelty: float
    novelty_threshold: float  # the model's; above it a picture is `not_a_critter`
    model: ModelPayload | None  # None for visitors who may not read the table `models`
    image: ImagePayload | None
    prediction_id: int | None
    took_ms: float
    set: NotRequired[LabelSet]
    looks: NotRequired[int]  # 1 or 2
    crop: NotRequired[list[float]]  # x, y, width and height as shares, if the second look decided
    similar: NotRequired[list[SimilarPhoto]]
    with_place: NotRequired[PlacedAnswer]
    evidence: NotRequired[EvidencePayload]
    source: NotRequired[str]


class RefusalPayload(TypedDict):
    """A refusal; `code` and `status` are those of docs/api.md."""

    ok: Literal[False]
    error: str
    code: str
    status: int
    source: NotRequired[str]


Payload = AnswerPayload | RefusalPayload


def answer_payload(
    model: Model,
    classification: Classification,
    info: ImageInfo | None,
    prediction_id: int | None,
    took_ms: float,
) -> AnswerPayload:
    """Return the JSON object of one answer; one over several images has no `info`."""
    payload: AnswerPayload = {
        "ok": True,
        "answer": classification.answer,
        "abstained": classification.abstained,
        "reason": classification.reason,
        "predictions": classification.predictions,
        "novelty": classification.novelty,
        "novelty_threshold": round(classification.thresholds["novelty_threshold"], 4),
        "model": {"id": model.id, "game": model.game, "backbone": model.backbone},
        "image": _image_payload(info) if info else None,
        "prediction_id": prediction_id,
        "took_ms": round(took_ms, 1),
    }
    if model.second_look:
        payload["looks"] = classification.looks
    if classification.crop:
        payload["crop"] = classification.crop.rounded()
    if classification.evidence is not None:
        payload["evidence"] = classification.evidence.as_dict()
    if label_set := model.label_set([classification]):
        payload["set"] = label_set
    return payload


def add_place(payload: AnswerPayload, placed: PlacedAnswer | None) -> None:
    """Put the answer with where and when beside that of the photo alone, if there is one."""
    if placed is not None:
        payload["with_place"] = placed


def _image_payload(info: ImageInfo) -> ImagePayload:
    return {"sha256": info.sha256, "width": info.width, "height": info.height}


def combined_payload(
    model: Model, classifications: Sequence[Classification], whereabouts: Whereabouts | None = None
) -> AnswerPayload:
    """Return the JSON object of one answer over several images of one animal."""
    combined = model.combine(classifications)
    payload = answer_payload(model, combined, None, None, 0.0)
    add_place(payload, answer_with_place(model, combined, whereabouts))
    if label_set := model.label_set(classifications):
        payload["set"] = label_set
    return {**payload, "source": f"{len(classifications)} together"}


def refusal_payload(refusal: RejectedInputError) -> RefusalPayload:
    """Return the JSON object of a refusal."""
    return {
        "ok": False,
        "error": str(refusal),
        "code": refusal.code,
        "status": refusal.status,
    }
