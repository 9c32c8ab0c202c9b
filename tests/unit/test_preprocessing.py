"""How networks look at images: the square in the middle, or all of it, and how it is written."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from critterdb.imaging.preprocessing import Preprocessing


def rings(size: tuple[int, int]) -> Image.Image:
    """Red grows with the distance from the middle, green from left to right, blue downwards."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    red = np.hypot(x - width / 2, y - height / 2) * 255 / np.hypot(width, height)
    pixels = np.stack([red, x * 255 / width, y * 255 / height], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize("size", [(80, 60), (60, 80), (500, 375), (48, 48)])
@pytest.mark.parametrize("resize", ["crop", "crop-bilinear", "squash", "crop-0.5"])
def test_a_view_is_a_square(size: tuple[int, int], resize: str) -> None:
    pixels = Preprocessing.parse(48, resize).pixels(rings(size))
    assert pixels.shape == (48, 48, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize(
    ("resize", "across", "down"),
    [
        ("crop", 0.5, 1.0),  # of a photo twice as wide as high
        ("squash", 1.0, 1.0),
        ("crop-0.5", 0.25, 0.5),
        ("squash-bilinear-0.5", 0.5, 0.5),
    ],
)
def test_it_sees_its_share_around_the_middle(resize: str, across: float, down: float) -> None:
    pixels = Preprocessing.parse(64, resize).pixels(rings((400, 200))).astype(float)
    green, blue = np.ptp(pixels[32, :, 1]) / 255, np.ptp(pixels[:, 32, 2]) / 255
    assert (green, blue) == pytest.approx((across, down), abs=0.03)
    assert pixels[32, 32] == pytest.approx([0, 127, 127], abs=6)


@pytest.mark.parametrize("resize", ["crop", "squash", "crop-bilinear", "squash-bilinear-0.875"])
def test_what_is_written_is_read_again(resize: str) -> None:
    assert Preprocessing.parse(224, resize).resize == resize


@pytest.mark.parametrize("resize", ["", "stretch", "crop-nearest", "crop-0", "crop-7", "crop-nan"])
def test_no_view_is_an_error(resize: str) -> None:
    with pytest.raises(ValueError, match=r"no view|could not convert"):
        Preprocessing.parse(224, resize)


def test_the_shorter_side_leaves_nothing_to_enlarge() -> None:
    assert Preprocessing(224).shorter_side == 224
    assert Preprocessing(224, share=0.875).shorter_side == 256
