"""A picture as a JPEG that every browser shows, with its colours and nothing else of its file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from critterdb.errors import MAX_IMAGE_BYTES, too_large

if TYPE_CHECKING:
    from PIL import Image

# The best that fits; a photo of 12 megapixels has 3 to 5 MB at the first.
QUALITIES = (90, 75, 50)
_COLOUR_SPACE = slice(16, 20)  # of a profile's header


def encode_jpeg(image: Image.Image, longest_side: int) -> bytes:
    """Return an RGB image as a JPEG of at most MAX_IMAGE_BYTES, at most so many pixels a side.

    Raises RejectedInputError (too_large) if no quality is small enough.
    """
    profile = image.info.get("icc_profile")
    # A profile of another colour space went with the pixels that were in it.
    if not isinstance(profile, bytes) or profile[_COLOUR_SPACE] != b"RGB ":
        profile = None
    image.info.clear()  # Pillow would write a comment that it found there
    image.thumbnail((longest_side, longest_side))
    for quality in QUALITIES:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, icc_profile=profile)
        if file.tell() <= MAX_IMAGE_BYTES:
            return file.getvalue()
    raise too_large()
