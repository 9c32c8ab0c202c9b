"""What where and when are worth: test photos given real coordinates of their species.

    python -m benchmarks.place FOLDER PLACES [--splits 5]

FOLDER holds FOLDER/LABEL/*.jpg, ten_cats; PLACES holds CSV files with name, latitude, longitude and
observed_on. The photos have no coordinates of their own, so this is simulated, as in Mac Aodha et
al. 2019: each photo is given a row of its species. Rows are dealt to training, validation and test
first, so no test photo has a row that was counted. Labels without rows stay without coordinates.

Each split is a game of its own, trained by `train_game`; what is compared are the probabilities of
its test photos alone, and with a place:

- true: a held-out row of their species
- ocean: points at least 1,000 km from each row, for all test photos
- random: points evenly on the sphere, with a month, for all test photos
- exchanged: coordinates of another test photo, which is wrong far more often than people are
- meaningless: true coordinates, but of models whose observations were shuffled among the labels
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.examples import assign_parts, load_examples
from critterdb.dataset.folder_import import import_folder
from critterdb.dataset.sightings import load_sightings
from critterdb.dataset.splits import split_observations
from critterdb.evaluation.metrics import ScoredPhotos, calibration_error
from critterdb.games import get_game
from critterdb.model.place_prior import PlacePrior, unit_vectors, weighed
from critterdb.model.placed_answer import MIN_SCORE
from critterdb.model.registry import current_model
from critterdb.model.whereabouts import Whereabouts
from critterdb.storage.database import SiteDatabase, open_database
from critterdb.storage.stored_json import read_scores
from critterdb.training.config import TrainingConfig
from critterdb.training.place_prior import LabelledSighting, count_sightings, fit_weight
from critterdb.training.train import train_game

if TYPE_CHECKING:
    from collections.abc import Sequence

SPECIES = {
    "african leopard": ("Panthera pardus", "Panthera pardus pardus"),
    "jaguar": ("Panthera onca",),
    "lions": ("Panthera leo", "Panthera leo leo", "Panthera leo melanochaita"),
    "ocelot": ("Leopardus pardalis",),
    "snow leopard": ("Panthera uncia",),
    "tiger": ("Panthera tigris", "Panthera tigris altaica", "Panthera tigris tigris"),
}
SHARES = {"train": (0.0, 0.7), "valid": (0.7, 0.85), "test": (0.85, 1.0)}  # of a species' rows
OCEAN_DEGREES = 9.0  # from any row
RANDOM_DRAWS = 10  # of random points a test photo
Row = tuple[float, float, str, bool]


@dataclass(frozen=True)
class Tested:
    """The test photos of one split: probabilities N×C alone, truth N, places N (or null)."""

    model_id: str
    prior: PlacePrior
    scores: ScoredPhotos
    places: list[Whereabouts | None]
    sightings: list[LabelledSighting]


def read_rows(folder: Path) -> dict[str, list[Row]]:
    """Rows by label."""
    by_name: dict[str, list[Row]] = {}
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                place = (float(row["latitude"]), float(row["longitude"]), row["observed_on"])
                obscured = row.get("obscured") == "true"
                by_name.setdefault(row["name"], []).append((*place, obscured))
    return {
        label: [row for name in names for row in by_name.get(name, [])]
        for label, names in SPECIES.items()
    }


def place_observations(db: SiteDatabase, slug: str, rows: dict[str, list[Row]], seed: int) -> None:
    """Give the observations of a game coordinates of their species, by part."""
    generator = np.random.default_rng(seed)
    game = get_game(db, slug)
    examples = assign_parts(db, slug, load_examples(db, game))
    names = dict(db.execute("SELECT id, name FROM taxa").fetchall())
    labels = np.array([names[taxon] for taxon in examples.taxon_ids.tolist()])
    with db.atomic():
        for label, its_rows in rows.items():
            order = generator.permutation(len(its_rows))
            for part, (start, end) in SHARES.items():
                pool = order[int(start * len(order)) : int(end * len(order))]
                chosen = examples.observation_ids[(labels == label) & examples.of_part(part)]
                for number, observation in enumerate(np.unique(chosen).tolist()):
                    latitude, longitude, day, obscured = its_rows[pool[number % len(pool)]]
                    where = {"latitude": latitude, "longitude": longitude, "observed_on": day}
                    db["observations"].update(observation, {**where, "obscured": int(obscured)})


def train_split(db: SiteDatabase, photos: Path, rows: dict[str, list[Row]], seed: int) -> Tested:
    slug = f"place-{seed}"
    import_folder(db, photos, slug)
    split_observations(db, slug)
    place_observations(db, slug, rows, seed)
    train_game(db, get_game(db, slug), TrainingConfig(seed=seed))
    model = current_model(db, slug)
    assert model.place_prior
    index = {label["taxon_id"]: number for number, label in enumerate(model.labels)}
    stored = list(
        db.query(
            "SELECT predictions.*, photos.observation_id FROM predictions "
            "JOIN photos ON photos.id = predictions.photo_id "
            "WHERE model_id = ? AND source = 'evaluation'",
            [model.id],
        )
    )
    found = load_sightings(db, [row["observation_id"] for row in stored])
    places = [found.get(row["observation_id"]) for row in stored]
    read = [read_scores(row["scores"]) for row in stored]
    probabilities = np.array([[scores[taxon] for taxon in index] for scores in read])
    truth = np.array([index[row["label_taxon_id"]] for row in stored])
    novelty = np.zeros(len(truth))
    return Tested(
        model.id,
        model.place_prior,
        ScoredPhotos(model.labels, model.thresholds, probabilities, novelty, truth),
        [sighting.whereabouts if sighting else None for sighting in places],
        [LabelledSighting(s, t) for s, t in zip(places, truth.tolist(), strict=True) if s],
    )


def errors(scores: ScoredPhotos, probabilities: np.ndarray) -> float:
    """The share of photos whose top label is wrong, in percent."""
    return 100 * float((probabilities.argmax(axis=1) != scores.truth).mean())


def with_places(tested: Tested, prior: PlacePrior, places: Sequence[Whereabouts]) -> np.ndarray:
    """Probabilities with places, as answers have them."""
    factors = prior.factors_at(places)
    possible = np.maximum(tested.scores.probabilities, MIN_SCORE)
    placed = [
        weighed(row, its, prior.weight) if (its != 1).any() else alone
        for row, its, alone in zip(possible, factors, tested.scores.probabilities, strict=True)
    ]
    return np.array(placed)


def measure(tested: Tested, rows: dict[str, list[Row]], seed: int) -> dict[str, float]:
    generator = np.random.default_rng([seed, 77])
    scores, prior = tested.scores, tested.prior
    has_place = np.array([place is not None for place in tested.places])
    known = Tested(
        tested.model_id, prior, subset(scores, has_place), tested.places, tested.sightings
    )
    places = [place for place in tested.places if place]
    true = with_places(known, prior, places)
    exchanged = [places[n] for n in generator.permutation(len(places))]
    everywhere = errors(scores, scores.probabilities)
    random_errors = [
        errors(scores, with_places(tested, prior, random_points(generator, len(scores.truth))))
        for _ in range(RANDOM_DRAWS)
    ]
    ocean = ocean_points(generator, len(scores.truth), rows)
    meaningless = shuffled_prior(known, generator)
    return {
        "test photos": float(len(scores.truth)),
        "of labels with rows": float(len(places)),
        "weight": prior.weight,
        "prior in the file, kB": len(json.dumps(prior.to_json())) / 1000,
        "error of labels with rows, photo alone, %": errors(
            known.scores, known.scores.probabilities
        ),
        "error of labels with rows, with place, %": errors(known.scores, true),
        "ECE, photo alone": calibration_error(known.scores) or 0.0,
        "ECE, with place": calibration_error(replace(known.scores, probabilities=true)) or 0.0,
        "error of all, photo alone, %": everywhere,
        "more with ocean, points": errors(scores, with_places(tested, prior, ocean)) - everywhere,
        "more with random, points": float(np.mean(random_errors)) - everywhere,
        "more with exchanged, points": errors(known.scores, with_places(known, prior, exchanged))
        - errors(known.scores, known.scores.probabilities),
        "weight of meaningless places": meaningless.weight,
        "more with meaningless, points": errors(
            known.scores, with_places(known, meaningless, places)
        )
        - errors(known.scores, known.scores.probabilities),
    }


def subset(scores: ScoredPhotos, kept: np.ndarray) -> ScoredPhotos:
    return ScoredPhotos(
        scores.labels,
        scores.thresholds,
        scores.probabilities[kept],
        scores.novelty[kept],
        scores.truth[kept],
    )


def shuffled_prior(known: Tested, generator: np.random.Generator) -> PlacePrior:
    """A prior of sightings whose labels say nothing; half of the photos fit its weight."""
    order = generator.permutation(len(known.sightings))
    half = len(order) // 2
    shuffled = [
        LabelledSighting(known.sightings[n].sighting, known.sightings[m].label)
        for n, m in zip(order[:half], generator.permutation(order[:half]), strict=True)
    ]
    prior = count_sightings(shuffled, known.prior.labels)
    assert prior
    factors = prior.factors_at([place for place in known.places if place])
    weight = fit_weight(known.scores.probabilities, known.scores.truth, factors)
    return replace(prior, weight=weight)


def random_points(generator: np.random.Generator, count: int) -> list[Whereabouts]:
    latitudes = np.degrees(np.arcsin(generator.uniform(-1, 1, count)))
    longitudes = generator.uniform(-180, 180, count)
    months = generator.integers(1, 13, count)
    return [
        Whereabouts(float(latitude), float(longitude), date(2024, int(month), 15))
        for latitude, longitude, month in zip(latitudes, longitudes, months, strict=True)
    ]


def ocean_points(
    generator: np.random.Generator, count: int, rows: dict[str, list[Row]]
) -> list[Whereabouts]:
    """Points far from every row: on the sea, or where none of the species was ever seen."""
    seen = np.array([row[:2] for its_rows in rows.values() for row in its_rows], float)
    vectors = unit_vectors(seen[:, 0], seen[:, 1])
    limit = np.cos(np.radians(OCEAN_DEGREES))
    points: list[Whereabouts] = []
    while len(points) < count:
        for point in random_points(generator, count):
            here = unit_vectors(np.array(point.latitude), np.array(point.longitude))
            if (vectors @ here).max() < limit:
                points.append(point)
    return points[:count]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("places", type=Path)
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    rows = read_rows(options.places)
    print({label: len(its_rows) for label, its_rows in rows.items()})
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        db = open_database(Path(temporary) / "critters.db", create=True)
        for seed in range(options.splits):
            tested = train_split(db, options.folder, rows, seed)
            results.append(measure(tested, rows, seed))
            print(json.dumps(results[-1]), flush=True)
    print(f"{'':44}{'mean':>9}  by split")
    for name in results[0]:
        values = [result[name] for result in results]
        cells = " ".join(f"{value:8.3f}" for value in values)
        print(f"{name:44}{np.mean(values):9.3f}  {cells}")


if __name__ == "__main__":
    main()
