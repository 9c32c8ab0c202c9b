"""Photo files → embedding rows, once; vectors of earlier runs are reused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from critterdb.dataset.embeddings import STORED_AS
from critterdb.errors import RejectedInputError, SiteError
from critterdb.imaging.decode import MAX_IMAGE_BYTES, decode_image
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_files import open_stored
from critterdb.system import cores, lower_priority

from .backbones import Backbone

BATCH = 2  # photos a run of the network; larger ones leave the processor's caches
ROWS_PER_TRANSACTION = 256


@dataclass(frozen=True)
class PhotoFile:
    """A photo that wants a vector."""

    photo_id: int
    sha256: str
    path: str


def embed_photos(
    db: SiteDatabase,
    backbone: Backbone,
    game: str,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Embed the game's photos that have no vector of this recipe yet; return how many got one.

    A file that is missing or unreadable gets its reason in `photos.error` and is passed over. Rows
    are committed as it goes, so a killed run goes on where it stopped.
    """
    missing = _missing_photos(db, backbone.recipe, game)
    embedded = done = 0
    waiting: list[tuple[str, bytes, int]] = []
    try:
        for vectors, errors in _embed_batches(site_folder(db), missing, backbone):
            waiting += vectors
            _save_errors(db, errors)
            if len(waiting) >= ROWS_PER_TRANSACTION:
                embedded += _save_vectors(db, backbone.recipe, waiting)
            done += len(vectors) + len(errors)
            if progress:
                progress(done, len(missing))
    finally:
        embedded += _save_vectors(db, backbone.recipe, waiting)  # also of one that is stopped
        backbone.release()
    return embedded


def _embed_batches(
    site: Path, photos: Sequence[PhotoFile], backbone: Backbone
) -> Iterator[tuple[list[tuple[str, bytes, int]], dict[int, str]]]:
    """The rows and errors of each batch, in order.

    Each core decodes and embeds batches of its own: one network run over all cores leaves them
    waiting for each other between layers, and for the decoding.
    """
    batches = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    pool = ThreadPoolExecutor(cores(), initializer=lower_priority)
    try:
        yield from pool.map(lambda batch: _embed_batch(site, batch, backbone), batches)
    finally:
        pool.shutdown(cancel_futures=True)  # whoever interrupts need not wait for the rest


def _missing_photos(db: SiteDatabase, recipe: str, game: str) -> list[PhotoFile]:
    rows = db.query(
        """
        SELECT min(photos.id) AS photo_id, photos.sha256, photos.path
        FROM photos
        JOIN game_observations USING (observation_id)
        WHERE game_observations.game = :game
            AND game_observations.left_at IS NULL
            AND photos.path IS NOT NULL
            AND photos.withdrawn_at IS NULL
            AND photos.sha256 NOT IN (SELECT sha256 FROM embeddings WHERE backbone = :recipe)
        GROUP BY photos.sha256
        ORDER BY photo_id
        """,
        {"game": game, "recipe": recipe},
    )
    return [PhotoFile(**row) for row in rows]


def _embed_batch(
    site: Path, batch: Sequence[PhotoFile], backbone: Backbone
) -> tuple[list[tuple[str, bytes, int]], dict[int, str]]:
    good, pixels, errors = [], [], {}
    for photo in batch:
        try:
            with open_stored(site, "photos", photo.path) as file:
                data = file.read(MAX_IMAGE_BYTES + 1)
            pixels.append(
                backbone.pixels(decode_image(data, shorter_side=backbone.view.shorter_side))
            )
            good.append(photo)
        except (OSError, RejectedInputError, SiteError) as error:
            errors[photo.photo_id] = str(error)
    if not good:
        return [], errors
    vectors = backbone.embed(np.stack(pixels)).astype(STORED_AS)
    return [
        (photo.sha256, vector.tobytes(), len(vector))
        for photo, vector in zip(good, vectors, strict=True)
    ], errors


def _save_vectors(db: SiteDatabase, recipe: str, waiting: list[tuple[str, bytes, int]]) -> int:
    """Write and empty the list of vectors that wait to be written."""
    with db.atomic():
        db.conn.executemany(
            "INSERT OR IGNORE INTO embeddings (sha256, vector, dimensions, backbone) "
            "VALUES (?, ?, ?, ?)",
            [(*row, recipe) for row in waiting],
        )
    written = len(waiting)
    waiting.clear()
    return written


def _save_errors(db: SiteDatabase, errors: dict[int, str]) -> None:
    for photo_id, error in errors.items():
        db["photos"].update(photo_id, {"error": error})
