"""Datasette's own tables with their columns in the order of metadata.json.

What people ask for first is described first there; columns without a description come last. Files
for programs (JSON, CSV) keep the order of the schema.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from .compat import described_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from datasette.app import Datasette


def arranged_by(datasette: Datasette) -> Callable[..., tuple[list[Any], list[Any]]]:
    """Return the function that puts a table's columns and rows in order, for the templates."""

    def arranged(
        database: str, table: str, request: Any, columns: list[Any], rows: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        if request.args.getlist("_col"):
            return columns, rows  # the visitor chose an order
        described = described_columns(datasette, database).get(table, [])
        order = _order([column["name"] for column in columns], described)
        return [columns[index] for index in order], [_in_order(row, order) for row in rows]

    return arranged


def _order(names: Sequence[str], described: Iterable[str]) -> list[int]:
    """The indexes of `names`, in the order of `described`; the others last."""
    rank = {name: index for index, name in enumerate(described)}
    return sorted(range(len(names)), key=lambda index: rank.get(names[index], len(rank)))


def _in_order(row: Any, order: list[int]) -> Any:
    """Datasette's Row, which is more than its cells."""
    arranged = copy(row)
    arranged.cells = [row.cells[index] for index in order]
    return arranged
