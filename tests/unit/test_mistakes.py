"""The view of mistakes: what a model said of test photos that is neither the truth nor above it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.models import make_tiny_model

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

SPECIES, GENUS, FAMILY, PART_OF_A_NUMBER = 1234, 567, 89, 23
COUNTS = ("SELECT count(*) FROM mistakes", "SELECT count(*) FROM mistakes WHERE model_id = 'm'")


@pytest.fixture
def model_id(db: SiteDatabase) -> str:
    """A model, and a photo of SPECIES that it was tested on."""
    model_id = make_tiny_model(db).id
    for taxon in (SPECIES, GENUS, FAMILY, PART_OF_A_NUMBER):
        row = {"id": taxon, "name": f"Taxon {taxon}", "rank": "species", "rank_level": 10}
        db["taxa"].insert(row, ignore=True)
    lineage(db, json.dumps([FAMILY, GENUS, SPECIES]))
    db["observations"].insert({"id": 1, "taxon_id": SPECIES})
    db["photos"].insert({"id": 1, "observation_id": 1, "path": "photos/1.jpg"})
    return model_id


def lineage(db: SiteDatabase, ancestor_ids: str) -> None:
    db["taxa"].update(SPECIES, {"ancestor_ids": ancestor_ids})


def predict(db: SiteDatabase, model_id: str, top: int) -> None:
    db["predictions"].insert(
        {
            "model_id": model_id,
            "source": "evaluation",
            "photo_id": 1,
            "label_taxon_id": SPECIES,
            "top_taxon_id": top,
            "scores": json.dumps({str(top): 0.9}),
            "abstained": 0,
            "thresholds": "{}",
            "created_at": "2026-11-28T00:00:00Z",
        }
    )


def predicted(db: SiteDatabase) -> list[int]:
    return [row["predicted_taxon_id"] for row in db.query("SELECT * FROM mistakes")]


@pytest.mark.parametrize(
    ("top", "is_mistake"),
    [(SPECIES, False), (GENUS, False), (FAMILY, False), (PART_OF_A_NUMBER, True)],
)
def test_a_coarser_answer_is_not_a_mistake(
    db: SiteDatabase, model_id: str, top: int, is_mistake: bool
) -> None:
    predict(db, model_id, top)
    assert predicted(db) == [top] * is_mistake


@pytest.mark.parametrize(
    ("ancestor_ids", "is_mistake"),
    [(f"[{FAMILY},{GENUS}]", False), ("[]", True), (f"{GENUS}, or so", True)],
)
def test_a_lineage_is_read_however_it_is_written(
    db: SiteDatabase, model_id: str, ancestor_ids: str, is_mistake: bool
) -> None:
    lineage(db, ancestor_ids)
    predict(db, model_id, GENUS)
    assert predicted(db) == [GENUS] * is_mistake


@pytest.mark.parametrize("sql", COUNTS)
def test_mistakes_are_counted_without_the_rows_of_predictions(db: SiteDatabase, sql: str) -> None:
    plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
    assert "predictions USING COVERING INDEX" in plan
