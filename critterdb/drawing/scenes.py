"""Where the drawn critters are met, how a camera sees it, and pictures of no critter at all."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Colour = tuple[int, int, int]

# Sky above, ground below, and what grows there.
GROUNDS: dict[str, tuple[Colour, Colour, Colour]] = {
    "forest": ((120, 150, 110), (74, 84, 52), (48, 74, 40)),
    "meadow": ((176, 208, 226), (126, 150, 74), (92, 128, 54)),
    "desert": ((214, 220, 214), (206, 176, 128), (140, 134, 84)),
    "rocks": ((196, 206, 214), (132, 124, 114), (96, 92, 84)),
    "snow": ((206, 216, 228), (236, 240, 246), (120, 132, 124)),
    "jungle": ((62, 92, 58), (58, 66, 40), (36, 84, 44)),
    "room": ((222, 206, 182), (164, 120, 82), (150, 80, 70)),
}

MEMES = (
    ("ONE DOES NOT SIMPLY", "WALK PAST A CAT"),
    ("WHEN THE BOT SAYS", "BOBCAT"),
    ("MONDAY", "AGAIN"),
    ("EXPECTATION", "REALITY"),
    ("404", "COUGAR NOT FOUND"),
    ("NOBODY:", "ME AT 3 AM:"),
)
LOUD = ("#e4483b", "#f2b134", "#3b8ee4", "#40b373", "#8e5bd0", "#f06fa4", "#222222", "#f4f4f0")


def draw_scene(name: str, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A background with its horizon somewhere in the upper half."""
    width, height = size
    sky, ground, plants = (_near(colour, rng, 18) for colour in GROUNDS[name])
    image = Image.new("RGB", size, sky)
    draw = ImageDraw.Draw(image)
    horizon = int(height * rng.uniform(0.25, 0.55))
    if name == "room":
        _draw_room(draw, size, horizon, rng, ground, plants)
        return image
    far = _between(sky, plants, 0.45)
    xs = np.linspace(0, width, 24)
    hills = horizon - np.abs(np.cumsum(rng.normal(0, height * 0.025, 24)))
    edge = [(float(x), float(y)) for x, y in zip(xs, hills, strict=True)]
    draw.polygon([(0, height), *edge, (width, height)], fill=far)
    draw.rectangle((0, horizon, width, height), fill=ground)
    for _ in range(int(rng.integers(60, 130))):
        x, y = rng.uniform(0, width), rng.uniform(horizon, height)
        reach = 2 + 23 * (y - horizon) / max(1, height - horizon)
        shade = _near(_between(ground, plants, rng.uniform(0, 0.7)), rng, 12)
        draw.ellipse((x - reach, y - reach / 4, x + reach, y + reach / 4), fill=shade)
    for _ in range(int(rng.integers(2, 9)) if name in ("forest", "jungle", "snow") else 0):
        _draw_tree(draw, rng.uniform(0, width), horizon + rng.uniform(0, 30), height, plants, rng)
    for _ in range(int(rng.integers(3, 9)) if name in ("rocks", "desert") else 0):
        x, y, reach = rng.uniform(0, width), rng.uniform(horizon, height), rng.uniform(10, 45)
        corners = [
            (x + reach * np.cos(turn) * rng.uniform(0.7, 1), y + reach * 0.5 * np.sin(turn))
            for turn in np.linspace(0, 2 * np.pi, 8)[:-1]
        ]
        draw.polygon(corners, fill=_near(plants, rng, 25))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.5)))


def draw_foreground(image: Image.Image, name: str, rng: np.random.Generator) -> None:
    """Blades and flakes between the camera and the critter."""
    if name == "room":
        return
    width, height = image.size
    draw = ImageDraw.Draw(image)
    plants = GROUNDS[name][2]
    for _ in range(int(rng.integers(0, 70))):
        x, reach = rng.uniform(0, width), rng.uniform(30, 170)
        lean = rng.normal(0, 25)
        shade = _near(plants, rng, 30)
        draw.line((x, height, x + lean, height - reach), fill=shade, width=int(rng.integers(2, 6)))
    for _ in range(int(rng.integers(40, 160)) if name == "snow" and rng.random() < 0.5 else 0):
        x, y, reach = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(1, 5)
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(250, 250, 252))


