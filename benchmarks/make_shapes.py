"""Coasts, borders and state lines for the maps, from the npm packages world-atlas and us-atlas.

    npm pack world-atlas us-atlas, unpack them, then
    python -m benchmarks.make_shapes WORLD/countries-50m.json US/states-10m.json

Writes critterdb/web/charts/shapes.json: coasts and lines, each in whole hundredths of a degree,
longitude and latitude in turn, the first pair as it is and each further one as the step to it.
The data are Natural Earth's and the US Census Bureau's, both in the public domain.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "critterdb" / "web" / "charts" / "shapes.json"
TOLERANCE = 0.03  # degrees that a line may stray
SMALLEST = 0.02  # square degrees of an island that is kept
Line = list[tuple[float, float]]


def main(world_file: str, states_file: str) -> None:
    world, states = (json.loads(Path(name).read_text()) for name in (world_file, states_file))
    coasts = [
        ring
        for polygon in polygons(world, "land")
        for ring in polygon[:1]
        if area(ring) >= SMALLEST
    ]
    shapes = {
        "coasts": [packed(ring) for ring in coasts],
        "borders": [packed(line) for line in shared_lines(world, "countries")],
        "states": [packed(line) for line in shared_lines(states, "states")],
    }
    shapes = {name: [line for line in lines if len(line) >= 4] for name, lines in shapes.items()}
    TARGET.write_text(json.dumps(shapes, separators=(",", ":")) + "\n")
    print({name: len(lines) for name, lines in shapes.items()}, TARGET.stat().st_size, "bytes")


def arcs_of(topology: dict[str, Any]) -> list[Line]:
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    lines = []
    for arc in topology["arcs"]:
        x = y = 0
        line = []
        for step in arc:
            x, y = x + step[0], y + step[1]
            line.append((x * sx + tx, y * sy + ty))
        lines.append(line)
    return lines


def polygons(topology: dict[str, Any], name: str) -> list[list[Line]]:
    arcs = arcs_of(topology)

    def ring(numbers: list[int]) -> Line:
        line: Line = []
        for number in numbers:
            part = arcs[number] if number >= 0 else arcs[~number][::-1]
            line += part if not line else part[1:]
        return line

    shapes = []
    for geometry in topology["objects"][name]["geometries"]:
        rings = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        shapes += [[ring(numbers) for numbers in polygon] for polygon in rings]
    return shapes


def shared_lines(topology: dict[str, Any], name: str) -> list[Line]:
    """The arcs that two neighbours share."""
    used: Counter[int] = Counter()

    def count(numbers: Any) -> None:
        for number in numbers:
            if isinstance(number, list):
                count(number)
            else:
                used[number if number >= 0 else ~number] += 1

    for geometry in topology["objects"][name]["geometries"]:
        count(geometry.get("arcs", []))
    arcs = arcs_of(topology)
    return [arcs[number] for number, times in used.items() if times > 1]


def area(ring: Line) -> float:
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def simplified(line: Line) -> Line:
    """Douglas and Peucker's: the ends, and whatever strays more than TOLERANCE from the rest."""
    kept = {0, len(line) - 1}
    stack = [(0, len(line) - 1)]
    if line[0] == line[-1] and len(line) > 3:
        middle = len(line) // 2
        kept.add(middle)
        stack = [(0, middle), (middle, len(line) - 1)]
    while stack:
        first, last = stack.pop()
        far, farthest = 0.0, None
        for index in range(first + 1, last):
            away = distance(line[index], line[first], line[last])
            if away > far:
                far, farthest = away, index
        if farthest is not None and far > TOLERANCE:
            kept.add(farthest)
            stack += [(first, farthest), (farthest, last)]
    return [line[index] for index in sorted(kept)]


def distance(
    point: tuple[float, float], start: tuple[float, float], end: tuple[float, float]
) -> float:
    (x, y), (x1, y1), (x2, y2) = point, start, end
    length = math.hypot(x2 - x1, y2 - y1)
    if not length:
        return math.hypot(x - x1, y - y1)
    return abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length


def packed(line: Line) -> list[int]:
    numbers: list[int] = []
    before = None
    for longitude, latitude in simplified(line):
        at = (round(longitude * 100), round(latitude * 100))
        if at == before:
            continue
        numbers += at if before is None else (at[0] - before[0], at[1] - before[1])
        before = at
    return numbers


if __name__ == "__main__":
    main(*sys.argv[1:])
