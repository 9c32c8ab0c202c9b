"""What people say of predictions, and of messages that may hold an answer: rows in, rows out.

A review is a row of its own beside the prediction, which it never changes. Of several the newest
counts.
"""

from __future__ import annotations

import json
from typing import Any

from critterdb.bot.host_answers.settle import (
    Candidate,
    Decision,
    find_candidate,
    taxon_decision,
)
from critterdb.bot.host_answers.settle import settle as settle_candidate
from critterdb.games import get_game
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import utc_now

from .photos import PHOTOS, as_photo
from .posts import load_stories
from .taxa import score_bars, taxon_names

SOURCES = {
    "bot": "the bot",
    "endpoint": "the page that classifies",
    "cli": "the command line",
    "evaluation": "test photos",
}
LOOKED_THROUGH = 2000  # predictions: many have no picture that could be shown
CHOICES = 9

_IN_QUEUE = "source = :source AND id < :before AND (:model = '' OR model_id = :model)"

_LOWEST = f"""
SELECT id FROM predictions WHERE {_IN_QUEUE} ORDER BY id DESC LIMIT 1 OFFSET {LOOKED_THROUGH}
"""

_WAITING = f"""
SELECT id FROM predictions
WHERE {_IN_QUEUE} AND id > :lowest
    AND NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.prediction_id = predictions.id)
    AND (
        photo_id IS NOT NULL
        OR EXISTS (
            SELECT 1 FROM post_images JOIN posts ON posts.id = post_images.post_id
            WHERE post_images.post_id = predictions.post_id AND posts.deleted_at IS NULL
                AND (predictions.image_sha256 IS NULL
                    OR post_images.image_sha256 = predictions.image_sha256)
        )
        OR (
            post_id IS NULL AND EXISTS (
                SELECT 1 FROM images
                WHERE images.sha256 = predictions.image_sha256 AND images.url LIKE 'http%'
            )
        )
    )
ORDER BY id DESC LIMIT 1
"""

_PREDICTION = """
SELECT predictions.id AS prediction_id, predictions.model_id, predictions.source, predictions.score,
    predictions.abstained, predictions.reason, predictions.novelty, predictions.scores,
    predictions.created_at, predictions.photo_id, predictions.image_sha256, predictions.post_id,
    predictions.taxon_id, coalesce(taxa.common_name, taxa.name) AS answer
FROM predictions LEFT JOIN taxa ON taxa.id = predictions.taxon_id
WHERE predictions.id = ?
"""


def load_queue(db: SiteDatabase, source: str, model: str, before: int | None) -> dict[str, Any]:
    """The newest prediction that waits for a review, and how many were reviewed."""
    keys = {"source": source, "model": model, "before": 2**62 if before is None else before}
    lowest = next((row["id"] for row in db.query(_LOWEST, keys)), None)
    keys["lowest"] = 0 if lowest is None else lowest
    found = next((row["id"] for row in db.query(_WAITING, keys)), None)
    prediction = load_prediction(db, found) if found else None
    further = lowest + 1 if lowest is not None and not prediction else None
    return {
        "prediction": prediction,
        "further_before": further,
        "counts": load_counts(db),
        "verdicts": {
            row["verdict"]: row["reviews"]
            for row in db.query("SELECT verdict, count(*) AS reviews FROM reviews GROUP BY verdict")
        },
    }


def load_counts(db: SiteDatabase) -> list[dict[str, Any]]:
    """Predictions and reviewed ones by source."""
    return list(
        db.query(
            "SELECT source, sum(predictions) AS predictions, sum(reviewed) AS reviewed "
            "FROM prediction_counts GROUP BY source ORDER BY source"
        )
    )


def load_prediction(db: SiteDatabase, prediction_id: int) -> dict[str, Any] | None:
    """A prediction with its picture, its likeliest labels and earlier reviews."""
    found = next(db.query(_PREDICTION, [prediction_id]), None)
    if found is None:
        return None
    scores = json.loads(found.pop("scores"))
    names = taxon_names(db, {int(taxon) for taxon in scores})
    found["bars"] = score_bars(scores, names)
    likeliest = sorted(scores.items(), key=lambda item: -item[1])[:CHOICES]
    found["choices"] = [
        {"taxon_id": int(taxon), "name": names.get(int(taxon), taxon)} for taxon, _ in likeliest
    ]
    found["photo"], found["pictures"] = None, []
    if found["photo_id"] is not None:
        row = next(db.query(f"{PHOTOS} WHERE photos.id = ?", [found["photo_id"]]), None)
        found["photo"] = as_photo(row) if row else None
    elif found["post_id"]:
        found["pictures"] = [
            row["url"]
            for row in db.query(
                "SELECT post_images.url FROM post_images "
                "JOIN posts ON posts.id = post_images.post_id "
                "WHERE post_id = :post_id AND deleted_at IS NULL AND post_images.url LIKE 'http%' "
                "AND (:image_sha256 IS NULL OR image_sha256 = :image_sha256) ORDER BY position",
                found,
            )
        ]
    else:
        found["pictures"] = [
            row["url"]
            for row in db.query(
                "SELECT url FROM images WHERE sha256 = ? AND url LIKE 'http%'",
                [found["image_sha256"]],
            )
        ]
    found["reviews"] = list(
        db.query(
            "SELECT verdict, actor, created_at, coalesce(taxa.common_name, taxa.name) AS truth "
            "FROM reviews LEFT JOIN taxa ON taxa.id = reviews.taxon_id "
            "WHERE prediction_id = ? ORDER BY reviews.id",
            [prediction_id],
        )
    )
    return found


