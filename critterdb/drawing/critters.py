"""Cats, drawn: in several poses, somewhere, as a camera would have caught them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from .heads import draw_head
from .looks import LOOKS
from .scenes import draw_foreground, draw_scene, photograph
from .sketches import Point, Sketch

SUPERSAMPLING = 2
POSES = ("walking", "sitting", "face")
NIGHT_SHARE = 0.15


def draw_critter(
    species: str, rng: np.random.Generator, size: tuple[int, int] = (400, 300)
) -> Image.Image:
    """A photo, as it were, of one cat: RGB of `size`. The same generator gives the same picture."""
    look = LOOKS[species]
    canvas = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    scene = str(rng.choice(look.scenes))
    image = draw_scene(scene, size, rng).resize(canvas)
    pose = str(rng.choice(POSES, p=(0.5, 0.3, 0.2)))
    fur, mask, details = _pose(Sketch(look, canvas, rng), pose)
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


def _pose(sketch: Sketch, name: str) -> tuple[Image.Image, Image.Image, Image.Image]:
    """The coat (RGB), where it is (L), and what is drawn upon it (RGBA)."""
    if name == "face":
        sketch.unit *= 1.1
        draw_head(sketch, (0, 0.1), 1.0)
    elif name == "sitting":
        _sit(sketch)
    else:
        _walk(sketch)
    return sketch.coat(), sketch.mask, sketch.details


def _walk(sketch: Sketch) -> None:
    reach = sketch.look.legs
    stride = sketch.rng.uniform(0.05, 0.3)
    for x, step in ((-0.72, stride), (-0.62, -stride), (0.5, stride), (0.6, -stride)):
        foot = (x + step, 0.2 + reach)
        sketch.limb([(x, 0.0), (x + step * 0.3, 0.2 + reach * 0.5), foot], 0.24, 0.15)
        sketch.blob(sketch.shape, (foot[0] + 0.06, foot[1]), 0.15, 0.09)
    sketch.blob(sketch.shape, (-0.1, -0.05), 0.92, 0.36)
    sketch.blob(sketch.shape, (-0.66, -0.06), 0.4, 0.4)
    sketch.blob(sketch.shape, (0.55, -0.04), 0.38, 0.38)
    sketch.blob(sketch.light, (-0.05, 0.24), 0.75, 0.13)
    lift = sketch.rng.uniform(-0.35, 0.25)
    _draw_tail(sketch, (-1.0, -0.15), bend=lift)
    head = (1.05, -0.38 + sketch.rng.uniform(-0.2, 0.2))
    sketch.limb([(0.6, -0.1), head], 0.52, 0.44)
    draw_head(sketch, head, 0.4)


def _sit(sketch: Sketch) -> None:
    _draw_tail(sketch, (0.4, 0.9), bend=0.5, side=1)
    sketch.blob(sketch.shape, (0, 0.62), 0.56, 0.5)
    sketch.limb([(0, -0.1), (0, 0.6)], 0.62, 0.95)
    for x in (-0.2, 0.2):
        sketch.limb([(x, 0.3), (x, 1.0)], 0.26, 0.2)
        sketch.blob(sketch.shape, (x, 1.02), 0.17, 0.1)
    sketch.blob(sketch.light, (0, 0.25), 0.2, 0.34)
    draw_head(sketch, (0, -0.42), 0.5)


def _draw_tail(sketch: Sketch, root: Point, *, bend: float, side: int = -1) -> None:
    reach = sketch.look.tail
    turns = np.linspace(0, 1, 14)
    line = [
        (
            root[0] + side * reach * t * 0.9,
            root[1] + reach * (0.45 * t - (0.6 + bend) * t**2),
        )
        for t in turns
    ]
    sketch.limb(line, 0.2, 0.15)
    count = max(2, round(14 * (0.18 if reach > 0.5 else 0.5)))
    if sketch.look.dark_tail_tip:
        sketch.stroke(sketch.ink, line[-count:], 0.15, 0.15, (44, 36, 30, 255))
    elif sketch.look.marks != "plain":
        for place in range(3, 13, 3):
            sketch.stroke(sketch.ink, line[place : place + 2], 0.15, 0.15, (*sketch.marks, 230))
