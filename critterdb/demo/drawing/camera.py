"""Light, grain and blur: what lies over a whole drawn picture."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from .coats import Colour

NOISE_SIDE = 1024  # pixels
BLUR_SHARE, MAX_BLUR = 0.4, 2.2  # pixels to each side

Size = tuple[int, int]
Rng = np.random.Generator


@cache
def noise() -> np.ndarray:
    """Grain float32 about 0 with deviation 1, coarse and fine mixed; a window of it is texture."""
    rng = np.random.default_rng(11)
    tile = np.zeros((NOISE_SIDE, NOISE_SIDE), np.float32)
    for cell in (1, 4, 24, 96):
        count = NOISE_SIDE // cell + 1
        small = Image.fromarray(rng.standard_normal((count, count)).astype(np.float32))
        tile += np.asarray(small.resize((NOISE_SIDE, NOISE_SIDE), Image.Resampling.BILINEAR))
    return np.asarray(tile / tile.std())


def window(rng: Rng, width: int, height: int) -> np.ndarray:
    """A random window of the noise, height×width."""
    x, y = rng.integers(0, NOISE_SIDE - width), rng.integers(0, NOISE_SIDE - height)
    return noise()[y : y + height, x : x + width]


def gradient(size: Size, top: Colour, bottom: Colour, grain: float, rng: Rng) -> Image.Image:
    """Fade from one colour at the top to another at the bottom, with `grain` levels of noise."""
    width, height = size
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    above, below = (np.asarray(colour, np.float32)[:, None, None] for colour in (top, bottom))
    return merged(above * (1 - share) + below * share + grain * window(rng, width, height))


def merged(channels: np.ndarray) -> Image.Image:
    """A picture of its red, green and blue, float32 3×H×W, which is changed."""
    levels = channels.clip(0, 255, out=channels).astype(np.uint8)
    return Image.merge("RGB", [Image.fromarray(channel) for channel in levels])


def rgb(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (int(min(max(part, 0), 255)) for part in colour)
    return red, green, blue


@cache
def _away(width: int, height: int) -> np.ndarray:
    """How far each pixel is from the middle, squared: 0 there, 2 in the corners."""
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray((rows**2 + columns**2).astype(np.float32))


def photograph(image: Image.Image, rng: Rng, *, at_night: bool) -> Image.Image:
    """What a camera makes of it: light, blur, grain; at night infrared, a flash and a strip."""
    width, height = image.size
    if rng.random() < BLUR_SHARE:
        image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.6, MAX_BLUR)))
    pixels: np.ndarray = np.asarray(image, np.float32)
    away = _away(width, height)
    grain = window(rng, width, height)
    if at_night:
        grey = pixels @ np.array([0.42, 0.42, 0.16], np.float32)
        shown = grey * (1.1 - 0.45 * away) + grain * rng.uniform(3, 8)
        done = merged(np.stack([shown] * 3))
    else:
        gain = (rng.normal(1, 0.13) * rng.normal(1, 0.03, 3)).astype(np.float32)
        light = 1 - np.float32(rng.uniform(0, 0.18)) * away
        haze = grain * np.float32(rng.uniform(0, 5)) + np.float32(rng.normal(0, 8))
        channels = pixels.transpose(2, 0, 1) * gain[:, None, None]
        channels *= light
        channels += haze
        done = merged(channels)
    if at_night:
        draw = ImageDraw.Draw(done)
        draw.rectangle((0, height - 16, width, height), fill=(12, 12, 12))
        hour, minute, degrees, number = rng.integers((0, 0, -9, 1), (24, 60, 24, 9)).tolist()
        clock = f"{hour:02}:{minute:02}   {degrees} C   CAM {number}"
        draw.text((8, height - 14), clock, fill=(230, 230, 230))
    return done
