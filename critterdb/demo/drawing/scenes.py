"""Where the drawn cats live: backgrounds, and what grows in front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .camera import Rng, Size, gradient, rgb, window
from .coats import Colour, mixed
from .fur import ellipse, limb

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Scene:
    """A background, the colour of its light, and what grows in front of an animal (or None)."""

    image: Image.Image
    light: Colour
    growth: Colour | None = None


def draw_scene(name: str, rng: Rng, size: Size) -> Scene:
    """One view of the scene with this name (a key of SCENES)."""
    return SCENES[name](rng, size)


def _ground(
    image: Image.Image, y: float, near: Colour, far: Colour, grain: float, rng: Rng
) -> None:
    """BotHarness from the line `y` (a share of the height) down, with an uneven edge."""
    width, height = image.size
    top = int(y * height)
    strip = gradient((width, height - top + 20), far, near, grain, rng)
    mask = Image.new("L", strip.size)
    edge = window(rng, width, 1)[0]
    edge = np.convolve(edge, np.ones(25) / 25, "same") * 7 + 12
    ImageDraw.Draw(mask).polygon(
        [*zip(range(width), edge.tolist(), strict=True), (width, strip.height), (0, strip.height)],
        fill=255,
    )
    image.paste(strip, (0, top - 20), mask)


def _hills(draw: ImageDraw.ImageDraw, size: Size, y: float, colour: Colour, rng: Rng) -> None:
    width, height = size
    xs = np.linspace(-40, width + 40, 9)
    ys = y * height + rng.normal(0, 0.05 * height, 9)
    outline = [*zip(xs.tolist(), ys.tolist(), strict=True), (width + 40, height), (-40, height)]
    draw.polygon(outline, fill=rgb(colour))


def _polygon(draw: ImageDraw.ImageDraw, outline: np.ndarray, colour: Colour) -> None:
    draw.polygon([tuple(point) for point in outline.tolist()], fill=rgb(colour))


def _forest(rng: Rng, size: Size) -> Scene:
    width, height = size
    autumn = rng.random() < 0.35
    green = mixed((64, 96, 52), (150, 104, 46) if autumn else (40, 78, 56), rng.random())
    image = gradient(
        size, mixed(green, (214, 226, 190), 0.35), mixed(green, (20, 24, 18), 0.5), 9, rng
    )
    draw = ImageDraw.Draw(image)
    for depth in (0.25, 0.6):
        for _ in range(rng.integers(4, 9)):
            x, thick = rng.uniform(0, width), rng.uniform(6, 26) * (0.4 + depth)
            lean = rng.normal(0, 14)
            bark = mixed(mixed((92, 74, 58), green, 0.7 - depth), (30, 24, 20), rng.uniform(0, 0.5))
            outline = limb(
                [(x, -20), (x + lean / 2, height * 0.4), (x + lean, height * 0.8)],
                [thick * 0.7, thick * 0.8, thick],
                3,
            )
            _polygon(draw, outline, bark)
        for _ in range(22):
            r = rng.uniform(6, 30)
            leaf = ellipse(rng.uniform(0, width), rng.uniform(0, height * 0.55), r, r * 0.8)
            _polygon(draw, leaf, mixed(green, (226, 236, 170), rng.uniform(0, 0.45)))
        image = image.filter(ImageFilter.BoxBlur(5 - 5 * depth))
        draw = ImageDraw.Draw(image)
    litter = mixed((112, 88, 58), green, rng.uniform(0.1, 0.6))
    _ground(image, rng.uniform(0.55, 0.68), litter, mixed(litter, green, 0.6), 14, rng)
    return Scene(image, (0.94, 0.98, 0.9), mixed(green, (120, 160, 70), 0.3))


def _meadow(rng: Rng, size: Size) -> Scene:
    dry = rng.random()
    grass = mixed((110, 148, 62), (196, 172, 96), dry)
    image = gradient(size, (142, 182, 222), (226, 234, 236), 3, rng)
    draw = ImageDraw.Draw(image)
    _hills(draw, size, 0.36, mixed((120, 144, 150), grass, 0.3), rng)
    _hills(draw, size, 0.46, mixed((86, 118, 84), grass, 0.4), rng)
    image = image.filter(ImageFilter.BoxBlur(3))
    _ground(
        image,
        rng.uniform(0.48, 0.6),
        mixed(grass, (60, 70, 30), 0.2),
        mixed(grass, (236, 230, 180), 0.3),
        12,
        rng,
    )
    return Scene(image, (1.03, 1.01, 0.94), grass)


def _snow(rng: Rng, size: Size) -> Scene:
    width, height = size
    sky = mixed((198, 212, 226), (150, 172, 200), rng.random())
    image = gradient(size, sky, (236, 240, 244), 3, rng)
    draw = ImageDraw.Draw(image)
    for depth in (0.2, 0.7):
        for _ in range(rng.integers(5, 11)):
            x, tall = rng.uniform(0, width), rng.uniform(90, 240) * (0.5 + depth)
            base = height * (0.56 + 0.06 * depth)
            needles = mixed((54, 78, 72), sky, 0.75 - depth)
            for level in np.linspace(0, 1, 5):
                half, y = tall * 0.06 + tall * 0.15 * level, base - tall * (1 - 0.8 * level)
                tier = np.array([(x, y - tall * 0.24), (x + half, y), (x - half, y)])
                _polygon(draw, tier, needles)
                cap = np.array(
                    [
                        (x, y - tall * 0.24),
                        (x + half * 0.55, y - tall * 0.1),
                        (x - half * 0.5, y - tall * 0.09),
                    ]
                )
                _polygon(draw, cap, (240, 244, 248))
        image = image.filter(ImageFilter.BoxBlur(4 - 4 * depth))
        draw = ImageDraw.Draw(image)
    _ground(image, rng.uniform(0.54, 0.66), (244, 247, 252), (214, 224, 240), 5, rng)
    return Scene(image, (0.97, 1.0, 1.05))


def _desert(rng: Rng, size: Size) -> Scene:
    width, height = size
    sand = mixed((222, 184, 132), (204, 150, 106), rng.random())
    image = gradient(size, (122, 172, 216), (246, 222, 190), 3, rng)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 4)):
        x, half, y = rng.uniform(0, width), rng.uniform(40, 120), height * rng.uniform(0.24, 0.4)
        mesa = np.array(
            [
                (x - half, y),
                (x + half, y + 4),
                (x + half * 1.3, height * 0.6),
                (x - half * 1.3, height * 0.6),
            ]
        )
        _polygon(draw, mesa, mixed((182, 104, 74), (214, 170, 150), rng.uniform(0.1, 0.6)))
    image = image.filter(ImageFilter.BoxBlur(2))
    _ground(image, rng.uniform(0.5, 0.6), sand, mixed(sand, (250, 226, 190), 0.4), 8, rng)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 5)):
        x, y, tall = rng.uniform(0, width), height * rng.uniform(0.56, 0.66), rng.uniform(50, 130)
        green = mixed((84, 116, 76), sand, rng.uniform(0, 0.3))
        thick = tall * 0.09
        _polygon(draw, limb([(x, y), (x, y - tall / 2), (x, y - tall)], [thick] * 3), green)
        for side in (-1, 1):
            arm = [
                (x, y - tall * 0.4),
                (x + side * tall * 0.25, y - tall * 0.42),
                (x + side * tall * 0.27, y - tall * rng.uniform(0.55, 0.8)),
            ]
            _polygon(draw, limb(arm, [thick * 0.7] * 3), green)
    return Scene(image, (1.06, 1.0, 0.9), mixed((170, 160, 90), sand, 0.4))


def _rocks(rng: Rng, size: Size) -> Scene:
    width, height = size
    stone = mixed((142, 136, 130), (172, 138, 112), rng.random())
    image = gradient(
        size, mixed(stone, (206, 220, 232), 0.75), mixed(stone, (70, 66, 62), 0.4), 8, rng
    )
    draw = ImageDraw.Draw(image)
    for level in np.linspace(0.26, 0.66, 16):
        x, r = rng.uniform(0, width), rng.uniform(0.1, 0.22) * width * (0.6 + level)
        outline = ellipse(x, level * height, r, r * 0.7) + rng.normal(0, r * 0.05, (18, 2))
        outline[:, 1] = np.where(outline[:, 1] > level * height, height, outline[:, 1])
        shade = mixed(stone, (60, 56, 56), rng.uniform(0, 0.35) + 0.3 - 0.4 * level)
        _polygon(draw, outline, mixed(shade, (40, 36, 36), 0.3))
        _polygon(draw, outline - (r * 0.05, -r * 0.05), shade)
    image = image.filter(ImageFilter.BoxBlur(2))
    _ground(image, rng.uniform(0.58, 0.68), mixed(stone, (90, 80, 66), 0.3), stone, 15, rng)
    return Scene(image, (1.0, 0.98, 0.97), mixed((128, 128, 76), stone, 0.4))


def _scrub(rng: Rng, size: Size) -> Scene:
    width, height = size
    green = mixed((44, 84, 48), (84, 96, 52), rng.random())
    image = gradient(
        size, mixed(green, (10, 16, 10), 0.3), mixed(green, (20, 20, 10), 0.5), 10, rng
    )
    draw = ImageDraw.Draw(image)
    for depth in (0.3, 0.8):
        for _ in range(60):
            x, y, r = rng.uniform(0, width), rng.uniform(-20, height * 0.75), rng.uniform(16, 60)
            leaf = ellipse(x, y, r, r * 0.26, rng.uniform(-1.2, 1.2))
            _polygon(draw, leaf, mixed(green, (190, 214, 120), rng.uniform(0, 0.5) * depth))
        image = image.filter(ImageFilter.BoxBlur(5 - 5 * depth))
        draw = ImageDraw.Draw(image)
    soil = mixed((108, 82, 56), green, rng.uniform(0, 0.4))
    _ground(image, rng.uniform(0.6, 0.7), soil, mixed(soil, (20, 30, 16), 0.5), 14, rng)
    return Scene(image, (0.93, 0.96, 0.88), mixed(green, (140, 180, 80), 0.35))


def _yard(rng: Rng, size: Size) -> Scene:
    width, height = size
    paints: list[Colour] = [(176, 138, 100), (226, 222, 212), (134, 148, 152), (150, 86, 66)]
    paint = paints[rng.integers(4)]
    image = gradient(size, (168, 198, 222), (206, 220, 226), 3, rng)
    draw = ImageDraw.Draw(image)
    plank, top = rng.uniform(22, 44), height * rng.uniform(0.08, 0.24)
    for x in np.arange(-plank, width, plank):
        wood = mixed(paint, (60, 50, 44), rng.uniform(0, 0.22))
        outline = np.array(
            [
                (x, height),
                (x, top),
                (x + plank / 2, top - 8),
                (x + plank - 3, top),
                (x + plank - 3, height),
            ]
        )
        _polygon(draw, outline, wood)
    image = image.filter(ImageFilter.BoxBlur(1.5))
    lawn = mixed((98, 146, 66), (150, 148, 132), float(rng.random() < 0.3))
    _ground(image, rng.uniform(0.56, 0.68), lawn, mixed(lawn, (50, 70, 40), 0.3), 11, rng)
    return Scene(image, (1.02, 1.0, 0.97), lawn if rng.random() < 0.7 else None)


def _room(rng: Rng, size: Size) -> Scene:
    width, height = size
    walls: list[Colour] = [(222, 206, 184), (184, 198, 196), (204, 190, 206), (158, 174, 190)]
    wall = walls[rng.integers(4)]
    image = gradient(size, wall, mixed(wall, (120, 100, 90), 0.3), 3, rng)
    draw = ImageDraw.Draw(image)
    x, y = rng.uniform(20, width * 0.6), rng.uniform(14, 50)
    draw.rectangle(
        (x, y, x + 130, y + 110), fill=rgb((200, 222, 240)), outline=(250, 250, 250), width=8
    )
    sofas: list[Colour] = [(150, 62, 60), (70, 96, 130), (96, 118, 84), (190, 150, 84)]
    sofa = sofas[rng.integers(4)]
    left = rng.uniform(-80, width * 0.4)
    draw.rounded_rectangle((left, height * 0.36, left + 300, height * 0.9), 26, fill=rgb(sofa))
    draw.rounded_rectangle(
        (left + 16, height * 0.5, left + 284, height * 0.7),
        16,
        fill=rgb(mixed(sofa, (255, 255, 255), 0.12)),
    )
    image = image.filter(ImageFilter.BoxBlur(3))
    wood: Colour = (168, 124, 84)
    _ground(image, rng.uniform(0.64, 0.72), mixed(wood, sofa, rng.uniform(0, 0.5)), wood, 5, rng)
    return Scene(image, (1.04, 0.98, 0.9))


SCENES: dict[str, Callable[[Rng, Size], Scene]] = {
    "forest": _forest,
    "meadow": _meadow,
    "snow": _snow,
    "desert": _desert,
    "rocks": _rocks,
    "scrub": _scrub,
    "yard": _yard,
    "room": _room,
}


def grow(draw: ImageDraw.ImageDraw, size: Size, y: float, colour: Colour, rng: Rng) -> None:
    """Blades of grass in front, rooted about the line `y` and below; `size` and `y` in pixels."""
    width, height = size
    for _ in range(rng.integers(25, 110)):
        x, root = rng.uniform(0, width), rng.uniform(y, height + 20)
        tall, lean = rng.uniform(0.05, 0.17) * height, rng.normal(0, 0.03) * height
        half = rng.uniform(0.002, 0.005) * width
        blade = [
            (x - half, root),
            (x + lean * 0.4, root - tall * 0.6),
            (x + lean, root - tall),
            (x + half + lean * 0.4, root - tall * 0.6),
            (x + half, root),
        ]
        draw.polygon(blade, fill=(*rgb(mixed(colour, (30, 40, 20), rng.uniform(0, 0.45))), 255))
