"""The five cats of the drawn reserve: how each is built, and the coat that one animal wears."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Colour = tuple[float, float, float]  # red, green, blue from 0 to 255


@dataclass(frozen=True)
class Build:
    """Proportions in body lengths (hip to shoulder); ears, tufts and ruff in head radii."""

    leg: float
    depth: float
    head: float
    tail: float
    tail_width: float
    paw: float
    ear: float
    ear_point: float  # 0 is round, 1 is a triangle
    tuft: float
    ruff: float
    eye: float
    fur: float
    scale: float = 1.0  # next to the other kinds, in the same picture


@dataclass(frozen=True)
class Coat:
    """The colours and pattern of one animal; `marking` is what its spots are painted with."""

    back: Colour
    belly: Colour
    marking: Colour
    iris: Colour
    pattern: str  # plain, spots, rosettes, stripes, mottled or patches
    strength: float  # of the pattern, from 0 to 1
    tail: str  # tip, rings, bob, black_bob or plain
    nose: Colour = (176, 108, 104)
    ear_back: Colour = (40, 34, 32)
    paw: Colour | None = None
    face: str = ""  # cougar, streaks, beard, lines, tabby, or nothing
    collar: Colour | None = None


@dataclass(frozen=True)
class Kind:
    """A species of the reserve, with the scenes that it is met in and how often."""

    common_name: str
    build: Build
    scenes: dict[str, float]
    coat: Callable[[np.random.Generator], Coat]


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """Mix two colours; `share` is the part of `other`, from 0 to 1."""
    red, green, blue = (a + (b - a) * share for a, b in zip(colour, other, strict=True))
    return red, green, blue


def choose_coat(kind: Kind, rng: np.random.Generator) -> Coat:
    """The coat of one animal: its kind's, somewhat lighter or darker, warmer or cooler."""
    coat = kind.coat(rng)
    light = rng.normal(1.0, 0.08)
    warm = rng.normal(0.0, 6.0)
    return replace(
        coat,
        back=_shifted(coat.back, light, warm),
        belly=_shifted(coat.belly, 1 + (light - 1) / 2, warm / 2),
        strength=float(np.clip(coat.strength * rng.normal(1.0, 0.15), 0, 1)),
    )


def _shifted(colour: Colour, light: float, warm: float) -> Colour:
    red, green, blue = colour
    return red * light + warm, green * light, blue * light - warm


def _cougar(rng: np.random.Generator) -> Coat:
    tawny = mixed((206, 150, 96), (172, 132, 100), rng.random())
    return Coat(
        back=tawny,
        belly=(240, 224, 200),
        marking=(70, 50, 40),
        iris=(196, 164, 84),
        pattern="plain",
        strength=0.0,
        tail="tip",
        face="cougar",
    )


def _bobcat(rng: np.random.Generator) -> Coat:
    return Coat(
        back=mixed((188, 134, 90), (158, 126, 98), rng.random()),
        belly=(246, 238, 224),
        marking=(52, 36, 28),
        iris=(214, 186, 92),
        pattern="spots",
        strength=0.8,
        tail="bob",
        face="streaks",
    )


def _lynx(rng: np.random.Generator) -> Coat:
    return Coat(
        back=mixed((176, 170, 162), (178, 158, 136), rng.random()),
        belly=(238, 234, 226),
        marking=(96, 86, 78),
        iris=(222, 196, 112),
        pattern="mottled",
        strength=0.35,
        tail="black_bob",
        paw=(214, 208, 198),
        face="beard",
    )


def _ocelot(rng: np.random.Generator) -> Coat:
    return Coat(
        back=mixed((222, 176, 106), (196, 164, 116), rng.random()),
        belly=(250, 244, 228),
        marking=(30, 22, 18),
        iris=(150, 102, 52),
        pattern="rosettes",
        strength=0.95,
        tail="rings",
        nose=(206, 128, 122),
        face="lines",
    )


CAT_COATS = (
    Coat((150, 132, 108), (214, 200, 178), (48, 40, 34), (150, 176, 84), "stripes", 0.8, "rings"),
    Coat((128, 128, 128), (206, 206, 204), (46, 46, 48), (162, 180, 92), "stripes", 0.75, "rings"),
    Coat((226, 150, 76), (250, 226, 190), (184, 98, 36), (206, 158, 64), "stripes", 0.75, "rings"),
    Coat((46, 42, 44), (58, 54, 54), (20, 18, 18), (196, 198, 80), "plain", 0.0, "plain"),
    Coat((44, 42, 46), (244, 242, 240), (20, 18, 18), (150, 186, 92), "plain", 0.0, "plain"),
    Coat((238, 236, 230), (250, 248, 244), (66, 52, 44), (110, 160, 200), "patches", 0.95, "plain"),
    Coat((236, 226, 210), (250, 246, 238), (206, 122, 54), (176, 170, 84), "patches", 0.9, "plain"),
)
COLLARS: tuple[Colour, ...] = ((190, 40, 44), (40, 90, 180), (40, 140, 90), (200, 90, 170))


def _house_cat(rng: np.random.Generator) -> Coat:
    coat = CAT_COATS[rng.integers(len(CAT_COATS))]
    return replace(
        coat,
        ear_back=mixed(coat.back, (20, 16, 14), 0.25),
        nose=(214, 140, 136),
        paw=coat.belly,
        face="tabby" if coat.pattern == "stripes" else "",
        collar=COLLARS[rng.integers(len(COLLARS))] if rng.random() < 0.35 else None,
    )


_KINDS = (
    Kind(
        "Cougar",
        Build(0.44, 0.34, 0.165, 0.85, 0.05, 0.075, 0.42, 0.1, 0.0, 0.0, 0.9, 0.010, 1.12),
        {"desert": 3, "rocks": 3, "forest": 2, "meadow": 2, "snow": 1},
        _cougar,
    ),
    Kind(
        "Bobcat",
        Build(0.43, 0.33, 0.185, 0.2, 0.055, 0.07, 0.55, 0.8, 0.22, 0.55, 1.0, 0.016, 0.92),
        {"forest": 3, "meadow": 3, "desert": 2, "rocks": 2, "yard": 1, "snow": 1},
        _bobcat,
    ),
    Kind(
        "Canada Lynx",
        Build(0.54, 0.35, 0.19, 0.15, 0.055, 0.115, 0.58, 0.8, 0.55, 0.95, 1.0, 0.026, 1.0),
        {"snow": 6, "forest": 3, "rocks": 1, "meadow": 1},
        _lynx,
    ),
    Kind(
        "Domestic Cat",
        Build(0.37, 0.32, 0.205, 0.62, 0.042, 0.055, 0.68, 1.0, 0.0, 0.08, 1.25, 0.012, 0.84),
        {"yard": 4, "room": 3, "meadow": 2, "forest": 1, "snow": 1},
        _house_cat,
    ),
    Kind(
        "Ocelot",
        Build(0.39, 0.33, 0.175, 0.55, 0.042, 0.07, 0.48, 0.25, 0.0, 0.0, 1.2, 0.007, 0.95),
        {"scrub": 6, "forest": 2, "rocks": 1, "desert": 1},
        _ocelot,
    ),
)
KINDS = {kind.common_name: kind for kind in _KINDS}
