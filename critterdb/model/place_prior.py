"""How often each label was observed near a place and at a time of the year; stored in model files.

Observations are counted in cells of one degree by month. Around a place they are weighted by their
distance (a Gaussian on the sphere), so neither the date line nor a pole is special. As in Mac
Aodha et al. 2019, "Presence-Only Geographical Priors", the photo's probabilities are multiplied by
how much more often each label is seen there than anywhere; here that is counted and not learned.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb._types import Json

    from .whereabouts import Whereabouts

CELL_DEGREES = 1.0
ROWS, COLUMNS, MONTHS = 180, 360, 12  # of cells; month 0 is an unknown one
PARTS_PER_OBSERVATION = 25  # an observation of an uncertain place is spread over cells in 25ths
# Of 1, 1.5, 2 and 2.5 degrees none was clearly better on ten_cats.
NEAR_DEGREES = 1.5  # standard deviation of the weight by distance
REACH_DEGREES = 3 * NEAR_DEGREES
MONTH_WEIGHTS = (1.0, 0.5)  # of the month itself, and of the one before and after
# Observations that are imagined to be as frequent as expected: with few, little is concluded.
PLACE_STRENGTH, MONTH_STRENGTH = 0.5, 2.0
# Of coordinates that are taken for wrong ones: no label becomes impossible.
WRONG_PLACE_SHARE = 0.05
# With 8 bytes each they have at most 240 kB before compression.
MAX_BINS = 30_000
MAX_LABELS = 65_536

BIN = np.dtype(
    [("row", "u1"), ("column", "<u2"), ("month", "u1"), ("label", "<u2"), ("parts", "<u2")]
)
"""One cell, month and label with its observations in 25ths."""
MAX_PARTS = 65_535


@dataclass(frozen=True)
class Nearby:
    """What was observed near a place; weighted counts C by label.

    `expected` are those that labels would have if they were as frequent here as everywhere. The
    two of the month are null if no date was given; there `month_expected` is by what is seen here
    all year.
    """

    seen: np.ndarray
    expected: np.ndarray
    month_seen: np.ndarray | None = None
    month_expected: np.ndarray | None = None

    @property
    def factors(self) -> np.ndarray:
        """How many times as frequent each label is here as everywhere: C, 1 if nothing is known."""
        factors = (self.seen + PLACE_STRENGTH) / (self.expected + PLACE_STRENGTH)
        if self.month_seen is None or self.month_expected is None:
            return np.asarray(factors)
        return np.asarray(
            factors * (self.month_seen + MONTH_STRENGTH) / (self.month_expected + MONTH_STRENGTH)
        )


@dataclass(frozen=True)
class PlacePrior:
    """The observations of a model's training split by cell, month and label, and their weight.

    `weight` is from 0 (they did not help on the validation photos) to 1. `labels` is how many
    labels the model has.
    """

    bins: np.ndarray
    labels: int
    weight: float

    @cached_property
    def _points(self) -> np.ndarray:
        return unit_vectors(
            (self.bins["row"] + 0.5) * CELL_DEGREES - 90,
            (self.bins["column"] + 0.5) * CELL_DEGREES - 180,
        )

    @cached_property
    def _counts(self) -> np.ndarray:
        return np.asarray(self.bins["parts"] / PARTS_PER_OBSERVATION)

    @cached_property
    def totals(self) -> np.ndarray:
        """Observations of each label: C."""
        return self._sum(self._counts)

    def _sum(self, weights: np.ndarray, where: np.ndarray | slice = slice(None)) -> np.ndarray:
        return np.bincount(self.bins["label"][where], weights, minlength=self.labels)

    def nearby(self, whereabouts: Whereabouts) -> Nearby | None:
        """Return what was observed near a place, or None if nothing was."""
        here = unit_vectors(np.array(whereabouts.latitude), np.array(whereabouts.longitude))
        cosines = self._points @ here
        near = np.flatnonzero(cosines > math.cos(math.radians(REACH_DEGREES)))
        if not len(near):
            return None
        degrees = np.degrees(np.arccos(np.minimum(cosines[near], 1.0)))
        weights = self._counts[near] * np.exp(-0.5 * (degrees / NEAR_DEGREES) ** 2)
        seen = self._sum(weights, near)
        expected = self.totals / self.totals.sum() * seen.sum()
        if whereabouts.on is None:
            return Nearby(seen, expected)
        month_seen = self._sum(weights * self._month_weights(near, whereabouts.on.month), near)
        return Nearby(seen, expected, month_seen, seen / seen.sum() * month_seen.sum())

    def _month_weights(self, near: np.ndarray, month: int) -> np.ndarray:
        months = self.bins["month"][near].astype(int)
        apart = np.abs(months - month)
        apart = np.minimum(apart, MONTHS - apart)
        weights = np.array([*MONTH_WEIGHTS, *(0.0,) * MONTHS])[apart]
        return np.where(months > 0, weights, 0.0)

    def factors_at(self, places: Sequence[Whereabouts | None]) -> np.ndarray:
        """Return the factors of places N×C: NaN without a place, 1 where nothing was observed."""
        factors = np.full((len(places), self.labels), np.nan)
        for number, place in enumerate(places):
            if place is not None:
                nearby = self.nearby(place)
                factors[number] = 1.0 if nearby is None else nearby.factors
        return factors

    def to_json(self) -> Json:
        """Return the prior as the model file stores it."""
        return {
            "weight": self.weight,
            "bins": base64.b64encode(zlib.compress(self.bins.tobytes(), 9)).decode("ascii"),
        }


def weighed(probabilities: np.ndarray, factors: np.ndarray, weight: float) -> np.ndarray:
    """Return probabilities …×C with the factors of a place …×C taken into account.

    Without a weight, or where all factors are 1, they are returned as they are.
    """
    if weight == 0 or bool((factors == 1).all()):
        return probabilities
    factors = (1 - WRONG_PLACE_SHARE) * factors**weight + WRONG_PLACE_SHARE
    products = probabilities * factors
    return np.asarray(products / products.sum(axis=-1, keepdims=True))


def unit_vectors(latitudes: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
    """Return points on the sphere, given in degrees, as vectors …×3 of length 1."""
    north, east = np.radians(latitudes), np.radians(longitudes)
    return np.stack(
        [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=-1
    )


def parse_prior(stored: object, labels: int) -> PlacePrior | None:
    """Parse what a model file says of places; None if it says nothing.

    Raises ValueError if that is not valid: it may come from anybody.
    """
    if stored is None:
        return None
    weight = stored.get("weight") if isinstance(stored, dict) else None
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight <= 1:
        raise ValueError("its place prior has no valid weight")
    assert isinstance(stored, dict)
    bins = _unpack(stored.get("bins"))
    if (
        bins["row"].max() >= ROWS
        or bins["column"].max() >= COLUMNS
        or bins["month"].max() > MONTHS
        or bins["label"].max() >= labels
        or bins["parts"].min() == 0
    ):
        raise ValueError("its place prior has cells that do not exist")
    return PlacePrior(bins, labels, float(weight))


def _unpack(text: object) -> np.ndarray:
    try:
        if not isinstance(text, str):
            raise TypeError("bins are a text")
        unpacking = zlib.decompressobj()
        # Bounded, because a small text can stand for gigabytes.
        most = MAX_BINS * BIN.itemsize
        data = unpacking.decompress(base64.b64decode(text, validate=True), most + 1)
        if not 0 < len(data) <= most or len(data) % BIN.itemsize or not unpacking.eof:
            raise ValueError("it does not end where it should")
        return np.frombuffer(data, BIN)
    except (TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise ValueError("its place prior cannot be read") from error
