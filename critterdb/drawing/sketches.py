"""One animal on its way onto the canvas: where it is, what is drawn upon it, and its coat."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .looks import Look

Point = tuple[float, float]


class Sketch:
    """An animal's outline (`mask`), its pale parts, and the `details` upon its coat.

    Lengths are in units of about half a body; (0, 0) is the animal's middle.
    """

    def __init__(self, look: Look, canvas: tuple[int, int], rng: np.random.Generator) -> None:
        self.look = look
        self.canvas = canvas
        self.rng = rng
        self.fur, self.marks, self.belly = look.coats[int(rng.integers(0, len(look.coats)))]
        self.eye = look.eyes[int(rng.integers(0, len(look.eyes)))]
        self.mask = Image.new("L", canvas)
        self.pale = Image.new("L", canvas)
        self.details = Image.new("RGBA", canvas)
        self.shape = ImageDraw.Draw(self.mask)
        self.light = ImageDraw.Draw(self.pale)
        self.ink = ImageDraw.Draw(self.details)
        self.unit = canvas[0] * 0.2 * look.size * rng.uniform(0.75, 1.2)
        self.middle = (canvas[0] * rng.uniform(0.42, 0.58), canvas[1] * rng.uniform(0.48, 0.62))

    def at(self, point: Point) -> Point:
        return self.middle[0] + point[0] * self.unit, self.middle[1] + point[1] * self.unit

    def blob(
        self,
        draw: ImageDraw.ImageDraw,
        middle: Point,
        wide: float,
        high: float,
        fill: tuple[int, ...] | int = 255,
    ) -> None:
        left, top = self.at((middle[0] - wide, middle[1] - high))
        right, bottom = self.at((middle[0] + wide, middle[1] + high))
        draw.ellipse((left, top, right, bottom), fill=fill)

    def limb(self, line: list[Point], thick: float, thin: float) -> None:
        self.stroke(self.shape, line, thick, thin, 255)

    def stroke(
        self,
        draw: ImageDraw.ImageDraw,
        line: list[Point],
        thick: float,
        thin: float,
        fill: tuple[int, ...] | int,
    ) -> None:
        """A line with round ends that grows thinner."""
        points = [self.at(p) for p in line]
        reaches = np.linspace(thick, thin, len(points)) * self.unit / 2
        for (x, y), (nx, ny), reach, next_reach in zip(
            points, points[1:], reaches, reaches[1:], strict=False
        ):
            turn = math.atan2(ny - y, nx - x) + math.pi / 2
            dx, dy = math.cos(turn), math.sin(turn)
            draw.polygon(
                [
                    (x + dx * reach, y + dy * reach),
                    (nx + dx * next_reach, ny + dy * next_reach),
                    (nx - dx * next_reach, ny - dy * next_reach),
                    (x - dx * reach, y - dy * reach),
                ],
                fill=fill,
            )
        for (x, y), reach in zip(points, reaches, strict=True):
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)

    def coat(self) -> Image.Image:
        """Fur over the whole canvas: colour, marks, pale parts, shade and single hairs."""
        coat = Image.new("RGB", self.canvas, self.fur)
        draw = ImageDraw.Draw(coat)
        width, height = self.canvas
        step = self.unit * {"spots": 0.15, "rosettes": 0.26, "stripes": 0.17}.get(
            self.look.marks, 9
        )
        for y in np.arange(0, height, step):
            for x in np.arange(0, width, step):
                px, py = np.array((x, y)) + self.rng.normal(0, step * 0.16, 2)
                self._mark(draw, px, py, step)
        pale = self.pale.reduce(4).filter(ImageFilter.GaussianBlur(self.unit * 0.015))
        coat.paste(self.belly, mask=pale.resize(self.canvas))
        pixels = np.asarray(coat, np.float32)
        shade = np.linspace(1.12, 0.84, height, dtype=np.float32)[:, None, None]
        grain = self.rng.normal(1, 0.07, (height // 2, width // 2, 1)).astype(np.float32)
        grain = grain.repeat(2, axis=0).repeat(2, axis=1)
        return Image.fromarray((pixels * shade * grain).clip(0, 255).astype(np.uint8))

    def _mark(self, draw: ImageDraw.ImageDraw, x: float, y: float, step: float) -> None:
        kind = self.look.marks
        if kind == "spots":
            reach = step * self.rng.uniform(0.16, 0.32)
            draw.ellipse((x - reach, y - reach * 0.8, x + reach, y + reach * 0.8), self.marks)
        elif kind == "rosettes":
            wide, high = step * self.rng.uniform(0.34, 0.46), step * self.rng.uniform(0.22, 0.3)
            box = (x - wide, y - high, x + wide, y + high)
            start = int(self.rng.integers(0, 360))
            draw.ellipse(box, tuple(int(c * 0.8) for c in self.fur))
            draw.arc(box, start, start + 290, self.marks, max(2, int(step * 0.12)))
        elif kind == "stripes":
            lean = step * self.rng.uniform(-0.2, 0.2)
            draw.line(
                (x, y - step * 0.5, x + lean, y + step * 0.5), self.marks, max(2, int(step * 0.3))
            )
