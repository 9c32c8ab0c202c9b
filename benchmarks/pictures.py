"""Folders of labelled pictures for benchmarks: drawn ones, and enlarged ones of real photos."""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from critterdb.demo.drawing import KINDS, draw_critter, draw_meme
from critterdb.system import cores

if TYPE_CHECKING:
    from pathlib import Path

QUALITY = 90  # of the JPEGs


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", quality=QUALITY)


def draw_one(folder: Path, job: tuple[str, int]) -> None:
    kind, seed = job
    rng = np.random.default_rng([sum(kind.encode()), seed])
    picture = draw_meme(rng) if kind == "_none" else draw_critter(kind, rng)
    save(picture.convert("RGB"), folder / kind / f"{seed:05}.jpg")


def draw_pictures(folder: Path, *, per_kind: int, memes: int) -> Path:
    """FOLDER/KIND/*.jpg of drawn critters, and FOLDER/_none/*.jpg of drawn memes."""
    jobs = [(kind, seed) for kind in KINDS for seed in range(per_kind)]
    jobs += [("_none", seed) for seed in range(memes)]
    with ProcessPoolExecutor(cores()) as pool:
        list(pool.map(partial(draw_one, folder), jobs, chunksize=8))
    return folder


def enlarge(photos: Path, folder: Path, *, count: int, side: int, skip: int = 0) -> Path:
    """`count` pictures whose longer side is `side` pixels, of the photos PHOTOS/LABEL/*.jpg.

    Each shows another part of a photo, now and then mirrored, with a camera's noise: as much work
    to decode as real ones of that size. `skip` leaves out so many that an earlier call has made.
    """
    files = sorted(photos.glob("[!_]*/*.jpg"))
    for number in range(skip, skip + count):
        rng = np.random.default_rng(number)
        source = files[number * 7919 % len(files)]
        with Image.open(io.BytesIO(source.read_bytes())) as opened:
            image = opened.convert("RGB")
        width, height = image.size
        share = rng.uniform(0.6, 0.95)
        wide, high = int(width * share), int(height * share * rng.uniform(0.7, 1))
        left = int(rng.integers(0, width - wide + 1))
        top = int(rng.integers(0, height - high + 1))
        part = image.crop((left, top, left + wide, top + high))
        part = ImageOps.mirror(part) if number % 2 else part
        scale = side / max(part.size)
        size = (round(part.width * scale), round(part.height * scale))
        pixels = np.asarray(part.resize(size, Image.Resampling.BICUBIC), np.int16)
        noise = rng.integers(-6, 7, pixels.shape, np.int16)
        noisy = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
        save(noisy, folder / source.parent.name / f"{number:05}.jpg")
    return folder
