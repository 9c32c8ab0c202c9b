"""Where the evidence for an answer is, in words: for alt texts, and for who cannot see a map.

Only what speaks for a label counts here; cells that speak against it are on the map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .evidence import EvidencePayload

    Cells = Sequence[Sequence[float]]
    """g×g shares of a logit, rows from the top, each from the left."""
    Stretch = tuple[float, float]
    """First and last, as shares of a side."""

NOT_AVAILABLE = "This model cannot say where in a photo its evidence is. Train a new one to see it."
NOTHING = "No part of the picture speaks for it"
SPREAD = "The evidence is spread over the whole picture"
# Of the evidence. A ninth of the picture would hold 11% and a half 50% by chance.
MIN_SHARE_OF_NINTH, MIN_SHARE_OF_QUARTER, MIN_SHARE_OF_HALF = 0.6, 0.6, 0.65

# The default model has 9. More would be thousands of shapes on a page.
MAX_DRAWN_GRID = 16  # cells a side

# Areas by rows and columns of the picture as shares: first, last.
_THIRDS = ((0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1.0))
_HALVES = ((0.0, 0.5), (0.5, 1.0))
_NINTHS = (
    ("in the upper left", "at the top", "in the upper right"),
    ("on the left", "in the middle", "on the right"),
    ("in the lower left", "at the bottom", "in the lower right"),
)
_QUARTERS = (
    ("in the upper left quarter", "in the upper right quarter"),
    ("in the lower left quarter", "in the lower right quarter"),
)
_WHOLE = (0.0, 1.0)
_HALF_NAMES = {
    "in the upper half": (_HALVES[0], _WHOLE),
    "in the lower half": (_HALVES[1], _WHOLE),
    "in the left half": (_WHOLE, _HALVES[0]),
    "in the right half": (_WHOLE, _HALVES[1]),
    "around the middle": ((1 / 6, 5 / 6), (1 / 6, 5 / 6)),
}


class EvidenceWords(TypedDict):
    """The evidence in sentences: for the likeliest label, and against the next one."""

    top: str
    difference: str


def describe_evidence(evidence: EvidencePayload, names: Mapping[int, str]) -> EvidenceWords:
    """Return the evidence in words; `names` are those of the two labels, by taxon id."""
    top, runner_up = evidence["top"], evidence["runner_up"]
    best, second = (names.get(part["taxon_id"], "the label") for part in (top, runner_up))
    return {
        "top": f"{place_of(top['cells'])} ({best}).",
        "difference": f"Against {second}, {_lower(place_of(difference_of(evidence)))}.",
    }


def difference_of(evidence: EvidencePayload) -> list[list[float]]:
    """Return for each cell how much more it speaks for the likeliest label than for the next."""
    rows = zip(evidence["top"]["cells"], evidence["runner_up"]["cells"], strict=True)
    return [[ours - theirs for ours, theirs in zip(*row, strict=True)] for row in rows]


def coarsened(cells: Cells) -> list[list[float]]:
    """Return cells of which a page can draw each: sums of neighbours, if there are too many."""
    grid = min(len(cells), MAX_DRAWN_GRID)
    if grid == len(cells):
        return [list(row) for row in cells]
    parts = [(n / grid, (n + 1) / grid) for n in range(grid)]
    return [[_sum_in(cells, rows, columns) for columns in parts] for rows in parts]


def name_area(area: Sequence[float]) -> str:
    """Return where in a picture the middle of an area is: `in the upper left`.

    The area is x, y, width and height as shares of the picture.
    """
    x, y, width, height = area
    column, row = (min(2, max(0, int(3 * middle))) for middle in (x + width / 2, y + height / 2))
    return _NINTHS[row][column]


def place_of(cells: Cells) -> str:
    """Return where most of the positive cells' sum is, as a clause: `Most … in the upper left`."""
    evidence = [[max(0.0, cell) for cell in row] for row in cells]
    total = sum(map(sum, evidence))
    if not total > 0:
        return NOTHING
    shares = [[cell / total for cell in row] for row in evidence]
    for names, parts, least in (
        (_NINTHS, _THIRDS, MIN_SHARE_OF_NINTH),
        (_QUARTERS, _HALVES, MIN_SHARE_OF_QUARTER),
    ):
        areas = {
            name: (rows, columns)
            for rows, row_of_names in zip(parts, names, strict=True)
            for columns, name in zip(parts, row_of_names, strict=True)
        }
        name, share = _best(shares, areas)
        if share >= least:
            return f"Most of the evidence is {name}"
    name, share = _best(shares, _HALF_NAMES)
    return f"Most of the evidence is {name}" if share >= MIN_SHARE_OF_HALF else SPREAD


def _best(shares: Cells, areas: Mapping[str, tuple[Stretch, Stretch]]) -> tuple[str, float]:
    """The area that holds most of the evidence, and its share of it."""
    held = {name: _sum_in(shares, *area) for name, area in areas.items()}
    name = max(held, key=lambda area: held[area])
    return name, held[name]


def _sum_in(cells: Cells, rows: Stretch, columns: Stretch) -> float:
    """The sum of the cells in an area; a cell on its edge counts by what lies inside."""
    down, across = _overlap(len(cells), rows), _overlap(len(cells), columns)
    return sum(
        inside * sum(cell * part for cell, part in zip(row, across, strict=True))
        for inside, row in zip(down, cells, strict=True)
        if inside
    )


def _overlap(grid: int, stretch: Stretch) -> list[float]:
    first, last = stretch
    return [max(0.0, min((n + 1) / grid, last) - max(n / grid, first)) * grid for n in range(grid)]


def _lower(clause: str) -> str:
    return clause[0].lower() + clause[1:]
