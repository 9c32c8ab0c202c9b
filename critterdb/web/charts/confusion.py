"""The confusion matrix: what was taken for what, each cell a link to the photos behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.formatting import count_of

from .svg import joined, tag, words

if TYPE_CHECKING:
    from markupsafe import Markup

CELL = 44  # pixels
# SVG has no layout: the room for a name is estimated.
LETTER = 7.2  # width of a letter, about, in the charts' type
MAX_LABELS = 24  # a picture of more cells than this squared shows nothing on any screen
MAX_LETTERS = 21

Counts = Mapping[tuple[int, int], int]
"""Photos by (actual, predicted) taxon."""


@dataclass(frozen=True)
class Label:
    """A taxon that the model tells apart, as a row and a column of the matrix."""

    taxon_id: int
    name: str

    @property
    def short_name(self) -> str:
        """The name, cut to what the margin has room for."""
        return self.name if len(self.name) <= MAX_LETTERS else f"{self.name[: MAX_LETTERS - 1]}…"


@dataclass(frozen=True)
class Margins:
    """Where the cells begin, in pixels from the left and from the top."""

    left: float
    top: float


def confusion_matrix(
    labels: Sequence[Label], counts: Counts, address: Callable[[int, int], str]
) -> Markup:
    """Draw the matrix: rows are what it was, columns what the model said.

    A cell's shade is its share of the row; `address` gives the page of a cell's photos.
    """
    size = len(labels)
    longest = max([12, *(len(label.short_name) for label in labels)]) * LETTER
    margins = Margins(longest + 20, longest * 0.78 + 26)
    width = margins.left + size * CELL + longest * 0.6
    height = margins.top + size * CELL + 8
    totals = {
        label.taxon_id: sum(n for (actual, _), n in counts.items() if actual == label.taxon_id)
        for label in labels
    }
    parts = [words(8, margins.top - 8, "it was ↓  said →", "axis-title")]
    for index, label in enumerate(labels):
        parts += _headings(label, index, margins)
    for row, actual in enumerate(labels):
        for column, predicted in enumerate(labels):
            corner = {"x": margins.left + column * CELL, "y": margins.top + row * CELL}
            photos = counts.get((actual.taxon_id, predicted.taxon_id), 0)
            if not photos:
                parts.append(_square(corner, "cell empty"))
                continue
            share = photos / totals[actual.taxon_id]
            link = address(actual.taxon_id, predicted.taxon_id)
            parts.append(
                tag(
                    "a",
                    *_cell(corner, photos, share, is_right=row == column),
                    href=link,
                    aria_label=_spoken(actual, predicted, photos),
                )
            )
    return tag(
        "svg",
        joined(parts),
        class_="chart matrix",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="group",
        aria_label=f"Confusion matrix of {size} labels; each cell leads to its photos",
    )


def _headings(label: Label, index: int, margins: Margins) -> list[Markup]:
    """A label's name beside its row and, aslant, above its column."""
    middle = (index + 0.5) * CELL
    x, y = margins.left + middle + 4, margins.top - 8
    return [
        words(margins.left - 8, margins.top + middle + 4, label.short_name, "label", "end"),
        tag(
            "text",
            label.short_name,
            class_="label",
            transform=f"translate({x:g} {y:g}) rotate(-50)",
        ),
    ]


def _cell(corner: dict[str, float], photos: int, share: float, *, is_right: bool) -> list[Markup]:
    opacity = 0.18 + 0.82 * share
    x, y = corner["x"] + CELL / 2, corner["y"] + CELL / 2 + 5
    # On the darker half of the shades only the stronger letters have enough contrast.
    count = words(x, y, f"{photos:,}", "count strong" if share > 0.55 else "count", "middle")
    shade = _square(corner, "cell right" if is_right else "cell wrong", opacity)
    return [_square(corner, "cell base"), shade, count]


def _spoken(actual: Label, predicted: Label, photos: int) -> str:
    if actual == predicted:
        return f"{actual.name} recognised correctly: {count_of(photos, 'photo')}"
    return f"{actual.name} mistaken for {predicted.name}: {count_of(photos, 'photo')}"


def most_confused(labels: Sequence[Label], counts: Counts) -> list[Label]:
    """Return the labels that a picture has room for: those with the most mistakes."""
    if len(labels) <= MAX_LABELS:
        return list(labels)
    mistakes: dict[int, int] = {}
    for (actual, predicted), photos in counts.items():
        if actual != predicted:
            mistakes[actual] = mistakes.get(actual, 0) + photos
            mistakes[predicted] = mistakes.get(predicted, 0) + photos
    ranked = sorted(labels, key=lambda label: -mistakes.get(label.taxon_id, 0))
    chosen = {label.taxon_id for label in ranked[:MAX_LABELS]}
    return [label for label in labels if label.taxon_id in chosen]


def _square(corner: Mapping[str, float], class_: str, opacity: float | None = None) -> Markup:
    size = CELL - 2
    return tag("rect", **corner, width=size, height=size, rx=4, class_=class_, fill_opacity=opacity)
