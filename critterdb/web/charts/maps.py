"""Where animals were seen: a map in SVG whose shapes ship with critterdb.

Mercator's projection, as web maps have it, so that tiles fit where a site names a tile server.
An obscured place is drawn as the area in which iNaturalist hides it, never as a point.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from critterdb.dataset.sightings import OBSCURED_DEGREES

from .svg import joined, picture, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

WIDTH, HEIGHT = 640, 400
MIN_SPAN = 16.0  # degrees of longitude: enough around one place to see where on earth it is
# A map that shows more of the earth than North America has no room for state lines.
STATES_UP_TO = 70.0  # degrees of longitude
# Shown as this square and never as a point: no map suggests a false place.
OBSCURED_CELL = OBSCURED_DEGREES
CLUSTER = 12.0  # pixels
# The Mercator projection ends at 85 degrees.
FARTHEST_NORTH = 84.0
TILE = 256  # pixels
MAX_ZOOM = 12


@dataclass(frozen=True)
class Place:
    """Where an animal was seen, in degrees; iNaturalist moved an obscured one on purpose."""

    latitude: float
    longitude: float
    is_obscured: bool = False


@dataclass(frozen=True)
class Shape:
    """A line in Mercator's units, and the box around it."""

    points: tuple[tuple[float, float], ...]
    left: float
    top: float
    right: float
    bottom: float


@cache
def load_shapes() -> dict[str, list[Shape]]:
    """Return coasts, borders of countries, and borders of states."""
    data = json.loads(files("critterdb.web.charts").joinpath("shapes.json").read_text("utf-8"))
    return {name: [_unpacked(line) for line in lines] for name, lines in data.items()}


def _unpacked(numbers: list[int]) -> Shape:
    """A line that ships as steps in hundredths of a degree, each from the point before."""
    x = y = 0
    points = []
    for index in range(0, len(numbers), 2):
        x, y = x + numbers[index], y + numbers[index + 1]
        points.append(mercator(x / 100, y / 100))
    across, down = zip(*points, strict=True)
    return Shape(tuple(points), min(across), min(down), max(across), max(down))


