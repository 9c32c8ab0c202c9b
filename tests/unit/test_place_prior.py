"""Where and when: counted by cell and month, never impossible, silent where nothing was seen."""

from __future__ import annotations

import base64
import zlib
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from critterdb.dataset.sightings import Sighting, load_sightings
from critterdb.model.decision import decide
from critterdb.model.place_prior import (
    BIN,
    MAX_BINS,
    PlacePrior,
    parse_prior,
    weighed,
)
from critterdb.model.placed_answer import answer_with_place, unusual_because
from critterdb.model.whereabouts import Whereabouts
from critterdb.training.place_prior import LabelledSighting, count_sightings

if TYPE_CHECKING:
    from critterdb.model.labels import Label
    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow

JAGUAR, LEOPARD, TIGER, UNSEEN = range(4)
PANTANAL, SERENGETI, RANTHAMBORE = (-17.0, -57.0), (-2.5, 34.5), (26.0, 76.5)
LABELS: list[Label] = [
    {"taxon_id": number, "name": name, "common_name": None, "rank": "species"}
    for number, name in enumerate(("Panthera onca", "P. pardus", "P. tigris", "P. nova"), start=1)
]
THRESHOLDS = {"threshold": 0.6, "novelty_threshold": 5.0, "temperature": 1.0}


def seen(
    label: int,
    place: tuple[float, float],
    *,
    month: int = 7,
    observer: int | None = None,
    radius: float = 0.0,
    captive: bool = False,
) -> LabelledSighting:
    whereabouts = Whereabouts(*place, date(2024, month, 15))
    return LabelledSighting(Sighting(whereabouts, radius, observer, captive), label)


def made_prior(*sightings: LabelledSighting) -> PlacePrior:
    prior = count_sightings(sightings, len(LABELS))
    assert prior is not None
    return prior


@pytest.fixture(scope="module")
def cats() -> PlacePrior:
    """Sixty jaguars, leopards and tigers each at home, and a label of which nothing is known."""
    homes = ((JAGUAR, PANTANAL), (LEOPARD, SERENGETI), (TIGER, RANTHAMBORE))
    return made_prior(*(seen(label, home) for label, home in homes for _ in range(60)))


class Known:
    """What answer_with_place needs of a model."""

    def __init__(self, prior: PlacePrior | None) -> None:
        self.place_prior, self.labels = prior, LABELS


def placed(prior: PlacePrior | None, probabilities: list[float], *where: Any) -> Any:
    photo = decide(np.array(probabilities), 1.0, LABELS, THRESHOLDS)  # type: ignore[arg-type]
    return photo, answer_with_place(Known(prior), photo, Whereabouts(*where))  # type: ignore[arg-type]


probabilities = st.lists(st.floats(1e-6, 1), min_size=4, max_size=4).map(
    lambda shares: np.array(shares) / sum(shares)
)
places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
days = st.none() | st.dates(date(1900, 1, 1), date(2026, 1, 1))


@settings(max_examples=50, deadline=None)
@given(probabilities, places, days, st.floats(0, 1))
def test_probabilities_add_up_to_one_and_none_is_zero(
    shares: np.ndarray, place: tuple[float, float], on: date | None, weight: float
) -> None:
    prior = made_prior(
        *(seen(JAGUAR, (place[0], 0.3)) for _ in range(9)), seen(LEOPARD, (10.2, place[1]))
    )
    nearby = prior.nearby(Whereabouts(*place, on))
    factors = np.ones(4) if nearby is None else nearby.factors
    result = weighed(shares, factors, weight)
    assert result.sum() == pytest.approx(1)
    assert (result > 0).all()


@settings(max_examples=50, deadline=None)
@given(probabilities, places)
def test_without_observations_near_there_nothing_changes(
    shares: np.ndarray, place: tuple[float, float]
) -> None:
    prior = made_prior(seen(JAGUAR, (place[0], (place[1] + 360) % 360 - 180)))
    prior = PlacePrior(prior.bins, prior.labels, 1.0)
    far = Whereabouts(-place[0] / 2 + (40 if place[0] < 0 else -40), place[1])
    assert prior.nearby(far) is None
    photo, answer = placed(prior, list(shares), far.latitude, far.longitude)
    assert answer["predictions"] == photo.predictions
    assert answer["answer"] == photo.answer
    assert answer["unusual"] is False


