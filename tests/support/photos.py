"""Photos made up for tests: coats that a network can tell apart, and pictures of no coat at all."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

COATS = ("plain coat", "spotted coat", "striped coat")


def jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=88)
    return file.getvalue()


def coat(kind: str, seed: int, size: tuple[int, int] = (160, 120)) -> bytes:
    """A close look at a plain, spotted or striped coat; no two seeds are alike."""
    generator = np.random.default_rng([COATS.index(kind), seed])
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(float)
    colour = np.array([190, 140, 80]) + generator.uniform(-30, 30, 3)
    light = 0.8 + 0.4 * (x * generator.uniform(-1, 1) + y * generator.uniform(-1, 1)) / width
    dark = np.zeros((height, width))
    if kind == "spotted coat":
        for _ in range(40):
            middle = generator.uniform((0, 0), (width, height))
            radius = generator.uniform(4, 9)
            dark[np.hypot(x - middle[0], y - middle[1]) < radius] = 0.75
    if kind == "striped coat":
        angle, pitch = generator.uniform(-0.5, 0.5), generator.uniform(12, 22)
        waves = x * np.cos(angle) + y * np.sin(angle) + 4 * np.sin(y / generator.uniform(8, 20))
        dark[np.sin(waves * 2 * np.pi / pitch) > 0.3] = 0.75
    fur = generator.normal(0, 14, (height, width, 1))
    return jpeg(colour * (light * (1 - dark))[..., None] + fur)


def no_coat(seed: int, size: tuple[int, int] = (160, 120)) -> bytes:
    """A chart, of all things: flat bars in loud colours on white."""
    generator = np.random.default_rng([99, seed])
    width, height = size
    pixels = np.full((height, width, 3), 250.0)
    for left in range(10, width - 20, 26):
        top = int(generator.integers(10, height - 20))
        pixels[top : height - 8, left : left + 18] = generator.choice([20, 240], 3)
    return jpeg(pixels)


def make_photo_folder(folder: Path, photos: int, *, first: int = 0) -> Path:
    """FOLDER/LABEL/*.jpg with this many photos of each coat, by their seeds from `first` on."""
    for kind in COATS:
        (folder / kind.replace(" ", "_")).mkdir(parents=True)
        for seed in range(first, first + photos):
            (folder / kind.replace(" ", "_") / f"{seed:03}.jpg").write_bytes(coat(kind, seed))
    return folder
