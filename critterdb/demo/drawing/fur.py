"""Fur on a picture: frames to place shapes in, smooth outlines, and the layer that they go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .camera import merged, rgb

if TYPE_CHECKING:
    from .coats import Colour

SUPERSAMPLING = 2  # pixels of the layer for one of the picture
TEXTURE_SIDE = 1024  # pixels
LIGHT_CELL = 4  # pixels: light changes slowly, so a coarse grid will do
TURNS = np.linspace(0, 2 * np.pi, 18, endpoint=False)
CIRCLE = np.stack([np.cos(TURNS), np.sin(TURNS)])
_CAP = np.linspace(-np.pi / 2, np.pi / 2, 6)[1:-1, None]
HALF_TURN = np.stack([np.cos(_CAP), np.sin(_CAP)])  # of the round end of a limb

Points = Sequence[tuple[float, float]] | np.ndarray
Mark = tuple[np.ndarray, int]  # an outline and how strongly it is painted, from 0 to 255


@dataclass(frozen=True)
class Frame:
    """Where a drawing's own units lie on the layer: x to the right, y down, turned by `angle`."""

    x: float
    y: float
    scale: float  # pixels of the layer for one unit
    angle: float = 0.0  # radians
    flip: bool = False

    def __call__(self, points: Points) -> np.ndarray:
        """Points N×2 in units → pixels."""
        local = np.asarray(points, np.float64) * (-1 if self.flip else 1, 1) * self.scale
        sine, cosine = np.sin(self.angle), np.cos(self.angle)
        turned: np.ndarray = local @ np.array([[cosine, sine], [-sine, cosine]])
        placed: np.ndarray = np.add(turned, (self.x, self.y))
        return placed

    def inner(self, x: float, y: float, scale: float, tilt: float = 0.0) -> Frame:
        """A frame for a part whose middle is at (x, y) of this one; a part is never mirrored."""
        middle = self([(x, y)])[0]
        return Frame(middle[0], middle[1], self.scale * scale, self.angle + tilt)


def closed(points: Points, steps: int = 8) -> np.ndarray:
    """A smooth closed outline through the points (a Catmull-Rom spline)."""
    p = np.asarray(points, np.float64)
    return _spline(np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0), steps)


def opened(points: Points, steps: int = 8) -> np.ndarray:
    """A smooth line through the points, from the first to the last."""
    p = np.asarray(points, np.float64)
    padded = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    line = _spline(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], steps)
    return np.vstack([line, p[-1]])


def limb(
    points: Points, widths: Sequence[float], steps: int = 8, *, caps: bool = True
) -> np.ndarray:
    """The outline of a limb along a line, so wide (to each side) at each of its points.

    Its ends are round, unless `caps` is false.
    """
    line = opened(points, steps)
    places = np.linspace(0, len(points) - 1, len(line))
    half = np.interp(places, np.arange(len(points)), widths)[:, None]
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = along[:, ::-1] * (-1, 1)
    if not caps:
        return np.vstack([line - across * half, (line + across * half)[::-1]])
    cosines, sines = HALF_TURN
    end = line[-1] + half[-1] * (cosines * along[-1] + sines * across[-1])
    start = line[0] - half[0] * (cosines * along[0] + sines * across[0])
    return np.vstack([line - across * half, end, (line + across * half)[::-1], start])


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> np.ndarray:
    dx, dy = rx * CIRCLE[0], ry * CIRCLE[1]
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.stack([x + dx * cosine - dy * sine, y + dx * sine + dy * cosine], axis=1)


def moved(outline: np.ndarray, x: float, y: float) -> np.ndarray:
    placed: np.ndarray = outline + np.array([x, y])
    return placed


