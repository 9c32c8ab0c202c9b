"""Thumbnails of photos for lists: WebP, in the shape in which the pages show them."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from PIL import Image

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import MAX_IMAGE_BYTES, MID_GREY
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.imaging.sandbox import shared_decoders
from critterdb.storage.stored_files import open_stored
from critterdb.system import cores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from threading import Event

    import numpy as np

    from critterdb.imaging.decode import ImageInfo

    from .folder import BakedFolder

# Widths in pixels: of a card in a list, and of one on a screen with two pixels for each of CSS.
SIZES = (240, 480)
# Cards are 4:3, and cut what sticks out (critterdb.css, `.shot a`).
SHAPE = (4, 3)
# A card of 240 pixels takes about 6 kB: a list of 100 photos stays below 1 MB.
QUALITY = {240: 60, 480: 66}
# Of Pillow's 0 to 6: 4 takes twice the time for 3% fewer bytes.
METHOD = 2
# The photo is decoded to a square of its whole, from which both sizes are cut.
WHOLE = Preprocessing(512, "squash", "bilinear")


def thumbnail_path(sha256: str, side: int) -> str:
    """Return where the thumbnail of a photo lies, relative to the folder."""
    return f"thumbnails/{sha256[:2]}/{sha256}-{side}.webp"


def make_thumbnails(
    copy: Path,
    folder: BakedFolder,
    photos: Mapping[str, str],
    stop: Event,
) -> list[str]:
    """Write those that the earlier edition lacks; the paths of photos that cannot be decoded.

    `photos` gives the path of a file in `copy` by its SHA-256. When `stop` is set, no further
    thumbnail is begun. Raises OSError.
    """
    waiting = [sha256 for sha256 in photos if not _keep(folder, sha256)]
    left = []
    pool = ThreadPoolExecutor(cores())
    try:
        done = pool.map(lambda sha256: _make(copy, folder, sha256, photos[sha256]), waiting)
        for sha256, is_decoded in zip(waiting, done, strict=True):
            if stop.is_set():
                break
            if not is_decoded:
                left.append(photos[sha256])
    finally:
        pool.shutdown(cancel_futures=True)
    return left


def _keep(folder: BakedFolder, sha256: str) -> bool:
    return all(folder.keep(thumbnail_path(sha256, side)) for side in SIZES)


def _make(copy: Path, folder: BakedFolder, sha256: str, path: str) -> bool:
    with open_stored(copy, "photos", path) as file:
        data = file.read(MAX_IMAGE_BYTES + 1)
    decoded: tuple[np.ndarray, ImageInfo] | None
    try:
        decoded = shared_decoders().view(data, WHOLE)
    except RejectedInputError:
        decoded = None
    for side, encoded in (encode(*decoded) if decoded else _plain()).items():
        folder.write(thumbnail_path(sha256, side), encoded)
    return decoded is not None


def encode(pixels: np.ndarray, info: ImageInfo) -> dict[int, bytes]:
    """Return the thumbnails, by their width, of a picture that was decoded to WHOLE."""
    box = _middle(info.width, info.height)
    large = Image.fromarray(pixels).resize(_size(SIZES[1]), Image.Resampling.BICUBIC, box)
    return _encoded(large)


def _plain() -> dict[int, bytes]:
    """What stands for a photo that cannot be decoded: browsers show it no better."""
    return _encoded(Image.new("RGB", _size(SIZES[1]), MID_GREY))


def _encoded(large: Image.Image) -> dict[int, bytes]:
    # Each pixel of the small one is four of the large one: a tenth of a resampling's time.
    images = {SIZES[0]: large.reduce(SIZES[1] // SIZES[0]), SIZES[1]: large}
    return {side: _webp(image, side) for side, image in images.items()}


def _size(side: int) -> tuple[int, int]:
    return side, side * SHAPE[1] // SHAPE[0]


def _webp(image: Image.Image, side: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=QUALITY[side], method=METHOD)
    return file.getvalue()


def _middle(width: int, height: int) -> tuple[float, float, float, float]:
    """The part of a picture that its card shows, in pixels of the square."""
    wanted = SHAPE[0] / SHAPE[1]
    across = min(1.0, wanted * height / width)
    down = min(1.0, width / (wanted * height))
    side = WHOLE.size
    left, top = (1 - across) / 2 * side, (1 - down) / 2 * side
    return left, top, side - left, side - top
