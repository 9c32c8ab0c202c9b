"""Sets of labels that hold the right one with a stated guarantee.

Split conformal prediction (Vovk et al. 2005; Romano et al. 2020, "Classification with Valid and
Adaptive Coverage"): a label is in the set if its probability is at least a limit, which all but a
few of the validation photos' right labels reached. Photos of one animal are combined by the union
bound: each has a stricter limit, and a label must reach it on every photo. That holds however alike
the photos are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb._types import Json

    from .decision import Classification
    from .labels import ScoredTaxon

MAX_PHOTOS = 16  # of one animal, in a model file of any maker


class LabelSet(TypedDict):
    """A set of labels that holds the right one with a probability of `coverage`."""

    coverage: float
    taxa: list[ScoredTaxon]


@dataclass(frozen=True)
class SetRule:
    """Which labels are in a set: those with a probability of at least `min_scores`[k - 1].

    `k` is how many photos of the animal there are. Of more photos than there are limits, the first
    ones speak.
    """

    coverage: float
    min_scores: tuple[float, ...]

    def choose(self, photos: Sequence[Classification], combined: Classification) -> LabelSet:
        """Return the set over photos of one animal, in the order of their combined answer."""
        speaking = list(photos[: len(self.min_scores)])
        limit = self.min_scores[len(speaking) - 1]
        likely = [
            {label["taxon_id"] for label in photo.predictions if label["score"] >= limit}
            for photo in speaking
        ]
        inside = set.intersection(*likely)
        taxa = [label for label in combined.predictions if label["taxon_id"] in inside]
        return {"coverage": self.coverage, "taxa": taxa or combined.predictions[:1]}

    def as_metadata(self) -> Json:
        return {"coverage": self.coverage, "min_scores": list(self.min_scores)}


def parse_set_rule(value: object) -> SetRule | None:
    """Parse `set` of a model's metadata; None if it has none. Raises ValueError if it is odd."""
    if value is None:
        return None
    coverage = value.get("coverage") if isinstance(value, dict) else None
    scores = value.get("min_scores") if isinstance(value, dict) else None
    if (
        not _is_share(coverage)
        or not isinstance(scores, list)
        or not 1 <= len(scores) <= MAX_PHOTOS
        or not all(map(_is_share, scores))
    ):
        raise ValueError("its set is not a coverage and limits from 0 to 1")
    assert isinstance(coverage, float | int)
    return SetRule(float(coverage), tuple(map(float, scores)))


def _is_share(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value <= 1 and math.isfinite(value)
