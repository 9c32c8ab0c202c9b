"""What triggers keep: the counts of predictions, and the indexes behind the searches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.models import BOBCAT, COUGAR, make_tiny_model

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

COUNTED = """
SELECT model_id, source, coalesce(reason, 'answered') AS outcome, count(*) AS predictions,
    sum(EXISTS (SELECT 1 FROM reviews WHERE prediction_id = predictions.id)) AS reviewed
FROM predictions GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
JUDGED = """
SELECT game, model_id, count(*) AS posts, coalesce(sum(right), 0) AS right,
    coalesce(sum(NOT right), 0) AS wrong, sum(right IS NULL) AS abstained,
    coalesce(sum(baseline_right), 0) AS baseline_right, count(target_error) AS targets,
    coalesce(sum(target_error * target_error), 0) AS squared_errors
FROM judgements GROUP BY game, model_id
"""
KEPT = "SELECT * FROM prediction_counts WHERE predictions > 0 ORDER BY 1, 2, 3"


def predict(db: SiteDatabase, model_id: str, **columns: Any) -> int:
    row = {
        "model_id": model_id,
        "source": "bot",
        "abstained": 0,
        "scores": "{}",
        "thresholds": "{}",
        "created_at": "2026-11-01T00:00:00Z",
        **columns,
    }
    return int(db["predictions"].insert(row).last_pk or 0)


def test_counts_are_what_counting_gives(db: SiteDatabase) -> None:
    model = make_tiny_model(db).id
    ids = [
        predict(db, model, source=source, reason=reason)
        for source in ("bot", "endpoint")
        for reason in (None, None, "unsure", "not_a_critter")
    ]
    for number in ids[:3] * 2:
        db["reviews"].insert(
            {"prediction_id": number, "verdict": "right", "created_at": "2026-11-02T00:00:00Z"}
        )
    assert list(db.query(KEPT)) == list(db.query(COUNTED))
    assert sum(row["reviewed"] for row in db.query(KEPT)) == 3
    db["reviews"].delete_where("id IN (SELECT max(id) FROM reviews)")
    assert sum(row["reviewed"] for row in db.query(KEPT)) == 3
    db["reviews"].delete_where()
    db["predictions"].delete_where("id IN (?, ?)", ids[:2])
    assert list(db.query(KEPT)) == list(db.query(COUNTED))


def matching_ids(db: SiteDatabase, table: str, words: str) -> list[int]:
    rows = db.execute(
        f"SELECT rowid FROM {table}_fts WHERE {table}_fts MATCH ? ORDER BY rowid", [words]
    )
    return [row[0] for row in rows]


def test_searches_follow_the_rows(db: SiteDatabase) -> None:
    make_tiny_model(db)
    db["observers"].insert({"id": 1, "login": "kueda"})
    observation = {"id": 5, "taxon_id": COUGAR, "observer_id": 1, "place_guess": "Zürich, Höngg"}
    db["observations"].insert(observation)
    assert matching_ids(db, "observations", "zurich cougar kueda") == [5]
    # As a sync writes them, again and changed.
    db["observations"].upsert(observation, pk="id")
    db["observations"].upsert({**observation, "taxon_id": BOBCAT}, pk="id")
    assert (
        matching_ids(db, "observations", "cougar"),
        matching_ids(db, "observations", "bobcat"),
    ) == ([], [5])
    taxon = {"id": BOBCAT, "name": "Lynx rufus", "common_name": "Bay Lynx"}
    db["taxa"].upsert({**taxon, "ancestor_ids": json.dumps([BOBCAT])}, pk="id")
    assert matching_ids(db, "taxa", "bay") == [BOBCAT]
    assert matching_ids(db, "taxa", "bobcat") == []
    assert matching_ids(db, "observations", "bay") == [5]
    db["observations"].delete(5)
    assert matching_ids(db, "observations", "zurich") == []
    for table in ("taxa", "observations"):
        db.execute(f"INSERT INTO {table}_fts ({table}_fts, rank) VALUES ('integrity-check', 1)")


def test_the_score_is_what_judging_each_post_gives(db: SiteDatabase) -> None:
    model = make_tiny_model(db).id
    game = next(db["games"].rows)["slug"]
    db["games"].update(game, {"target_taxon_id": COUGAR})

    def check(posts: int) -> dict[str, Any]:
        kept = "SELECT * FROM score_counts WHERE posts > 0"
        assert list(db.query(kept)) == list(db.query(JUDGED))
        row = next(db.query("SELECT * FROM scoreboard"), {"posts": 0})
        assert row["posts"] == posts
        return row

    said = (COUGAR, COUGAR, BOBCAT, None, BOBCAT)
    for number, taxon in enumerate(said):
        post = f"x:{number}"
        db["posts"].insert(
            {
                "id": post,
                "platform": "x",
                "game": game,
                "author": "ann",
                "posted_at": "2026-11-01T00:00:00Z",
                "seen_at": "2026-11-01T00:00:00Z",
            }
        )
        scores = json.dumps({str(COUGAR): 0.9 if taxon == COUGAR else 0.25})
        predict(db, model, post_id=post, taxon_id=taxon, scores=scores)
        verdict = {"post_id": post, "verdict": "target", "method": "m", "found_at": "2026-11-02"}
        db["answers"].upsert(verdict, pk="post_id")  # as the bot writes them
    row = check(5)
    assert (row["right"], row["wrong"], row["abstained"]) == (2, 2, 1)
    assert row["brier"] == round((2 * 0.1**2 + 3 * 0.75**2) / 5, 4)
    db["answers"].update("x:4", {"verdict": "taxon", "taxon_id": BOBCAT})
    assert check(5)["right"] == 3
    db["answers"].update("x:0", {"verdict": "inconclusive"})
    check(4)
    db["games"].update(game, {"target_taxon_id": BOBCAT})
    check(4)
    db["taxa"].update(BOBCAT, {"ancestor_ids": json.dumps([COUGAR, BOBCAT])})
    check(4)
    db["predictions"].delete_where("post_id = 'x:1'")
    check(3)
    db["answers"].delete("x:2")
    check(2)
