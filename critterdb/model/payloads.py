"""The JSON of an answer and of a refusal, for the endpoint, the commands and the pages."""

from __future__ import annotations

from typing import Any

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import ImageInfo

from .decision import Classification
from .loader import Model


def answer_payload(
    model: Model,
    classification: Classification,
    info: ImageInfo | None,
    prediction_id: int | None,
    took_ms: float,
) -> dict[str, Any]:
    """The JSON object of one answer; one over several images has no `info`."""
    return {
        "ok": True,
        "answer": classification.answer,
        "abstained": classification.abstained,
        "reason": classification.reason,
        "predictions": classification.predictions,
        "novelty": classification.novelty,
        "model": {"id": model.id, "game": model.game, "backbone": model.backbone},
        "image": info and {"sha256": info.sha256, "width": info.width, "height": info.height},
        "prediction_id": prediction_id,
        "took_ms": round(took_ms, 1),
    }


def refusal_payload(refusal: RejectedInputError) -> dict[str, Any]:
    """The JSON object of a refusal."""
    return {
        "ok": False,
        "error": str(refusal),
        "code": refusal.code,
        "status": refusal.status,
    }
