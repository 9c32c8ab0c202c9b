"""A model's figures in words, with what a person can do about them."""

from __future__ import annotations

from typing import Any

from critterdb.formatting import percent

WEAK_RECALL = 0.8
FEW_TEST_PHOTOS = 5


def report_lines(result: dict[str, Any]) -> list[str]:
    """What `train` and `evaluate` print of the figures of `train --json`."""
    lines = [f"{result['model']}: measured on {result['photos']} photos."]
    if result["error_rate"] is not None:
        lines.append(
            f"  Wrong on {result['error_rate']:.1%} of them "
            f"({percent(result['balanced_error_rate'])} when every label counts the same)."
        )
        lines.append(
            f"  Answers {percent(result['answered'])} and is wrong on "
            f"{percent(result['wrong_among_answered'])} of its answers; its percentages are off by "
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


def _weak_lines(labels: list[dict[str, Any]]) -> list[str]:
    tested = [one for one in labels if one["photos"]]
    weak = sorted(
        (one for one in tested if one["recall"] < WEAK_RECALL), key=lambda one: one["recall"]
    )
    lines = [
        f"  Weak at {one['name']}: found {one['recall']:.0%} of {one['photos']}"
        + (f", and mostly took the rest for {one['mistaken_for']}." if one["mistaken_for"] else ".")
        for one in weak
    ]
    few = [one["name"] for one in labels if one["photos"] < FEW_TEST_PHOTOS]
    if few:
        lines.append(f"  Too few test photos to be sure of: {', '.join(few)}.")
    wanting = [one["name"] for one in weak] + [name for name in few if name not in weak]
    if wanting:
        lines.append(f"  More photos would help most with: {', '.join(dict.fromkeys(wanting))}.")
    return lines


def _data_lines(result: dict[str, Any]) -> list[str]:
    """What a training did with labels and photos that it could not take as they are."""
    lines = [
        f"  {one['name']} has only {one['photos']} photos and counts as {one['into']}."
        for one in result.get("folded", [])
    ]
    lines += [
        f"  {one['name']} has only {one['photos']} photos and is left out."
        for one in result.get("too_few", [])
    ]
    if left_out := result.get("left_out"):
        told = ", ".join(f"{photos} {reason}" for reason, photos in left_out.items())
        lines.append(f"  Left out: {told}.")
    return lines