def photograph(
    image: Image.Image, size: tuple[int, int], rng: np.random.Generator, *, at_night: bool
) -> Image.Image:
    """As a camera gives it: light, colour, focus, noise; by night grey, as a camera trap sees."""
    image = image.resize(size, Image.Resampling.BOX, reducing_gap=1.0)
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.75, 1.2))
    image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.75, 1.2))
    image = image.filter(ImageFilter.GaussianBlur(float(rng.choice([0, 0.4, 0.8, 1.3]))))
    pixels: np.ndarray = np.asarray(image, np.float32)
    if at_night:
        pixels = np.asarray(ImageOps.grayscale(image), np.float32)[..., None].repeat(3, axis=2)
        pixels = pixels * _vignette(size)[..., None]
    else:
        pixels = pixels * rng.uniform(0.95, 1.05, 3).astype(np.float32)
    pixels = pixels + rng.normal(0, rng.uniform(2, 9), (size[1], size[0], 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def draw_meme(rng: np.random.Generator, size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Loud flat colours, a chart or a circle or nothing, and words."""
    width, height = size
    colours = list(rng.permutation(LOUD))
    image = Image.new("RGB", size, colours[0])
    draw = ImageDraw.Draw(image)
    kind = rng.integers(0, 3)
    if kind == 0:
        left = 40
        while left < width - 60:
            top = int(rng.integers(80, height - 80))
            draw.rectangle((left, top, left + 30, height - 70), fill=colours[1])
            left += 44
    elif kind == 1:
        for number in range(8):
            box = (width / 2 - 75, height / 2 - 75, width / 2 + 75, height / 2 + 75)
            fill = colours[1 + number % 4]
            draw.pieslice(box, number * 45, number * 45 + int(rng.integers(20, 46)), fill=fill)
    else:
        for number in range(4):
            x = width * (number % 2) / 2
            y = height * (number // 2) / 2
            draw.rectangle((x, y, x + width / 2, y + height / 2), fill=colours[1 + number])
    above, below = MEMES[int(rng.integers(0, len(MEMES)))]
    font = ImageFont.load_default(30)
    for text, y in ((above, 34), (below, height - 34)):
        draw.text(
            (width / 2, y), text, "white", font, anchor="mm", stroke_width=2, stroke_fill="black"
        )
    return image


def _draw_room(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    horizon: int,
    rng: np.random.Generator,
    ground: Colour,
    rug: Colour,
) -> None:
    width, height = size
    draw.rectangle((0, horizon, width, height), fill=ground)
    for x in range(0, width, 45):
        draw.line((x, horizon, x + (x - width / 2) * 0.6, height), _near(ground, rng, 20), 2)
    left = rng.uniform(0.05, 0.6) * width
    window = (left, 10, left + 95, max(40, horizon - 30))
    draw.rectangle(window, fill=(196, 220, 236), outline="white", width=4)
    middle = height * 0.82
    draw.ellipse((width * 0.12, middle - 35, width * 0.88, middle + 40), fill=rug)


def _draw_tree(
    draw: ImageDraw.ImageDraw,
    x: float,
    foot: float,
    height: int,
    plants: Colour,
    rng: np.random.Generator,
) -> None:
    trunk = rng.uniform(5, 17)
    draw.rectangle((x - trunk / 2, 0, x + trunk / 2, foot), fill=_near((86, 70, 54), rng, 16))
    for _ in range(7):
        reach = rng.uniform(15, 45)
        y = rng.uniform(-20, height * 0.25)
        middle = x + rng.uniform(-40, 40)
        draw.ellipse(
            (middle - reach, y - reach / 2, middle + reach, y + reach / 2),
            fill=_near(plants, rng, 24),
        )


def _vignette(size: tuple[int, int]) -> np.ndarray:
    width, height = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(np.clip(1.15 - 0.45 * (x**2 + y**2), 0.2, 1), np.float32)


def _near(colour: Colour, rng: np.random.Generator, reach: float) -> Colour:
    red, green, blue = np.clip(np.array(colour) + rng.uniform(-reach, reach), 0, 255).astype(int)
    return int(red), int(green), int(blue)


def _between(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (np.array(one) * (1 - share) + np.array(other) * share).astype(int)
    return int(red), int(green), int(blue)
