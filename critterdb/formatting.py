"""Format values, counts and tables as text, without click."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def table_lines(rows: list[dict[str, Any]], columns: list[str]) -> list[str]:
    """Rows as aligned columns under a heading."""
    cells = [["" if row[c] is None else str(row[c]) for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in [columns, *cells]
    ]


def display_name(common_name: str | None, name: str) -> str:
    """Return what to call a taxon: its common name, or its scientific name if it has none.

    An empty common name counts as missing: an imported folder of photos can leave one.
    """
    return common_name or name


def display_name_sql(taxa: str = "taxa") -> str:
    """Return `display_name` as SQL; `taxa` is what the query calls the table. NULL if no taxon."""
    return f"coalesce(nullif({taxa}.common_name, ''), {taxa}.name)"


def taxon_name(taxon: Mapping[str, Any]) -> str:
    """Return what to call a taxon {common_name, name}, such as a label or a prediction."""
    return display_name(taxon["common_name"], str(taxon["name"]))


def one_of(names: list[str]) -> str:
    """`a Bobcat`, `a Bobcat or Canada Lynx`, `a Bobcat, Canada Lynx or Iberian Lynx`."""
    article = "an" if names[0][:1].lower() in "aeiou" else "a"
    *others, last = names
    return f"{article} {', '.join(others)} or {last}" if others else f"{article} {last}"


def count_of(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
