"""Train a model from a game's photos: embeddings, a head, a model file, its row, its figures."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from critterdb._version import __version__
from critterdb.dataset.embeddings import load_embeddings
from critterdb.dataset.examples import Examples, assign_parts, load_examples
from critterdb.dataset.photo_files import PhotoFile, stored_photos
from critterdb.dataset.splits import split_observations
from critterdb.evaluation.comparison import ModelComparison, Outcome, compare_with
from critterdb.evaluation.evaluate import save_evaluation
from critterdb.evaluation.metrics import Evaluation, ScoredPhotos, measure, softmax
from critterdb.evaluation.place_errors import save_place_errors
from critterdb.model.decision import step_scores
from critterdb.model.description import PLACE_PRIOR
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_files import stored_file, stored_files
from critterdb.training.onnx.graph import OutputLayers, import_onnx
from critterdb.training.onnx.quantize import quantize_backbone

from .backbones import Backbone, export_backbone, load_backbone
from .calibration import choose_novelty_threshold, choose_threshold, fit_temperature
from .config import DEFAULT_CONFIG, TrainingConfig, TrainingRecipe
from .embed import embed_photos
from .head import Head, calibrated_loss, train_head
from .label_sets import choose_set_rule
from .model_records import (
    ModelCard,
    ModelRecord,
    label_objects,
    model_card,
    save_history,
    save_labels,
    save_model,
    unused_data,
)
from .model_writer import ModelFile, write_model
from .networks import load_network
from .novelty import fit_novelty
from .place_prior import fit_place_prior
from .sampling import is_large
from .second_look import LookedAt, draft_model, fit_second_look, look_again
from .torch_worker import end_torch_process, shared_torch_process
from .training_data import PARTS, TrainingData, prepare_data, readable_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb._types import Progress
    from critterdb.evaluation.figures import EvaluationResult
    from critterdb.games import Game
    from critterdb.model.label_sets import SetRule
    from critterdb.model.labels import Label, Thresholds
    from critterdb.model.novelty import NoveltyParameters
    from critterdb.model.place_prior import PlacePrior
    from critterdb.model.second_look import SecondLook

    from .candidates import LabelledVectors


@dataclass(frozen=True)
class TrainedModel:
    """What a training learned: a head and a novelty measure for what a backbone sees of data."""

    backbone: Backbone
    data: TrainingData
    head: Head
    novelty: NoveltyParameters


@dataclass(frozen=True)
class MeasuredModel:
    """A trained model with its thresholds and rules, and what it says of its test photos.

    `place_prior` is null if its training photos have no coordinates.
    """

    trained: TrainedModel
    labels: list[Label]
    thresholds: Thresholds
    place_prior: PlacePrior | None
    evaluation: Evaluation
    second_look: SecondLook | None
    set_rule: SetRule | None


def train_game(
    db: SiteDatabase,
    game: Game,
    config: TrainingConfig = DEFAULT_CONFIG,
    *,
    progress: Progress | None = None,
    accept: Callable[[ModelComparison], bool] | None = None,
) -> EvaluationResult:
    """Train a model for `game` and put it in use; return the figures of `train --json`.

    If the model in use is better on the same test photos, `accept` says whether to use the new one
    all the same. The file is written first, and then all rows in one transaction: a killed training
    leaves the earlier model in use. Raises TrainingError if there is too little to learn from, and
    ModelError.
    """
    started = time.perf_counter()
    shared_torch_process()  # it loads what it needs meanwhile
    examples = load_examples(db, game, min_photos=config.min_photos)
    split_observations(db, game.slug)
    examples = assign_parts(db, game.slug, examples)
    backbone = load_backbone(
        config.backbone, weights=config.weights, size=config.size, folder=site_folder(db)
    )
    if config.int8:
        # Before the head learns: head, thresholds and figures are of the network that answers.
        backbone = quantize_backbone(backbone, _calibration_photos(db, examples))
    embed_photos(db, backbone, game.slug, progress=progress)
    data = prepare_data(db, examples, backbone.recipe).measurable()
    if config.fine_tune:
        data = readable_data(db, data, backbone.view.shorter_side)
    trained = TrainedModel(backbone, data, *_learn(data, config.seed))
    if config.fine_tune:
        trained = _fine_tune(db, game, trained, config, progress)
    if is_large(len(data.of("train").truth), len(data.taxon_ids)):
        # The next training loads torch again; this one needs the memory for its probabilities.
        end_torch_process()
    measured = _measure(db, trained, config.max_wrong)
    recipe = _recipe(config, trained, backbone.recipe)
    comparison = _compare(db, game, measured)
    asked = time.perf_counter()
    is_used = _is_accepted(comparison, accept)
    started += time.perf_counter() - asked  # a person's time is not the training's
    model_id, seconds = _save(db, game, measured, recipe, started, is_used)
    return {
        "model": model_id,
        **measured.evaluation.figures,
        "seconds": seconds,
        **unused_data(trained.data.examples),
        "max_wrong": config.max_wrong,
        "photos_validated": int(trained.data.mask("valid").sum()),
        "is_used": is_used,
        "comparison": comparison,
    }


def _is_accepted(
    comparison: ModelComparison | None, accept: Callable[[ModelComparison], bool] | None
) -> bool:
    """Whether the game is to use the new model; a person decides if it is the worse one."""
    if accept is None or comparison is None or comparison["verdict"] != "worse":
        return True
    return accept(comparison)


def _compare(db: SiteDatabase, game: Game, measured: MeasuredModel) -> ModelComparison | None:
    """Compare the new model with the one that the game uses now, if any."""
    (earlier,) = db.execute("SELECT model_id FROM games WHERE slug = ?", [game.slug]).fetchone()
    data, scores = measured.trained.data, measured.evaluation.scores
    taxon_ids = [label["taxon_id"] for label in measured.labels]
    outcomes: dict[int, Outcome] = {
        photo_id: {"truth": taxon_ids[truth], "top": taxon_ids[top]}
        for photo_id, truth, top in zip(
            data.examples.photo_ids[data.mask("test")].tolist(),
            scores.truth.tolist(),
            scores.probabilities.argmax(axis=1).tolist(),
            strict=True,
        )
    }
    return compare_with(db, earlier, outcomes) if earlier else None


def _recipe(config: TrainingConfig, trained: TrainedModel, duplicates_by: str) -> TrainingRecipe:
    return {
        "backbone": config.backbone,
        "weights": config.weights.name if config.weights else None,
        "size": trained.backbone.view.size,
        "fine_tune": config.fine_tune,
        "int8": config.int8,
        "seed": config.seed,
        "min_photos": config.min_photos,
        "max_wrong": config.max_wrong,
        "near_duplicates_by": duplicates_by,
        "epochs": len(trained.head.history),
        "head": asdict(trained.head.candidate),
    }


def _calibration_photos(db: SiteDatabase, examples: Examples) -> list[PhotoFile]:
    """Training photos to quantize by, in an order that depends on nothing but what they show."""
    is_train = examples.of_part("train")
    order = np.argsort(examples.sha256s[is_train])
    return stored_photos(site_folder(db), examples.paths[is_train][order])


def _learn(data: TrainingData, seed: int) -> tuple[Head, NoveltyParameters]:
    """Head and novelty measure at the same time."""
    train, valid = data.of("train"), data.of("valid")
    other = ThreadPoolExecutor(1)
    try:
        novelty = other.submit(fit_novelty, train.vectors, train.truth)
        other.submit(import_onnx)  # which the file needs afterwards
        head = shared_torch_process().call(
            train_head, train, valid, labels=len(data.taxon_ids), seed=seed
        )
        return head, novelty.result()
    finally:
        other.shutdown(wait=False, cancel_futures=True)  # whoever interrupts does not wait for it


def _fine_tune(
    db: SiteDatabase,
    game: Game,
    first: TrainedModel,
    config: TrainingConfig,
    progress: Progress | None,
) -> TrainedModel:
    """Train the network further; keep the better of the head that it took along and a new one."""
    from .fine_tuning import TuningPhotos, TuningPlan, fine_tune

    folder, data, size = site_folder(db), first.data, first.backbone.view.size
    is_seen = data.mask("train") | data.mask("valid")
    tuned, joint = fine_tune(
        load_network(config.backbone, config.weights),
        first.head,
        TuningPhotos(
            stored_files(folder, "photos", data.examples.paths[is_seen]),
            data.truth[is_seen],
            data.mask("train")[is_seen],
        ),
        TuningPlan(config.fine_tune, size, config.seed),
        progress=progress,
    )
    backbone = export_backbone(tuned, size=size, folder=folder)
    if config.int8:
        backbone = quantize_backbone(backbone, _calibration_photos(db, data.examples))
    embed_photos(db, backbone, game.slug, progress=progress)
    # A file may have become unreadable since; near-duplicates stay those of the network as it was.
    embedded, vectors = load_embeddings(db, data.examples, backbone.recipe)
    data = data.where(np.isin(data.examples.photo_ids, embedded.photo_ids))
    data = replace(data, vectors=vectors)
    fresh, novelty = _learn(data, config.seed)
    head = min((joint, fresh), key=lambda head: calibrated_loss(head, data.of("valid")))
    return TrainedModel(backbone, data, head, novelty)


def _measure(db: SiteDatabase, trained: TrainedModel, max_wrong: float) -> MeasuredModel:
    """Calibrate on the validation photos, and measure on the test photos."""
    head, novelty, data = trained.head, trained.novelty, trained.data
    labels = label_objects(db, data.taxon_ids)
    thresholds = _thresholds(trained, data.of("valid"), labels, max_wrong)
    layers = OutputLayers(head.weight, head.bias, thresholds["temperature"], novelty)
    network = trained.backbone.onnx_path.read_bytes()
    draft = draft_model(network, layers, trained.backbone.view, labels, thresholds)
    files = {
        part: stored_photos(site_folder(db), data.examples.paths[data.mask(part)]) for part in PARTS
    }
    valid = data.of("valid")
    rule = fit_second_look(
        draft, files["valid"], valid.truth, novelty.score(valid.vectors), files["train"]
    )
    model = replace(draft, second_look=rule)

    def looked_at(part: str) -> LookedAt:
        vectors = data.of(part).vectors
        probabilities = softmax(head.logits(vectors), thresholds["temperature"])
        return look_again(model, files[part], probabilities, novelty.score(vectors))

    known = looked_at("valid").probabilities
    set_rule = choose_set_rule(known, valid.truth)
    prior = fit_place_prior(db, data, known)
    del known  # of many labels, half of the memory
    test = looked_at("test")
    scores = ScoredPhotos(
        labels, thresholds, test.probabilities, test.novelty, data.of("test").truth, test.looks
    )
    return MeasuredModel(
        trained, labels, thresholds, prior, measure(scores, set_rule), rule, set_rule
    )


def _save(
    db: SiteDatabase,
    game: Game,
    measured: MeasuredModel,
    recipe: TrainingRecipe,
    started: float,
    is_used: bool,
) -> tuple[str, float]:
    """Write the file, and then all rows at once; return the model's id, and the seconds it took."""
    trained, data = measured.trained, measured.trained.data
    figures = measured.evaluation.figures
    model_id = f"{game.slug}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    card = model_card(game, data, figures, measured.thresholds)
    if measured.place_prior:
        card["place_weight"] = measured.place_prior.weight
    file = _write_file(db, game, model_id, measured, card, recipe["max_wrong"])
    seconds = round(time.perf_counter() - started, 2)
    record = ModelRecord(
        id=model_id,
        game=game.slug,
        backbone=trained.backbone.recipe,
        file=file,
        thresholds=measured.thresholds,
        card=card,
        recipe=recipe,
        seconds=seconds,
    )
    with db.atomic():
        save_model(db, record)
        save_labels(db, model_id, data.taxon_ids, data.of("train").truth)
        save_history(db, model_id, trained.head)
        tested = data.examples.photo_ids[data.mask("test")].tolist()
        save_evaluation(db, model_id, measured.evaluation, tested)
        scores = measured.evaluation.scores
        save_place_errors(db, model_id, measured.place_prior, scores, tested)
        if is_used:
            db["games"].update(game.slug, {"model_id": model_id})
    return model_id, seconds


