"""A prediction's probabilities as bars with names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

from critterdb.dataset.taxonomy import taxon_names

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

BARS = 5

Scores = Mapping[int, float]
"""Probability of each taxon that the model knows, by the taxon's id."""


class ScoreBar(TypedDict):
    """A label of a prediction with its probability; `width` is that in percent."""

    taxon_id: int
    name: str
    score: float
    width: float


def names_in(db: SiteDatabase, predictions: Iterable[Scores]) -> dict[int, str]:
    """Return what to call every taxon of several predictions."""
    return taxon_names(db, {taxon_id for scores in predictions for taxon_id in scores})


def likeliest(scores: Scores, count: int) -> list[tuple[int, float]]:
    """Return the `count` likeliest taxa with their probabilities, the likeliest first."""
    return sorted(scores.items(), key=lambda item: -item[1])[:count]


def score_bars(scores: Scores, names: Mapping[int, str]) -> list[ScoreBar]:
    """Return the likeliest labels of a prediction."""
    return [
        {
            "taxon_id": taxon_id,
            "name": names.get(taxon_id, str(taxon_id)),
            "score": score,
            "width": round(100 * score, 1),
        }
        for taxon_id, score in likeliest(scores, BARS)
    ]
