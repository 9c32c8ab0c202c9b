"""Format values, counts and tables as text, without click."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REPLACEMENT = "\ufffd"
# What a terminal obeys instead of showing (ESC and its 8-bit kin), what turns the direction of
# writing, and halves of surrogate pairs, which cannot be written at all.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# A name with a line break in it would forge a line of a table.
_BREAKS = re.compile("[\t\n\u2028\u2029]+")


def printable(text: object) -> str:
    """Text that a terminal shows and does not obey; lines and tabs stay.

    Names and messages come from strangers: an ESC among them could retitle the window, hide lines
    or rewrite what was printed before.
    """
    return _CONTROLS.sub(REPLACEMENT, str(text))


def printable_line(text: object) -> str:
    """As printable, on one line."""
    return printable(_BREAKS.sub(" ", str(text)))


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON for people and programs, in which no character controls a terminal."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return re.sub(
        "[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
        lambda match: f"\\u{ord(match[0]):04x}",
        text,
    )


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def confidence(score: float) -> str:
    """A probability as text that promises neither nothing nor certainty: 87%, over 99%."""
    if score < 0.01:
        return "under 1%"
    return "over 99%" if score > 0.99 else f"{score:.0%}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return “ Did you mean NAME?” with its leading space, or nothing if no name is alike."""
    from difflib import get_close_matches

    by_folded = {name.casefold(): name for name in known}
    alike = get_close_matches(word.casefold(), by_folded, n=1)
    return f" Did you mean {by_folded[alike[0]]}?" if alike else ""


PLATFORMS = {"x": "on X", "mastodon": "on Mastodon", "bluesky": "on Bluesky", "jsonl": "in a file"}


def where_posted(platform: str) -> str:
    """Return where a post is, such as “on Mastodon”, by the name that rows have for it."""
    return PLATFORMS.get(platform, f"on {platform}")


# One more photo wrong of 30 is over three percent: below that a percentage claims too much.
MIN_FOR_PERCENT = 30


def percent_of(part: float, whole: float) -> str | None:
    """Return a share as a percentage, or None if it is of too few to have one."""
    return f"{part / whole:.1%}" if whole >= MIN_FOR_PERCENT else None


def share_of(part: int, whole: int, things: str = "") -> str:
    """Return a share with its basis: `1 of 31 (3.2%)`, and `1 of 6` of fewer than 30.

    `things` names what is counted, as in `1 of 31 test photos (3.2%)`.
    """
    if not whole:
        return f"none of 0 {things}".rstrip()
    counts = f"{part:,} of {whole:,} {things}".rstrip()
    share = percent_of(part, whole)
    return f"{counts} ({share})" if share else counts


def table_lines(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> list[str]:
    """Rows as aligned columns under a heading."""
    cells = [
        ["" if row[column] is None else printable_line(row[column]) for column in columns]
        for row in rows
    ]
    lines = [list(columns), *cells]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(columns))]
    return [
        "  ".join(
            text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]


def _width(text: str) -> int:
    """Columns of a terminal: two for East Asian wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


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


def list_of(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def count_of(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