def _write_file(
    db: SiteDatabase,
    game: Game,
    model_id: str,
    measured: MeasuredModel,
    card: ModelCard,
    max_wrong: float,
) -> ModelFile:
    trained, prior = measured.trained, measured.place_prior
    return write_model(
        stored_file(site_folder(db), "models", f"models/{model_id}.onnx"),
        backbone=trained.backbone,
        weight=trained.head.weight,
        bias=trained.head.bias,
        novelty=trained.novelty,
        metadata={
            "id": model_id,
            "game": game.slug,
            "labels": measured.labels,
            "target_taxon_id": game.target_taxon_id,
            **measured.thresholds,
            "licenses": card["photos_by_license"],
            "splits": card["splits"],
            "metrics": card["metrics"],
            "max_wrong": max_wrong,
            **({"second_look": rule.as_metadata()} if (rule := measured.second_look) else {}),
            **({"set": sets.as_metadata()} if (sets := measured.set_rule) else {}),
            "critterdb": __version__,
            **({PLACE_PRIOR: prior.to_json()} if prior else {}),
        },
    )


def _thresholds(
    trained: TrainedModel, valid: LabelledVectors, labels: list[Label], max_wrong: float
) -> Thresholds:
    """Temperature and thresholds from the validation photos."""
    logits = trained.head.logits(valid.vectors)
    temperature = fit_temperature(logits, valid.truth)
    # Coarser answers count too: a threshold by labels alone would promise nothing of them.
    scores, right = step_scores(softmax(logits, temperature), valid.truth, labels)
    novelty = choose_novelty_threshold(trained.novelty.score(valid.vectors))
    return {
        "temperature": round(temperature, 6),
        "threshold": round(choose_threshold(scores, right, max_wrong=max_wrong), 6),
        "novelty_threshold": round(novelty, 6),
    }
