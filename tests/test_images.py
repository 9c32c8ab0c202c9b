"""Bytes of strangers: what is a picture, which way is up, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from critterdb.errors import Refusal
from critterdb.images import decode_image, read_image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(mode: str = "RGB", size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Dark above, light below."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[size[1] // 2 :] = 255
    return Image.fromarray(pixels).convert(mode)


def is_dark_above(image: Image.Image) -> bool:
    pixels = np.asarray(image.convert("L"), float)
    return bool(pixels[:20].mean() < 40 and pixels[-20:].mean() > 215)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_four_formats_are_read(kind: str) -> None:
    image, info = read_image(saved(halves(), kind))
    assert (image.mode, image.size) == ("RGB", (80, 60))
    assert (info.width, info.height) == (80, 60)
    assert is_dark_above(image)


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("L", "JPEG"), ("P", "PNG")])
def test_other_colour_modes_become_rgb(mode: str, kind: str) -> None:
    assert is_dark_above(decode_image(saved(halves(mode), kind)))


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    values = np.full((60, 80), 0x8000, np.uint16)
    image = decode_image(saved(Image.fromarray(values), "PNG"))
    assert image.getpixel((5, 5)) == pytest.approx((128, 128, 128), abs=1)


def test_transparency_lies_on_grey() -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert decode_image(saved(image, "PNG")).getpixel((5, 5)) == (128, 128, 128)


def test_a_photo_that_was_held_sideways_is_put_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its right side
    sideways = halves().rotate(90, expand=True)
    image, info = read_image(saved(sideways, "JPEG", exif=exif))
    assert (info.width, info.height) == image.size == (80, 60)
    assert is_dark_above(image)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [halves(), Image.new("RGB", (80, 60), "red")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert is_dark_above(decode_image(data))


PNG = saved(halves(), "PNG")
JPEG = saved(halves(), "JPEG")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_an_image"),
        (b"<html>", "not_an_image"),
        (b"\xff\xd8\xff", "not_an_image"),
        (saved(halves(), "BMP"), "not_an_image"),
        (saved(halves(), "TIFF"), "not_an_image"),
        (JPEG[:-100], "image_truncated"),
        (PNG[:-60], "image_truncated"),
        (saved(halves(size=(31, 40)), "PNG"), "image_too_small"),
        (saved(halves(size=(641, 32)), "PNG"), "image_too_small"),
        (JPEG + bytes(10_000_000), "too_large"),
        (saved(Image.new("1", (10_000, 5_001)), "PNG"), "too_large"),
    ],
    ids=[
        "nothing", "html", "a start", "bmp", "tiff", "cut jpeg", "cut png", "small", "narrow",
        "bytes", "pixels",
    ],
)  # fmt: skip
def test_what_is_refused_and_as_what(data: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decode_image(data)
    assert refused.value.code == code


def test_a_large_jpeg_is_decoded_small_but_never_below_the_model_s_size() -> None:
    image, info = read_image(saved(halves(size=(1600, 1200)), "JPEG"), shorter_side=288)
    assert (info.width, info.height) == (1600, 1200)
    assert 288 <= min(image.size) < 1200
