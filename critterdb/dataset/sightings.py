"""Where and when the observations of a site were made, and how precisely that is known."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from critterdb.model.whereabouts import Whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from critterdb.storage.database import SiteDatabase

# docs/decisions.md#an-obscured-place-is-a-square-of-02-degrees
OBSCURED_DEGREES = 0.2
METRES_PER_DEGREE = 111_320.0  # of latitude

_SIGHTINGS = """
SELECT id, observer_id, observed_on, latitude, longitude, positional_accuracy, obscured, captive
FROM observations
WHERE id IN (SELECT value FROM json_each(?))
    AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180
"""


@dataclass(frozen=True)
class Sighting:
    """Where and when an observation was made.

    The place is the middle of a square that reaches `radius` degrees of latitude in each direction;
    an obscured one is a square of 0.2 degrees. `observer_id` may be null.
    """

    whereabouts: Whereabouts
    radius: float
    observer_id: int | None
    is_captive: bool

    @property
    def month(self) -> int:
        """The month from 1 to 12, or 0 if it is not known."""
        return self.whereabouts.on.month if self.whereabouts.on else 0


def load_sightings(db: SiteDatabase, observation_ids: Iterable[int]) -> dict[int, Sighting]:
    """Return the sightings of observations by their ids, without those of an unknown place."""
    ids = json.dumps([int(observation_id) for observation_id in observation_ids])
    return {row["id"]: _sighting(row) for row in db.query(_SIGHTINGS, [ids])}


def _sighting(row: dict[str, object]) -> Sighting:
    latitude, longitude = float(str(row["latitude"])), float(str(row["longitude"]))
    accuracy = row["positional_accuracy"]
    radius = accuracy / METRES_PER_DEGREE if isinstance(accuracy, int | float) else 0.0
    if row["obscured"]:
        # iNaturalist's point is random within the square, so only the square is known.
        latitude, longitude = _middle(latitude), _middle(longitude)
        radius = max(radius, OBSCURED_DEGREES / 2)
    observer_id = row["observer_id"]
    return Sighting(
        Whereabouts(latitude, longitude, _day(row["observed_on"])),
        radius,
        observer_id if isinstance(observer_id, int) else None,
        bool(row["captive"]),
    )


def _middle(degrees: float) -> float:
    """The middle of the square in which iNaturalist moves an obscured place."""
    # Rounded first: 0.6 / 0.2 is 2.9999999999999996, which would be the square before.
    return (math.floor(round(degrees / OBSCURED_DEGREES, 6)) + 0.5) * OBSCURED_DEGREES


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None
