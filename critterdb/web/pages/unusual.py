"""Whether a photo's animal is unusual where and when it was observed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from critterdb.dataset.sightings import load_sightings
from critterdb.errors import CritterError
from critterdb.storage.stored_json import read_ids

if TYPE_CHECKING:
    from critterdb._types import Json
    from critterdb.model.registry import StoredModel
    from critterdb.model.whereabouts import Unusual
    from critterdb.storage.database import SiteDatabase

    from .base import Visit

_MODEL_WITH_PLACES = """
SELECT games.model_id FROM game_observations AS seen
JOIN games ON games.slug = seen.game
JOIN models ON models.id = games.model_id
WHERE seen.observation_id = ? AND seen.left_at IS NULL
    AND json_valid(models.card) AND json_extract(models.card, '$.place_weight') IS NOT NULL
ORDER BY games.slug LIMIT 1
"""
_OBSERVATION = """
SELECT observations.taxon_id, taxa.ancestor_ids
FROM observations LEFT JOIN taxa ON taxa.id = observations.taxon_id
WHERE observations.id = ? AND withdrawn_at IS NULL
"""


async def unusual_observation(visit: Visit, observation_id: int) -> Unusual | None:
    """Return what is unusual about an observation, by the model in use of its game.

    None if nothing is, or if nothing is known: no coordinates, or no model that knows of places.
    """
    try:
        from critterdb.model.placed_answer import unusual_because
        from critterdb.model.registry import load_stored
    except ImportError:
        return None  # a browser's tab has no numpy
    stored, row = await visit.read(lambda db: _look_up(db, observation_id))
    if stored is None or row is None:
        return None
    try:
        # The model that the endpoint keeps in memory, loaded as there.
        model = await visit.state.workers.run(partial(load_stored, stored, threads=1))
    except CritterError:
        return None  # the pages of models and the health page say what is wrong with it
    if model.place_prior is None:
        return None
    nearby = model.place_prior.nearby(row["whereabouts"])
    known = {label["taxon_id"] for label in model.labels}
    lineage = [row["taxon_id"], *reversed(read_ids(row["ancestor_ids"]))]
    label = next((taxon_id for taxon_id in lineage if taxon_id in known), None)
    if nearby is None or label is None:
        return None
    return unusual_because(label, model.labels, nearby)


def _look_up(db: SiteDatabase, observation_id: int) -> tuple[StoredModel | None, Json | None]:
    from critterdb.model.registry import find_model

    row = next(db.query(_OBSERVATION, [observation_id]), None)
    sighting = load_sightings(db, [observation_id]).get(observation_id)
    if row is None or sighting is None:
        return None, None
    model = db.execute(_MODEL_WITH_PLACES, [observation_id]).fetchone()
    if model is None:
        return None, None
    try:
        return find_model(db, model_id=model[0]), {**row, "whereabouts": sighting.whereabouts}
    except CritterError:
        return None, None