class Layer:
    """A transparent layer, larger than the picture by SUPERSAMPLING, that fur is painted on."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator) -> None:
        self.image = Image.new("RGBA", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
        self.draw = ImageDraw.Draw(self.image)
        self.rng = rng

    def fur(
        self,
        outline: np.ndarray,
        top: Colour,
        bottom: Colour,
        *,
        hair: float,
        marks: Iterable[Mark] = (),
        marking: Colour = (0, 0, 0),
        relief: float = 0.38,
    ) -> None:
        """A furry shape: `top` fades to `bottom`, with hairs at its edge.

        Light comes from above; `relief` says how dark the shape grows towards its lower edge.
        """
        edge = _hairy(outline, hair, self.rng)
        low = np.floor(edge.min(axis=0)).astype(int) - 2
        high = np.ceil(edge.max(axis=0)).astype(int) + 2
        low, high = np.maximum(low, 0), np.minimum(high, self.image.size)
        width, height = (high - low).tolist()
        if width < 2 or height < 2:
            return
        mask = Image.new("L", (width, height))
        ImageDraw.Draw(mask).polygon(_pairs(edge - low), fill=255)
        fade = np.clip((np.arange(height, dtype=np.float32) / height - 0.3) / 0.6, 0, 1)
        above, below = np.array(top, np.float32), np.array(bottom, np.float32)
        # Channel by channel: numpy takes far longer over a million rows of three numbers each.
        colour = above[:, None, None] + (below - above)[:, None, None] * fade[:, None]
        texture = self._texture(width, height)
        painted = [(shape - low, strength) for shape, strength in marks]
        if painted:
            share = (_painted(painted, mask.size) * (1 + 1.2 * texture)).clip(0, 1)
            change = (np.array(marking, np.float32)[:, None, None] - colour) * share
            colour = np.add(change, colour, out=change)
        light = _light(mask, min(width, height) // 5 + 1)
        shade = (light * relief + np.float32(1 - relief)) * (texture + 1)
        image = merged(colour * shade)
        self.image.paste(image, tuple(low.tolist()), mask)

    def shape(self, outline: np.ndarray, colour: Colour, opacity: float = 1.0) -> None:
        """A flat shape; a translucent one belongs on fur, with which it is mixed."""
        fill = rgb(colour)
        if opacity >= 1:
            self.draw.polygon(_pairs(outline), fill=(*fill, 255))
            return
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, self.image.size)
        width, height = (high - low).tolist()
        if width < 1 or height < 1:
            return
        mask = Image.new("L", (width, height))
        ImageDraw.Draw(mask).polygon(_pairs(outline - low), fill=int(255 * opacity))
        self.image.paste((*fill, 255), (*low.tolist(), *high.tolist()), mask)

    def line(self, points: np.ndarray, colour: Colour, width: float) -> None:
        fill = rgb(colour)
        self.draw.line(_pairs(points), fill=(*fill, 255), width=max(1, round(width)), joint="curve")

    def _texture(self, width: int, height: int) -> np.ndarray:
        x, y = self.rng.integers(0, TEXTURE_SIDE // 4, 2)
        tile = fur_texture()
        if max(x + width, y + height) <= TEXTURE_SIDE:
            return tile[y : y + height, x : x + width]
        rows = np.arange(y, y + height) % TEXTURE_SIDE
        columns = np.arange(x, x + width) % TEXTURE_SIDE
        texture: np.ndarray = tile[rows[:, None], columns]
        return texture


@cache
def fur_texture() -> np.ndarray:
    """Streaks as lighter and darker hairs make them, about 0 and mostly within 0.2 of it."""
    rng = np.random.default_rng(7)
    tile = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
    for across, along, weight in ((2, 9, 0.07), (4, 22, 0.05), (48, 64, 0.035)):
        shape = (TEXTURE_SIDE // across, TEXTURE_SIDE // along)
        noise = Image.fromarray(rng.standard_normal(shape).astype(np.float32))
        tile += weight * np.asarray(
            noise.resize((TEXTURE_SIDE, TEXTURE_SIDE), Image.Resampling.BICUBIC)
        )
    return tile


@cache
def _steps(steps: int) -> np.ndarray:
    return np.linspace(0, 1, steps, endpoint=False)[None, :, None]


def _spline(
    before: np.ndarray, start: np.ndarray, end: np.ndarray, after: np.ndarray, steps: int
) -> np.ndarray:
    t = _steps(steps)
    before, start, end, after = (points[:, None, :] for points in (before, start, end, after))
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    return np.asarray(curve.reshape(-1, 2))


def _hairy(outline: np.ndarray, hair: float, rng: np.random.Generator) -> np.ndarray:
    """The outline with a hair standing out at every other point."""
    if hair < 1:
        return outline
    around = np.vstack([outline, outline[:1]])
    lengths = np.linalg.norm(np.diff(around, axis=0), axis=1)
    reached = np.concatenate([[0], np.cumsum(lengths)])
    count = max(8, int(reached[-1] / max(3.0, hair * 0.45)) // 2 * 2)
    places = np.linspace(0, reached[-1], count, endpoint=False)
    edge = np.stack([np.interp(places, reached, around[:, axis]) for axis in (0, 1)], axis=1)
    along = np.roll(edge, -1, 0) - np.roll(edge, 1, 0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    x, y = edge[:, 0], edge[:, 1]
    clockwise = np.sign((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    outwards = along[:, ::-1] * (1, -1) * clockwise
    reach = rng.uniform(0.3, 1.0, (count, 1)) * hair
    reach[::2] = 0
    lean = rng.normal(0.3, 0.3, (count, 1)) * reach
    return np.asarray(edge + outwards * reach + along * lean)


def _painted(marks: Iterable[Mark], size: tuple[int, int]) -> np.ndarray:
    """How much of the marking's colour each pixel takes, from 0 to 1, with soft edges."""
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    for shape, strength in marks:
        draw.polygon(_pairs(shape), fill=strength)
    return np.asarray(image.filter(ImageFilter.BoxBlur(1.5)), np.float32) / np.float32(255)


def _light(mask: Image.Image, radius: int) -> np.ndarray:
    """From 1 where the shape lies open to light from above, down to 0 at its lower edge."""
    small = mask.reduce(LIGHT_CELL)
    reach = max(1, radius // LIGHT_CELL)
    soft = np.asarray(small.filter(ImageFilter.BoxBlur(reach)))
    lower = np.zeros_like(soft)
    shift = reach // 2
    lower[: soft.shape[0] - shift] = soft[shift:]
    light = Image.fromarray(lower).resize(mask.size, Image.Resampling.BILINEAR)
    return (np.asarray(light, np.float32) * (1.25 / 255)).clip(0, 1)


def _pairs(points: np.ndarray) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points.tolist()]
