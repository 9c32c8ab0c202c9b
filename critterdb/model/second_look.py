"""Look twice if the animal may be small: find the part of a photo that is most like a known animal.

The first look's feature map is pooled over windows as well as over the whole view, and each window
has a novelty of its own. If a window is less novel than the whole, something else than the animal
fills the view, and the photo is looked at again there, at full resolution. A stranger that fills
the view has no such window, and its face alone would look more like a known animal. The look with
the lower novelty is believed, and novelty is that of the look that is believed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from critterdb.imaging.preprocessing import Area

if TYPE_CHECKING:
    from critterdb._types import Json

    from .labels import Thresholds
    from .look import Look

OUTPUT = "window_novelty"  # N×W: the windows of each side, row by row
MAX_GRID = 64  # cells, in a model file of any maker
NUMBERS = ("from_novelty", "novelty_threshold", "temperature")


@dataclass(frozen=True)
class SecondLook:
    """When to look again, where, and what to believe.

    Windows are squares of `sides` cells of the `grid`×`grid` cells of the view. Photos below
    `from_novelty` are looked at once if the answer is sure. A photo without an answer is looked at
    again if the novelty of a window is below `window_ratio` times its own; older model files have
    no such limit. `novelty_threshold` and `temperature` are those of second looks.
    """

    grid: int
    sides: tuple[int, ...]
    from_novelty: float
    novelty_threshold: float
    temperature: float
    window_ratio: float = math.inf

    def may_look(
        self, probabilities: np.ndarray, novelty: np.ndarray, thresholds: Thresholds
    ) -> np.ndarray:
        """Say of first looks, N×C and N, whether a window could call for a second one: bool N."""
        unsure = probabilities.max(axis=1) < thresholds["threshold"]
        return np.asarray(unsure | (novelty > self.from_novelty))

    def find_area(self, first: Look, thresholds: Thresholds) -> Area | None:
        """Return the part of the view to look at again, in shares of the view, or None."""
        windows = first.window_novelty
        if windows is None:
            return None
        [may_look] = self.may_look(first.probabilities[None], np.array([first.novelty]), thresholds)
        is_answered = (
            first.novelty <= thresholds["novelty_threshold"]
            and first.probabilities.max() >= thresholds["threshold"]
        )
        ratio = 1 if is_answered else self.window_ratio
        if not may_look or float(windows.min()) >= ratio * first.novelty:
            return None
        return self.windows()[int(windows.argmin())]

    def windows(self) -> list[Area]:
        """Return the windows in the order of the output, in shares of the view."""
        return [
            Area(left / self.grid, top / self.grid, side / self.grid, side / self.grid)
            for side in self.sides
            for top in range(self.grid - side + 1)
            for left in range(self.grid - side + 1)
        ]

    def believe(self, first: Look, second: Look, thresholds: Thresholds) -> Look | None:
        """Return the second look as one that the model's own thresholds hold for.

        None if the first look is to be believed.
        """
        novelty = second.novelty * thresholds["novelty_threshold"] / self.novelty_threshold
        if novelty >= first.novelty:
            return None
        softened = second.probabilities.astype(np.float64) ** (1 / self.temperature)
        return second.replaced(softened / softened.sum(), novelty)

    def as_metadata(self) -> Json:
        return {
            "grid": self.grid,
            "sides": list(self.sides),
            **{name: getattr(self, name) for name in NUMBERS},
            **({"window_ratio": self.window_ratio} if math.isfinite(self.window_ratio) else {}),
        }


def parse_second_look(value: object) -> SecondLook | None:
    """Parse `second_look` of a model's metadata; None if there is none. Raises ValueError."""
    if value is None:
        return None
    odd = ValueError("its second look is not a grid, sides of windows and thresholds")
    if not isinstance(value, dict):
        raise odd
    grid, sides = value.get("grid"), value.get("sides")
    numbers = [value.get(name) for name in NUMBERS]
    if "window_ratio" in value:
        numbers.append(value["window_ratio"])
    if not _is_count(grid) or not isinstance(sides, list) or not all(map(_is_count, sides)):
        raise odd
    assert isinstance(grid, int)
    if not sides or len(set(sides)) < len(sides) or not 2 <= grid <= MAX_GRID:
        raise odd
    if max(sides) >= grid or not all(map(_is_positive, numbers)):
        raise odd
    return SecondLook(
        grid, tuple(sides), *(float(number) for number in numbers if number is not None)
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_positive(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value) and value > 0
    except OverflowError:
        return False