def test_a_place_decides_between_two_that_look_alike(cats: PlacePrior) -> None:
    photo, answer = placed(cats, [0.45, 0.5, 0.03, 0.02], *PANTANAL)
    assert photo.answer is None
    assert answer["answer"]["name"] == "Panthera onca"
    assert sum(taxon["score"] for taxon in answer["predictions"]) == pytest.approx(1, abs=2e-4)


def test_a_weight_of_zero_leaves_the_answer_to_the_photo(cats: PlacePrior) -> None:
    silent = PlacePrior(cats.bins, cats.labels, 0.0)
    photo, answer = placed(silent, [0.45, 0.5, 0.03, 0.02], *PANTANAL)
    assert answer["predictions"] is photo.predictions


def test_a_model_without_a_prior_has_no_placed_answer() -> None:
    assert placed(None, [0.7, 0.1, 0.1, 0.1], *PANTANAL)[1] is None


def test_a_label_without_observations_is_neither_helped_nor_hurt(cats: PlacePrior) -> None:
    nearby = cats.nearby(Whereabouts(*PANTANAL))
    assert nearby is not None
    assert nearby.factors[UNSEEN] == 1
    assert nearby.factors[JAGUAR] > 2
    assert nearby.factors[TIGER] < 0.1


def test_no_place_makes_a_critter_of_something_else(cats: PlacePrior) -> None:
    photo = decide(np.array([0.9, 0.1, 0, 0]), 9.0, LABELS, THRESHOLDS)  # type: ignore[arg-type]
    answer = answer_with_place(Known(cats), photo, Whereabouts(*PANTANAL))  # type: ignore[arg-type]
    assert answer is not None
    assert answer["reason"] == "not_a_critter"
    assert answer["predictions"] == photo.predictions


@pytest.mark.parametrize(
    ("observed", "asked"),
    [
        ((0.5, 179.6), (0.5, -179.6)),  # the date line
        ((0.5, 180.0), (0.5, -180.0)),
        ((89.5, 10.0), (89.5, -170.0)),  # across the north pole
        ((-90.0, 0.0), (-89.0, 123.0)),
    ],
)
def test_neither_the_date_line_nor_a_pole_is_an_edge(
    observed: tuple[float, float], asked: tuple[float, float]
) -> None:
    prior = made_prior(*(seen(JAGUAR, observed) for _ in range(5)))
    nearby = prior.nearby(Whereabouts(*asked))
    assert nearby is not None
    assert nearby.seen[JAGUAR] > 2


def test_neighbouring_months_count_half_and_december_is_beside_january() -> None:
    prior = made_prior(*(seen(JAGUAR, PANTANAL, month=12) for _ in range(8)))

    def in_month(month: int) -> float:
        nearby = prior.nearby(Whereabouts(*PANTANAL, date(2025, month, 1)))
        assert nearby is not None
        assert nearby.month_seen is not None
        return float(nearby.month_seen[JAGUAR])

    assert in_month(1) == pytest.approx(in_month(12) / 2)
    assert in_month(11) == pytest.approx(in_month(12) / 2)
    assert in_month(2) == in_month(6) == 0


def test_unusual_is_what_is_seldom_seen_where_much_is_seen(cats: PlacePrior) -> None:
    taxa = {name: label["taxon_id"] for name, label in enumerate(LABELS)}

    def because(label: int, *where: Any) -> str | None:
        nearby = cats.nearby(Whereabouts(*where))
        return None if nearby is None else unusual_because(taxa[label], LABELS, nearby)

    assert because(TIGER, *PANTANAL) == "place"
    assert because(JAGUAR, *PANTANAL) is None
    assert because(UNSEEN, *PANTANAL) is None  # nothing is known of it anywhere
    assert because(TIGER, 60.0, 0.0) is None  # nothing is known of the place


def test_unusual_at_that_time_of_the_year() -> None:
    resident = [seen(JAGUAR, PANTANAL, month=month) for month in range(1, 13) for _ in range(8)]
    visitor = [seen(LEOPARD, PANTANAL, month=7) for _ in range(60)]
    prior = made_prior(*resident, *visitor)
    for month, expected in ((7, None), (1, "season")):
        nearby = prior.nearby(Whereabouts(*PANTANAL, date(2025, month, 1)))
        assert nearby is not None
        assert unusual_because(LABELS[LEOPARD]["taxon_id"], LABELS, nearby) == expected


