"""What a model knows and says, as the model file, the endpoint and the rows spell it in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

Reason = Literal["unsure", "not_a_critter", "coarser"]
"""Why an answer is not simply the likeliest label."""
UNSURE: Reason = "unsure"
NOT_A_CRITTER: Reason = "not_a_critter"
COARSER: Reason = "coarser"


class Taxon(TypedDict):
    """A taxon by the names that it had when the model was trained."""

    taxon_id: int
    name: str
    common_name: str | None
    rank: str | None


class Label(Taxon):
    """One output of a model; its ancestors, which may be answers too, from the root down."""

    ancestors: NotRequired[list[Taxon]]


class ScoredTaxon(TypedDict):
    """A taxon and its probability, to four digits."""

    taxon_id: int
    name: str
    common_name: str | None
    score: float


class Answer(ScoredTaxon):
    """What a model says of an image: a label, or a coarser taxon."""

    rank: str | None


class Thresholds(TypedDict):
    """When a model answers: `threshold` is a probability, `novelty_threshold` a novelty."""

    threshold: float
    novelty_threshold: float
    temperature: float


def lineage_ids(label: Label) -> set[int]:
    """The ids of a label and its ancestors: the answers that hold true for it."""
    return {label["taxon_id"], *(ancestor["taxon_id"] for ancestor in label.get("ancestors", []))}


def labels_inside(taxon_id: int, labels: Sequence[Label]) -> list[Label]:
    """The labels that an answer holds true for."""
    return [label for label in labels if taxon_id in lineage_ids(label)]
