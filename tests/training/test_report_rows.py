"""Near strangers, small animals and several photos of one animal are measured, each as rows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from critterdb.dataset.labelled_files import open_labelled_files
from critterdb.dataset.photo_files import folder_photos
from critterdb.evaluation.evaluate import evaluate_folder, save_small_animals
from critterdb.evaluation.metrics import ScoredPhotos
from critterdb.evaluation.small_animals import compose, measure_small, mirrored_corner
from critterdb.evaluation.together import MIN_OBSERVATIONS, save_together
from critterdb.model.registry import current_model
from critterdb.storage.database import SiteDatabase, open_database
from tests.support.models import LABELS, SECOND_LOOK, SETS, THRESHOLDS, make_tiny_model, picture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> SiteDatabase:
    folder = tmp_path_factory.mktemp("rows")
    db = open_database(folder / "critters.db", create=True)
    rules: dict[str, Any] = {"second_look": SECOND_LOOK, "set": SETS}
    make_tiny_model(db, **rules)
    return db


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, colour in (("Cougar", "red"), ("_near", "yellow"), ("_none", "grey")):
        (tmp_path / name).mkdir()
        for seed in range(3):
            (tmp_path / name / f"{seed}.jpg").write_bytes(picture(colour, seed=seed))
    return tmp_path


def metrics(db: SiteDatabase, name: str) -> dict[float, tuple[float, int]]:
    rows = db["model_metrics"].rows_where("name = ?", [name])
    return {row["x"]: (row["value"], row["photos"]) for row in rows}


def test_near_strangers_have_a_figure_of_their_own(db: SiteDatabase, photos: Path) -> None:
    result = evaluate_folder(db, None, photos)
    assert (result["photos"], result["none_refused"], result["near_refused"]) == (6, 1.0, 1.0)
    assert result["error_rate"] == 0.0
    assert metrics(db, "near_refused") == {0: (1.0, 3)}


def test_neither_folder_is_imported_as_a_label(photos: Path) -> None:
    with open_labelled_files(photos) as found:
        assert {label for label, _ in found.files} == {"Cougar"}


def test_small_animals_are_measured_at_several_sizes(db: SiteDatabase, photos: Path) -> None:
    files = folder_photos(sorted((photos / "Cougar").iterdir()))
    model = current_model(db)
    figures = measure_small(model, files, np.zeros(3, np.int64))
    save_small_animals(db, model.id, figures)
    assert metrics(db, "small_answered") == dict.fromkeys((1.0, 0.5, 0.4, 0.3), (1.0, 3))
    save_small_animals(db, model.id, figures)
    assert len(metrics(db, "small_error_rate")) == 4


def test_a_composed_photo_is_where_it_says() -> None:
    red = Image.open(io.BytesIO(picture("red", (90, 120))))
    ground = mirrored_corner(Image.open(io.BytesIO(picture("blue"))), np.random.default_rng(1))
    composed = compose(red, ground, 0.5, np.random.default_rng(2), 400)
    assert composed.picture.size == (180, 180)
    is_red = np.asarray(composed.picture)[:, :, 0] > 150
    rows, columns = np.flatnonzero(is_red.any(axis=1)), np.flatnonzero(is_red.any(axis=0))
    area = composed.area
    assert (columns[0] / 180, rows[0] / 180) == pytest.approx((area.x, area.y))
    assert (len(columns) / 180, len(rows) / 180) == pytest.approx((0.5, 0.5), abs=0.01)


def test_more_photos_of_an_observation_are_measured_together(db: SiteDatabase) -> None:
    model = current_model(db)
    photo_ids, rows = [], []
    with db.atomic():
        for number in range(MIN_OBSERVATIONS):
            db["observations"].insert({"id": 1000 + number, "taxon_id": LABELS[0][0]})
            for place in range(3):
                photo_ids.append(10 * number + place + 1)
                db["photos"].insert({"id": photo_ids[-1], "observation_id": 1000 + number})
                # The first photo is misleading, the other two are right.
                rows.append([0.9, 0.1, 0.0] if place else [0.2, 0.8, 0.0])
    scores = ScoredPhotos(
        model.labels,
        THRESHOLDS,  # type: ignore[arg-type]
        np.array(rows),
        np.zeros(len(rows)),
        np.zeros(len(rows), np.int64),
    )
    save_together(db, model.id, scores, photo_ids)
    assert metrics(db, "together_error_rate") == {1: (1.0, 30), 2: (0.0, 30), 3: (0.0, 30)}
    save_together(db, model.id, scores, photo_ids[:60])
    assert metrics(db, "together_error_rate") == {}