@dataclass(frozen=True)
class Frame:
    """The part of the earth that a map shows, in Mercator's units: 0 to 1 around the equator."""

    left: float
    top: float
    scale: float  # pixels a unit

    def at(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Return where a place (degrees) is on the map (pixels)."""
        return self.pixels(*mercator(longitude, latitude))

    def pixels(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point (Mercator's units) is on the map (pixels)."""
        return (x - self.left) * self.scale, (y - self.top) * self.scale

    @property
    def degrees(self) -> float:
        """How much longitude the map shows."""
        return WIDTH / self.scale * 360


def mercator(longitude: float, latitude: float) -> tuple[float, float]:
    """Return a place (degrees) in Mercator's units."""
    latitude = max(-FARTHEST_NORTH, min(FARTHEST_NORTH, latitude))
    slant = math.asinh(math.tan(math.radians(latitude)))
    return (longitude + 180) / 360, (1 - slant / math.pi) / 2


def frame_around(places: Sequence[Place]) -> Frame:
    """Return a frame that shows all the places, with some room around them."""
    spots = [mercator(place.longitude, place.latitude) for place in places]
    across, down = [x for x, _ in spots], [y for _, y in spots]
    width = max((max(across) - min(across)) * 1.2, MIN_SPAN / 360)
    height = max((max(down) - min(down)) * 1.2, 1e-9)
    width = min(max(width, height * WIDTH / HEIGHT), 1.0)
    scale = WIDTH / width
    middle_x = (max(across) + min(across)) / 2
    middle_y = (max(down) + min(down)) / 2
    left = min(max(middle_x - width / 2, 0.0), 1 - width)
    return Frame(left, middle_y - HEIGHT / scale / 2, scale)


def draw_map(places: Sequence[Place], *, tiles: str | None = None) -> Markup:
    """Draw places on a map; those that lie together become one dot.

    `tiles` is the address of a tile server with {z}, {x} and {y} in it.
    """
    frame = frame_around(places)
    obscured = [place for place in places if place.is_obscured]
    plain = [place for place in places if not place.is_obscured]
    ground = _tiles(frame, tiles) if tiles else _ground(frame)
    spoken = f"Map of {len(places)} place{'s' * (len(places) != 1)} where it was seen"
    if obscured:
        spoken += f"; {len(obscured)} of them are obscured and drawn as areas"
    body = [
        tag("rect", width=WIDTH, height=HEIGHT, class_="sea"),
        ground,
        *_areas(frame, obscured),
        *_dots(frame, plain),
    ]
    return picture(WIDTH, HEIGHT, spoken, joined(body), "chart map")


@lru_cache(maxsize=64)
def _ground(frame: Frame) -> Markup:
    shapes = load_shapes()
    parts = [tag("path", d=_path(frame, shapes["coasts"], closed=True), class_="land")]
    if frame.degrees < STATES_UP_TO:
        parts.append(tag("path", d=_path(frame, shapes["states"]), class_="state"))
    parts.append(tag("path", d=_path(frame, shapes["borders"]), class_="border"))
    return joined(parts)


def _path(frame: Frame, shapes: Iterable[Shape], *, closed: bool = False) -> str:
    """The shapes that the frame shows, without the points that nobody would see."""
    parts = []
    for shape in shapes:
        west, north = frame.pixels(shape.left, shape.top)
        east, south = frame.pixels(shape.right, shape.bottom)
        if east < 0 or west > WIDTH or south < 0 or north > HEIGHT:
            continue
        if closed and east - west < 0.8 and south - north < 0.8:
            continue
        line: list[str] = []
        x0 = y0 = -1e9
        for across, down in shape.points:
            x, y = (across - frame.left) * frame.scale, (down - frame.top) * frame.scale
            outside = max(0.0, -x, x - WIDTH, -y, y - HEIGHT)
            if abs(x - x0) + abs(y - y0) < 0.9 + outside / 2:
                continue
            line.append(f"{x:.0f} {y:.0f}" if outside else f"{x:.1f} {y:.1f}")
            x0, y0 = x, y
        if len(line) > 1:
            parts.append("M" + "L".join(line) + ("Z" if closed else ""))
    return "".join(parts)


def _areas(frame: Frame, places: Iterable[Place]) -> list[Markup]:
    corners = {
        (
            math.floor(place.longitude / OBSCURED_CELL) * OBSCURED_CELL,
            math.floor(place.latitude / OBSCURED_CELL) * OBSCURED_CELL,
        )
        for place in places
    }
    areas = []
    for west, south in sorted(corners):
        left, bottom = frame.at(west, south)
        right, top = frame.at(west + OBSCURED_CELL, south + OBSCURED_CELL)
        areas.append(
            tag(
                "rect",
                x=left,
                y=top,
                width=max(6.0, right - left),
                height=max(6.0, bottom - top),
                rx=3,
                class_="area",
            )
        )
    return areas


def _dots(frame: Frame, places: Iterable[Place]) -> list[Markup]:
    clusters: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for place in places:
        x, y = frame.at(place.longitude, place.latitude)
        clusters.setdefault((int(x // CLUSTER), int(y // CLUSTER)), []).append((x, y))
    dots = []
    for spots in sorted(clusters.values(), key=len, reverse=True):
        x = sum(x for x, _ in spots) / len(spots)
        y = sum(y for _, y in spots) / len(spots)
        radius = min(4 + 1.6 * math.log2(len(spots)), 14.0)
        dots.append(tag("circle", cx=x, cy=y, r=radius, class_="spot"))
    return dots


def _tiles(frame: Frame, address: str) -> Markup:
    zoom = min(MAX_ZOOM, max(0, math.floor(math.log2(frame.scale / TILE))))
    count = 2**zoom
    size = frame.scale / count
    first_x, first_y = int(frame.left * count), int(max(0.0, frame.top) * count)
    last_x = min(count - 1, int((frame.left + WIDTH / frame.scale) * count))
    last_y = min(count - 1, int((frame.top + HEIGHT / frame.scale) * count))
    return joined(
        tag(
            "image",
            href=address.format(z=zoom, x=x, y=y),
            x=(x / count - frame.left) * frame.scale,
            y=(y / count - frame.top) * frame.scale,
            width=size,
            height=size,
        )
        for x in range(first_x, last_x + 1)
        for y in range(first_y, last_y + 1)
    )
