"""Classify the inputs of `critterdb classify`: files, URLs and standard input."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from critterdb.dataset.photo_files import PHOTO_SUFFIXES
from critterdb.dataset.similarity import TrainingPhotos, load_training_photos
from critterdb.errors import RejectedInputError, SourceError
from critterdb.imaging.sandbox import shared_decoders
from critterdb.imaging.sources import read_source as read_file_or_url
from critterdb.imaging.sources import read_stream
from critterdb.model.inference import classify_image, embed_image, whereabouts_in
from critterdb.model.loader import Model, load_model
from critterdb.model.payloads import (
    AnswerPayload,
    Payload,
    add_place,
    answer_payload,
    combined_payload,
    refusal_payload,
)
from critterdb.model.placed_answer import answer_with_place
from critterdb.model.predictions import save_classification
from critterdb.model.registry import choose_model_id, current_model
from critterdb.model.whereabouts import Whereabouts, parse_whereabouts, said_by
from critterdb.web.queries.training_photos import as_similar

from .common import open_site
from .evidence_picture import write_evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from critterdb.model.decision import Classification
    from critterdb.storage.database import SiteDatabase


# Those that can be read, and those that are pictures too: a folder's answer says why not.
PICTURE_SUFFIXES = PHOTO_SUFFIXES | {
    *(".avif", ".bmp", ".heic", ".heif", ".jfif", ".tif", ".tiff"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".rw2"),
}


@dataclass(frozen=True)
class Classifier:
    """A model, and the site that stores its answers (null for a bare model file)."""

    model: Model
    db: SiteDatabase | None

    @cached_property
    def training_photos(self) -> TrainingPhotos:
        """The photos that the model learned from, of its site."""
        assert self.db
        return load_training_photos(self.db, self.model.game, self.model.backbone)


@dataclass(frozen=True)
class Extras:
    """What else an answer has: `similar` training photos, and its `evidence` drawn in a file."""

    similar: int = 0
    evidence: Path | None = None


@dataclass(frozen=True)
class PlaceOptions:
    """Where and when the photos were taken, or whether each photo's file may say so."""

    said: Whereabouts | None = None
    use_exif: bool = False

    @classmethod
    def parse(cls, options: Mapping[str, object]) -> PlaceOptions:
        """Read --latitude, --longitude, --on and --use-exif. Raises RejectedInputError."""
        return cls(parse_whereabouts(said_by(options)), bool(options.get("use_exif")))

    def of(self, data: bytes) -> Whereabouts | None:
        """Return where and when the photo in a file's bytes was taken, if that is known."""
        return self.said or (whereabouts_in(data) if self.use_exif else None)


NO_EXTRAS = Extras()
NO_PLACES = PlaceOptions()


def open_classifier(ctx: click.Context, model_name: str | None, game: str | None) -> Classifier:
    """Load a model by id, file or game, by default the only one in use.

    Raises CritterError if there is none, or several.
    """
    shared_decoders().warm_up()  # while the model is loaded
    if model_name and model_name.endswith(".onnx"):
        if game is not None:
            raise click.UsageError("A model file does not belong to a game. Omit --game.")
        return Classifier(load_model(Path(model_name)), None)
    db = open_site(ctx)
    return Classifier(current_model(db, model_id=choose_model_id(db, model_name, game)), db)


def list_sources(sources: Sequence[str]) -> list[str]:
    """Replace each folder by the pictures in it and below it, by name.

    Raises SourceError if a folder holds none, or cannot be read.
    """
    listed: list[str] = []
    for source in sources:
        folder = Path(source)
        if "://" in source or not folder.is_dir():
            listed.append(source)
            continue
        pictures = sorted(
            str(path)
            for path in folder.rglob("*")
            if path.suffix.lower() in PICTURE_SUFFIXES
            and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        if not pictures:
            raise SourceError(
                f"{source} does not contain pictures. Name a folder of JPEG or PNG files"
            )
        listed += pictures
    return listed


def classify_sources(
    classifier: Classifier,
    sources: Sequence[str],
    extras: Extras = NO_EXTRAS,
    *,
    together: bool = False,
    places: PlaceOptions = NO_PLACES,
) -> Iterator[Payload]:
    """Classify each source in turn. With `together`, add one answer for all readable ones."""
    classifications: list[Classification] = []
    for source in sources:
        try:
            classification, answer = _classify_source(classifier, source, extras, places)
        except RejectedInputError as refusal:
            yield {**refusal_payload(refusal), "source": source}
            continue
        if together:
            classifications.append(classification)
        yield {**answer, "source": source}
    if classifications:
        yield combined_payload(classifier.model, classifications, places.said)


def _classify_source(
    classifier: Classifier, source: str, extras: Extras, places: PlaceOptions
) -> tuple[Classification, AnswerPayload]:
    """Classify one source and store its row. Raises RejectedInputError."""
    started = time.perf_counter()
    model, db = classifier.model, classifier.db
    data = read_source(source)
    classification, info = classify_image(model, data, evidence=extras.evidence is not None)
    prediction_id = None
    if db is not None:
        url = source if "://" in source else None
        prediction_id = save_classification(db, model, classification, info, source="cli", url=url)
    answer = answer_payload(model, classification, info, prediction_id, 0.0)
    add_place(answer, answer_with_place(model, classification, places.of(data)))
    if extras.similar:
        near = classifier.training_photos.nearest(embed_image(model, data), extras.similar)
        answer["similar"] = [as_similar(photo, distance) for photo, distance in near]
    if extras.evidence:
        write_evidence(extras.evidence, data, answer, classification.crop)
    answer["took_ms"] = round((time.perf_counter() - started) * 1000, 1)
    return classification, answer


def read_source(source: str) -> bytes:
    """Return the bytes of a file, of an http(s) URL, or of standard input for `-`.

    Raises RejectedInputError if there are none, or too many; it does not name the source.
    """
    return read_stream(sys.stdin.buffer) if source == "-" else read_file_or_url(source)
