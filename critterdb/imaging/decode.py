"""Untrusted bytes → upright RGB pixels, or a refusal with the endpoint's code.

Pillow's decoders raise nearly anything on hostile files (SyntaxError and struct.error among them),
so whatever they raise becomes a RejectedInputError here. Size is judged from the header, before
any pixel.

This decodes in the calling process, which is right for files that are one's own. What strangers
send goes through `decoders`, which does the same in a process that may die of it.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageFile, ImageOps

from critterdb.errors import MAX_IMAGE_BYTES as MAX_IMAGE_BYTES
from critterdb.errors import MAX_IMAGE_PIXELS as MAX_IMAGE_PIXELS
from critterdb.errors import RejectedInputError, too_large
from critterdb.storage.stored_files import open_regular

from .complexity import (
    MAX_PARTS,
    has_too_many_parts,
    is_too_much_heif,
    is_too_much_jpeg,
    is_too_much_png,
    runs_out,
)
from .formats import NOT_AN_IMAGE as NOT_AN_IMAGE
from .formats import image_format as image_format
from .heif import HEIF_KINDS, HeifStructure, read_heif, reads_heic
from .jpeg import JpegStructure, read_structure, with_more_data

if TYPE_CHECKING:
    from pathlib import Path

# Of less there is nothing to recognize, and trackers' pixels are refused by the way.
MIN_SIDE = 32  # pixels
MAX_ASPECT = 20
# As far from black as from white: a cut-out animal of either keeps its outline.
MID_GREY = (128, 128, 128)

FORMATS = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "heic": "HEIF",
    "avif": "AVIF",
}

NO_HEIC = "This site does not read HEIC pictures. Save it as a JPEG and try again"
TRUNCATED = "The picture is cut off before its end. Save or download it again"
TOO_SMALL = "The picture is too small or too narrow. Use one of at least 32 pixels a side"
TOO_COMPLEX = "The picture takes too long to decode. Save it again as a plain JPEG and try again"


@dataclass(frozen=True)
class ImageInfo:
    """What is recorded of an image: the SHA-256 and size of its bytes, and its upright size."""

    sha256: str
    width: int
    height: int
    bytes: int


def read_image_file(path: Path) -> bytes:
    """The bytes of a file, which may be too many for a picture, but only one byte too many.

    Raises OSError where it cannot be read or is a pipe or a device.
    """
    with open_regular(path) as file:
        return file.read(MAX_IMAGE_BYTES + 1)


def read_image(
    data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS, shorter_side: int | None = None
) -> tuple[Image.Image, ImageInfo]:
    """Decode `data` and tell about it; see decode_image."""
    image, width, height = decode_sized(data, max_pixels=max_pixels, shorter_side=shorter_side)
    return image, image_info(data, width, height)


def decode_image(
    data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS, shorter_side: int | None = None
) -> Image.Image:
    """The first frame of an image as upright RGB; transparency lies on mid-grey.

    `shorter_side` (pixels) lets a picture be decoded at a fraction of its size, never below that.
    Raises RejectedInputError: not_an_image, image_truncated, image_too_small, too_large,
    image_too_complex.
    """
    return decode_sized(data, max_pixels=max_pixels, shorter_side=shorter_side)[0]


def image_info(data: bytes, width: int, height: int) -> ImageInfo:
    """What is recorded of an image whose upright size is known."""
    return ImageInfo(hashlib.sha256(data).hexdigest(), width, height, len(data))


def decode_sized(
    data: bytes,
    *,
    max_pixels: int = MAX_IMAGE_PIXELS,
    max_bytes: int = MAX_IMAGE_BYTES,
    shorter_side: int | None = None,
) -> tuple[Image.Image, int, int]:
    """As decode_image, with the width and height that the whole upright image has."""
    if len(data) > max_bytes:
        raise too_large(f"{max_bytes / 1e6:g} MB")
    kind = image_format(data)
    structure = _read_structure(data, kind)
    image = _open(data, kind, structure, max_pixels)
    size = width, height = image.size
    try:
        _load(image, kind, shorter_side)
        if isinstance(structure, JpegStructure):
            if _is_cut_short(data, structure, image, shorter_side):
                raise RejectedInputError("image_truncated", TRUNCATED)
        elif image.size != size:  # the boxes of a HEIC may say something else than its picture
            raise RejectedInputError("not_an_image", NOT_AN_IMAGE)
        sideways, rgb = _upright_rgb(image, shorter_side)
    except RejectedInputError:
        raise
    except MemoryError as error:
        raise _too_complex() from error
    except Exception as error:
        raise _refusal_for(error, data, kind) from error
    return (rgb, height, width) if sideways else (rgb, width, height)


def upright_rgb(image: Image.Image, *, shorter_side: int | None = None) -> Image.Image:
    """Return a picture that the caller opened as decode_image returns it: upright RGB, no alpha.

    Raises RejectedInputError as decode_image does, except that no limit of pixels holds.
    """
    width, height = image.size
    _check_sides(width, height)
    try:
        return _upright_rgb(image, shorter_side)[1]
    except MemoryError as error:
        raise _too_complex() from error
    except Exception as error:
        # An image that was opened and not loaded yet is decoded here.
        raise RejectedInputError("not_an_image", NOT_AN_IMAGE) from error


def _upright_rgb(image: Image.Image, shorter_side: int | None) -> tuple[bool, Image.Image]:
    """Whether turning the image upright swapped its sides, and the image as upright RGB."""
    sideways, upright = _upright(image)
    return sideways, _smaller(_to_rgb(_smaller(upright, shorter_side)), shorter_side)


def _check_sides(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        raise RejectedInputError("image_too_small", TOO_SMALL)


def _too_complex() -> RejectedInputError:
    return RejectedInputError("image_too_complex", TOO_COMPLEX)


def _read_structure(data: bytes, kind: str) -> JpegStructure | HeifStructure | None:
    """Count before decoding: a limit of time alone would refuse a borderline bomb by chance."""
    structure: JpegStructure | HeifStructure | None = None
    if kind == "jpg":
        structure = read_structure(data, max_parts=MAX_PARTS)
    elif kind in HEIF_KINDS:
        structure = read_heif(data, max_parts=MAX_PARTS)
    if structure.parts > MAX_PARTS if structure else has_too_many_parts(data, kind):
        raise _too_complex()
    return structure


def _open(
    data: bytes, kind: str, structure: JpegStructure | HeifStructure | None, max_pixels: int
) -> ImageFile.ImageFile:
    """Open an image whose header says that it is of a size and complexity to decode."""
    try:
        image = open_with_pillow(data, kind, max_pixels)
    except RejectedInputError as refusal:
        cut_off = structure.runs_out if structure else runs_out(data, kind)
        if refusal.code == "not_an_image" and cut_off:
            raise RejectedInputError("image_truncated", TRUNCATED) from refusal
        raise
    width, height = image.size
    pixels = width * height
    # By the header, before a pixel is unpacked: a kilobyte can hold a gigapixel of one colour.
    if pixels > max_pixels:
        raise too_large(f"{max_pixels / 1e6:g} megapixels")
    _check_sides(width, height)
    if isinstance(structure, HeifStructure):
        # Decoders fill in what is missing, tile by tile.
        if structure.runs_out:
            raise RejectedInputError("image_truncated", TRUNCATED)
        if structure.is_broken:
            raise RejectedInputError("not_an_image", NOT_AN_IMAGE)
        too_much = is_too_much_heif(structure, max_pixels)
    elif structure:
        too_much = is_too_much_jpeg(structure, pixels, max_pixels)
    else:
        too_much = kind == "png" and is_too_much_png(data, pixels, max_pixels)
    if too_much:
        raise _too_complex()
    return image


def open_with_pillow(
    data: bytes, kind: str, max_pixels: int = MAX_IMAGE_PIXELS
) -> ImageFile.ImageFile:
    """Open an image of a kind without decoding it. Raises RejectedInputError."""
    if kind in HEIF_KINDS:
        prepare_heif()
    if kind == "heic" and not reads_heic():
        raise RejectedInputError("not_an_image", NO_HEIC)
    try:
        return Image.open(io.BytesIO(data), formats=(FORMATS[kind],))
    except Image.DecompressionBombError as error:
        raise too_large(f"{max_pixels / 1e6:g} megapixels") from error
    except MemoryError as error:
        raise _too_complex() from error
    except Exception as error:
        raise RejectedInputError("not_an_image", NOT_AN_IMAGE) from error


@cache
def prepare_heif() -> None:
    """Let Pillow decode AVIF in one thread, and HEIC where the extra `heic` is installed.

    More threads would not be faster in the sandbox, whose processes share the processors.
    """
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    if not reads_heic():
        return
    import pillow_heif

    pillow_heif.register_heif_opener(
        decode_threads=1,
        # A thumbnail may show something else than its picture.
        thumbnails=False,
        depth_images=False,
        aux_images=False,
    )


def _load(image: ImageFile.ImageFile, kind: str, shorter_side: int | None) -> None:
    if shorter_side and kind == "jpg":
        scale = shorter_side / min(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        # libjpeg can leave out the finer coefficients: a photo of 12 megapixels is decoded at an
        # eighth of its size, for a fraction of the time.
        image.draft("RGB", (width, height))
    image.load()


def _is_cut_short(
    data: bytes, structure: JpegStructure, image: Image.Image, shorter_side: int | None
) -> bool:
    """Whether pixels of a loaded JPEG are missing although it ends in an end marker.

    libjpeg paints what it lacks as mid-grey. So where the last pixels are mid-grey, the picture is
    decoded again with other bytes before the end marker: only an unfinished one changes by them.
    """
    if not structure.complete:
        return True
    right, below = image.size
    corner = image.crop((right - 1, below - 1, right, below)).getextrema()
    if any(not 126 <= value <= 129 for value in _flat(corner)):
        return False
    # docs/decisions.md#truncated-jpegs-are-found-by-decoding-twice
    again = open_with_pillow(with_more_data(data, structure), "jpg")
    _load(again, "jpg", shorter_side)
    return ImageChops.difference(image.convert("RGB"), again.convert("RGB")).getbbox() is not None


def _flat(extrema: tuple[object, ...]) -> list[float]:
    """The numbers of what getextrema() gives: a pair, or a pair a band."""
    pairs = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return [number for pair in pairs for number in pair]  # type: ignore[attr-defined]


def _refusal_for(error: Exception, data: bytes, kind: str) -> RejectedInputError:
    # Pillow says "truncated" in words only, and not for every decoder.
    if "truncated" in str(error).lower() or _ends_early(data, kind):
        return RejectedInputError("image_truncated", TRUNCATED)
    return RejectedInputError("not_an_image", NOT_AN_IMAGE)


def _ends_early(data: bytes, kind: str) -> bool:
    if kind == "jpg":
        return not read_structure(data, max_parts=MAX_PARTS).complete
    if kind == "png":
        # Some programs write a few bytes behind the end.
        return b"IEND" not in data[-64:]
    if kind == "webp":
        return runs_out(data, kind)
    if kind in HEIF_KINDS:
        return False  # what runs out was refused before it was decoded
    # A GIF ends in a semicolon, and some are padded with zeros.
    return not data.rstrip(b"\0").endswith(b";")


def _upright(image: Image.Image) -> tuple[bool, Image.Image]:
    """The image as its EXIF block says that it was held, and whether that swapped its sides."""
    try:
        orientation = int(image.getexif().get(0x0112, 1))
        # Where nothing is to be turned, exif_transpose() would make a copy.
        upright = ImageOps.exif_transpose(image) if 2 <= orientation <= 8 else image
    except Exception:
        # A broken EXIF block does not make a picture unusable: do not rotate it.
        return False, image
    return orientation in (5, 6, 7, 8), upright


def _smaller(image: Image.Image, shorter_side: int | None) -> Image.Image:
    """Every n-th part of a picture that is far larger than wanted; at least twice what is wanted.

    What JPEG gets while decoding, other formats get here. Resizing a large picture takes as long as
    decoding it.
    """
    # A whole factor first: a good filter over 50 megapixels takes a third of a second.
    factor = min(image.size) // (2 * shorter_side) if shorter_side else 1
    if factor < 2 or image.mode not in ("L", "RGB", "RGBA") or "transparency" in image.info:
        return image
    # docs/decisions.md#large-pictures-are-reduced-by-a-whole-number-first
    return image.reduce(factor)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _from_16_bits(image)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        return _on_grey(layer, layer.getchannel("A"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_grey(image: Image.Image, alpha: Image.Image) -> Image.Image:
    ground = Image.new("RGB", image.size, MID_GREY)
    ground.paste(image, mask=alpha)
    return ground


def _from_16_bits(image: Image.Image) -> Image.Image:
    # convert("RGB") clips 16 bits to 8 instead of scaling them.
    values = image.convert("I")
    grey = values.point([round(value / 257) for value in range(65536)], "L").convert("RGB")
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return grey
    return _on_grey(grey, values.point([255 * (value != clear) for value in range(65536)], "L"))


# Pillow must refuse cut-off files, whatever another package of the process has set.
ImageFile.LOAD_TRUNCATED_IMAGES = False
