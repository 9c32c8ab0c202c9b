"""Compare a new model with the one in use, on the test photos that both were tested on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb.storage.database import SiteDatabase

# Of two equally good models, one seems better than the other in one comparison of twenty.
MAX_CHANCE = 0.05


class Outcome(TypedDict):
    """What a model said of one test photo: the taxon that counts as true, and its top label."""

    truth: int
    top: int


class ModelComparison(TypedDict):
    """A new model beside an earlier one on the `photos` that both were tested on, with wrong ones.

    `verdict` is what the new model is, or "unclear" if chance explains the difference.
    """

    earlier: str
    photos: int
    wrong: int
    earlier_wrong: int
    verdict: Literal["better", "worse", "unclear"]


def compare_with(
    db: SiteDatabase, earlier: str, outcomes: Mapping[int, Outcome]
) -> ModelComparison | None:
    """Compare what a new model said of photos, by id, with what `earlier` said of the same.

    Only photos that both were tested on, and whose label is the same to both, are counted. Returns
    None if there is no such photo.
    """
    rows = db.query(
        """
        SELECT photo_id, label_taxon_id, top_taxon_id FROM predictions
        WHERE model_id = ? AND source = 'evaluation' AND photo_id IS NOT NULL
        ORDER BY id
        """,
        [earlier],
    )
    said = {row["photo_id"]: (row["label_taxon_id"], row["top_taxon_id"]) for row in rows}
    pairs = [
        (outcome["top"] != outcome["truth"], said[photo_id][1] != outcome["truth"])
        for photo_id, outcome in outcomes.items()
        if photo_id in said and said[photo_id][0] == outcome["truth"]
    ]
    if not pairs:
        return None
    only_new = sum(new and not old for new, old in pairs)
    only_earlier = sum(old and not new for new, old in pairs)
    return {
        "earlier": earlier,
        "photos": len(pairs),
        "wrong": sum(new for new, _ in pairs),
        "earlier_wrong": sum(old for _, old in pairs),
        "verdict": _verdict(only_new, only_earlier),
    }


def _verdict(only_new: int, only_earlier: int) -> Literal["better", "worse", "unclear"]:
    """Judge by the photos that only one of the two gets wrong: a sign test, McNemar's exact one."""
    photos = only_new + only_earlier
    rarer = min(only_new, only_earlier)
    chance = sum(math.comb(photos, k) for k in range(rarer + 1)) / 2**photos
    if chance >= MAX_CHANCE:
        return "unclear"
    return "worse" if only_new > only_earlier else "better"
