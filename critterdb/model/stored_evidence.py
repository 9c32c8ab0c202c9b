"""Read the evidence that a row of `predictions` keeps, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard, cast

from critterdb.storage.stored_json import read_json, read_object

if TYPE_CHECKING:
    from .evidence import EvidencePayload

MAX_GRID = 64  # cells a side; the default model has 9
_WHOLE = [0.0, 0.0, 1.0, 1.0]


def read_stored_evidence(stored: object) -> EvidencePayload | None:
    """Return the evidence in a column, or None if there is none that can be drawn."""
    value = read_object(stored)
    grid, area = value.get("grid"), value.get("area", _WHOLE)
    if not isinstance(grid, int) or not 1 <= grid <= MAX_GRID or not _is_area(area):
        return None
    parts = (value.get("top"), value.get("runner_up"))
    if not all(_is_label_evidence(part, grid) for part in parts):
        return None
    return cast("EvidencePayload", {**value, "area": area})


def read_stored_area(stored: object) -> list[float] | None:
    """Return the part of a picture in a column: x, y, width and height as shares, or None."""
    value = read_json(stored)
    return [float(share) for share in value] if _is_area(value) else None


def _is_area(value: object) -> TypeGuard[list[float]]:
    return (
        isinstance(value, list)
        and len(value) == len(_WHOLE)
        and all(map(_is_number, value))
        and all(0 <= share <= 1 for share in value)
        and value[2] > 0
        and value[3] > 0
    )


def _is_label_evidence(value: object, grid: int) -> bool:
    if not isinstance(value, dict) or type(value.get("taxon_id")) is not int:
        return False
    cells = value.get("cells")
    return (
        isinstance(cells, list)
        and len(cells) == grid
        and all(isinstance(row, list) and len(row) == grid for row in cells)
        and all(_is_number(cell) for row in cells for cell in row)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
