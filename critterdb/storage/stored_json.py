"""JSON in columns of the database, which somebody else may have made: read whatever is there.

What cannot be read counts as empty, so that one odd row costs its own words and not a whole page.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from critterdb._types import Json

# A model's card has three levels. Writing JSON fails at about 1,000, and a page writes its data.
MAX_DEPTH = 32
MAX_ID = 2**63  # SQLite's integers end here
# int() of 5,000 digits raises ValueError, and one above MAX_ID is not an id.
MAX_DIGITS = 20
_ID = re.compile("-?[0-9]{1,18}")  # of a taxon, as a key


def read_json(stored: object) -> object:
    """Return the value that a column holds; None if it is not JSON, or too deeply nested.

    NaN, infinity and integers beyond 64 bits become null, half a surrogate pair a `?`: neither our
    own JSON nor SQLite can hold them.
    """
    if not isinstance(stored, str):
        return None
    try:
        value: object = json.loads(
            stored, parse_constant=lambda _: None, parse_float=_float, parse_int=_integer
        )
        if not _is_shallow(value, MAX_DEPTH):
            return None
        if "\\u" in stored:
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value


def read_object(stored: object) -> Json:
    """Return the JSON object that a column holds, or an empty one."""
    value = read_json(stored)
    return value if isinstance(value, dict) else {}


def read_ids(stored: object) -> list[int]:
    """Return the integers of the JSON list that a column holds."""
    value = read_json(stored)
    return [item for item in value if _is_integer(item)] if isinstance(value, list) else []


def read_scores(stored: object) -> dict[int, float]:
    """Return the probabilities that the column `scores` holds, by taxon."""
    return {
        int(taxon_id): float(score)
        for taxon_id, score in read_object(stored).items()
        if _ID.fullmatch(taxon_id) and isinstance(score, int | float) and 0 <= score <= 1
    }


def each_id_sql(column: str) -> str:
    """Return SQL for the rows of the JSON list that a column holds, in `value`; none if it is odd.

    A view or statement that says json_each(column) fails as a whole at the first odd row.
    """
    return f"json_each(iif(json_valid({column}), {column}, '[]'))"


def as_counts(value: object) -> dict[str, int]:
    """Return the names and counts of a JSON object, such as photos by licence."""
    counts = value.items() if isinstance(value, dict) else ()
    return {name: count for name, count in counts if _is_integer(count)}


def as_text(value: object) -> str:
    """Return a JSON string; an empty one if it is anything else."""
    return value if isinstance(value, str) else ""


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _float(text: str) -> float | None:
    number = float(text)
    return number if abs(number) != float("inf") else None


def _integer(digits: str) -> int | None:
    number = int(digits) if len(digits) <= MAX_DIGITS else MAX_ID
    return number if -MAX_ID <= number < MAX_ID else None


def _is_shallow(value: object, levels: int) -> bool:
    """Whether lists and objects are nested in at most so many levels."""
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in items)
