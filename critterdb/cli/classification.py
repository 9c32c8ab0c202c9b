"""Classify the inputs of `critterdb classify`: files, URLs and standard input."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError
from critterdb.imaging.sandbox import shared_decoders
from critterdb.imaging.sources import read_source as read_file_or_url
from critterdb.imaging.sources import read_stream
from critterdb.model.inference import classify_image
from critterdb.model.loader import Model, load_model
from critterdb.model.payloads import (
    AnswerPayload,
    Payload,
    answer_payload,
    combined_payload,
    refusal_payload,
)
from critterdb.model.predictions import save_classification
from critterdb.model.registry import current_model

from .common import open_site

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from critterdb.model.decision import Classification
    from critterdb.storage.database import SiteDatabase


@dataclass(frozen=True)
class Classifier:
    """A model, and the site that stores its answers (null for a bare model file)."""

    model: Model
    db: SiteDatabase | None


def open_classifier(ctx: click.Context, model_name: str | None) -> Classifier:
    """Load a model by id or file, by default the one in use. Raises ModelError and SiteError."""
    shared_decoders().warm_up()  # while the model is loaded
    if model_name and model_name.endswith(".onnx"):
        return Classifier(load_model(Path(model_name)), None)
    db = open_site(ctx)
    return Classifier(current_model(db, model_id=model_name), db)


def classify_sources(
    classifier: Classifier, sources: Sequence[str], *, together: bool = False
) -> list[Payload]:
    """Classify each source. With `together`, add one answer for all readable ones."""
    payloads: list[Payload] = []
    classifications: list[Classification] = []
    for source in sources:
        try:
            classification, answer = _classify_source(classifier, source)
            payloads.append({**answer, "source": source})
            classifications.append(classification)
        except RejectedInputError as refusal:
            payloads.append({**refusal_payload(refusal), "source": source})
    if together and classifications:
        payloads.append(combined_payload(classifier.model, classifications))
    return payloads


def _classify_source(classifier: Classifier, source: str) -> tuple[Classification, AnswerPayload]:
    """Classify one source and store its row. Raises RejectedInputError."""
    started = time.perf_counter()
    model, db = classifier.model, classifier.db
    classification, info = classify_image(model, read_source(source))
    prediction_id = None
    if db is not None:
        url = source if "://" in source else None
        prediction_id = save_classification(db, model, classification, info, source="cli", url=url)
    took_ms = (time.perf_counter() - started) * 1000
    return classification, answer_payload(model, classification, info, prediction_id, took_ms)


def read_source(source: str) -> bytes:
    """Return the bytes of a file, of an http(s) URL, or of standard input for `-`.

    Raises RejectedInputError if there are none, or too many.
    """
    return read_stream(sys.stdin.buffer) if source == "-" else read_file_or_url(source)
