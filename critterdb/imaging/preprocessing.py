"""How a network looks at an image: which part of it, at what size, scaled by which filter."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
SHAPES = ("crop", "squash")


class Area(NamedTuple):
    """A part of an upright photo, in shares of its width and height from the upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def rounded(self) -> list[float]:
        """Return it as JSON has it, to four digits."""
        return [round(share, 4) for share in self]

    def inside(self, outer: Area) -> Area:
        """Return a part of a part of a photo as a part of the photo."""
        return Area(
            outer.x + self.x * outer.width,
            outer.y + self.y * outer.height,
            self.width * outer.width,
            self.height * outer.height,
        )


WHOLE = Area(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Preprocessing:
    """`crop` sees a square in the middle, `squash` all of it with both sides scaled.

    `size` is in pixels; `share` is how much of the shorter side (of both, with `squash`) is seen.
    Raises ValueError for a view that is none.
    """

    size: int
    shape: str = "crop"
    filter: str = "bicubic"
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.shape not in SHAPES or self.filter not in FILTERS:
            raise ValueError(f"no view: {self.shape}, {self.filter}")
        # A model file may come from anywhere: a share near 0 would scale a photo to billions of
        # pixels.
        if not (0.1 <= self.share <= 1 and 1 <= self.size <= 4096):
            raise ValueError(f"no view: {self.size} pixels of {self.share}")

    @classmethod
    def parse(cls, size: int, resize: str) -> Preprocessing:
        """A view from `size` and what `resize` says of the rest: `crop`, `crop-bilinear-0.875`."""
        shape, *words = resize.split("-")
        view = cls(int(size), shape)
        for word in words:
            view = (
                replace(view, filter=word) if word in FILTERS else replace(view, share=float(word))
            )
        return view

    @property
    def resize(self) -> str:
        """All but the size as one word; what is usual is left out."""
        words = [self.shape]
        words += [self.filter] if self.filter != "bicubic" else []
        words += [f"{self.share:g}"] if self.share != 1 else []
        return "-".join(words)

    @property
    def shorter_side(self) -> int:
        """Pixels to which the shorter side is scaled (both sides, with `squash`)."""
        return math.floor(self.size / self.share)

    def area(self, width: int, height: int) -> Area:
        """Return which part of an upright photo of this size is seen."""
        across = down = self.share
        if self.shape == "crop":
            across *= min(width, height) / width
            down *= min(width, height) / height
        return Area((1 - across) / 2, (1 - down) / 2, across, down)

    def look(self, image: Image.Image) -> Image.Image:
        """The view of an upright RGB image, size×size.

        To the pixel what torchvision's `Resize` and `CenterCrop` make of a Pillow image.
        """
        side, shorter = self.shorter_side, min(image.size)
        squashed = self.shape == "squash"
        width, height = (side if squashed else side * length // shorter for length in image.size)
        scaled = image.resize((width, height), FILTERS[self.filter])
        left, top = round((width - self.size) / 2), round((height - self.size) / 2)
        return scaled.crop((left, top, left + self.size, top + self.size))

    def look_closer(self, image: Image.Image, area: Area) -> Image.Image:
        """All of an area of an upright RGB image, size×size."""
        width, height = image.size
        right, bottom = area.x + area.width, area.y + area.height
        box = (area.x * width, area.y * height, right * width, bottom * height)
        return image.resize((self.size, self.size), FILTERS[self.filter], box=box)

    def side_for(self, area: Area) -> int:
        """Return the pixels that a photo's shorter side needs, so that an area has `size`."""
        # An area of a "crop" view is a square: its share of the shorter side is the larger one.
        share = max(area[2:]) if self.shape == "crop" else min(area[2:])
        return math.ceil(self.size / share)

    def pixels(self, image: Image.Image, area: Area | None = None) -> np.ndarray:
        """As look(), or look_closer() at an area: uint8 size×size×3."""
        import numpy as np  # not above: the processes that decode have no use for it

        seen = self.look(image) if area is None else self.look_closer(image, area)
        return np.asarray(seen, dtype=np.uint8)
