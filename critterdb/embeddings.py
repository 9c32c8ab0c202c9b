"""Photo files → embedding rows, once; vectors of earlier runs are reused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .backbones import Backbone
from .errors import Refusal
from .images import decode_image, square_pixels
from .runtime import cores
from .schema import SiteDatabase, site_folder

BATCH = 4  # photos a run of the network; larger ones leave the processor's caches
ROWS_A_TRANSACTION = 256
STORED_AS = "<f2"  # little-endian float16: half the room, and no error that a head notices


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
    site = site_folder(db)
    embedded = done = 0
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    waiting: list[tuple[str, bytes, int]] = []
    # One session run at a time uses every core; decoding the next photos overlaps with it.
    with ThreadPoolExecutor(cores()) as pool:
        ahead = pool.map(lambda batch: _read_batch(site, batch, backbone), batches)
        for batch, (pixels, errors) in zip(batches, ahead, strict=True):
            good = [photo for photo in batch if photo.photo_id not in errors]
            if good:
                vectors = backbone.embed(pixels).astype(STORED_AS)
                waiting += [
                    (photo.sha256, vector.tobytes(), len(vector))
                    for photo, vector in zip(good, vectors, strict=True)
                ]
            _save_errors(db, errors)
            if len(waiting) >= ROWS_A_TRANSACTION:
                embedded += _save_vectors(db, backbone.recipe, waiting)
            done += len(batch)
            if progress:
                progress(done, len(missing))
    return embedded + _save_vectors(db, backbone.recipe, waiting)


def load_embeddings(db: SiteDatabase, recipe: str, sha256s: Sequence[str]) -> np.ndarray:
    """Vectors float32 N×D, in the order given. Raises KeyError where one is missing."""
    rows = db.conn.execute("SELECT sha256, vector FROM embeddings WHERE backbone = ?", [recipe])
    wanted = set(sha256s)
    vectors = {sha256: vector for sha256, vector in rows if sha256 in wanted}
    return np.stack([np.frombuffer(vectors[sha256], STORED_AS) for sha256 in sha256s]).astype(
        np.float32
    )


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


def _read_batch(
    site: Path, batch: Sequence[PhotoFile], backbone: Backbone
) -> tuple[np.ndarray, dict[int, str]]:
    pixels, errors = [], {}
    for photo in batch:
        try:
            data = (site / photo.path).read_bytes()
            image = decode_image(data, shorter_side=backbone.size)
            pixels.append(square_pixels(image, backbone.size, backbone.resize))
        except (OSError, Refusal) as error:
            errors[photo.photo_id] = str(error)
    return np.stack(pixels) if pixels else np.empty(0), errors


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
