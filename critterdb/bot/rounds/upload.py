"""A photo that a host uploads for a round, and what the game's model says of a photo."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from critterdb.errors import GameError, ModelError, RejectedInputError, SiteError
from critterdb.storage.database import site_folder
from critterdb.storage.stored_files import stored_file

from .picture import as_own_jpeg, postable_photo
from .plan import Said, Upload, said_by

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.games import Game
    from critterdb.storage.database import SiteDatabase


def make_upload(data: bytes) -> Upload:
    """Return a stranger's picture as a JPEG of our own. Blocks. Raises RejectedInputError."""
    from PIL import Image

    jpeg = as_own_jpeg(data)
    with Image.open(io.BytesIO(jpeg)) as image:
        return Upload(jpeg, *image.size)


def read_upload(path: Path) -> Upload:
    """Return a file as make_upload does. Raises GameError if it is not a picture."""
    from critterdb.imaging.sources import read_source

    try:
        return make_upload(read_source(path))
    except RejectedInputError as error:
        raise GameError(f"{path}: {error}") from error


def look_at(db: SiteDatabase, game: Game, photo: int | Upload) -> Said | None:
    """Return what the game's model says of a photo of the site or of an upload. Blocks.

    None if the game has no model, or if the model or the photo cannot be used.
    """
    from critterdb.model.inference import classify_image
    from critterdb.model.registry import current_model

    if game.model_id is None:
        return None
    if isinstance(photo, Upload):
        data = photo.jpeg
    else:
        path = postable_photo(db, photo)["path"]
        try:
            data = stored_file(site_folder(db), "photos", path).read_bytes()
        except (OSError, SiteError) as error:
            raise GameError(f"Photo {photo} could not be read. Choose another one") from error
    try:
        model = current_model(db, game.slug)
        classification, _ = classify_image(model, data)
    except (ModelError, RejectedInputError):
        return None
    return said_by(db, model, classification)
