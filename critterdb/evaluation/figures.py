"""What a measurement of a model says, as `train --json` and `evaluate --json` spell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from .comparison import ModelComparison


class LabelFigures(TypedDict):
    """How well one label is recognised on test photos; shares are from 0 to 1, null if unknown."""

    name: str
    photos: int
    precision: float | None
    recall: float | None
    f1: float | None
    mistaken_for: str | None


class Figures(TypedDict):
    """How well a model does on test photos; shares are from 0 to 1, null if nothing tells.

    `set_coverage` is how often a set of labels holds the right one, `set_size` its labels on
    average; both are absent if the model has no sets, and `near_refused` without near strangers.

    `ece` is the expected calibration error, `ece_before` that before temperature.
    """

    photos: int
    error_rate: float | None
    balanced_error_rate: float | None
    top3_error_rate: float | None
    ece: float | None
    ece_before: float | None
    answered: float | None
    wrong_among_answered: float | None
    novelty_auroc: float | None
    none_refused: float | None
    known_refused: float | None
    near_refused: NotRequired[float | None]
    set_coverage: NotRequired[float | None]
    set_size: NotRequired[float | None]
    labels: list[LabelFigures]


class DroppedLabel(TypedDict):
    """A label with too few photos to learn from."""

    name: str
    photos: int


class FoldedLabel(DroppedLabel):
    """A label with too few photos, which count as photos of an ancestor, `into`."""

    into: str


class EvaluationResult(Figures):
    """A measurement of one model; `left_out` counts photos by the reason.

    What follows `left_out` is of a training only: the share of wrong answers that was asked for and
    how many photos it was set on, whether the game uses the model, and how the one before did.
    """

    model: str
    seconds: float
    left_out: dict[str, int]
    max_wrong: NotRequired[float]
    photos_validated: NotRequired[int]
    is_used: NotRequired[bool]
    comparison: NotRequired[ModelComparison | None]
    too_few: NotRequired[list[DroppedLabel]]
    folded: NotRequired[list[FoldedLabel]]
