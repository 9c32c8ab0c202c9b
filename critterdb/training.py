"""Embeddings and labels → a model file, its row, and its figures."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .backbones import DEFAULT_BACKBONE, Backbone, load_backbone
from .calibration import choose_novelty_threshold, choose_threshold, fit_temperature, softmax
from .embeddings import embed_photos, load_embeddings
from .errors import TrainingError
from .evaluation import card_counts, save_evaluation
from .games import Game
from .heads import Head, train_head
from .labels import MIN_PHOTOS as DEFAULT_MIN_PHOTOS
from .labels import Examples, load_examples
from .measures import Outcome, figures
from .model_files import ModelFile, write_model
from .neighbours import separate_parts
from .novelty import NoveltyParameters, fit_novelty
from .schema import SiteDatabase, site_folder, utc_now
from .splits import split_observations

__all__ = ["DEFAULT_MIN_PHOTOS", "train_game"]

INTENDED_USE = (
    "Hashtag games and other play with photos of wild animals, where a mistake hurts nobody."
)
LIMITS = (
    "It knows only its labels, from photos like those that it was trained on. "
    "It is no means of identification for safety, law or science without a person's look."
)


def train_game(
    db: SiteDatabase,
    game: Game,
    *,
    backbone: str = DEFAULT_BACKBONE,
    weights: Path | None = None,
    size: int | None = None,
    seed: int = 0,
    min_photos: int = DEFAULT_MIN_PHOTOS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train a model for `game` and put it in use; return the figures of `train --json`.

    The file is written first, and then all rows in one transaction: a killed training leaves the
    earlier model in use. Raises TrainingError where there is too little to learn from.
    """
    started = time.perf_counter()
    load_examples(db, game, min_photos=min_photos)
    split_observations(db, game.slug)
    network = load_backbone(backbone, weights=weights, size=size, folder=site_folder(db))
    embed_photos(db, network, game.slug, progress=progress)
    examples = load_examples(db, game, min_photos=min_photos)
    examples, vectors = separate_parts(*load_embeddings(db, examples, network.recipe))
    taxon_ids = sorted(set(examples.taxon_ids[examples.of_part("train")].tolist()))
    truth = np.array([taxon_ids.index(t) if t in taxon_ids else -1 for t in examples.taxon_ids])
    masks = {part: examples.of_part(part) & (truth >= 0) for part in ("train", "valid", "test")}
    _check_parts(masks, len(taxon_ids))

    head = train_head(
        vectors[masks["train"]],
        truth[masks["train"]],
        vectors[masks["valid"]],
        truth[masks["valid"]],
        labels=len(taxon_ids),
        seed=seed,
    )
    novelty = fit_novelty(vectors[masks["train"]], truth[masks["train"]])
    thresholds = _thresholds(head, novelty, vectors[masks["valid"]], truth[masks["valid"]])
    labels = _label_objects(db, taxon_ids)
    outcome = Outcome(
        labels,
        thresholds,
        softmax(head.logits(vectors[masks["test"]]), thresholds["temperature"]),
        novelty.score(vectors[masks["test"]]),
        truth[masks["test"]],
    )
    found = figures(outcome)
    model_id = f"{game.slug}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    card = _card(game, examples, masks, found, thresholds)
    file = write_model(
        site_folder(db) / "models" / f"{model_id}.onnx",
        backbone=network,
        weight=head.weight,
        bias=head.bias,
        novelty=novelty,
        metadata={
            "id": model_id,
            "game": game.slug,
            "labels": labels,
            "target_taxon_id": game.target_taxon_id,
            **thresholds,
            "licenses": card["photos_by_license"],
            "splits": card["splits"],
            "metrics": card["metrics"],
            "critterdb": __version__,
        },
    )
    seconds = round(time.perf_counter() - started, 2)
    recipe = {
        "backbone": backbone,
        "weights": str(weights) if weights else None,
        "size": network.size,
        "seed": seed,
        "min_photos": min_photos,
        "epochs": len(head.history),
        "head": vars(head.candidate),
    }
    with db.atomic():
        _save_model(db, game, model_id, network, file, thresholds, card, recipe, seconds)
        _save_labels(db, model_id, taxon_ids, truth[masks["train"]])
        _save_history(db, model_id, head)
        save_evaluation(db, model_id, outcome, examples.photo_ids[masks["test"]].tolist())
        db["games"].update(game.slug, {"model_id": model_id})
    return {"model": model_id, **found, "seconds": seconds, **_told(examples)}


def _told(examples: Examples) -> dict[str, Any]:
    """What became of labels and photos that could not be taken as they are."""
    return {
        "left_out": examples.left_out,
        "too_few": [{"name": name, "photos": photos} for name, photos in examples.too_few],
        "folded": [
            {"name": name, "photos": photos, "into": into} for name, photos, into in examples.folded
        ],
    }


def _check_parts(masks: dict[str, np.ndarray], labels: int) -> None:
    if labels < 2 or any(not mask.any() for mask in masks.values()):
        counts = ", ".join(f"{part} {int(mask.sum())}" for part, mask in masks.items())
        raise TrainingError(
            f"There are too few observers to train and to test with different ones ({counts} "
            "photos). Add photos by other people, then train again"
        )


def _thresholds(
    head: Head, novelty: NoveltyParameters, vectors: np.ndarray, truth: np.ndarray
) -> dict[str, float]:
    """Temperature and thresholds from the validation photos."""
    logits = head.logits(vectors)
    temperature = fit_temperature(logits, truth)
    probabilities = softmax(logits, temperature)
    right = probabilities.argmax(axis=1) == truth
    return {
        "temperature": round(temperature, 6),
        "threshold": round(choose_threshold(probabilities.max(axis=1), right), 6),
        "novelty_threshold": round(choose_novelty_threshold(novelty.score(vectors)), 6),
    }


def _label_objects(db: SiteDatabase, taxon_ids: list[int]) -> list[dict[str, Any]]:
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


def _card(
    game: Game,
    examples: Examples,
    masks: dict[str, np.ndarray],
    found: dict[str, Any],
    thresholds: dict[str, float],
) -> dict[str, Any]:
    return {
        "game": game.slug,
        "question": game.question,
        "photos_by_license": card_counts(examples.licenses.tolist()),
        "splits": {part: int(mask.sum()) for part, mask in masks.items()},
        "observers": len(set(examples.observer_ids.tolist())),
        **_told(examples),
        "metrics": {name: value for name, value in found.items() if name != "labels"},
        "thresholds": thresholds,
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
    }


def _save_model(
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


def _save_labels(db: SiteDatabase, model_id: str, taxon_ids: list[int], truth: np.ndarray) -> None:
    counts = np.bincount(truth, minlength=len(taxon_ids))
    db["model_labels"].insert_all(
        {"model_id": model_id, "taxon_id": taxon_id, "photos_train": int(photos)}
        for taxon_id, photos in zip(taxon_ids, counts, strict=True)
    )


def _save_history(db: SiteDatabase, model_id: str, head: Head) -> None:
    db["model_metrics"].insert_all(
        {"model_id": model_id, "name": name, "x": epoch, "value": value}
        for epoch, values in enumerate(head.history, start=1)
        for name, value in values.items()
    )
