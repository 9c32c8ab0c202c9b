"""The error with and without where and when, on the test photos that have coordinates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.sightings import load_sightings
from critterdb.formatting import MIN_FOR_PERCENT
from critterdb.model.place_prior import weighed
from critterdb.model.placed_answer import MIN_SCORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.model.place_prior import PlacePrior
    from critterdb.storage.database import SiteDatabase

    from .metrics import ScoredPhotos

# Of more test photos times labels, a sample is placed: each looks at all cells of the prior.
MAX_FACTORS = 1_000_000
MIN_PHOTOS = 2_000
WITH_PLACE, WITHOUT_PLACE = "error_rate_with_place", "error_rate_without_place"


def save_place_errors(
    db: SiteDatabase,
    model_id: str,
    prior: PlacePrior | None,
    scores: ScoredPhotos,
    photo_ids: Sequence[int],
) -> None:
    """Replace the two rows of `model_metrics`; of fewer than 30 photos there are none.

    Call it in the model's transaction. `photo_ids` N are those of the scores.
    """
    db["model_metrics"].delete_where(
        "model_id = ? AND name IN (?, ?)", [model_id, WITH_PLACE, WITHOUT_PLACE]
    )
    if prior is None:
        return
    chosen = np.arange(len(photo_ids))
    if len(chosen) * len(scores.labels) > MAX_FACTORS:
        most = max(MIN_PHOTOS, MAX_FACTORS // len(scores.labels))
        chosen = np.sort(np.random.default_rng(0).permutation(len(chosen))[:most])
        photo_ids = [photo_ids[index] for index in chosen.tolist()]
    factors = _factors(db, prior, photo_ids)
    has_place = ~np.isnan(factors[:, 0])
    photos = int(has_place.sum())
    if photos < MIN_FOR_PERCENT:
        return
    chosen = chosen[has_place]
    truth, alone = scores.truth[chosen], scores.probabilities[chosen]
    placed = weighed(np.maximum(alone, MIN_SCORE), factors[has_place], prior.weight)
    db["model_metrics"].insert_all(
        {
            "model_id": model_id,
            "name": name,
            "x": 0,
            "value": float((probabilities.argmax(axis=1) != truth).mean()),
            "photos": photos,
        }
        for name, probabilities in ((WITHOUT_PLACE, alone), (WITH_PLACE, placed))
    )


def _factors(db: SiteDatabase, prior: PlacePrior, photo_ids: Sequence[int]) -> np.ndarray:
    rows = db.execute(
        "SELECT id, observation_id FROM photos WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps([int(photo_id) for photo_id in photo_ids])],
    )
    observation_of: dict[int, int] = dict(rows.fetchall())
    sightings = load_sightings(db, observation_of.values())
    seen = [sightings.get(observation_of[photo_id]) for photo_id in photo_ids]
    return prior.factors_at([sighting.whereabouts if sighting else None for sighting in seen])
