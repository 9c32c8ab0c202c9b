"""Spots, rosettes, stripes and patches: where they lie on a part of a coat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .fur import Mark, ellipse, limb

if TYPE_CHECKING:
    from .coats import Coat

Box = tuple[float, float, float, float]  # left, top, right, bottom


def pattern(coat: Coat, box: Box, rng: np.random.Generator) -> list[Mark]:
    """The coat's marks within a box, as outlines in the units of the box."""
    left, top, right, bottom = box
    strength = int(255 * coat.strength)
    if coat.pattern == "stripes":
        return _stripes(box, strength, rng)
    if coat.pattern == "patches":
        return [
            (
                ellipse(
                    rng.uniform(left, right),
                    rng.uniform(top, bottom),
                    0.16,
                    0.12,
                    rng.uniform(0, 3),
                ),
                strength,
            )
            for _ in range(max(1, int((right - left) * 3)))
        ]
    if coat.pattern not in ("spots", "rosettes", "mottled"):
        return []
    step = {"spots": 0.085, "rosettes": 0.135, "mottled": 0.1}[coat.pattern]
    marks: list[Mark] = []
    for row, y in enumerate(np.arange(top, bottom, step * 0.8)):
        for x in np.arange(left + (row % 2) * step / 2, right, step):
            middle = np.array([x, y]) + rng.normal(0, step * 0.13, 2)
            marks += _spot(coat.pattern, middle, step, strength, rng)
    return marks


def _spot(
    kind: str, middle: np.ndarray, step: float, strength: int, rng: np.random.Generator
) -> list[Mark]:
    x, y = middle
    angle = rng.normal(0.15, 0.3)
    if kind == "mottled":
        return [(ellipse(x, y, step * 0.4, step * 0.2, angle), int(strength * rng.uniform(0.2, 1)))]
    if kind == "spots":
        size = step * rng.uniform(0.2, 0.34)
        return [(ellipse(x, y, size * 1.25, size, angle), int(strength * rng.uniform(0.7, 1)))]
    size = step * rng.uniform(0.4, 0.5)
    inner = ellipse(x, y, size * 0.75, size * 0.42, angle)
    turn = rng.uniform(0, 6.3)
    gap = ellipse(x + size * np.cos(turn), y + size * 0.7 * np.sin(turn), size * 0.4, size * 0.3)
    return [(ellipse(x, y, size * 1.2, size * 0.75, angle), strength), (inner, 70), (gap, 0)]


def _stripes(box: Box, strength: int, rng: np.random.Generator) -> list[Mark]:
    left, top, right, bottom = box
    tall = bottom - top
    marks: list[Mark] = []
    if tall > 1.2 * (right - left):
        for y in np.arange(top + 0.06, bottom, 0.085):
            line = [(left, y), ((left + right) / 2, y + 0.02), (right, y - 0.01)]
            marks.append((limb(line, [0.012, 0.02, 0.012]), strength))
        return marks
    for x in np.arange(left, right, 0.105):
        bend = rng.normal(0, 0.03, 3)
        line = [
            (x + bend[0], top - 0.02),
            (x + 0.03 + bend[1], top + tall * 0.4),
            (x + bend[2], top + tall * rng.uniform(0.6, 0.95)),
        ]
        marks.append((limb(line, [0.03, 0.022, 0.006]), strength))
    return marks
