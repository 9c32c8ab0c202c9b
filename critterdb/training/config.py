"""The options of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from critterdb.dataset.examples import MIN_PHOTOS

from .calibration import MAX_WRONG_SHARE
from .networks import DEFAULT_BACKBONE

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class TrainingConfig:
    """How to train: `size` in pixels is the backbone's own unless given.

    `fine_tune` is the number of epochs in which the whole network learns too; with 0 only its head
    does. With `int8` the network counts in 8 bits. Labels with fewer than `min_photos` fold into a
    coarser one. `max_wrong` is the share of answers that may be wrong.
    """

    backbone: str = DEFAULT_BACKBONE
    weights: Path | None = None
    size: int | None = None
    fine_tune: int = 0
    int8: bool = False
    seed: int = 0
    min_photos: int = MIN_PHOTOS
    max_wrong: float = MAX_WRONG_SHARE


DEFAULT_CONFIG = TrainingConfig()


class TrainingRecipe(TypedDict):
    """How a model was trained: `models.recipe`. `near_duplicates_by` is a backbone's recipe."""

    backbone: str
    weights: str | None
    size: int
    fine_tune: int
    int8: bool
    seed: int
    min_photos: int
    max_wrong: float
    near_duplicates_by: str
    epochs: int
    head: dict[str, str | float]