def save_review(
    db: SiteDatabase, prediction_id: int, verdict: str, taxon_id: int | None, actor: str | None
) -> int:
    """Write a review; with a taxon the verdict follows from it. Call it in a transaction.

    `verdict` is right, wrong, or is (it was `taxon_id`). Raises LookupError where there is no such
    prediction or taxon.
    """
    prediction = next(
        db.query("SELECT taxon_id FROM predictions WHERE id = ?", [prediction_id]), None
    )
    if prediction is None:
        raise LookupError(f"There is no prediction {prediction_id}")
    answer = prediction["taxon_id"]
    if verdict == "is":
        taxon = next(db.query("SELECT ancestor_ids FROM taxa WHERE id = ?", [taxon_id]), None)
        if taxon is None:
            raise LookupError(f"There is no taxon {taxon_id}")
        right = answer in [taxon_id, *json.loads(taxon["ancestor_ids"])]
        verdict = "right" if right else "wrong"
    elif verdict == "right":
        taxon_id = answer
    else:
        verdict, taxon_id = "wrong", None
    row = {
        "prediction_id": prediction_id,
        "verdict": verdict,
        "taxon_id": taxon_id,
        "actor": actor,
        "created_at": utc_now(),
    }
    return int(db["reviews"].insert(row).last_pk or 0)


def load_candidate(db: SiteDatabase, after: int) -> dict[str, Any]:
    """The oldest message that may hold an answer and waits for a person, with its post."""
    candidate = next(
        db.query(
            "SELECT id, post_id, source_url, guess, found_at FROM answer_candidates "
            "WHERE settled_at IS NULL AND id > ? ORDER BY id LIMIT 1",
            [after],
        ),
        None,
    )
    waiting = next(
        db.query("SELECT count(*) AS n FROM answer_candidates WHERE settled_at IS NULL")
    )["n"]
    found: dict[str, Any] = {"candidate": candidate, "waiting": waiting, "post": None}
    if candidate is None:
        return {**found, "choices": []}
    stories = load_stories(db, [candidate["post_id"]])
    found["post"] = stories[0] if stories else None
    return {**found, "choices": _choices(db, candidate["post_id"])}


def _choices(db: SiteDatabase, post_id: str) -> list[dict[str, Any]]:
    """What a post's animal may have been: the game's target first, then what its model knows."""
    rows = db.query(
        """
        SELECT taxa.id AS taxon_id, coalesce(taxa.common_name, taxa.name) AS name
        FROM posts
        JOIN games ON games.slug = posts.game
        JOIN taxa ON taxa.id = games.target_taxon_id OR taxa.id IN (
            SELECT taxon_id FROM model_labels WHERE model_id = games.model_id
        )
        LEFT JOIN model_labels AS known
            ON known.model_id = games.model_id AND known.taxon_id = taxa.id
        WHERE posts.id = ?
        ORDER BY taxa.id = games.target_taxon_id DESC, known.photos_train DESC LIMIT ?
        """,
        [post_id, CHOICES],
    )
    return list(rows)


def settle(db: SiteDatabase, candidate_id: int, choice: str, taxon_id: int | None) -> Candidate:
    """Settle a candidate as `critterdb answers settle` does; call it in a transaction.

    `choice` is taxon (it was `taxon_id`), other (not the target), inconclusive, or nothing: the
    message holds no answer. Returns the candidate. Raises LookupError if it or the taxon is not
    known.
    """
    candidate = find_candidate(db, candidate_id)
    if candidate is None:
        raise LookupError(f"There is no message {candidate_id} that waits")
    decision = _decision(db, candidate, choice, taxon_id)
    settle_candidate(db, candidate.post_id, candidate, decision, utc_now())
    return candidate


def _decision(
    db: SiteDatabase, candidate: Candidate, choice: str, taxon_id: int | None
) -> Decision:
    if choice == "nothing":
        return Decision(None)
    if choice == "other":
        return Decision("other")
    if choice == "inconclusive":
        return Decision("inconclusive")
    if taxon_id is None or not db["taxa"].count_where("id = ?", [taxon_id]):
        raise LookupError(f"There is no taxon {taxon_id}")
    game = get_game(db, db["posts"].get(candidate.post_id)["game"])
    return taxon_decision(db, game, taxon_id)
