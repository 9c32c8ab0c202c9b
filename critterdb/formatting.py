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


def taxon_name(taxon: Mapping[str, Any]) -> str:
    """How to call a taxon: by its common name where it has one."""
    return str(taxon["common_name"] or taxon["name"])


def one_of(names: list[str]) -> str:
    """`a Bobcat`, `a Bobcat or Canada Lynx`, `a Bobcat, Canada Lynx or Iberian Lynx`."""
    article = "an" if names[0][:1].lower() in "aeiou" else "a"
    *others, last = names
    return f"{article} {', '.join(others)} or {last}" if others else f"{article} {last}"


def count_of(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
