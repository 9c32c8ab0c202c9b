"""Measure what more photos of the same animal are worth: one, two and three of an observation."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.storage.database import SiteDatabase

    from .metrics import ScoredPhotos

MOST = 3  # photos of an observation
# Of so many observations a figure moves by 3 points if one more is wrong.
MIN_OBSERVATIONS = 30

_OBSERVATIONS = """
SELECT photos.id, photos.observation_id FROM photos
JOIN json_each(?) AS wanted ON wanted.value = photos.id
"""


def save_together(
    db: SiteDatabase, model_id: str, scores: ScoredPhotos, photo_ids: Sequence[int]
) -> None:
    """Renew the rows `together_error_rate` of `model_metrics`; x is the number of photos.

    They are of the observations with at least three test photos, if there are enough of those.
    """
    observations = dict(db.execute(_OBSERVATIONS, [json.dumps(list(photo_ids))]).fetchall())
    groups: dict[int, list[int]] = defaultdict(list)
    for index, photo_id in enumerate(photo_ids):
        groups[observations[photo_id]].append(index)
    several = [group[:MOST] for group in groups.values() if len(group) >= MOST]
    db["model_metrics"].delete_where("model_id = ? AND name = 'together_error_rate'", [model_id])
    if len(several) < MIN_OBSERVATIONS:
        return
    for count in range(1, MOST + 1):
        chosen = np.array([group[:count] for group in several])
        top = scores.probabilities[chosen].mean(axis=1).argmax(axis=1)
        wrong = float((top != scores.truth[chosen[:, 0]]).mean())
        row = {"model_id": model_id, "name": "together_error_rate", "x": count}
        db["model_metrics"].insert({**row, "value": round(wrong, 5), "photos": len(several)})
