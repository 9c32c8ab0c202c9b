"""Keep a model's row, its card, its labels and how it learned, beside its file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from critterdb.storage.stored_json import read_ids
from critterdb.storage.timestamps import utc_now

from .sampling import (
    CANDIDATE_PHOTOS,
    MAX_NOVELTY_PHOTOS,
    MAX_VALIDATION,
    fitted_photos,
    is_large,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.dataset.examples import Examples
    from critterdb.evaluation.figures import DroppedLabel, Figures, FoldedLabel
    from critterdb.games import Game
    from critterdb.model.labels import Label, Taxon, Thresholds
    from critterdb.storage.database import SiteDatabase

    from .config import TrainingRecipe
    from .head import Head
    from .model_writer import ModelFile
    from .training_data import TrainingData

INTENDED_USE = "Hashtag games and other games with photos of wild animals."
LIMITS = (
    "It knows only its labels, from photos like those that it was trained on. "
    "Do not rely on it for safety, legal or scientific identification unless an expert has checked "
    "the result."
)


class UnusedData(TypedDict):
    """What became of labels and photos that could not be used as they are."""

    left_out: dict[str, int]
    too_few: list[DroppedLabel]
    folded: list[FoldedLabel]


class ModelCard(UnusedData):
    """What a person should know of a model: `models.card`; `splits` are photos by part.

    `sampled` says for which steps a sample of the photos was enough, and how large it was.
    `place_weight` is how much where and when count, from 0 to 1; null if the model does not know of
    places.
    """

    game: str
    question: str | None
    photos_by_license: dict[str, int]
    splits: dict[str, int]
    sampled: dict[str, int]
    observers: int
    metrics: dict[str, object]
    thresholds: Thresholds
    intended_use: str
    limits: str
    place_weight: float | None


@dataclass(frozen=True)
class ModelRecord:
    """All that a row of `models` says of a model before it is evaluated."""

    id: str
    game: str
    backbone: str
    file: ModelFile
    thresholds: Thresholds
    card: ModelCard
    recipe: TrainingRecipe
    seconds: float


def model_card(
    game: Game, data: TrainingData, figures: Figures, thresholds: Thresholds
) -> ModelCard:
    """Return the card: data by licence, splits in photos, figures, thresholds, use and limits."""
    examples = data.examples
    return {
        "game": game.slug,
        "question": game.question,
        "photos_by_license": _counts(examples.licenses.tolist()),
        "splits": data.splits,
        "sampled": sampled_photos(data),
        "observers": len(set(examples.observer_ids.tolist())),
        **unused_data(examples),
        "metrics": {name: value for name, value in figures.items() if name != "labels"},
        "thresholds": thresholds,
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
        "place_weight": None,
    }


def sampled_photos(data: TrainingData) -> dict[str, int]:
    """Return how many photos served for each step that took a sample of them; empty if none did."""
    labels, train = len(data.taxon_ids), int(data.mask("train").sum())
    measured = {part: int(data.mask(part).sum()) for part in ("valid", "test")}
    sampled = {part: photos for part, photos in measured.items() if data.unmeasured.get(part)}
    # Three heads for 100,000 photos and 500 labels were most of five minutes.
    # docs/decisions.md#large-trainings-choose-the-head-on-a-sample
    if is_large(train, labels):
        sampled["candidates"] = min(train, CANDIDATE_PHOTOS)
        sampled["epochs"] = min(measured["valid"], MAX_VALIDATION)
    if train > MAX_NOVELTY_PHOTOS:
        sampled["novelty"] = MAX_NOVELTY_PHOTOS
    if measured["valid"] > fitted_photos(labels):
        sampled["temperature"] = fitted_photos(labels)
    return sampled


def unused_data(examples: Examples) -> UnusedData:
    """Return what became of labels and photos that could not be used as they are."""
    return {
        "left_out": examples.left_out,
        "too_few": [{"name": name, "photos": photos} for name, photos in examples.too_few],
        "folded": [
            {"name": name, "photos": photos, "into": into} for name, photos, into in examples.folded
        ],
    }


# Not all taxa: a site may know every taxon of iNaturalist.
_LINEAGES = """
WITH labels AS (SELECT value AS id FROM json_each(?))
SELECT id, name, common_name, rank, ancestor_ids FROM taxa WHERE id IN (
    SELECT id FROM labels
    UNION
    SELECT ancestor.value
    FROM labels
    JOIN taxa ON taxa.id = labels.id
    JOIN json_each(iif(json_valid(taxa.ancestor_ids), taxa.ancestor_ids, '[]')) AS ancestor
)
"""


def label_objects(db: SiteDatabase, taxon_ids: Sequence[int]) -> list[Label]:
    """Return the labels as the model file has them, each with its ancestors from the root down."""
    rows = db.query(_LINEAGES, [json.dumps(list(taxon_ids))])
    taxa = {row["id"]: row for row in rows}

    def described(taxon_id: int) -> Taxon:
        taxon = taxa[taxon_id]
        return {
            "taxon_id": taxon_id,
            "name": taxon["name"],
            "common_name": taxon["common_name"],
            "rank": taxon["rank"],
        }

    labels: list[Label] = []
    for taxon_id in taxon_ids:
        lineage = read_ids(taxa[taxon_id]["ancestor_ids"])
        ancestors = [described(taxon) for taxon in lineage if taxon != taxon_id and taxon in taxa]
        labels.append({**described(taxon_id), "ancestors": ancestors})
    return labels


def save_model(db: SiteDatabase, record: ModelRecord) -> None:
    """Write a model's row; call it in a transaction."""
    db["models"].insert(
        {
            "id": record.id,
            "game": record.game,
            "backbone": record.backbone,
            "created_at": utc_now(),
            "path": f"models/{record.file.path.name}",
            "sha256": record.file.sha256,
            "bytes": record.file.bytes,
            "photos": sum(record.card["splits"].values()),
            **record.thresholds,
            "seconds": record.seconds,
            "recipe": json.dumps(record.recipe),
            "card": json.dumps(record.card, ensure_ascii=False),
        }
    )


def save_labels(
    db: SiteDatabase, model_id: str, taxon_ids: Sequence[int], truth: np.ndarray
) -> None:
    """Write a model's labels, with their training photos from the label indexes N."""
    counts = np.bincount(truth, minlength=len(taxon_ids))
    db["model_labels"].insert_all(
        {"model_id": model_id, "taxon_id": taxon_id, "photos_train": int(photos)}
        for taxon_id, photos in zip(taxon_ids, counts, strict=True)
    )


def save_history(db: SiteDatabase, model_id: str, head: Head) -> None:
    """Write how the head did on the validation photos after each epoch."""
    db["model_metrics"].insert_all(
        {"model_id": model_id, "name": name, "x": epoch, "value": value}
        for epoch, values in enumerate(head.history, start=1)
        for name, value in values.items()
    )


def _counts(values: Sequence[object]) -> dict[str, int]:
    """Count each value; null is `none`."""
    return dict(Counter(str(value or "none") for value in values).most_common())
