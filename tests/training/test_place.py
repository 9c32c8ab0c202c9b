"""Where and when in training: only the training split is counted, and only what helps is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from critterdb.evaluation.metrics import ScoredPhotos
from critterdb.evaluation.place_errors import save_place_errors
from critterdb.training.place_prior import fit_weight
from tests.support.models import LABELS, THRESHOLDS, tiny_place_prior

if TYPE_CHECKING:
    from critterdb.model.labels import Label
    from critterdb.storage.database import SiteDatabase

ERRORS = "SELECT value, photos FROM model_metrics WHERE name = ? AND model_id = ?"


def test_a_weight_needs_thirty_photos_and_a_gain() -> None:
    truth = np.arange(40) % 2
    unsure = np.full((40, 2), 0.5)
    helpful = np.where(np.eye(2, dtype=bool)[truth], 4.0, 0.25)
    assert fit_weight(unsure, truth, helpful) == 1
    assert fit_weight(unsure, truth, 1 / helpful) == 0
    assert fit_weight(unsure, truth, np.ones((40, 2))) == 0
    helpful[29:] = np.nan  # photos without a place
    assert fit_weight(unsure, truth, helpful) == 0


def scored(photos: int) -> ScoredPhotos:
    """Photos between cougar and bobcat, each a cougar that the photo alone calls a bobcat."""
    labels: list[Label] = [
        {"taxon_id": taxon_id, "name": name, "common_name": common_name, "rank": rank}
        for taxon_id, name, common_name, rank, _ in LABELS
    ]
    probabilities = np.tile([0.45, 0.55, 0.0], (photos, 1))
    truth = np.zeros(photos, np.int64)
    return ScoredPhotos(labels, THRESHOLDS, probabilities, np.zeros(photos), truth)  # type: ignore[arg-type]


def add_test_photos(db: SiteDatabase, photos: int) -> list[int]:
    db["games"].insert({"slug": "tints"})
    row = {"id": "m", "game": "tints", "backbone": "b", "created_at": "2026-11-27T00:00:00Z"}
    file = {"path": "models/m.onnx", "sha256": "0" * 64, "bytes": 1, "photos": photos}
    db["models"].insert({**row, **file, **THRESHOLDS})
    for number in range(1, photos + 1):
        where = {"latitude": 34.1, "longitude": -118.3, "observed_on": "2024-06-15"}
        db["observations"].insert({"id": number, **where})
        db["photos"].insert({"id": 100 + number, "observation_id": number})
    return [100 + number for number in range(1, photos + 1)]


def test_errors_with_and_without_place_are_rows_with_their_basis(db: SiteDatabase) -> None:
    photo_ids = add_test_photos(db, 31)
    save_place_errors(db, "m", tiny_place_prior(), scored(31), photo_ids)
    assert db.execute(ERRORS, ["error_rate_without_place", "m"]).fetchall() == [(1.0, 31)]
    assert db.execute(ERRORS, ["error_rate_with_place", "m"]).fetchall() == [(0.0, 31)]
    db["observations"].update(1, {"latitude": None})
    db["observations"].update(2, {"longitude": None})
    save_place_errors(db, "m", tiny_place_prior(), scored(31), photo_ids)
    assert db["model_metrics"].count == 0  # of 29 a share would claim too much
    save_place_errors(db, "m", None, scored(31), photo_ids)
    assert db["model_metrics"].count == 0
