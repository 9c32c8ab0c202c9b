"""Embeddings and labels → a model file, its row, and its figures."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from critterdb import __version__
from critterdb._types import Progress
from critterdb.dataset.embeddings import load_embeddings
from critterdb.dataset.examples import MIN_PHOTOS as DEFAULT_MIN_PHOTOS
from critterdb.dataset.examples import Examples, load_examples
from critterdb.dataset.similarity import separate_parts
from critterdb.dataset.splits import split_observations
from critterdb.errors import TrainingError
from critterdb.evaluation.evaluate import save_evaluation
from critterdb.evaluation.metrics import TestScores, figures, softmax
from critterdb.games import Game
from critterdb.model.decision import step_scores
from critterdb.model.novelty import NoveltyParameters
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_files import stored_file, stored_files
from critterdb.training.onnx.graph import import_onnx
from critterdb.training.onnx.quantize import quantize_backbone

from .backbones import Backbone, export_backbone, load_backbone
from .calibration import (
    MAX_WRONG_SHARE,
    choose_novelty_threshold,
    choose_threshold,
    fit_temperature,
)
from .embed import embed_photos
from .head import Head, calibrated_loss, train_head
from .model_records import (
    label_objects,
    model_card,
    save_history,
    save_labels,
    save_model,
    tell_examples,
)
from .model_writer import write_model
from .networks import DEFAULT_BACKBONE, load_network
from .novelty import fit_novelty
from .torch_worker import shared_torch_process

__all__ = ["DEFAULT_MIN_PHOTOS", "train_game"]

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class TrainingData:
    """What there is to learn: photos, their vectors N×D, and the places of their labels N.

    A place of -1 is a label that no training photo has.
    """

    examples: Examples
    vectors: np.ndarray
    truth: np.ndarray
    taxon_ids: list[int]

    def mask(self, part: str) -> np.ndarray:
        """Which photos belong to a part and are of a label."""
        return self.examples.of_part(part) & (self.truth >= 0)

    def of(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Vectors and label places of a part."""
        mask = self.mask(part)
        return self.vectors[mask], self.truth[mask]

    @property
    def splits(self) -> dict[str, int]:
        """Photos in each part."""
        return {part: int(self.mask(part).sum()) for part in PARTS}


