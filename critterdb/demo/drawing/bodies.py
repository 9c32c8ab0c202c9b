"""One cat being drawn: parts, legs, tail and head in the coat that it wears."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .coats import Build, Coat, mixed
from .faces import draw_head
from .fur import Frame, Layer, Mark, ellipse, limb, opened
from .patterns import Box, pattern

Line = Sequence[tuple[float, float]]
SHADOW = (30, 26, 26)


class Body:
    """One animal being drawn: its layer, its frame, its build and its coat."""

    def __init__(self, layer: Layer, frame: Frame, build: Build, coat: Coat) -> None:
        self.layer, self.frame, self.build, self.coat = layer, frame, build, coat
        self.rng = layer.rng
        self.hair = build.fur * frame.scale

    def part(
        self, outline: np.ndarray, *, far: bool = False, marks: Box | None = None, fade: float = 1.0
    ) -> None:
        """A part of the body; a far one is darker, and its lower side is belly by `fade`."""
        coat = self.coat
        top, bottom = coat.back, mixed(coat.back, coat.belly, fade)
        marking = coat.marking
        if far:
            top, bottom = mixed(top, SHADOW, 0.35), mixed(bottom, SHADOW, 0.4)
            marking = mixed(marking, SHADOW, 0.3)
        painted = pattern(coat, marks, self.rng) if marks else []
        self.layer.fur(
            self.frame(outline),
            top,
            bottom,
            hair=self.hair,
            marks=[(self.frame(shape), strength) for shape, strength in painted],
            marking=marking,
        )

    def leg(self, line: Line, widths: Sequence[float], *, far: bool = False) -> None:
        (x, y), paw = line[-1], self.build.paw
        box = (min(p[0] for p in line) - 0.1, line[0][1], max(p[0] for p in line) + 0.1, -0.06)
        self.part(limb(line, widths), far=far, marks=box, fade=0.35)
        colour = self.coat.paw or mixed(self.coat.back, self.coat.belly, 0.45)
        if far:
            colour = mixed(colour, SHADOW, 0.4)
        foot = ellipse(x + paw * 0.45, y, paw, paw * 0.62)
        self.layer.fur(self.frame(foot), colour, colour, hair=self.hair * 0.6)
        for toe in (0.6, 1.0):
            line_of_toe = self.frame(
                [(x + paw * toe, y - paw * 0.1), (x + paw * toe, y + paw * 0.45)]
            )
            self.layer.line(line_of_toe, mixed(colour, SHADOW, 0.55), self.frame.scale * 0.008)

    def tail(self, line: Line) -> None:
        """A tail along a line, with the rings or the tip of this coat."""
        width, coat = self.build.tail_width, self.coat
        widths = np.linspace(width * 1.1, width * 0.85, len(line))
        if coat.tail in ("bob", "black_bob"):
            widths = np.linspace(width * 1.3, width * 1.1, len(line))
        outline = limb(line, widths.tolist())
        spine = opened(line)
        marks: list[Mark] = []
        for start, end in _TAIL_MARKS[coat.tail]:
            first = int(start * len(spine))
            piece = spine[first : max(round(end * len(spine)), first + 2)]
            if len(piece) >= 2:
                ring = limb(piece, [width * 2] * len(piece), 2, caps=False)
                marks.append((self.frame(ring), 235))
        self.layer.fur(
            self.frame(outline),
            coat.back,
            mixed(coat.back, coat.belly, 0.5),
            hair=self.hair * 1.2,
            marks=marks,
            marking=mixed(coat.marking, (20, 16, 14), 0.5),
        )

    def head(self, x: float, y: float, *, size: float = 1.0, turn: float = 0.0) -> None:
        scale = self.build.head * size
        frame = self.frame.inner(x, y, scale, self.rng.normal(0, 0.09))
        if self.coat.collar:
            band = limb([(-0.62, 0.86), (0, 1.06), (0.62, 0.86)], [0.1, 0.11, 0.1])
            self.layer.shape(frame(band), self.coat.collar)
            self.layer.shape(frame(ellipse(0.0, 1.2, 0.11, 0.11)), (226, 188, 70))
        asleep = self.rng.random() < 0.06
        draw_head(self.layer, frame, self.build, self.coat, turn=turn, asleep=asleep)


_TAIL_MARKS: dict[str, Sequence[tuple[float, float]]] = {
    "tip": ((0.84, 1.1),),
    "rings": ((0.18, 0.24), (0.34, 0.4), (0.5, 0.57), (0.66, 0.74), (0.84, 1.1)),
    "bob": ((0.35, 0.45), (0.66, 0.9)),
    "black_bob": ((0.5, 1.1),),
    "plain": (),
}
