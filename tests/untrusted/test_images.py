"""Bytes of strangers: what is a picture, which way is up, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import decode_image, read_image
from tests.fakes.heif import grid

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF"])
def test_the_formats_are_read(kind: str) -> None:
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


def test_a_transparent_shade_of_sixteen_bits_lies_on_grey() -> None:
    values = np.full((60, 80), 0x8000, np.uint16)
    values[30:] = 0xFFFF
    image = decode_image(saved(Image.fromarray(values), "PNG", transparency=0xFFFF))
    assert image.getpixel((5, 50)) == (128, 128, 128)


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


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heif_is_turned_once(kind: str, orientation: int) -> None:
    """Its box says how to turn it, and so may its EXIF block, which then does not count."""
    exif = Image.Exif()
    exif[0x0112], exif[0x0128] = orientation, orientation
    data = saved(halves(), kind, exif=exif.tobytes())
    # Both encoders make a box of the orientation. Pillow's takes it out of the block: another
    # number there becomes one.
    both = data.replace(b"\x01\x28\x00\x03", b"\x01\x12\x00\x03")
    assert both != data
    expected = ImageOps.exif_transpose(with_exif(halves(), orientation))
    for held in (data, both):
        image, info = read_image(held)
        assert (info.width, info.height) == image.size == expected.size
        assert np.abs(np.asarray(image, int) - np.asarray(expected, int)).mean() < 20


def with_exif(image: Image.Image, orientation: int) -> Image.Image:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return Image.open(io.BytesIO(saved(image, "PNG", exif=exif)))


def test_transparency_of_a_heif_lies_on_grey() -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    for kind in ("HEIF", "AVIF"):
        assert decode_image(saved(image, kind)).getpixel((5, 5)) == (128, 128, 128)


def test_a_heic_of_tiles_that_lacks_one_is_truncated() -> None:
    data = grid()
    assert decode_image(data).size == (256, 128)
    with pytest.raises(RejectedInputError) as refused:
        decode_image(data[:-20])
    assert refused.value.code == "image_truncated"


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
        (saved(Image.new("1", (10_000, 6_501)), "PNG"), "too_large"),
    ],
    ids=[
        "nothing", "html", "a start", "bmp", "tiff", "cut jpeg", "cut png", "small", "narrow",
        "bytes", "pixels",
    ],
)  # fmt: skip
def test_what_is_refused_and_as_what(data: bytes, code: str) -> None:
    with pytest.raises(RejectedInputError) as refused:
        decode_image(data)
    assert refused.value.code == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF"])
@pytest.mark.parametrize("percent", [10, 50, 90])
def test_what_was_cut_off_is_called_so(kind: str, percent: int) -> None:
    options = {"icc_profile": bytes(1000)} if kind in ("JPEG", "PNG") else {}  # a long beginning
    data = saved(photo_like(), kind, **options)
    with pytest.raises(RejectedInputError) as refused:
        decode_image(data[: len(data) * percent // 100])
    assert refused.value.code == "image_truncated"


def photo_like(size: tuple[int, int] = (320, 240), mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size).convert(mode)


KINDS_OF_JPEG: list[dict[str, Any]] = [{}, {"progressive": True}, {"restart_marker_rows": 1}]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", KINDS_OF_JPEG, ids=str)
@pytest.mark.parametrize("shorter_side", [None, 60])
def test_a_short_jpeg_is_told_although_it_ends_in_an_end_marker(
    mode: str, options: dict[str, Any], shorter_side: int | None
) -> None:
    data = saved(photo_like(mode=mode), "JPEG", **options)
    start = data.index(b"\xff\xda")
    # Of a progressive one the last part is the finest detail: nobody sees that it lacks.
    for percent in range(5, 70 if options.get("progressive") else 95, 3):
        cut = data[: start + (len(data) - start) * percent // 100].rstrip(b"\xff") + b"\xff\xd9"
        with pytest.raises(RejectedInputError) as refused:
            decode_image(cut, shorter_side=shorter_side)
        assert refused.value.code == "image_truncated"


@pytest.mark.parametrize("colour", [(126, 127, 128), (128, 128, 128), (129, 128, 127)])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str
)
def test_a_whole_jpeg_may_end_in_grey(colour: tuple[int, ...], options: dict[str, Any]) -> None:
    image = photo_like()
    image.paste(colour, (0, 100, 320, 240))
    decode_image(saved(image, "JPEG", **options))
    decode_image(saved(image, "JPEG", **options) + b"trailing bytes \xff\xd8\xff")


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "PNG"), ("L", "PNG"), ("P", "GIF"), ("RGBA", "PNG"), ("RGB", "WEBP")]
)
def test_other_large_pictures_are_made_smaller_and_look_the_same(mode: str, kind: str) -> None:
    image = photo_like((1400, 1050), mode)
    options = {"lossless": True} if kind == "WEBP" else {}
    small = decode_image(saved(image, kind, **options), shorter_side=100)
    expected = image.convert("RGB").reduce(5)
    assert small.size == expected.size
    assert np.abs(np.asarray(small, int) - np.asarray(expected, int)).max() <= 1


def test_a_large_transparent_picture_lies_on_grey_as_a_small_one_does() -> None:
    image = photo_like((1400, 1050)).convert("RGBA")
    image.putalpha(photo_like((1400, 1050), "L"))
    data = saved(image, "PNG")
    small = decode_image(data, shorter_side=100)
    expected = decode_image(data).reduce(5)
    assert np.abs(np.asarray(small, int) - np.asarray(expected, int)).max() <= 2


def test_a_large_jpeg_is_decoded_small_but_never_below_the_model_s_size() -> None:
    image, info = read_image(saved(halves(size=(1600, 1200)), "JPEG"), shorter_side=288)
    assert (info.width, info.height) == (1600, 1200)
    assert 288 <= min(image.size) < 1200
