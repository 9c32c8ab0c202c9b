"""A model in Python: from a site or from a file, and what it says of a picture."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.dataset.similarity import TrainingPhotos, load_training_photos
from critterdb.errors import ModelError, RejectedInputError
from critterdb.imaging.decode import ImageInfo, upright_rgb
from critterdb.imaging.sources import read_source
from critterdb.model import loader
from critterdb.model.inference import (
    PhotoView,
    classify_view,
    view_decoded,
    view_image,
    whereabouts_in,
)
from critterdb.model.payloads import AnswerPayload, SimilarPhoto, add_place, answer_payload
from critterdb.model.placed_answer import answer_with_place
from critterdb.model.predictions import save_classification
from critterdb.model.registry import current_model
from critterdb.model.whereabouts import Said, parse_whereabouts
from critterdb.web.queries.training_photos import MAX_SIMILAR, as_similar

from .database import database_file, open_reading
from .result import Result

if TYPE_CHECKING:
    import os
    from datetime import date

    import numpy as np
    from PIL import Image

    from critterdb.model.labels import Label, Thresholds
    from critterdb.storage.database import SiteDatabase

    Picture = str | os.PathLike[str] | bytes | Image.Image
    """A file's path, an http(s) URL, the bytes of a file, or a picture that Pillow opened."""


@dataclass(frozen=True)
class Seen:
    """What the network sees of a picture; about its bytes, if there are any; and their URL."""

    view: PhotoView
    info: ImageInfo | None = None
    url: str | None = None
    data: bytes | None = None


class Model:
    """A loaded model. It may be used by several threads at once, unless it records answers."""

    def __init__(
        self,
        loaded: loader.Model,
        *,
        database: Path | None = None,
        recording: SiteDatabase | None = None,
    ) -> None:
        self._loaded = loaded
        self._database = database
        self._recording = recording

    @property
    def id(self) -> str:
        """The model's name: its game and the moment of its training."""
        return self._loaded.id

    @property
    def game(self) -> str:
        """The short name of the game that it was trained for."""
        return self._loaded.game

    @property
    def labels(self) -> list[Label]:
        """The taxa that it can name, each with its ancestors from the root down."""
        return self._loaded.labels

    @property
    def thresholds(self) -> Thresholds:
        """When it answers: `threshold` is a probability, `novelty_threshold` a novelty."""
        return self._loaded.thresholds

    def classify(
        self,
        picture: Picture,
        *,
        similar: int = 0,
        evidence: bool = False,
        latitude: float | None = None,
        longitude: float | None = None,
        on: str | date | None = None,
        use_exif: bool = False,
    ) -> Result:
        """Classify a picture: a path, an http(s) URL, bytes, or an image that Pillow opened.

        Files, URLs and bytes are decoded in a sandboxed process, and URLs are fetched as the
        endpoint does: public addresses only. At most 10 MB and 50 megapixels are accepted.
        `similar` adds that many of the nearest training photos, at most 10; it needs the site.
        `evidence` adds where in the picture the answer comes from, if the model has that.
        `latitude`, `longitude` (degrees) and `on` (a date) say where and when it was taken, and
        add an answer with that if the model knows of places. With `use_exif` the file says so.

        Raises RejectedInputError, whose `code` is one of docs/api.md, if the picture cannot be
        read or its place is not valid, and ModelError if the model fails or has no site to find
        similar photos in.
        """
        whereabouts = parse_whereabouts(Said(latitude, longitude, on))
        if not 0 <= similar <= MAX_SIMILAR:
            raise ModelError(f"similar={similar} is not a number from 0 to {MAX_SIMILAR}")
        if similar and self._database is None:
            raise ModelError(
                f"similar={similar} needs the photos of a site. Load the model from one: "
                'critterdb.load_model("mysite")'
            )
        started = time.perf_counter()
        seen = self._look_at(picture)
        info, url = seen.info, seen.url
        classification = classify_view(self._loaded, seen.view, evidence=evidence)
        prediction_id = None
        if self._recording is not None and info is not None:
            prediction_id = save_classification(
                self._recording, self._loaded, classification, info, source="cli", url=url
            )
        photos = self._similar(seen.view.pixels, similar) if similar else None
        took_ms = (time.perf_counter() - started) * 1000
        payload = answer_payload(self._loaded, classification, info, prediction_id, took_ms)
        # After the row is written: a place is private, and no row keeps it.
        if whereabouts is None and use_exif and seen.data is not None:
            whereabouts = whereabouts_in(seen.data)
        add_place(payload, answer_with_place(self._loaded, classification, whereabouts))
        return Result(payload if photos is None else _with_similar(payload, photos))

    def __repr__(self) -> str:
        return f"<Model {self.id}: {len(self.labels)} labels>"

    def _look_at(self, picture: Picture) -> Seen:
        from PIL import Image

        view = self._loaded.view
        if isinstance(picture, Image.Image):
            opened = picture
            return Seen(view_decoded(view, lambda side: upright_rgb(opened, shorter_side=side)))
        url = picture if isinstance(picture, str) and "://" in picture else None
        try:
            if isinstance(picture, bytes | bytearray):
                data = bytes(picture)
            else:
                data = read_source(picture)
            seen, info = view_image(self._loaded, data)
        except RejectedInputError as error:
            if isinstance(picture, bytes | bytearray):
                raise  # it has no name
            raise RejectedInputError(error.code, f"{picture}: {error}") from error
        return Seen(seen, info, url, data)

    @cached_property
    def _training_photos(self) -> TrainingPhotos:
        assert self._database
        with closing(open_reading(self._database)) as db:
            return load_training_photos(db, self.game, self._loaded.backbone)

    def _similar(self, pixels: np.ndarray, count: int) -> list[SimilarPhoto]:
        _, embeddings, _ = self._loaded.run(pixels[None])
        # All of them: the sketches that pages use find little more than 90% of the nearest.
        near = self._training_photos.nearest(embeddings[0], count)
        return [as_similar(photo, distance) for photo, distance in near]


def _with_similar(payload: AnswerPayload, photos: list[SimilarPhoto]) -> AnswerPayload:
    return {**payload, "similar": photos}


def load_model(
    path: str | os.PathLike[str], *, game: str | None = None, model_id: str | None = None
) -> Model:
    """Load a model: the one in use of a site (a folder or a critters.db), or an .onnx file.

    `game` says whose model to use if several games of the site have one; `model_id` names any
    model of the site. Nothing is recorded.

    Raises SiteError if there is no site, and ModelError if there is no model, several could be
    meant, or the file fails a check.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        if game or model_id:
            raise ModelError("game and model_id choose a model of a site, not one in a file")
        return Model(loader.load_model(path))
    with closing(open_reading(path)) as db:
        loaded = choose_model(db, game, model_id)
    return Model(loaded, database=database_file(path))


def choose_model(db: SiteDatabase, game: str | None, model_id: str | None) -> loader.Model:
    """Load the model of a site that the names mean. Raises ModelError."""
    if not game and not model_id:
        query = "SELECT slug FROM games WHERE model_id IS NOT NULL ORDER BY slug"
        games = [row["slug"] for row in db.query(query)]
        if len(games) > 1:
            raise ModelError(
                f'Several games have a model: {", ".join(games)}. Name one: game="{games[0]}"'
            )
    return current_model(db, game, model_id=model_id)
