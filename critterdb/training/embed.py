"""Embed photo files and store the vectors; those of earlier runs are reused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from critterdb.dataset.embeddings import STORED_AS
from critterdb.dataset.photo_files import UNREADABLE_ERRORS, PhotoFile, stored_photos
from critterdb.dataset.sketch_store import store_sketches
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.system import cores, lower_priority

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from critterdb._types import Progress

    from .backbones import Backbone

# Twos instead of fours were a part of what made training 76 times as fast as fastai's usual recipe,
# where it had been 65 (docs/benchmarks.md).
BATCH = 2  # photos per run of the network; larger batches leave the processor's caches
# Some 2.5 s of work on two cores, which is what a kill can cost.
ROWS_PER_TRANSACTION = 256


@dataclass(frozen=True)
class UnembeddedPhoto:
    """A photo that has no vector of a recipe yet."""

    photo_id: int
    sha256: str
    file: PhotoFile


class StoredVector(NamedTuple):
    """A row of `embeddings`, without its recipe."""

    sha256: str
    vector: bytes
    dimensions: int


@dataclass(frozen=True)
class EmbeddedBatch:
    """What became of a few photos: a vector, or an error by photo id."""

    vectors: list[StoredVector]
    errors: dict[int, str]


def embed_photos(
    db: SiteDatabase,
    backbone: Backbone,
    game: str,
    *,
    progress: Progress | None = None,
) -> int:
    """Embed the game's photos that have no vector of this recipe yet; return how many got one.

    A file that is missing or unreadable gets its reason in `photos.error` and is skipped. Rows are
    committed on the way, so a killed run goes on where it stopped.
    """
    missing = _missing_photos(db, backbone.recipe, game)
    embedded = done = 0
    unsaved: list[StoredVector] = []
    try:
        # Closed here and not when Python collects it: until then its threads go on with the rest.
        with closing(_embed_batches(missing, backbone)) as batches:
            for batch in batches:
                unsaved += batch.vectors
                _save_errors(db, batch.errors)
                if len(unsaved) >= ROWS_PER_TRANSACTION:
                    _save_vectors(db, backbone.recipe, unsaved)
                    embedded += len(unsaved)
                    unsaved = []
                done += len(batch.vectors) + len(batch.errors)
                if progress:
                    progress(done, len(missing))
    finally:
        _save_vectors(db, backbone.recipe, unsaved)  # also of a run that is stopped
        backbone.release()
    store_sketches(db, backbone.recipe)
    return embedded + len(unsaved)


def _embed_batches(
    photos: Sequence[UnembeddedPhoto], backbone: Backbone
) -> Generator[EmbeddedBatch]:
    """What became of each batch, in order.

    Each core decodes and embeds batches of its own: one network run over all cores leaves them
    waiting for each other between layers, and for the decoding.
    """
    batches = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    pool = ThreadPoolExecutor(cores(), initializer=lower_priority)
    try:
        yield from pool.map(lambda batch: _embed_batch(batch, backbone), batches)
    finally:
        pool.shutdown(cancel_futures=True)  # whoever interrupts need not wait for the rest


def _missing_photos(db: SiteDatabase, recipe: str, game: str) -> list[UnembeddedPhoto]:
    rows = list(
        db.query(
            """
        SELECT min(photos.id) AS photo_id, photos.sha256, photos.path
        FROM photos
        JOIN game_observations USING (observation_id)
        WHERE game_observations.game = :game
            AND game_observations.left_at IS NULL
            AND photos.path IS NOT NULL
            AND photos.withdrawn_at IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM embeddings
                WHERE embeddings.sha256 = photos.sha256 AND embeddings.backbone = :recipe
            )
            AND photos.sha256 IS NOT NULL
        GROUP BY photos.sha256
        ORDER BY photo_id
        """,
            {"game": game, "recipe": recipe},
        )
    )
    files = stored_photos(site_folder(db), [row["path"] for row in rows])
    return [
        UnembeddedPhoto(row["photo_id"], row["sha256"], file)
        for row, file in zip(rows, files, strict=True)
    ]


def _embed_batch(batch: Sequence[UnembeddedPhoto], backbone: Backbone) -> EmbeddedBatch:
    readable, pixels, errors = [], [], {}
    for photo in batch:
        try:
            pixels.append(backbone.pixels(photo.file.decode(backbone.view.shorter_side)))
            readable.append(photo)
        except UNREADABLE_ERRORS as error:
            errors[photo.photo_id] = str(error)
    if not readable:
        return EmbeddedBatch([], errors)
    vectors = backbone.embed(np.stack(pixels)).astype(STORED_AS)
    rows = [
        StoredVector(photo.sha256, vector.tobytes(), len(vector))
        for photo, vector in zip(readable, vectors, strict=True)
    ]
    return EmbeddedBatch(rows, errors)


def _save_vectors(db: SiteDatabase, recipe: str, vectors: Sequence[StoredVector]) -> None:
    with db.atomic():
        db.conn.executemany(
            "INSERT OR IGNORE INTO embeddings (sha256, vector, dimensions, backbone) "
            "VALUES (?, ?, ?, ?)",
            [(*row, recipe) for row in vectors],
        )


def _save_errors(db: SiteDatabase, errors: Mapping[int, str]) -> None:
    for photo_id, error in errors.items():
        db["photos"].update(photo_id, {"error": error})
