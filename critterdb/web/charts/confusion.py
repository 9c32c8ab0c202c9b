"""The confusion matrix: what was taken for what, each cell a link to the photos behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from .svg import joined, tag, words

CELL = 44
LETTER = 7.2  # width of a letter, about, in the charts' type
MAX_LABELS = 24  # a picture of more cells than this squared shows nothing on any screen


def confusion_matrix(
    labels: Sequence[Mapping[str, Any]],
    counts: Mapping[tuple[int, int], int],
    address: Callable[[int, int], str],
) -> Markup:
    """Rows are what it was, columns what the model said; a cell's shade is its share of the row.

    `labels` hold taxon_id and name; `counts` photos by (actual, predicted) taxon.
    """
    size = len(labels)
    longest = max([12, *(len(_shortened(str(label["name"]))) for label in labels)]) * LETTER
    left, top = longest + 20, longest * 0.78 + 26
    width, height = left + size * CELL + longest * 0.6, top + size * CELL + 8
    totals = {
        each["taxon_id"]: sum(n for (actual, _), n in counts.items() if actual == each["taxon_id"])
        for each in labels
    }
    parts = [words(8, top - 8, "it was ↓  said →", "axis-title")]
    for number, label in enumerate(labels):
        middle = (number + 0.5) * CELL
        name = _shortened(str(label["name"]))
        parts.append(words(left - 8, top + middle + 4, name, "label", "end"))
        x, y = left + middle + 4, top - 8
        parts.append(
            tag("text", name, class_="label", transform=f"translate({x:g} {y:g}) rotate(-50)")
        )
    for row, actual in enumerate(labels):
        for column, predicted in enumerate(labels):
            photos = counts.get((actual["taxon_id"], predicted["taxon_id"]), 0)
            place: dict[str, float] = {"x": left + column * CELL, "y": top + row * CELL}
            if not photos:
                parts.append(_square(place, "cell empty"))
                continue
            share = photos / totals[actual["taxon_id"]]
            right = row == column
            said = f"{actual['name']} taken for {predicted['name']}: {photos} photos"
            if right:
                said = f"{actual['name']} known as such: {photos} photos"
            parts.append(
                tag(
                    "a",
                    _square(place, "cell base"),
                    _square(place, "cell right" if right else "cell wrong", 0.18 + 0.82 * share),
                    words(
                        place["x"] + CELL / 2,
                        place["y"] + CELL / 2 + 5,
                        f"{photos:,}",
                        "count strong" if share > 0.55 else "count",
                        "middle",
                    ),
                    href=address(actual["taxon_id"], predicted["taxon_id"]),
                    aria_label=said,
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


def most_confused(
    labels: Sequence[Mapping[str, Any]], counts: Mapping[tuple[int, int], int]
) -> list[Mapping[str, Any]]:
    """The labels that a picture has room for: those with the most mistakes, in their order."""
    if len(labels) <= MAX_LABELS:
        return list(labels)
    mistakes: dict[int, int] = {}
    for (actual, predicted), photos in counts.items():
        if actual != predicted:
            mistakes[actual] = mistakes.get(actual, 0) + photos
            mistakes[predicted] = mistakes.get(predicted, 0) + photos
    ranked = sorted(labels, key=lambda label: -mistakes.get(label["taxon_id"], 0))
    chosen = {label["taxon_id"] for label in ranked[:MAX_LABELS]}
    return [label for label in labels if label["taxon_id"] in chosen]


def _square(place: Mapping[str, float], class_: str, opacity: float | None = None) -> Markup:
    return tag(
        "rect", **place, width=CELL - 2, height=CELL - 2, rx=4, class_=class_, fill_opacity=opacity
    )


def _shortened(name: str) -> str:
    return name if len(name) <= 21 else name[:20] + "…"
