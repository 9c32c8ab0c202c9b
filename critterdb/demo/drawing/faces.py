"""The head of a drawn cat, from the front or somewhat from the side; one unit is its radius."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coats import Build, Coat, Colour, mixed
from .fur import Frame, Layer, Mark, closed, ellipse, limb, moved, opened

BLACK: Colour = (24, 20, 18)
WHITE: Colour = (250, 246, 240)
SIDES = (-1, 1)


@dataclass(frozen=True)
class Head:
    """A head to draw, and on what; `turn` from -1 to 1 is where it looks."""

    layer: Layer
    frame: Frame
    build: Build
    coat: Coat
    turn: float


def draw_head(
    layer: Layer, frame: Frame, build: Build, coat: Coat, *, turn: float, asleep: bool = False
) -> None:
    """Draw a head; `turn` from -1 to 1 is where it looks, `asleep` closes its eyes."""
    head = Head(layer, frame, build, coat, turn)
    hair = build.fur * frame.scale * 4
    for side in SIDES:
        _ear(head, side, hair)
    if build.ruff:
        _ruff(layer, frame, build, coat, hair)
    marks = [(frame(shape), strength) for shape, strength in _forehead(coat, layer.rng, turn)]
    skull = closed(
        [
            (0, -0.86),
            (0.5, -0.78),
            (0.86, -0.4),
            (0.98, 0.08),
            (0.82, 0.5),
            (0.45, 0.86),
            (0, 0.98),
            (-0.45, 0.86),
            (-0.82, 0.5),
            (-0.98, 0.08),
            (-0.86, -0.4),
            (-0.5, -0.78),
        ]
    )
    lower = mixed(coat.back, coat.belly, 0.6)
    layer.fur(
        frame(skull), coat.back, lower, hair=hair, marks=marks, marking=coat.marking, relief=0.25
    )
    if coat.pattern == "patches":
        side = layer.rng.choice(SIDES)
        blot = closed([(0.1, -0.8), (0.8, -0.5), (0.9, 0.1), (0.45, 0.3), (0.15, -0.2)])
        layer.shape(frame(blot * (side, 1)), coat.marking, 0.85)
    _muzzle(layer, frame, coat, turn)
    for side in SIDES:
        _eye(head, side, asleep=asleep)
    _mouth(layer, frame, coat, turn)


def _ear(head: Head, side: int, hair: float) -> None:
    layer, frame, build, coat, turn = head.layer, head.frame, head.build, head.coat, head.turn
    size, point = build.ear, build.ear_point
    across = (1 - 0.25 * turn * side) * side
    x, y = 0.72 + 0.06 * point, -0.72 - size * 1.25
    width = size * (0.62 - 0.45 * point)
    outer = closed(
        [
            (0.12, -0.7),
            (x - width - 0.12, y + size * 0.3),
            (x - width * 0.3, y),
            (x + width * 0.5, y + size * 0.06),
            (x + width + 0.16, y + size * 0.42),
            (0.95, -0.25),
            (0.5, -0.2),
        ]
    )
    middle = np.array([0.6, -0.72 - size * 0.3])
    inner = moved(middle + (outer - middle) * (0.62, 0.7), 0, 0.06)
    dark = mixed(coat.back, coat.ear_back, 0.65)
    layer.fur(frame(outer * (across, 1)), dark, coat.back, hair=hair * 0.5, relief=0.2)
    pink = mixed(coat.belly, (206, 150, 140), 0.55)
    layer.fur(frame(inner * (across, 1)), pink, coat.belly, hair=hair * 0.3, relief=0.3)
    if build.tuft:
        for lean in (-0.07, 0.02, 0.1):
            end = (x + lean + 0.06, y - build.tuft * (1 - abs(lean)))
            tuft = limb([(x, y + size * 0.3), (x, y), end], [0.09, 0.065, 0.008])
            layer.shape(frame(tuft * (across, 1)), BLACK)


def _ruff(layer: Layer, frame: Frame, build: Build, coat: Coat, hair: float) -> None:
    size = build.ruff
    for side in SIDES:
        points = np.array(
            [
                (0.7, -0.35),
                (0.98 + 0.2 * size, 0.1),
                (1.05 + 0.35 * size, 0.45),
                (0.98 + 0.3 * size, 0.75 + 0.2 * size),
                (0.72 + 0.12 * size, 0.86 + 0.5 * size),
                (0.5, 0.95 + 0.2 * size),
                (0.2, 0.8),
            ]
        )
        shape = closed(points) * (side, 1)
        stripe = limb(
            [(0.82, 0.25), (0.98 + 0.2 * size, 0.55), (0.8, 0.85 + 0.4 * size)], [0.03, 0.07, 0.05]
        )
        second = limb([(0.6, 0.55), (0.7, 0.75), (0.6, 0.9 + 0.25 * size)], [0.02, 0.05, 0.03])
        marks: list[Mark] = [(frame(outline * (side, 1)), 210) for outline in (stripe, second)]
        layer.fur(
            frame(shape),
            coat.back,
            coat.belly,
            hair=hair * 1.6,
            marks=marks,
            marking=mixed(coat.marking, BLACK, 0.5),
            relief=0.25,
        )


def _forehead(coat: Coat, rng: np.random.Generator, turn: float) -> list[Mark]:
    """Lines over the forehead and cheeks."""
    shift = turn * 0.12
    marks: list[Mark] = []
    strength = int(120 + 110 * coat.strength)
    if coat.face in ("lines", "tabby", "streaks"):
        for x in (-0.32, -0.12, 0.12, 0.32):
            line = [(x * 1.3 + shift, -0.95), (x + shift, -0.62), (x * 1.15 + shift, -0.3)]
            marks.append((limb(line, [0.06, 0.05, 0.02]), strength))
    if coat.face == "lines":
        for side in SIDES:
            for y in (0.12, 0.34):
                line = [(side * 0.45, y), (side * 0.75, y + 0.1), (side, y + 0.22)]
                marks.append((limb(line, [0.025, 0.045, 0.06]), 235))
        for _ in range(10):
            x, y = rng.uniform(-0.6, 0.6), rng.uniform(-0.8, -0.45)
            marks.append((ellipse(x, y, 0.045, 0.05), 220))
    if coat.face in ("tabby", "streaks", "beard"):
        for side in SIDES:
            for y in (0.05, 0.28):
                line = [(side * 0.55, y), (side * 0.8, y + 0.08), (side * 1.02, y + 0.02)]
                marks.append((limb(line, [0.02, 0.04, 0.04]), int(strength * 0.8)))
    return marks


def _muzzle(layer: Layer, frame: Frame, coat: Coat, turn: float) -> None:
    x = turn * 0.2
    pale = mixed(coat.belly, WHITE, 0.5) if coat.belly[0] > 120 else coat.belly
    layer.fur(frame(ellipse(x, 0.74, 0.3, 0.22)), pale, pale, hair=0, relief=0.3)
    if coat.face == "cougar":
        for side in SIDES:
            patch = closed([(0.2, 0.16), (0.42, 0.26), (0.54, 0.5), (0.42, 0.64), (0.3, 0.3)])
            layer.shape(frame(moved(patch * (side, 1), x, 0)), coat.marking, 0.75)
    for side in SIDES:
        puff = ellipse(x + side * 0.21, 0.47, 0.27, 0.22, side * 0.25)
        layer.fur(frame(puff), pale, pale, hair=0, relief=0.22)
    bridge = closed([(-0.14, -0.25), (0.14, -0.25), (0.17, 0.2), (0, 0.3), (-0.17, 0.2)])
    layer.shape(frame(moved(bridge, x * 0.9, 0)), mixed(coat.back, coat.belly, 0.12), 0.55)
    if coat.belly[0] > 120:
        for side in SIDES:
            spot = ellipse(side * 0.4 + x * 0.6, -0.34, 0.16, 0.09, side * 0.35)
            layer.shape(frame(spot), pale, 0.6)
            layer.shape(
                frame(ellipse(side * 0.42 + x * 0.6, 0.16, 0.2, 0.07, side * 0.5)), pale, 0.6
            )


def _eye(head: Head, side: int, *, asleep: bool) -> None:
    layer, frame, build, coat, turn = head.layer, head.frame, head.build, head.coat, head.turn
    x = side * 0.41 * (1 - 0.1 * turn * side) + turn * 0.13
    size = 0.175 * build.eye
    width = size * (1 - 0.15 * max(0.0, turn * side))
    if asleep:
        lid = opened([(x - width, -0.06), (x, 0.04), (x + width, -0.06)])
        layer.line(frame(lid), BLACK, frame.scale * 0.05)
        return
    slant = side * -0.22
    layer.shape(frame(ellipse(x, -0.07, width * 1.28, size * 1.1, slant)), BLACK)
    corner = limb([(x - side * width * 0.9, 0.0), (x - side * width * 1.5, 0.14)], [0.05, 0.02])
    layer.shape(frame(corner), BLACK)
    layer.shape(frame(ellipse(x, -0.07, width * 1.04, size * 0.88, slant)), coat.iris)
    pupil = size * 0.52
    layer.shape(frame(ellipse(x + turn * 0.03, -0.07, pupil, size * 0.8)), (12, 10, 10))
    light = ellipse(x - 0.055, -0.13, size * 0.24, size * 0.24)
    layer.shape(frame(light), (255, 255, 255))


def _mouth(layer: Layer, frame: Frame, coat: Coat, turn: float) -> None:
    x = turn * 0.22
    nose = closed([(-0.15, 0.2), (0, 0.17), (0.15, 0.2), (0.06, 0.34), (0, 0.38), (-0.06, 0.34)])
    layer.shape(frame(moved(nose, x, 0)), mixed(coat.nose, BLACK, 0.12))
    line = frame.scale * 0.028
    layer.line(frame([(x, 0.36), (x, 0.52)]), BLACK, line)
    for side in SIDES:
        smile = opened([(x, 0.52), (x + side * 0.13, 0.62), (x + side * 0.28, 0.58)])
        layer.line(frame(smile), BLACK, line)
        for n in range(3):
            dot = ellipse(x + side * (0.2 + 0.08 * n), 0.42 + 0.06 * (n % 2), 0.018, 0.018)
            layer.shape(frame(dot), (90, 76, 70))
            start, end = (x + side * 0.25, 0.44 + 0.05 * n), (x + side * 1.2, 0.3 + 0.2 * n)
            bend = (x + side * 0.75, 0.34 + 0.12 * n)
            layer.line(frame(opened([start, bend, end])), (246, 244, 238), frame.scale * 0.014)