def train_game(
    db: SiteDatabase,
    game: Game,
    *,
    backbone: str = DEFAULT_BACKBONE,
    weights: Path | None = None,
    size: int | None = None,
    fine_tune: int = 0,
    int8: bool = False,
    seed: int = 0,
    min_photos: int = DEFAULT_MIN_PHOTOS,
    max_wrong: float = MAX_WRONG_SHARE,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a model for `game` and put it in use; return the figures of `train --json`.

    `fine_tune` is the number of epochs in which the whole network learns too; with 0 only its head
    does. With `int8` the network counts in 8 bits. `max_wrong` is the share of answers that may be
    wrong. The file is written first, and then all rows in one transaction: a killed training leaves
    the earlier model in use. Raises TrainingError where there is too little to learn from.
    """
    started = time.perf_counter()
    shared_torch_process()  # it loads what it needs meanwhile
    folder = site_folder(db)
    load_examples(db, game, min_photos=min_photos)
    split_observations(db, game.slug)
    network = load_backbone(backbone, weights=weights, size=size, folder=folder)
    if int8:
        examples = load_examples(db, game, min_photos=min_photos)
        network = quantize_backbone(network, _teaching_photos(folder, examples))
    embed_photos(db, network, game.slug, progress=progress)
    lesson = _prepare(db, load_examples(db, game, min_photos=min_photos), network.recipe)
    head, novelty = _learn(lesson, seed)
    recipe = {
        "backbone": backbone,
        "weights": weights.name if weights else None,
        "size": network.view.size,
        "fine_tune": fine_tune,
        "int8": int8,
        "seed": seed,
        "min_photos": min_photos,
        "max_wrong": max_wrong,
        "near_duplicates_by": network.recipe,
    }
    if fine_tune:
        network, lesson, head, novelty = _fine_tune(
            db,
            game,
            lesson,
            head,
            load_network(backbone, weights),
            size=network.view.size,
            epochs=fine_tune,
            int8=int8,
            seed=seed,
            progress=progress,
        )
    return _finish(db, game, lesson, network, head, novelty, recipe, started)


def _teaching_photos(folder: Path, examples: Examples) -> list[Path]:
    """Files of training photos, in an order that depends on nothing but what they show."""
    training = examples.of_part("train")
    order = np.argsort(examples.sha256s[training])
    return stored_files(folder, "photos", examples.paths[training][order])


def _prepare(db: SiteDatabase, examples: Examples, recipe: str) -> TrainingData:
    examples, vectors = separate_parts(*load_embeddings(db, examples, recipe))
    taxon_ids = sorted(set(examples.taxon_ids[examples.of_part("train")].tolist()))
    places = {taxon_id: place for place, taxon_id in enumerate(taxon_ids)}
    truth = np.array([places.get(taxon_id, -1) for taxon_id in examples.taxon_ids.tolist()])
    lesson = TrainingData(examples, vectors, truth, taxon_ids)
    if len(taxon_ids) < 2 or not all(lesson.splits.values()):
        counts = ", ".join(f"{part} {photos}" for part, photos in lesson.splits.items())
        raise TrainingError(
            f"There are too few observers to train and to test with different ones ({counts} "
            "photos). Add photos by other people, then train again"
        )
    return lesson


def _learn(lesson: TrainingData, seed: int) -> tuple[Head, NoveltyParameters]:
    """Head and novelty measure at the same time."""
    train, valid = lesson.of("train"), lesson.of("valid")
    with ThreadPoolExecutor(1) as other:
        novelty = other.submit(fit_novelty, *train)
        other.submit(import_onnx)  # which the file needs afterwards
        head = shared_torch_process().call(
            train_head, *train, *valid, labels=len(lesson.taxon_ids), seed=seed
        )
        return head, novelty.result()


def _fine_tune(
    db: SiteDatabase,
    game: Game,
    lesson: TrainingData,
    head: Head,
    network: Any,
    *,
    size: int,
    epochs: int,
    int8: bool,
    seed: int,
    progress: Progress | None,
) -> tuple[Backbone, TrainingData, Head, NoveltyParameters]:
    """The network after further training, the lesson as it sees it, and the better of two heads."""
    from .fine_tuning import fine_tune

    folder = site_folder(db)
    seen = lesson.mask("train") | lesson.mask("valid")
    tuned, joint = fine_tune(
        network,
        head,
        stored_files(folder, "photos", lesson.examples.paths[seen]),
        lesson.truth[seen],
        lesson.mask("train")[seen],
        epochs=epochs,
        size=size,
        seed=seed,
        progress=progress,
    )
    backbone = export_backbone(tuned, size=size, folder=folder)
    if int8:
        backbone = quantize_backbone(backbone, _teaching_photos(folder, lesson.examples))
    embed_photos(db, backbone, game.slug, progress=progress)
    _, vectors = load_embeddings(db, lesson.examples, backbone.recipe)
    lesson = replace(lesson, vectors=vectors)
    fresh, novelty = _learn(lesson, seed)
    head = min((joint, fresh), key=lambda each: calibrated_loss(each, *lesson.of("valid")))
    return backbone, lesson, head, novelty


def _finish(
    db: SiteDatabase,
    game: Game,
    lesson: TrainingData,
    network: Backbone,
    head: Head,
    novelty: NoveltyParameters,
    recipe: dict[str, Any],
    started: float,
) -> dict[str, Any]:
    """Calibrate, measure, write the file, and then all rows at once."""
    labels = label_objects(db, lesson.taxon_ids)
    thresholds = _thresholds(
        head, novelty, *lesson.of("valid"), labels=labels, max_wrong=recipe["max_wrong"]
    )
    vectors, truth = lesson.of("test")
    outcome = TestScores(
        labels,
        thresholds,
        softmax(head.logits(vectors), thresholds["temperature"]),
        novelty.score(vectors),
        truth,
    )
    found = figures(outcome)
    model_id = f"{game.slug}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    card = model_card(game, lesson.examples, lesson.splits, found, thresholds)
    file = write_model(
        stored_file(site_folder(db), "models", f"models/{model_id}.onnx"),
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
            "max_wrong": recipe["max_wrong"],
            "critterdb": __version__,
        },
    )
    seconds = round(time.perf_counter() - started, 2)
    recipe = recipe | {"epochs": len(head.history), "head": vars(head.candidate)}
    with db.atomic():
        save_model(db, game, model_id, network, file, thresholds, card, recipe, seconds)
        save_labels(db, model_id, lesson.taxon_ids, lesson.of("train")[1])
        save_history(db, model_id, head)
        tested = lesson.examples.photo_ids[lesson.mask("test")].tolist()
        save_evaluation(db, model_id, outcome, tested)
        db["games"].update(game.slug, {"model_id": model_id})
    return {"model": model_id, **found, "seconds": seconds, **tell_examples(lesson.examples)}


def _thresholds(
    head: Head,
    novelty: NoveltyParameters,
    vectors: np.ndarray,
    truth: np.ndarray,
    *,
    labels: list[dict[str, Any]],
    max_wrong: float,
) -> dict[str, float]:
    """Temperature and thresholds from the validation photos."""
    logits = head.logits(vectors)
    temperature = fit_temperature(logits, truth)
    scores, right = step_scores(softmax(logits, temperature), truth, labels)
    return {
        "temperature": round(temperature, 6),
        "threshold": round(choose_threshold(scores, right, max_wrong=max_wrong), 6),
        "novelty_threshold": round(choose_novelty_threshold(novelty.score(vectors)), 6),
    }
