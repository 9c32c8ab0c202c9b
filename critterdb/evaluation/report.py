"""A model's figures in words, with what a person can do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.formatting import MIN_FOR_PERCENT, count_of, percent, share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .comparison import ModelComparison
    from .figures import EvaluationResult, LabelFigures

# One photo in five missed: worth a person's look at the photos of that label.
WEAK_RECALL = 0.8
FEW_TEST_PHOTOS = 5  # one of four wrong is 25%, and says nothing


def report_lines(result: EvaluationResult) -> list[str]:
    """Return what `train` and `evaluate` print of a measurement."""
    known = sum(label["photos"] for label in result["labels"])
    lines = [f"{result['model']}: measured on {count_of(result['photos'], 'photo')}."]
    lines += _error_lines(result, known)
    if result["none_refused"] is not None:
        none = result["photos"] - known
        refused = share_of(_count(result["none_refused"], none), none)
        line = f"  Of pictures of other things, it refused {refused}"
        if known:
            line += f"; of known ones, {share_of(_count(result['known_refused'], known), known)}"
        lines.append(f"{line}.")
    if (near := result.get("near_refused")) is not None:
        lines.append(f"  Of animals that only look like its labels, it refused {near:.1%}.")
    if known >= MIN_FOR_PERCENT:
        lines += _set_lines(result)
    if known:
        # Without photos of any label, every label would want more.
        lines += _weak_lines(result["labels"])
    lines += _data_lines(result)
    lines.append(f"  Took {result['seconds']:.1f} s.")
    return lines


def _set_lines(result: EvaluationResult) -> list[str]:
    coverage, size = result.get("set_coverage"), result.get("set_size")
    if coverage is None or size is None:
        return []
    return [
        f"  Its sets of labels hold the right one for {coverage:.1%} of the photos, "
        f"with {size:.2f} labels on average."
    ]


def comparison_line(comparison: ModelComparison) -> str:
    """Return how a new model did beside the one before it, with the numbers and their basis."""
    photos = comparison["photos"]
    verdicts = {
        "better": "The new model is better.",
        "worse": "The earlier model is better.",
        "unclear": "The difference could be chance.",
    }
    return (
        f"  On {count_of(photos, 'test photo')} that {comparison['earlier']} was tested on too, "
        f"that model was wrong on {share_of(comparison['earlier_wrong'], photos)}, this one on "
        f"{share_of(comparison['wrong'], photos)}. {verdicts[comparison['verdict']]}"
    )


def _error_lines(result: EvaluationResult, known: int) -> list[str]:
    """How often it is wrong, and how often it answers."""
    if not known or result["error_rate"] is None:
        return []
    wrong = share_of(_count(result["error_rate"], known), known)
    if known >= MIN_FOR_PERCENT:
        balanced = percent(result["balanced_error_rate"])
        wrong = f"{wrong.rstrip(')')}; {balanced} when every label counts the same)"
    answers = _count(result["answered"], known)
    wrong_answers = _count(result["wrong_among_answered"], answers)
    lines = [
        f"  Wrong on {wrong}.",
        f"  Answers {share_of(answers, known)}. Of its answers, "
        f"{share_of(wrong_answers, answers)} {'is' if wrong_answers == 1 else 'are'} wrong."
        if answers
        else f"  Answers none of {known}: it is never confident enough.",
    ]
    if known >= MIN_FOR_PERCENT and result["ece"] is not None:
        lines.append(
            f"  Its confidence is off by {100 * result['ece']:.1f} points on average "
            f"(calibration error; {100 * (result['ece_before'] or 0):.1f} before calibration)."
        )
    asked = result.get("max_wrong")
    if asked is not None and answers and wrong_answers > asked * answers:
        lines.append(
            f"  You asked for at most {asked:.1%} wrong answers. That was set on "
            f"{count_of(result.get('photos_validated', 0), 'validation photo')}; on the test "
            f"photos {share_of(wrong_answers, answers)} answers are wrong."
        )
    return lines


def _count(share: float | None, whole: int) -> int:
    """How many photos a share stands for: shares have five digits, enough to tell."""
    return round((share or 0) * whole)


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
        f"  Weak at {label['name']}: found {_count(recall, label['photos'])} of {label['photos']}"
        + (
            f", and mistook most of the rest for {label['mistaken_for']}."
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
        f"  {label['name']} has only {count_of(label['photos'], 'photo')} "
        f"and is merged into {label['into']}."
        for label in result.get("folded", [])
    ]
    lines += [
        f"  {label['name']} has only {count_of(label['photos'], 'photo')} and is left out."
        for label in result.get("too_few", [])
    ]
    if left_out := result.get("left_out"):
        counts = ", ".join(_left_out(photos, reason) for reason, photos in left_out.items())
        lines.append(f"  Left out: {counts}.")
    return lines


def _left_out(photos: int, reason: str) -> str:
    """Such as "1 photo that …": reasons begin with the plural that they count."""
    first, _, rest = reason.partition(" ")
    return f"{photos:,} {first.removesuffix('s') if photos == 1 else first} {rest}"
