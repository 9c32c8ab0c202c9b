"""The photo of a round: which ones may be posted, and the file that is.

A photo of the site is posted if everybody may see it and its licence permits a smaller copy. An
uploaded one is kept as a JPEG of our own in the folder rounds/, which nothing serves or publishes.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from critterdb.errors import GameError, RejectedInputError, SiteError
from critterdb.licences import DEFAULT_LICENSES, MAY_PHOTO_BE_SHOWN
from critterdb.platforms.base import ReplyPicture
from critterdb.storage.database import site_folder
from critterdb.storage.stored_files import stored_file

from .texts import alt_text

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

    from .store import HostedRound

# Bluesky takes a million bytes; a photo of 1,600 pixels has about 400,000.
MAX_BYTES = 950_000
SIDES = (2048, 1600, 1200, 960, 640)  # pixels of the longer side
QUALITY = 85

MAY_BE_POSTED = f"""
    {MAY_PHOTO_BE_SHOWN}
    AND photos.license_code IN ({", ".join(f"'{code}'" for code in DEFAULT_LICENSES)})
"""
_PHOTO = f"""
SELECT photos.path, photos.attribution, observations.taxon_id FROM photos
JOIN observations ON observations.id = photos.observation_id
WHERE photos.id = ? AND {MAY_BE_POSTED}
"""


def postable_photo(db: SiteDatabase, photo_id: int) -> dict[str, object]:
    """Return path, attribution and taxon of a photo that may be posted. Raises GameError."""
    for row in db.query(_PHOTO, [photo_id]):
        return dict(row)
    raise GameError(
        f"Photo {photo_id} cannot be posted: it is not here, was withdrawn, or has no licence that "
        "permits copies. Choose another one"
    )


def as_own_jpeg(data: bytes) -> bytes:
    """Return a stranger's picture as a JPEG without metadata, decoded by a sandboxed process.

    Raises RejectedInputError.
    """
    from critterdb.imaging.sandbox import shared_decoders

    # Pillow's decoders are C code that reads hostile bytes, and a thread cannot be stopped.
    return shared_decoders().to_jpeg(data)


def round_picture(db: SiteDatabase, hosted: HostedRound) -> ReplyPicture:
    """Return the picture of a round with its alt text. Raises GameError if it cannot be posted."""
    try:
        data, width, height = _fitting(_file(db, hosted))
    except (OSError, SiteError, RejectedInputError) as error:
        raise GameError(
            f"The photo of round {hosted.id} could not be read: {error}. Cancel the round with: "
            f"critterdb rounds cancel {hosted.id}"
        ) from error
    return ReplyPicture(data, "image/jpeg", alt_text(hosted), width, height)


def _file(db: SiteDatabase, hosted: HostedRound) -> bytes:
    folder = site_folder(db)
    if hosted.photo_id is None:
        return stored_file(folder, "rounds", hosted.picture).read_bytes()
    # Asked again: a licence may have been withdrawn since the round was planned.
    path = postable_photo(db, hosted.photo_id)["path"]
    return stored_file(folder, "photos", path).read_bytes()


def _fitting(data: bytes) -> tuple[bytes, int, int]:
    """A JPEG without metadata that every platform takes, and its sides."""
    from PIL import Image

    with Image.open(io.BytesIO(as_own_jpeg(data))) as image:
        picture = image.convert("RGB")
    for side in SIDES:
        picture.thumbnail((side, side))
        file = io.BytesIO()
        # A copy of the pixels alone: Pillow would write what it found beside them.
        plain = Image.frombytes("RGB", picture.size, picture.tobytes())
        plain.save(file, "JPEG", quality=QUALITY)
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue(), *picture.size
