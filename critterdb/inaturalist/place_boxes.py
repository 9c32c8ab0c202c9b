"""The boxes that hold a game's place, for tables that name no places."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import TYPE_CHECKING

from critterdb.errors import SourceError
from critterdb.storage.cursors import Cursors

from .client import cursor_prefix
from .open_selection import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from critterdb.games import Game
    from critterdb.storage.database import SiteDatabase

    from .client import INaturalist


def boxes_of(db: SiteDatabase, api: INaturalist, game: Game, *, remember: bool) -> list[Box]:
    """Return the boxes of a game's place; none if it has no place.

    iNaturalist is asked once, if the answer may be remembered. Raises SourceError.
    """
    if game.place_id is None:
        return []
    # Forgotten when the game's place changes, as all cursors of the game are.
    cursors = Cursors(db, cursor_prefix(game.slug))
    stored = cursors.read("place_boxes")
    if boxes := _read_boxes(stored):
        return boxes
    try:
        results = api.get(f"places/{game.place_id}")["results"]
    except SourceError as error:
        raise SourceError(
            f"{error}. Or name the box of the place: --box SOUTH,WEST,NORTH,EAST"
        ) from error
    place = results[0] if results and isinstance(results[0], dict) else {}
    boxes = _around(place.get("bounding_box_geojson")) or _around(place.get("geometry_geojson"))
    if not boxes:
        raise SourceError(
            f"iNaturalist does not say where place {game.place_id} is. "
            "Name its box: --box SOUTH,WEST,NORTH,EAST"
        )
    if remember:
        with db.atomic():
            cursors.write("place_boxes", [list(astuple(box)) for box in boxes])
    return boxes


def parse_box(text: str) -> Box:
    """Read a box that a person wrote as SOUTH,WEST,NORTH,EAST. Raises SourceError."""
    try:
        south, west, north, east = map(float, text.split(","))
        fits = -90 <= south < north <= 90 and -180 <= west <= 180 and -180 <= east <= 180
    except ValueError:
        fits = False
    if not fits:
        raise SourceError(
            f"{text} is not a box. Write SOUTH,WEST,NORTH,EAST in degrees, such as 24,-125,50,-66"
        )
    return Box(south, west, north, east)


def _read_boxes(stored: object) -> list[Box]:
    rows = stored if isinstance(stored, list) else []
    return [Box(*row) for row in rows if isinstance(row, list) and len(row) == 4 and _sound(row)]


def _around(geometry: object) -> list[Box]:
    """The box of each part of a GeoJSON geometry: a place beside the meridian of 180° has two."""
    if not isinstance(geometry, dict):
        return []
    parts = geometry.get("coordinates")
    parts = [parts] if geometry.get("type") == "Polygon" else parts
    boxes = []
    for part in parts if isinstance(parts, list) else []:
        points = [point for point in _points(part) if _sound(point)]
        if points:
            longitudes, latitudes = zip(*points, strict=True)
            boxes.append(Box(min(latitudes), min(longitudes), max(latitudes), max(longitudes)))
    return boxes


def _points(part: object) -> Iterator[list[float]]:
    """The points of the rings of a polygon, as it came."""
    for ring in part if isinstance(part, list) else []:
        for point in ring if isinstance(ring, list) else []:
            if isinstance(point, list) and len(point) >= 2:
                yield point[:2]


def _sound(numbers: Sequence[object]) -> bool:
    return all(
        isinstance(number, int | float) and math.isfinite(number) and abs(number) <= 360
        for number in numbers
    )
