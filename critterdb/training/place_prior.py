"""Fit where and when: count the training split's observations, and weigh them on validation photos.

Nothing of the validation and test splits is counted, so what is measured on them is honest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.sightings import Sighting, load_sightings
from critterdb.model.place_prior import (
    BIN,
    CELL_DEGREES,
    COLUMNS,
    MAX_BINS,
    MAX_LABELS,
    MAX_PARTS,
    MONTHS,
    PARTS_PER_OBSERVATION,
    ROWS,
    PlacePrior,
    weighed,
)
from critterdb.model.placed_answer import MIN_SCORE

from .sampling import fitted_photos, sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from critterdb.storage.database import SiteDatabase

    from .training_data import TrainingData

# A place known to 200 km says nothing about a cell of one degree and its neighbours.
MAX_RADIUS_DEGREES = 2.0
# With fewer nothing can be said of whether places help.
MIN_VALIDATION_PHOTOS = 30
WEIGHTS = np.linspace(0, 1, 11)  # more than 1 would count the same observation twice
# Five by five points in the square of a place: of an exact one they are all the same.
_STEPS = np.linspace(-0.8, 0.8, math.isqrt(PARTS_PER_OBSERVATION))
SAMPLE_SEED = 20_190_612
MAX_SIGHTINGS = 100_000  # photos of the training split whose observations are counted


@dataclass(frozen=True)
class LabelledSighting:
    """A sighting of a label, by the label's index."""

    sighting: Sighting
    label: int


def fit_place_prior(
    db: SiteDatabase, data: TrainingData, valid_probabilities: np.ndarray
) -> PlacePrior | None:
    """Return the prior of a model, or None if the training split has no coordinates.

    `valid_probabilities` are those of the validation photos N×C by the photos alone.
    """
    labels = len(data.taxon_ids)
    if labels > MAX_LABELS:
        return None
    train, valid = _observations(data, "train"), _observations(data, "valid")
    # More would be left out again, since a model file has room for so many bins.
    counted = train[sample(len(train), MAX_SIGHTINGS)]
    weighed_on = sample(len(valid), fitted_photos(labels))
    valid = valid[weighed_on]
    sightings = load_sightings(db, {*counted[:, 0].tolist(), *valid[:, 0].tolist()})
    prior = count_sightings(_labelled(counted, sightings), labels)
    if prior is None:
        return None
    places = [
        sightings[observation_id].whereabouts if observation_id in sightings else None
        for observation_id in valid[:, 0].tolist()
    ]
    factors = prior.factors_at(places)
    weight = fit_weight(valid_probabilities[weighed_on], valid[:, 1], factors)
    return replace(prior, weight=weight)


def _observations(data: TrainingData, part: str) -> np.ndarray:
    """The observations of a part's photos and their labels: N×2."""
    mask = data.mask(part)
    return np.stack([data.examples.observation_ids[mask], data.truth[mask]], axis=1)


def _labelled(
    observations: np.ndarray, sightings: Mapping[int, Sighting]
) -> list[LabelledSighting]:
    """The sightings of observations, one for each, however many photos it has."""
    label_of = dict(observations.tolist())
    return [
        LabelledSighting(sightings[observation_id], label)
        for observation_id, label in label_of.items()
        if observation_id in sightings
    ]


def count_sightings(labelled: Iterable[LabelledSighting], labels: int) -> PlacePrior | None:
    """Count sightings in cells, each as widely as its place is uncertain; the weight is 1.

    What says nothing about nature (captive animals, places known to 200 km at best) is left out.
    """
    kept = _once_by_observer(
        seen
        for seen in labelled
        if not seen.sighting.is_captive and seen.sighting.radius <= MAX_RADIUS_DEGREES
    )
    if not kept:
        return None
    columns = np.array(
        [
            (
                seen.sighting.whereabouts.latitude,
                seen.sighting.whereabouts.longitude,
                seen.sighting.radius,
                seen.sighting.month,
                seen.label,
            )
            for seen in kept
        ]
    )
    bins = _bins(columns)
    generator = np.random.default_rng(SAMPLE_SEED)
    while len(bins) > MAX_BINS:
        # A sample keeps the shares of labels, cells and months as they are.
        chosen = generator.random(len(columns)) < 0.9 * MAX_BINS / len(bins)
        columns = columns[chosen]
        bins = _bins(columns)
    return PlacePrior(bins, labels, 1.0)


def _once_by_observer(labelled: Iterable[LabelledSighting]) -> list[LabelledSighting]:
    """Count what one observer saw in a cell and month once: one keen person is not many."""
    kept: dict[object, LabelledSighting] = {}
    for number, seen in enumerate(labelled):
        sighting, label = seen.sighting, seen.label
        who: object = sighting.observer_id
        place = sighting.whereabouts
        key = (who, label, place.latitude // CELL_DEGREES, place.longitude // CELL_DEGREES)
        kept.setdefault(number if who is None else (*key, sighting.month), seen)
    return list(kept.values())


def _bins(columns: np.ndarray) -> np.ndarray:
    """Return bins, sorted, of sightings: latitude, longitude, radius, month and label N×5."""
    latitude, longitude, radius, month, label = columns.T
    north, east = (step.ravel() for step in np.meshgrid(_STEPS, _STEPS))
    latitudes = (latitude[:, None] + radius[:, None] * north).clip(-90, 90)
    # Degrees of longitude are shorter by the cosine of the latitude.
    width = radius / np.cos(np.radians(latitude)).clip(min=0.01)
    longitudes = longitude[:, None] + width[:, None] * east
    cells = (
        np.floor((latitudes + 90) / CELL_DEGREES).clip(0, ROWS - 1),
        np.floor((longitudes + 180) / CELL_DEGREES) % COLUMNS,
        np.broadcast_to(month[:, None], latitudes.shape),
        np.broadcast_to(label[:, None], latitudes.shape),
    )
    # One number for each bin, in their order: a million are sorted in a twentieth of the time.
    shape = (ROWS, COLUMNS, MONTHS + 1, MAX_LABELS)
    numbers = np.ravel_multi_index(tuple(cell.astype(np.int64) for cell in cells), shape)
    bin_numbers, parts = np.unique(numbers, return_counts=True)
    bins = np.zeros(len(bin_numbers), BIN)
    bins["row"], bins["column"], bins["month"], bins["label"] = np.unravel_index(bin_numbers, shape)
    bins["parts"] = parts.clip(max=MAX_PARTS)
    return bins


def fit_weight(probabilities: np.ndarray, truth: np.ndarray, factors: np.ndarray) -> float:
    """Return the weight with the largest likelihood of the validation photos that have a place."""
    has_place = ~np.isnan(factors[:, 0])
    photos = np.arange(int(has_place.sum()))
    if len(photos) < MIN_VALIDATION_PHOTOS:
        return 0.0
    possible = np.maximum(probabilities[has_place], MIN_SCORE)
    likelihoods = [
        np.log(weighed(possible, factors[has_place], weight)[photos, truth[has_place]]).sum()
        for weight in WEIGHTS
    ]
    return round(float(WEIGHTS[int(np.argmax(likelihoods))]), 2)
