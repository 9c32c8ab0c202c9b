"""Cats, drawn: each species by its coat, ears, tail and build, in several poses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .scenes import Colour, draw_foreground, draw_scene, photograph

SUPERSAMPLING = 2
POSES = ("walking", "sitting", "face")
NIGHT_SHARE = 0.15
Point = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """How a species looks. Lengths are in shares of its body; each coat is (fur, marks, belly)."""

    coats: tuple[tuple[Colour, Colour, Colour], ...]
    marks: str  # plain, spots, stripes or rosettes
    tail: float
    legs: float
    tufts: float
    ruff: float
    scenes: tuple[str, ...]
    pointed_ears: bool = False
    dark_tail_tip: bool = False
    eyes: tuple[Colour, ...] = ((198, 172, 74),)
    size: float = 1.0
    collar_share: float = 0.0


TAWNY = ((188, 146, 96), (150, 112, 70), (228, 206, 172))
LOOKS = {
    "Cougar": Look(
        coats=(TAWNY, ((172, 134, 98), (140, 104, 70), (222, 202, 174))),
        marks="plain",
        tail=1.45,
        legs=0.72,
        tufts=0,
        ruff=0,
        dark_tail_tip=True,
        scenes=("rocks", "forest", "desert", "snow", "meadow"),
        size=1.1,
    ),
    "Bobcat": Look(
        coats=(
            ((176, 142, 104), (72, 54, 40), (232, 218, 198)),
            ((164, 146, 122), (66, 54, 44), (230, 222, 208)),
        ),
        marks="spots",
        tail=0.32,
        legs=0.66,
        tufts=0.16,
        ruff=0.22,
        dark_tail_tip=True,
        scenes=("meadow", "desert", "forest", "rocks"),
        size=0.85,
    ),
    "Canada Lynx": Look(
        coats=(
            ((172, 168, 162), (130, 124, 118), (226, 224, 220)),
            ((186, 176, 160), (142, 130, 116), (232, 228, 220)),
        ),
        marks="plain",
        tail=0.24,
        legs=0.95,
        tufts=0.34,
        ruff=0.38,
        dark_tail_tip=True,
        scenes=("snow", "snow", "forest", "rocks"),
        size=0.9,
    ),
    "Domestic Cat": Look(
        coats=(
            ((214, 146, 74), (164, 96, 40), (240, 222, 196)),
            ((62, 60, 60), (40, 38, 40), (78, 76, 76)),
            ((150, 150, 152), (84, 84, 88), (226, 226, 226)),
            ((236, 232, 226), (206, 170, 120), (246, 244, 240)),
        ),
        marks="stripes",
        tail=1.0,
        legs=0.6,
        tufts=0,
        ruff=0,
        pointed_ears=True,
        scenes=("room", "room", "meadow", "forest"),
        eyes=((112, 176, 84), (206, 166, 60), (108, 160, 200)),
        size=0.75,
        collar_share=0.35,
    ),
    "Ocelot": Look(
        coats=(
            ((206, 166, 104), (54, 42, 32), (238, 224, 196)),
            ((194, 160, 112), (48, 40, 34), (234, 220, 198)),
        ),
        marks="rosettes",
        tail=0.8,
        legs=0.6,
        tufts=0,
        ruff=0,
        scenes=("jungle", "jungle", "forest", "rocks"),
        eyes=((150, 110, 60),),
        size=0.85,
    ),
}


def draw_critter(
    species: str, rng: np.random.Generator, size: tuple[int, int] = (400, 300)
) -> Image.Image:
    """A photo, as it were, of one cat: RGB of `size`. The same generator gives the same picture."""
    look = LOOKS[species]
    canvas = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    scene = str(rng.choice(look.scenes))
    image = draw_scene(scene, size, rng).resize(canvas)
    pose = str(rng.choice(POSES, p=(0.5, 0.3, 0.2)))
    cat = _Cat(look, canvas, rng)
    fur, mask, details = cat.pose(pose)
    if rng.random() < 0.5:
        fur, mask, details = (
            one.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for one in (fur, mask, details)
        )
    shadow = mask.reduce(4).filter(ImageFilter.GaussianBlur(4)).point(lambda value: value // 3)
    image.paste((20, 24, 20), (10, 22), shadow.resize(canvas))
    image.paste(fur, mask=mask)
    image.paste(details, mask=details)
    draw_foreground(image, scene, rng)
    at_night = scene != "room" and rng.random() < NIGHT_SHARE
    return photograph(image, size, rng, at_night=at_night)


class _Cat:
    """One animal on its way onto the canvas: its shape, then its coat, then its face."""

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

    def pose(self, name: str) -> tuple[Image.Image, Image.Image, Image.Image]:
        """The coat (RGB), where it is (L), and what is drawn upon it (RGBA)."""
        if name == "face":
            self.unit *= 1.1
            self._head((0, 0.1), 1.0)
        elif name == "sitting":
            self._sit()
        else:
            self._walk()
        return self._coat(), self.mask, self.details

    def at(self, point: Point) -> Point:
        return self.middle[0] + point[0] * self.unit, self.middle[1] + point[1] * self.unit

    def _walk(self) -> None:
        reach = self.look.legs
        stride = self.rng.uniform(0.05, 0.3)
        for x, step in ((-0.72, stride), (-0.62, -stride), (0.5, stride), (0.6, -stride)):
            foot = (x + step, 0.2 + reach)
            self._limb([(x, 0.0), (x + step * 0.3, 0.2 + reach * 0.5), foot], 0.24, 0.15)
            self._blob(self.shape, (foot[0] + 0.06, foot[1]), 0.15, 0.09)
        self._blob(self.shape, (-0.1, -0.05), 0.92, 0.36)
        self._blob(self.shape, (-0.66, -0.06), 0.4, 0.4)
        self._blob(self.shape, (0.55, -0.04), 0.38, 0.38)
        self._blob(self.light, (-0.05, 0.24), 0.75, 0.13)
        lift = self.rng.uniform(-0.35, 0.25)
        self._tail((-1.0, -0.15), bend=lift)
        head = (1.05, -0.38 + self.rng.uniform(-0.2, 0.2))
        self._limb([(0.6, -0.1), head], 0.52, 0.44)
        self._head(head, 0.4)

    def _sit(self) -> None:
        self._tail((0.4, 0.9), bend=0.5, side=1)
        self._blob(self.shape, (0, 0.62), 0.56, 0.5)
        self._limb([(0, -0.1), (0, 0.6)], 0.62, 0.95)
        for x in (-0.2, 0.2):
            self._limb([(x, 0.3), (x, 1.0)], 0.26, 0.2)
            self._blob(self.shape, (x, 1.02), 0.17, 0.1)
        self._blob(self.light, (0, 0.25), 0.2, 0.34)
        self._head((0, -0.42), 0.5)

    def _tail(self, root: Point, *, bend: float, side: int = -1) -> None:
        reach = self.look.tail
        turns = np.linspace(0, 1, 14)
        line = [
            (
                root[0] + side * reach * t * 0.9,
                root[1] + reach * (0.45 * t - (0.6 + bend) * t**2),
            )
            for t in turns
        ]
        self._limb(line, 0.2, 0.15)
        count = max(2, round(14 * (0.18 if reach > 0.5 else 0.5)))
        if self.look.dark_tail_tip:
            self._stroke(self.ink, line[-count:], 0.15, 0.15, (44, 36, 30, 255))
        elif self.look.marks != "plain":
            for place in range(3, 13, 3):
                self._stroke(self.ink, line[place : place + 2], 0.15, 0.15, (*self.marks, 230))

    def _head(self, middle: Point, radius: float) -> None:
        x, y = middle
        look = self.look
        if look.ruff:
            for side in (-1, 1):
                tip = (x + side * radius * (1 + look.ruff), y + radius * (0.75 + look.ruff))
                inner = (x + side * radius * 0.2, y + radius * 0.95)
                outer = (x + side * radius * 0.95, y - radius * 0.1)
                self.shape.polygon([self.at(p) for p in (tip, inner, outer)], fill=255)
                self.light.polygon(
                    [self.at(p) for p in (tip, inner, (outer[0], y + 0.3 * radius))], fill=200
                )
        for side in (-1, 1):
            self._ear(middle, radius, side)
        self._blob(self.shape, middle, radius, radius * 0.92)
        self._blob(self.light, (x, y + radius * 0.5), radius * 0.52, radius * 0.36)
        for side in (-1, 1):
            self._eye((x + side * radius * 0.42, y - radius * 0.1), radius * 0.17)
        nose = [
            (x - radius * 0.13, y + 0.28 * radius),
            (x + radius * 0.13, y + 0.28 * radius),
            (x, y + 0.42 * radius),
        ]
        self.ink.polygon([self.at(p) for p in nose], fill=(150, 92, 86, 255))
        dark = (60, 44, 38, 255)
        self._stroke(
            self.ink,
            [(x, y + 0.42 * radius), (x, y + 0.56 * radius)],
            0.03 * radius,
            0.03 * radius,
            dark,
        )
        for side in (-1, 1):
            mouth = [(x, y + 0.56 * radius), (x + side * 0.2 * radius, y + 0.64 * radius)]
            self._stroke(self.ink, mouth, 0.04 * radius, 0.03 * radius, dark)
            for turn in (-0.12, 0.02, 0.16):
                whisker = [
                    (x + side * 0.3 * radius, y + (0.46 + turn) * radius),
                    (x + side * 1.05 * radius, y + (0.42 + 2 * turn) * radius),
                ]
                self._stroke(
                    self.ink, whisker, 0.015 * radius, 0.012 * radius, (245, 240, 232, 190)
                )
        if self.look.marks != "plain":
            self._forehead(middle, radius)
        if self.rng.random() < look.collar_share:
            band = [
                self.at((x + dx * radius, y + (1.0 - 0.15 * dx * dx) * radius))
                for dx in np.linspace(-0.6, 0.6, 7)
            ]
            self.ink.line(
                band, fill=(190, 48, 56, 255), width=int(self.unit * radius * 0.14), joint="curve"
            )

    def _ear(self, middle: Point, radius: float, side: int) -> None:
        x, y = middle
        foot_in = (x + side * radius * 0.22, y - radius * 0.75)
        foot_out = (x + side * radius * 0.88, y - radius * 0.35)
        tip = (x + side * radius * 0.8, y - radius * (1.28 if self.look.pointed_ears else 1.12))
        inner = [_towards(p, tip, 0.25) for p in (foot_in, foot_out)]
        if self.look.pointed_ears or self.look.tufts:
            self.shape.polygon([self.at(p) for p in (foot_in, tip, foot_out)], fill=255)
            self.ink.polygon(
                [self.at(p) for p in (*inner, _towards(tip, middle, 0.15))],
                fill=(196, 150, 138, 210),
            )
        else:
            centre = (x + side * radius * 0.66, y - radius * 0.72)
            self._blob(self.shape, centre, radius * 0.32, radius * 0.34)
            self._blob(self.ink, centre, radius * 0.18, radius * 0.2, (120, 92, 78, 220))
        if self.look.tufts:
            end = (tip[0] + side * radius * 0.08, tip[1] - radius * self.look.tufts * 1.6)
            self._stroke(
                self.ink,
                [_towards(tip, middle, 0.08), end],
                0.16 * radius,
                0.03 * radius,
                (30, 26, 24, 255),
            )

    def _eye(self, middle: Point, radius: float) -> None:
        self._blob(self.ink, middle, radius * 1.2, radius, (52, 40, 32, 255))
        self._blob(self.ink, middle, radius, radius * 0.84, (*self.eye, 255))
        self._blob(
            self.ink, middle, radius * self.rng.uniform(0.2, 0.55), radius * 0.75, (16, 14, 12, 255)
        )
        shine = (middle[0] - radius * 0.3, middle[1] - radius * 0.35)
        self._blob(self.ink, shine, radius * 0.2, radius * 0.2, (255, 255, 255, 230))

    def _forehead(self, middle: Point, radius: float) -> None:
        x, y = middle
        for dx in (-0.3, -0.1, 0.1, 0.3):
            line = [
                (x + dx * radius, y - 0.42 * radius),
                (x + dx * 1.3 * radius, y - 0.78 * radius),
            ]
            self._stroke(self.ink, line, 0.07 * radius, 0.05 * radius, (*self.marks, 220))

    def _coat(self) -> Image.Image:
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

    def _blob(
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

    def _limb(self, line: list[Point], thick: float, thin: float) -> None:
        self._stroke(self.shape, line, thick, thin, 255)

    def _stroke(
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


def _towards(one: Point, other: Point, share: float) -> Point:
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share
