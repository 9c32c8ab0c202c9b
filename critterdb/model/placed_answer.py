"""The answer to a photo with where and when it was taken, beside that of the photo alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from .decision import NOT_A_CRITTER, decide
from .labels import lineage_ids
from .place_prior import weighed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .decision import Classification
    from .labels import Answer, Label, Reason, ScoredTaxon
    from .loader import Model
    from .place_prior import Nearby
    from .whereabouts import Unusual, Whereabouts

# With three expected and none seen, chance is below 5% (Poisson).
MIN_EXPECTED = 3.0  # observations near there, if it were as frequent as elsewhere
MAX_UNUSUAL_SHARE = 0.1  # of those expected
# Scores have four digits, in rows too: a label that rounds to 0 is still possible.
MIN_SCORE = 0.00005


class PlacedAnswer(TypedDict):
    """An answer with where and when; `unusual_because` is null unless it is `unusual` there."""

    answer: Answer | None
    abstained: bool
    reason: Reason | None
    predictions: list[ScoredTaxon]
    unusual: bool
    unusual_because: Unusual | None


def answer_with_place(
    model: Model, classification: Classification, whereabouts: Whereabouts | None
) -> PlacedAnswer | None:
    """Return the answer with where and when, or None without whereabouts or a prior for them.

    Where nothing was observed it is the answer to the photo alone. A photo of nothing known stays
    one: no place makes it a critter.
    """
    if whereabouts is None or model.place_prior is None:
        return None
    nearby = model.place_prior.nearby(whereabouts)
    if nearby is not None and classification.reason != NOT_A_CRITTER:
        classification = _decide_again(model, classification, nearby)
    because = None
    if nearby is not None and classification.answer is not None:
        because = unusual_because(classification.answer["taxon_id"], model.labels, nearby)
    return {
        "answer": classification.answer,
        "abstained": classification.abstained,
        "reason": classification.reason,
        "predictions": classification.predictions,
        "unusual": because is not None,
        "unusual_because": because,
    }


def _decide_again(model: Model, photo: Classification, nearby: Nearby) -> Classification:
    assert model.place_prior
    # By the scores as they are shown and stored, so that a repeated question gets the same answer.
    score_of = {taxon["taxon_id"]: taxon["score"] for taxon in photo.predictions}
    scores = np.array([score_of[label["taxon_id"]] for label in model.labels])
    probabilities = np.maximum(scores, MIN_SCORE)
    placed = weighed(probabilities, nearby.factors, model.place_prior.weight)
    if placed is probabilities:
        return photo
    # A critter it is already; its novelty is not judged twice.
    novelty = min(photo.novelty, photo.thresholds["novelty_threshold"])
    return decide(placed, novelty, model.labels, photo.thresholds)


def unusual_because(taxon_id: int, labels: Sequence[Label], nearby: Nearby) -> Unusual | None:
    """Return what is unusual about a taxon there and then, or None if nothing is known to be.

    It is unusual if it was observed at most a tenth as often as expected, and if enough were
    expected for that to be no accident.
    """
    inside = np.array([taxon_id in lineage_ids(label) for label in labels], bool)
    if _is_rare(nearby.seen[inside].sum(), nearby.expected[inside].sum()):
        return "place"
    if nearby.month_seen is None or nearby.month_expected is None:
        return None
    if _is_rare(nearby.month_seen[inside].sum(), nearby.month_expected[inside].sum()):
        return "season"
    return None


def _is_rare(seen: float, expected: float) -> bool:
    return expected >= MIN_EXPECTED and seen <= MAX_UNUSUAL_SHARE * expected