def test_an_observer_counts_once_in_a_cell_and_month() -> None:
    prior = made_prior(*(seen(JAGUAR, PANTANAL, observer=7) for _ in range(50)))
    assert prior.totals[JAGUAR] == 1
    assert made_prior(*(seen(JAGUAR, PANTANAL) for _ in range(50))).totals[JAGUAR] == 50


def test_captive_animals_and_places_known_to_200_km_do_not_count() -> None:
    assert count_sightings([seen(JAGUAR, PANTANAL, captive=True)], 4) is None
    assert count_sightings([seen(JAGUAR, PANTANAL, radius=2.5)], 4) is None


def test_an_uncertain_place_is_spread_over_its_cells() -> None:
    exact = made_prior(seen(JAGUAR, (0.5, 0.5)))
    vague = made_prior(seen(JAGUAR, (0.5, 0.5), radius=1.2))
    assert len(exact.bins) == 1
    assert len(vague.bins) == 9
    assert vague.totals[JAGUAR] == exact.totals[JAGUAR] == 1


@pytest.mark.parametrize("point", [(-16.99, -56.81), (-16.81, -56.99), (-16.9, -56.9)])
def test_an_obscured_place_is_its_square_wherever_its_point_is(
    db: SiteDatabase, point: tuple[float, float]
) -> None:
    db["observations"].insert(
        {"id": 1, "latitude": point[0], "longitude": point[1], "obscured": 1, "observed_on": "2024"}
    )
    sighting = load_sightings(db, [1, 2])[1]
    assert sighting.whereabouts.latitude == pytest.approx(-16.9)
    assert sighting.whereabouts.longitude == pytest.approx(-56.9)
    assert sighting.radius == pytest.approx(0.1)
    assert sighting.month == 0


def test_a_place_known_to_metres_is_a_point(db: SiteDatabase) -> None:
    where = {"latitude": 1.25, "longitude": -180.0, "observed_on": "2024-02-29"}
    db["observations"].insert({"id": 1, **where, "positional_accuracy": 11_132.0, "captive": 1})
    db["observations"].insert({"id": 2, "latitude": None, "longitude": 3.0})
    sightings = load_sightings(db, [1, 2])
    assert list(sightings) == [1]
    assert sightings[1].whereabouts == Whereabouts(1.25, -180.0, date(2024, 2, 29))
    assert sightings[1].radius == pytest.approx(0.1)
    assert sightings[1].is_captive


def test_the_file_says_the_same_again(cats: PlacePrior) -> None:
    again = parse_prior(cats.to_json(), len(LABELS))
    assert again is not None
    assert (again.bins == cats.bins).all()
    assert again.weight == cats.weight
    assert parse_prior(None, len(LABELS)) is None


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def bad_bin(**fields: int) -> dict[str, object]:
    bins = np.zeros(1, BIN)
    bins["parts"] = 1
    for name, value in fields.items():
        bins[name] = value
    return {"weight": 1, "bins": packed(bins.tobytes())}


@pytest.mark.parametrize(
    "stored",
    [
        [],
        "prior",
        {},
        {"weight": True, "bins": packed(bytes(8))},
        {"weight": 2, "bins": packed(bytes(8))},
        {"weight": 1, "bins": 7},
        {"weight": 1, "bins": "&"},
        {"weight": 1, "bins": packed(b"")},
        {"weight": 1, "bins": packed(bytes(9))},
        {"weight": 1, "bins": packed(bytes(80_000_000))},  # 80 kB that stand for 80 MB
        {"weight": 1, "bins": packed(bytes(80))[:-8]},
        bad_bin(row=180),
        bad_bin(column=360),
        bad_bin(month=13),
        bad_bin(label=4),
        bad_bin(parts=0),
    ],
)
def test_a_prior_that_is_not_valid_is_refused(stored: object) -> None:
    with pytest.raises(ValueError, match="its place prior"):
        parse_prior(stored, len(LABELS))


def test_its_size_is_bounded() -> None:
    generator = np.random.default_rng(3)
    points = (
        np.degrees(np.arcsin(generator.uniform(-1, 1, 40_000))),
        generator.uniform(-180, 180, 40_000),
    )
    sightings = [
        seen(number % 4, (latitude, longitude), month=number % 12 + 1)
        for number, (latitude, longitude) in enumerate(zip(*points, strict=True))
    ]
    prior = made_prior(*sightings)
    assert MAX_BINS / 2 < len(prior.bins) <= MAX_BINS
    assert len(prior.to_json()["bins"]) < 200_000
    assert prior.totals == pytest.approx(prior.totals.sum() / 4, rel=0.1)
