"""How each species looks: coat, ears, tail, build, and where it is met."""

from __future__ import annotations

from dataclasses import dataclass

from .scenes import Colour


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
