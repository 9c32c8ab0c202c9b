"""JSON that strangers wrote parts of: parse it whole, and read it whatever its shape."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from critterdb._types import Json

# atproto's parser refuses a page for one record nested 198 levels deep, and the page's cursor with
# it, so nothing could step over that record. Posts have fewer than 20 levels.
# docs/decisions.md#deeply-nested-json-is-cut-at-64-levels
MAX_DEPTH = 64
# Ids of platforms have up to 19 digits.
MAX_INTEGER_DIGITS = 20  # int() of 5,000 digits raises ValueError

_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[\[\]{}]', re.DOTALL)


def parse_json(content: bytes | str) -> object:
    """Parse JSON, with null for whatever is nested more than MAX_DEPTH levels deep.

    Half a surrogate pair becomes `?`, because neither UTF-8 nor SQLite can hold it, and an integer
    of more than MAX_INTEGER_DIGITS a float. Takes time linear in the length. Raises ValueError.
    """
    text = content.decode("utf-8-sig", "replace") if isinstance(content, bytes) else content
    value: object = json.loads(_without_depths(text), strict=False, parse_int=_integer)
    if "\\u" in text or isinstance(content, str):
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def as_object(value: object) -> Json:
    """`value` where it is a JSON object, else an empty one."""
    return cast("Json", value) if isinstance(value, dict) else {}


def objects_in(value: object) -> list[Json]:
    """The JSON objects in a list; none where `value` is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    """A string or integer as text, else an empty string."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if isinstance(value, str) or is_integer else ""


def as_address(value: object) -> str | None:
    """`value` where it is a web address."""
    is_address = isinstance(value, str) and value.startswith(("https://", "http://"))
    return str(value) if is_address else None


def _without_depths(text: str) -> str:
    depth = start = 0
    kept: list[str] = []
    for match in _STRING_OR_BRACKET.finditer(text):
        mark = match[0]
        if mark in ("[", "{"):
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept.append(text[start : match.start()])
        elif mark in ("]", "}"):
            if depth == MAX_DEPTH + 1:
                kept.append("null")
                start = match.end()
            depth -= 1
    if depth > MAX_DEPTH:
        return ""  # what never closes is not JSON, and parsing it could exhaust the stack
    return "".join(kept) + text[start:]


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float(digits)
