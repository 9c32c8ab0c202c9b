"""Pictures that people post with a hashtag though they show no animal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .camera import Rng, Size, gradient, rgb
from .coats import Colour, mixed
from .fur import closed, ellipse, limb

if TYPE_CHECKING:
    from collections.abc import Callable

PICTURE_SIZE = (400, 300)  # pixels
WORDS = (
    ("NOT A COUGAR", "JUST MONDAY"),
    ("WHEN THE TRAIL CAMERA", "ONLY SAW GRASS"),
    ("ONE DOES NOT SIMPLY", "IDENTIFY A BLUR"),
    ("CATS: ZERO", "PIZZA: ONE"),
    ("EXPECTED A BOBCAT", "GOT A SPREADSHEET"),
    ("IT IS ALWAYS", "A HOUSE PLANT"),
)
BACKDROPS: tuple[Colour, ...] = (
    (240, 196, 70),
    (70, 130, 190),
    (226, 92, 84),
    (88, 168, 120),
    (150, 100, 180),
    (240, 240, 236),
    (40, 44, 52),
)

Draw = ImageDraw.ImageDraw


def draw_meme(rng: Rng, size: Size = PICTURE_SIZE) -> Image.Image:
    """An RGB picture of a thing, with words above and below it."""
    width, height = size
    colour, other = (BACKDROPS[index] for index in rng.choice(len(BACKDROPS), 2, replace=False))
    image = gradient(
        (width * 2, height * 2), colour, mixed(colour, other, rng.uniform(0, 1)), 1, rng
    )
    draw = ImageDraw.Draw(image)
    thing = THINGS[rng.integers(len(THINGS))]
    thing(draw, (width, height * rng.uniform(0.94, 1.06)), height * rng.uniform(0.5, 0.62), rng)
    above, below = WORDS[rng.integers(len(WORDS))]
    _write(draw, above, width, height * 0.2, width * 0.14)
    _write(draw, below, width, height * 1.82, width * 0.14)
    return image.reduce(2)


def _write(draw: Draw, words: str, x: float, y: float, size: float) -> None:
    font = ImageFont.load_default(size)
    edge = (0, 0, 0)
    draw.text((x, y), words, (255, 255, 255), font, anchor="mm", stroke_width=5, stroke_fill=edge)


def _fill(draw: Draw, outline: np.ndarray, colour: Colour) -> None:
    draw.polygon([tuple(point) for point in outline.tolist()], fill=rgb(colour))


def _laptop(draw: Draw, middle: tuple[float, float], r: float, rng: Rng) -> None:
    x, y = middle
    body: Colour = (168, 172, 178)
    draw.rounded_rectangle((x - r, y - 0.75 * r, x + r, y + 0.45 * r), 18, fill=(52, 54, 60))
    screen: Colour = (210, 226, 244)
    draw.rectangle((x - 0.92 * r, y - 0.67 * r, x + 0.92 * r, y + 0.36 * r), fill=rgb(screen))
    for line in range(8):
        top, left = y - 0.58 * r + line * 0.11 * r, x - 0.82 * r + rng.integers(0, 3) * 0.1 * r
        ink = BACKDROPS[rng.integers(5)]
        draw.rectangle((left, top, left + rng.uniform(0.3, 1.3) * r, top + 0.05 * r), fill=rgb(ink))
    keys = [(x - r, y + 0.47 * r), (x + r, y + 0.47 * r), (x + 1.25 * r, y + 0.8 * r)]
    _fill(draw, np.array([*keys, (x - 1.25 * r, y + 0.8 * r)]), body)
    draw.rectangle((x - 0.2 * r, y + 0.66 * r, x + 0.2 * r, y + 0.76 * r), fill=(140, 144, 150))


def _pizza(draw: Draw, middle: tuple[float, float], r: float, rng: Rng) -> None:
    x, y = middle
    for size, colour in ((1.0, (196, 140, 76)), (0.9, (206, 74, 48)), (0.86, (246, 206, 108))):
        wave = ellipse(x, y, r * size, r * size * 0.86)
        _fill(draw, closed(wave + rng.normal(0, 0.012 * r, wave.shape)), colour)
    for _ in range(10):
        turn, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.68) * r
        spot = (x + np.cos(turn) * away, y + np.sin(turn) * away * 0.86)
        _fill(draw, ellipse(*spot, 0.13 * r, 0.11 * r), (176, 48, 40))
        _fill(draw, ellipse(spot[0] - 3, spot[1] - 3, 0.09 * r, 0.07 * r), (200, 72, 56))
    for _ in range(9):
        leaf = (x + rng.uniform(-0.55, 0.55) * r, y + rng.uniform(-0.5, 0.5) * r)
        _fill(draw, ellipse(*leaf, 0.07 * r, 0.03 * r, rng.uniform(0, 3)), (70, 130, 60))


def _hot_dog(draw: Draw, middle: tuple[float, float], r: float, rng: Rng) -> None:
    x, y = middle
    bun: Colour = (222, 168, 98)
    _fill(
        draw,
        limb([(x - r, y + 0.1 * r), (x, y + 0.22 * r), (x + r, y + 0.1 * r)], [0.42 * r] * 3),
        mixed(bun, (120, 70, 30), 0.25),
    )
    _fill(
        draw,
        limb(
            [(x - 1.12 * r, y - 0.02 * r), (x, y + 0.08 * r), (x + 1.12 * r, y - 0.02 * r)],
            [0.26 * r] * 3,
        ),
        (178, 74, 48),
    )
    _fill(
        draw,
        limb([(x - r, y + 0.3 * r), (x, y + 0.42 * r), (x + r, y + 0.3 * r)], [0.27 * r] * 3),
        bun,
    )
    wave = [
        (x + r * t, y - 0.06 * r + 0.09 * r * np.sin(t * 11)) for t in np.linspace(-0.95, 0.95, 24)
    ]
    _fill(draw, limb(wave, [0.045 * r] * 24, 3), (246, 206, 60))


def _chart(draw: Draw, middle: tuple[float, float], r: float, rng: Rng) -> None:
    x, y = middle
    left, top, right, bottom = x - 1.3 * r, y - 0.85 * r, x + 1.3 * r, y + 0.85 * r
    draw.rectangle((left, top, right, bottom), fill=(252, 252, 250), outline=(60, 60, 60), width=3)
    step = (right - left) * 0.86 / 6
    for bar in range(6):
        x0, tall = left + step * (bar + 0.5), rng.uniform(0.1, 0.8) * (bottom - top)
        fill = rgb(BACKDROPS[bar % 5])
        draw.rectangle((x0, bottom - 0.1 * r - tall, x0 + step * 0.7, bottom - 0.1 * r), fill=fill)
    draw.line(
        (left + 0.1 * r, bottom - 0.1 * r, right - 0.1 * r, bottom - 0.1 * r), (40, 40, 40), 5
    )


def _plant(draw: Draw, middle: tuple[float, float], r: float, rng: Rng) -> None:
    x, y = middle
    for turn in np.linspace(-1.2, 1.2, 9) + rng.normal(0, 0.08, 9):
        tip = (x + np.sin(turn) * 0.95 * r, y - np.cos(turn) * 0.95 * r)
        bend = (x + np.sin(turn) * 0.4 * r, y - np.cos(turn) * 0.6 * r)
        green = mixed((54, 120, 66), (150, 190, 90), rng.random())
        _fill(draw, limb([(x, y + 0.2 * r), bend, tip], [0.04 * r, 0.12 * r, 0.01 * r]), green)
    pot = [(x - 0.45 * r, y + 0.1 * r), (x + 0.45 * r, y + 0.1 * r), (x + 0.32 * r, y + 0.8 * r)]
    _fill(draw, np.array([*pot, (x - 0.32 * r, y + 0.8 * r)]), (190, 104, 72))


THINGS: tuple[Callable[[Draw, tuple[float, float], float, Rng], None], ...] = (
    _laptop,
    _pizza,
    _hot_dog,
    _chart,
    _plant,
)
