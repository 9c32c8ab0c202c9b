"""Photos in which the animal is small: a game's photos on ground made from its other photos.

A game's photos mostly show animals that fill the frame, so they say nothing about distant ones.
Here each is pasted at a share of the side onto ground that shows no animal: the corner of another
photo, mirrored until it fills the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from critterdb.dataset.photo_files import UNREADABLE_ERRORS
from critterdb.imaging.decode import upright_rgb
from critterdb.imaging.preprocessing import Area
from critterdb.model.inference import look_at, view_decoded

from .metrics import ScoredPhotos, judge, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.dataset.photo_files import PhotoFile
    from critterdb.imaging.preprocessing import Preprocessing
    from critterdb.model.loader import Model

CORNER = 0.28  # of the side of a photo: there is seldom an animal
TILES = 4  # of mirrored corners along a side
# Of what the network sees: a crop of four ninths of the side then has all its pixels.
SIDES_SEEN = 2.25
GROUND_SIDE = 256  # pixels of the photo that a ground is made from
REPORTED_SHARES = (1.0, 0.5, 0.4, 0.3)  # of the side that a photo fills
# A photo takes eight looks; the margin of 60 photos is 13 points, and the report says how many.
MAX_REPORTED = 60


@dataclass(frozen=True)
class Composed:
    """A square picture, and the area of it that the photo fills."""

    picture: Image.Image
    area: Area


def compose(
    photo: Image.Image,
    ground: Image.Image,
    share: float,
    random: np.random.Generator,
    largest: int,
) -> Composed:
    """Paste the middle square of a photo onto a ground, at a random place.

    `share` is how much of the picture's side it fills, with at most `largest` pixels. It is never
    enlarged.
    """
    square = _middle(photo)
    if square.width > largest:
        square = square.resize((largest, largest), Image.Resampling.BILINEAR)
    side = round(square.width / share)
    picture = ground.resize((side, side), Image.Resampling.BILINEAR)
    left, top = (int(random.integers(0, side - square.width + 1)) for _ in range(2))
    picture.paste(square, (left, top))
    filled = square.width / side
    return Composed(picture, Area(left / side, top / side, filled, filled))


def mirrored_corner(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """Return a square of one corner of a photo, mirrored next to itself."""
    square = np.asarray(_middle(photo))
    corner = max(1, round(CORNER * len(square)))
    down, across = (bool(random.integers(0, 2)) for _ in range(2))
    tile = (square[::-1] if down else square)[:, :: -1 if across else 1][:corner, :corner]
    pair = np.concatenate([tile, tile[:, ::-1]], axis=1)
    four = np.concatenate([pair, pair[::-1]], axis=0)
    return Image.fromarray(np.tile(four, (TILES // 2, TILES // 2, 1)))


def photo_side(view: Preprocessing, share: float) -> int:
    """Return the pixels that a photo's side needs at a share, for both looks."""
    return round(SIDES_SEEN * view.size * share)


def _middle(photo: Image.Image) -> Image.Image:
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return photo.crop((left, top, left + side, top + side))


@dataclass(frozen=True)
class SmallFigures:
    """What a model makes of photos that fill a share of the side; shares are from 0 to 1."""

    share: float
    photos: int
    error_rate: float | None
    answered: float | None
    wrong_among_answered: float | None


def measure_small(
    model: Model, photos: Sequence[PhotoFile], truth: np.ndarray, *, seed: int = 0
) -> list[SmallFigures]:
    """Measure a model on some labelled photos made small; grounds come from the other photos."""
    chosen = np.random.default_rng(seed).permutation(len(photos))[:MAX_REPORTED]
    return [_measure_share(model, photos, truth, chosen, share) for share in REPORTED_SHARES]


def _measure_share(
    model: Model,
    photos: Sequence[PhotoFile],
    truth: np.ndarray,
    chosen: np.ndarray,
    filled: float,
) -> SmallFigures:
    looks, kept = [], []
    for number in chosen.tolist():
        random = np.random.default_rng([number, round(100 * filled)])
        ground = photos[int(random.integers(len(photos)))]
        largest = photo_side(model.view, filled)
        try:
            photo = photos[number].decode(largest)
            corner = mirrored_corner(ground.decode(GROUND_SIDE), random)
        except UNREADABLE_ERRORS:
            continue
        picture = compose(photo, corner, filled, random, largest).picture
        view = view_decoded(model.view, partial(_scaled, picture))
        looks.append(look_at(model, view))
        kept.append(number)
    scores = ScoredPhotos(
        model.labels,
        model.thresholds,
        np.array([seen.look.probabilities for seen in looks]).reshape(-1, len(model.labels)),
        np.array([seen.look.novelty for seen in looks]),
        truth[kept],
    )
    right, answered = judge(scores, scores.classifications())
    top = scores.probabilities.argmax(axis=1) if kept else truth[kept]
    return SmallFigures(
        filled, len(kept), share(top != scores.truth), share(answered), share(~right[answered])
    )


def _scaled(picture: Image.Image, side: int) -> Image.Image:
    return upright_rgb(picture, shorter_side=side)
