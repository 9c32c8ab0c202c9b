"""A model's figures in words, with what a person can do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.formatting import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .figures import EvaluationResult, LabelFigures

# One photo in five missed: worth a person's look at the photos of that label.
WEAK_RECALL = 0.8
FEW_TEST_PHOTOS = 5  # one of four wrong is 25%, and says nothing


def report_lines(result: EvaluationResult) -> list[str]:
    """Return what `train` and `evaluate` print of a measurement."""
    lines = [f"{result['model']}: measured on {result['photos']} photos."]
    if result["error_rate"] is not None:
        lines.append(
            f"  Wrong on {result['error_rate']:.1%} of them "
            f"({percent(result['balanced_error_rate'])} when every label counts the same)."
        )
        lines.append(
            f"  Answers {percent(result['answered'])} and is wrong on "
            f"{percent(result['wrong_among_answered'])} of its answers; its confidence is off by "
            f"{percent(result['ece'])} on average ({percent(result['ece_before'])} as trained)."
        )
    if result["none_refused"] is not None:
        lines.append(
            f"  Of pictures of nothing it knows it refused {result['none_refused']:.1%}, "
            f"of known ones {percent(result['known_refused'])}."
        )
    lines += _weak_lines(result["labels"])
    lines += _data_lines(result)
    lines.append(f"  Took {result['seconds']:.1f} s.")
    return lines


def _weak_lines(labels: Sequence[LabelFigures]) -> list[str]:
    weak = sorted(
        (
            (label["recall"], label)
            for label in labels
            if label["recall"] is not None and label["recall"] < WEAK_RECALL
        ),
        key=lambda pair: pair[0],
    )
    lines = [
        f"  Weak at {label['name']}: found {recall:.0%} of {label['photos']}"
        + (
            f", and mostly took the rest for {label['mistaken_for']}."
            if label["mistaken_for"]
            else "."
        )
        for recall, label in weak
    ]
    few = [label["name"] for label in labels if label["photos"] < FEW_TEST_PHOTOS]
    if few:
        lines.append(f"  Too few test photos to be sure of: {', '.join(few)}.")
    wanting = [label["name"] for _, label in weak] + few
    if wanting:
        lines.append(f"  More photos would help most with: {', '.join(dict.fromkeys(wanting))}.")
    return lines


def _data_lines(result: EvaluationResult) -> list[str]:
    """What a training did with labels and photos that it could not take as they are."""
    lines = [
        f"  {label['name']} has only {label['photos']} photos and counts as {label['into']}."
        for label in result.get("folded", [])
    ]
    lines += [
        f"  {label['name']} has only {label['photos']} photos and is left out."
        for label in result.get("too_few", [])
    ]
    if left_out := result.get("left_out"):
        counts = ", ".join(f"{photos} {reason}" for reason, photos in left_out.items())
        lines.append(f"  Left out: {counts}.")
    return lines
