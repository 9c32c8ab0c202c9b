"""What is kept of a model beside its file: its row, its card, its labels and how it learned."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from critterdb.dataset.examples import Examples
from critterdb.games import Game
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import utc_now

from .backbones import Backbone
from .head import Head
from .model_writer import ModelFile

INTENDED_USE = (
    "Hashtag games and other play with photos of wild animals, where a mistake hurts nobody."
)
LIMITS = (
    "It knows only its labels, from photos like those that it was trained on. "
    "It is no means of identification for safety, law or science without a person's look."
)


def model_card(
    game: Game,
    examples: Examples,
    splits: dict[str, int],
    found: dict[str, Any],
    thresholds: dict[str, float],
) -> dict[str, Any]:
    """The card: data by licence, splits in photos, figures, thresholds, intended use, limits."""
    return {
        "game": game.slug,
        "question": game.question,
        "photos_by_license": _counts(examples.licenses.tolist()),
        "splits": splits,
        "observers": len(set(examples.observer_ids.tolist())),
        **tell_examples(examples),
        "metrics": {name: value for name, value in found.items() if name != "labels"},
        "thresholds": thresholds,
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
    }


def tell_examples(examples: Examples) -> dict[str, Any]:
    """What became of labels and photos that could not be taken as they are."""
    return {
        "left_out": examples.left_out,
        "too_few": [{"name": name, "photos": photos} for name, photos in examples.too_few],
        "folded": [
            {"name": name, "photos": photos, "into": into} for name, photos, into in examples.folded
        ],
    }


def label_objects(db: SiteDatabase, taxon_ids: list[int]) -> list[dict[str, Any]]:
    """The labels as the model file has them, each with its ancestors from the root down."""
    taxa = {row["id"]: row for row in db["taxa"].rows}

    def told(taxon_id: int) -> dict[str, Any]:
        taxon = taxa[taxon_id]
        return {
            "taxon_id": taxon_id,
            "name": taxon["name"],
            "common_name": taxon["common_name"],
            "rank": taxon["rank"],
        }

    labels = []
    for taxon_id in taxon_ids:
        lineage = json.loads(taxa[taxon_id]["ancestor_ids"])
        ancestors = [told(each) for each in lineage if each != taxon_id and each in taxa]
        labels.append({**told(taxon_id), "ancestors": ancestors})
    return labels


def save_model(
    db: SiteDatabase,
    game: Game,
    model_id: str,
    backbone: Backbone,
    file: ModelFile,
    thresholds: dict[str, float],
    card: dict[str, Any],
    recipe: dict[str, Any],
    seconds: float,
) -> None:
    db["models"].insert(
        {
            "id": model_id,
            "game": game.slug,
            "backbone": backbone.recipe,
            "created_at": utc_now(),
            "path": f"models/{file.path.name}",
            "sha256": file.sha256,
            "bytes": file.bytes,
            "photos": sum(card["splits"].values()),
            **thresholds,
            "seconds": seconds,
            "recipe": json.dumps(recipe),
            "card": json.dumps(card, ensure_ascii=False),
        }
    )


def save_labels(db: SiteDatabase, model_id: str, taxon_ids: list[int], truth: np.ndarray) -> None:
    counts = np.bincount(truth, minlength=len(taxon_ids))
    db["model_labels"].insert_all(
        {"model_id": model_id, "taxon_id": taxon_id, "photos_train": int(photos)}
        for taxon_id, photos in zip(taxon_ids, counts, strict=True)
    )


def save_history(db: SiteDatabase, model_id: str, head: Head) -> None:
    db["model_metrics"].insert_all(
        {"model_id": model_id, "name": name, "x": epoch, "value": value}
        for epoch, values in enumerate(head.history, start=1)
        for name, value in values.items()
    )


def _counts(values: Sequence[object]) -> dict[str, int]:
    """How often each value occurs; null is `none`."""
    return dict(Counter(str(value or "none") for value in values).most_common())
