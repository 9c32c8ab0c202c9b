"""How the drawn cats stand, sit and lie; one unit is a body length, and the ground is at 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .coats import mixed
from .fur import closed, ellipse, limb, moved

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bodies import Body
    from .patterns import Box


def walk(body: Body) -> None:
    """Walking, or stalking with bent legs, seen from the side."""
    build, rng = body.build, body.rng
    leg, depth = build.leg * rng.uniform(0.72, 1.0), build.depth * rng.uniform(0.92, 1.06)
    stride = rng.uniform(-0.16, 0.16)
    _walking_legs(body, leg, depth, -stride, far=True)
    _walking_tail(body, leg, depth)
    top = -leg - depth
    torso = closed(
        [
            (0.63, -leg - 0.6 * depth),
            (0.5, top),
            (0.2, top + 0.06 * depth),
            (-0.2, top + 0.05 * depth),
            (-0.46, top - 0.02 * depth),
            (-0.62, -leg - 0.62 * depth),
            (-0.54, -leg - 0.1 * depth),
            (-0.2, -leg - 0.14 * depth),
            (0.2, -leg),
            (0.52, -leg - 0.04 * depth),
        ]
    )
    body.part(torso, marks=(-0.6, top, 0.62, -leg - 0.05))
    _walking_legs(body, leg, depth, stride, far=False)
    x, y = 0.78, top - rng.uniform(-0.1, 0.16)
    neck = limb(
        [(0.42, top + 0.4 * depth), (0.62, (top + y) / 2 + 0.08), (x, y)], [0.19, 0.15, 0.13]
    )
    body.part(neck, marks=(0.4, y, 0.75, top + 0.3), fade=0.5)
    body.head(x, y, turn=rng.uniform(-0.2, 1.0) * (-1 if body.frame.flip else 1))


def _walking_legs(body: Body, leg: float, depth: float, stride: float, *, far: bool) -> None:
    shift = 0.07 if far else 0.0
    hind, fore = -0.46 + shift, 0.44 + shift
    body.leg(
        [
            (hind, -leg - 0.45 * depth),
            (hind + 0.12 + stride * 0.5, -leg * 0.72),
            (hind - 0.1 + stride, -leg * 0.36),
            (hind - 0.02 + stride, -0.04),
        ],
        [0.17, 0.12, 0.062, 0.055],
        far=far,
    )
    body.leg(
        [
            (fore, -leg - 0.4 * depth),
            (fore - 0.02 - stride * 0.4, -leg * 0.8),
            (fore + 0.02 - stride * 0.8, -leg * 0.35),
            (fore - stride, -0.04),
        ],
        [0.13, 0.1, 0.066, 0.058],
        far=far,
    )


def _walking_tail(body: Body, leg: float, depth: float) -> None:
    rng, length = body.rng, body.build.tail
    x, y = -0.55, -leg - 0.82 * depth
    if length < 0.3:
        body.tail([(x, y), (x - 0.5 * length, y - 0.15 * length), (x - length, y + 0.25 * length)])
        return
    if body.coat.tail in ("plain", "rings") and rng.random() < 0.45:
        rise = [(x, y), (x - 0.2, y - 0.1), (x - 0.26, y - 0.55 * length), (x - 0.14, y - length)]
        body.tail(rise)
        return
    droop = rng.uniform(0.4, 0.75)
    body.tail(
        [
            (x, y),
            (x - 0.24 * length, y + 0.25 * droop * length),
            (x - 0.5 * length, y + 0.7 * droop * length),
            (x - 0.78 * length, y + 0.85 * droop * length),
            (x - length, y + 0.6 * droop * length),
        ]
    )


def sit(body: Body) -> None:
    """Sitting, seen from the front."""
    rng, build = body.rng, body.build
    height = 0.62 + build.leg * 0.5
    wide = build.depth * 0.95
    side = rng.choice((-1, 1))
    if build.tail >= 0.3:
        reach = 0.32 + build.tail * 0.45
        body.tail(
            [
                (side * x, y)
                for x, y in ((0.2, -0.1), (0.42, -0.05), (reach, -0.08), (reach + 0.08, -0.2))
            ]
        )
    for way in (-1, 1):
        body.part(
            ellipse(way * wide * 0.86, -0.17, 0.2, 0.2),
            marks=_around(way * wide * 0.86, -0.17, 0.2),
        )
    torso = closed(
        [
            (0, -height - 0.02),
            (0.62 * wide, -height * 0.9),
            (0.86 * wide, -height * 0.55),
            (0.95 * wide, -height * 0.2),
            (0.6 * wide, -0.03),
            (-0.6 * wide, -0.03),
            (-0.95 * wide, -height * 0.2),
            (-0.86 * wide, -height * 0.55),
            (-0.62 * wide, -height * 0.9),
        ]
    )
    body.part(torso, marks=(-wide, -height, wide, -0.1), fade=0.6)
    chest = closed(
        [
            (0, -height),
            (0.5 * wide, -height * 0.75),
            (0.3 * wide, -height * 0.4),
            (0, -height * 0.3),
            (-0.3 * wide, -height * 0.4),
            (-0.5 * wide, -height * 0.75),
        ]
    )
    pale = mixed(body.coat.back, body.coat.belly, 0.75)
    body.layer.fur(body.frame(chest), pale, pale, hair=body.hair * 2, relief=0.2)
    for way in (-1, 1):
        x = way * 0.42 * wide
        body.leg(
            [(x, -height * 0.6), (x * 1.05, -height * 0.3), (x - build.paw * 0.4, -0.05)],
            [0.1, 0.08, 0.07],
        )
    body.head(0, -height - build.head * 0.55, size=1.12, turn=rng.uniform(-0.8, 0.8))


def lie(body: Body) -> None:
    """Lying with the front paws ahead, seen from the side."""
    rng, build = body.rng, body.build
    depth = build.depth * 1.1
    if build.tail >= 0.3:
        reach = -0.55 - 0.75 * build.tail
        body.tail([(-0.52, -0.12), (-0.7, -0.06), (reach, -0.06), (reach - 0.08, -0.16)])
    body.leg([(0.38, -0.16), (0.55, -0.1), (0.78, -0.05)], [0.1, 0.075, 0.06], far=True)
    torso = closed(
        [
            (0.55, -0.22),
            (0.46, -depth * 0.98),
            (0.1, -depth * 1.02),
            (-0.3, -depth * 1.06),
            (-0.58, -0.72 * depth),
            (-0.62, -0.1),
            (-0.3, -0.01),
            (0.3, -0.01),
            (0.52, -0.05),
        ]
    )
    body.part(torso, marks=(-0.6, -depth * 1.05, 0.56, -0.08))
    body.part(ellipse(-0.36, -0.19, 0.22, 0.19), marks=_around(-0.36, -0.19, 0.22), fade=0.5)
    body.leg([(-0.35, -0.08), (-0.25, -0.05), (-0.12, -0.045)], [0.06, 0.055, 0.05])
    body.leg([(0.4, -0.18), (0.52, -0.08), (0.7, -0.05)], [0.12, 0.08, 0.062])
    x, y = 0.56, -depth - rng.uniform(0.06, 0.2)
    body.part(
        limb([(0.38, -depth * 0.6), (0.5, -depth * 0.9), (x, y)], [0.2, 0.17, 0.14]), fade=0.5
    )
    body.head(x, y, turn=rng.uniform(-0.4, 0.9) * (-1 if body.frame.flip else 1))


def portrait(body: Body) -> None:
    """Head and shoulders, close by."""
    size = body.build.head
    chest = closed(
        [
            (0, -0.9 * size),
            (1.1 * size, -0.4 * size),
            (1.7 * size, 1.2 * size),
            (1.9 * size, 3 * size),
            (-1.9 * size, 3 * size),
            (-1.7 * size, 1.2 * size),
            (-1.1 * size, -0.4 * size),
        ]
    )
    body.part(
        moved(chest, 0, 1.3 * size),
        marks=(-1.8 * size, 0.2 * size, 1.8 * size, 4.3 * size),
        fade=0.5,
    )
    bib = closed(
        [
            (0, 0.4 * size),
            (0.75 * size, 1.2 * size),
            (0.6 * size, 2.6 * size),
            (0, 3.2 * size),
            (-0.6 * size, 2.6 * size),
            (-0.75 * size, 1.2 * size),
        ]
    )
    pale = mixed(body.coat.back, body.coat.belly, 0.75)
    body.layer.fur(body.frame(bib), pale, pale, hair=body.hair * 2, relief=0.2)
    body.head(0, 0, turn=body.rng.uniform(-0.9, 0.9))


# Each with the height and the width that it takes, in body lengths.
POSES: dict[str, tuple[Callable[[Body], None], float, float]] = {
    "walk": (walk, 1.1, 2.0),
    "sit": (sit, 1.3, 0.9),
    "lie": (lie, 0.75, 1.8),
    "portrait": (portrait, 0.8, 0.7),
}


def _around(x: float, y: float, radius: float) -> Box:
    return x - radius, y - radius, x + radius, y + radius
