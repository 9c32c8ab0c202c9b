"""Untrusted bytes → upright RGB pixels, or a refusal with the endpoint's code.

Pillow's decoders raise nearly anything on hostile files (SyntaxError and struct.error among them),
so whatever they raise becomes a Refusal here. Size is judged from the header, before any pixel.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile, ImageOps

from .errors import Refusal

MAX_IMAGE_BYTES = 10_000_000
MAX_IMAGE_PIXELS = 50_000_000
MIN_SIDE = 32  # pixels
MAX_ASPECT = 20
MAX_JPEG_SCANS = 64  # a progressive photo has about ten; thousands cost minutes of CPU
MID_GREY = (128, 128, 128)

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}

NOT_AN_IMAGE = "That is not a JPEG, PNG, WebP or GIF picture. Try another file"
TRUNCATED = "The picture is cut off before its end. Save or download it again"
TOO_SMALL = "The picture is too small or too narrow. Use one of at least 32 pixels a side"
TOO_LARGE = "The picture is too large (10 MB, 50 megapixels at most). Make it smaller and try again"
TOO_COMPLEX = "The picture takes too long to decode. Save it anew as a plain JPEG and try again"


@dataclass(frozen=True)
class ImageInfo:
    """What is recorded of an image: the SHA-256 and size of its bytes, and its upright size."""

    sha256: str
    width: int
    height: int
    bytes: int


def image_format(data: bytes) -> str:
    """`jpg`, `png`, `webp` or `gif`, by the bytes. Raises Refusal for anything else."""
    if data[:3] == b"\xff\xd8\xff":
        return "jpg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    raise Refusal("not_an_image", NOT_AN_IMAGE)


def read_image(
    data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS, shorter_side: int | None = None
) -> tuple[Image.Image, ImageInfo]:
    """Decode `data` and tell about it; see decode_image."""
    image, size = _decode(data, max_pixels, shorter_side)
    return image, ImageInfo(hashlib.sha256(data).hexdigest(), *size, len(data))


def decode_image(
    data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS, shorter_side: int | None = None
) -> Image.Image:
    """The first frame of an image as upright RGB; transparency lies on mid-grey.

    `shorter_side` (pixels) lets a JPEG be decoded at a fraction of its size, never below that.
    Raises Refusal: not_an_image, image_truncated, image_too_small, too_large, image_too_complex.
    """
    return _decode(data, max_pixels, shorter_side)[0]


def _decode(
    data: bytes, max_pixels: int, shorter_side: int | None
) -> tuple[Image.Image, tuple[int, int]]:
    if len(data) > MAX_IMAGE_BYTES:
        raise Refusal("too_large", TOO_LARGE)
    kind = image_format(data)
    try:
        image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
    except Image.DecompressionBombError as error:
        raise Refusal("too_large", TOO_LARGE) from error
    except Exception as error:
        raise Refusal("not_an_image", NOT_AN_IMAGE) from error
    width, height = image.size
    if width * height > max_pixels:
        raise Refusal("too_large", TOO_LARGE)
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        raise Refusal("image_too_small", TOO_SMALL)
    if kind == "jpg" and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise Refusal("image_too_complex", TOO_COMPLEX)
    sideways = _orientation(image) in (5, 6, 7, 8)
    try:
        if shorter_side and kind == "jpg":
            scale = shorter_side / min(width, height)
            image.draft("RGB", (max(1, round(width * scale)), max(1, round(height * scale))))
        image.load()
        upright = _upright(image)
        rgb = _to_rgb(upright)
    except Exception as error:
        raise _refusal_for(error, data, kind) from error
    return rgb, ((height, width) if sideways else (width, height))


def _refusal_for(error: Exception, data: bytes, kind: str) -> Refusal:
    # Pillow says "truncated" in words only, and not for every decoder.
    if "truncated" in str(error).lower() or _ends_early(data, kind):
        return Refusal("image_truncated", TRUNCATED)
    return Refusal("not_an_image", NOT_AN_IMAGE)


def _ends_early(data: bytes, kind: str) -> bool:
    if kind == "jpg":
        return b"\xff\xd9" not in data[-1024:]
    if kind == "png":
        return b"IEND" not in data[-64:]
    if kind == "webp":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    return not data.rstrip(b"\0").endswith(b";")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:
        # A broken EXIF block is no reason to refuse a picture: it stays as it lies.
        return 1


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        # convert("RGB") clips 16 bits to 8 instead of scaling them.
        values = np.asarray(image, dtype=np.float32)
        scale = 255 / max(float(values.max()), 1) if values.max() > 65535 else 255 / 65535
        image = Image.fromarray((values * scale).clip(0, 255).astype(np.uint8), "L")
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", image.size, MID_GREY)
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image.convert("RGB")


# Pillow must refuse cut-off files, whatever another package of the process has set.
ImageFile.LOAD_TRUNCATED_IMAGES = False
