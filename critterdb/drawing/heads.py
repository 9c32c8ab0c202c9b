"""Heads of cats, seen from the front."""

from __future__ import annotations

import numpy as np

from .sketches import Point, Sketch


def draw_head(sketch: Sketch, middle: Point, radius: float) -> None:
    x, y = middle
    look = sketch.look
    if look.ruff:
        for side in (-1, 1):
            tip = (x + side * radius * (1 + look.ruff), y + radius * (0.75 + look.ruff))
            inner = (x + side * radius * 0.2, y + radius * 0.95)
            outer = (x + side * radius * 0.95, y - radius * 0.1)
            sketch.shape.polygon([sketch.at(p) for p in (tip, inner, outer)], fill=255)
            sketch.light.polygon(
                [sketch.at(p) for p in (tip, inner, (outer[0], y + 0.3 * radius))], fill=200
            )
    for side in (-1, 1):
        _draw_ear(sketch, middle, radius, side)
    sketch.blob(sketch.shape, middle, radius, radius * 0.92)
    sketch.blob(sketch.light, (x, y + radius * 0.5), radius * 0.52, radius * 0.36)
    for side in (-1, 1):
        _draw_eye(sketch, (x + side * radius * 0.42, y - radius * 0.1), radius * 0.17)
    nose = [
        (x - radius * 0.13, y + 0.28 * radius),
        (x + radius * 0.13, y + 0.28 * radius),
        (x, y + 0.42 * radius),
    ]
    sketch.ink.polygon([sketch.at(p) for p in nose], fill=(150, 92, 86, 255))
    dark = (60, 44, 38, 255)
    sketch.stroke(
        sketch.ink,
        [(x, y + 0.42 * radius), (x, y + 0.56 * radius)],
        0.03 * radius,
        0.03 * radius,
        dark,
    )
    for side in (-1, 1):
        mouth = [(x, y + 0.56 * radius), (x + side * 0.2 * radius, y + 0.64 * radius)]
        sketch.stroke(sketch.ink, mouth, 0.04 * radius, 0.03 * radius, dark)
        for turn in (-0.12, 0.02, 0.16):
            whisker = [
                (x + side * 0.3 * radius, y + (0.46 + turn) * radius),
                (x + side * 1.05 * radius, y + (0.42 + 2 * turn) * radius),
            ]
            sketch.stroke(sketch.ink, whisker, 0.015 * radius, 0.012 * radius, (245, 240, 232, 190))
    if sketch.look.marks != "plain":
        _draw_forehead(sketch, middle, radius)
    if sketch.rng.random() < look.collar_share:
        band = [
            sketch.at((x + dx * radius, y + (1.0 - 0.15 * dx * dx) * radius))
            for dx in np.linspace(-0.6, 0.6, 7)
        ]
        sketch.ink.line(
            band, fill=(190, 48, 56, 255), width=int(sketch.unit * radius * 0.14), joint="curve"
        )


def _draw_ear(sketch: Sketch, middle: Point, radius: float, side: int) -> None:
    x, y = middle
    foot_in = (x + side * radius * 0.22, y - radius * 0.75)
    foot_out = (x + side * radius * 0.88, y - radius * 0.35)
    tip = (x + side * radius * 0.8, y - radius * (1.28 if sketch.look.pointed_ears else 1.12))
    inner = [_towards(p, tip, 0.25) for p in (foot_in, foot_out)]
    if sketch.look.pointed_ears or sketch.look.tufts:
        sketch.shape.polygon([sketch.at(p) for p in (foot_in, tip, foot_out)], fill=255)
        sketch.ink.polygon(
            [sketch.at(p) for p in (*inner, _towards(tip, middle, 0.15))],
            fill=(196, 150, 138, 210),
        )
    else:
        centre = (x + side * radius * 0.66, y - radius * 0.72)
        sketch.blob(sketch.shape, centre, radius * 0.32, radius * 0.34)
        sketch.blob(sketch.ink, centre, radius * 0.18, radius * 0.2, (120, 92, 78, 220))
    if sketch.look.tufts:
        end = (tip[0] + side * radius * 0.08, tip[1] - radius * sketch.look.tufts * 1.6)
        sketch.stroke(
            sketch.ink,
            [_towards(tip, middle, 0.08), end],
            0.16 * radius,
            0.03 * radius,
            (30, 26, 24, 255),
        )


def _draw_eye(sketch: Sketch, middle: Point, radius: float) -> None:
    sketch.blob(sketch.ink, middle, radius * 1.2, radius, (52, 40, 32, 255))
    sketch.blob(sketch.ink, middle, radius, radius * 0.84, (*sketch.eye, 255))
    sketch.blob(
        sketch.ink, middle, radius * sketch.rng.uniform(0.2, 0.55), radius * 0.75, (16, 14, 12, 255)
    )
    shine = (middle[0] - radius * 0.3, middle[1] - radius * 0.35)
    sketch.blob(sketch.ink, shine, radius * 0.2, radius * 0.2, (255, 255, 255, 230))


def _draw_forehead(sketch: Sketch, middle: Point, radius: float) -> None:
    x, y = middle
    for dx in (-0.3, -0.1, 0.1, 0.3):
        line = [
            (x + dx * radius, y - 0.42 * radius),
            (x + dx * 1.3 * radius, y - 0.78 * radius),
        ]
        sketch.stroke(sketch.ink, line, 0.07 * radius, 0.05 * radius, (*sketch.marks, 220))


def _towards(one: Point, other: Point, share: float) -> Point:
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share
