"""Measure a model on photos whose truth is known, and keep the figures as rows."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from critterdb.dataset.examples import LEARNED_FROM, UNREADABLE
from critterdb.dataset.photo_files import (
    NEAR_FOLDER,
    NONE_FOLDER,
    UNREADABLE_ERRORS,
    PhotoFile,
    folder_photos,
    list_photos,
    stored_photos,
)
from critterdb.errors import SourceError
from critterdb.formatting import did_you_mean, taxon_name
from critterdb.model.inference import look_at, view_decoded
from critterdb.model.registry import current_model, model_row
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_json import read_object
from critterdb.storage.timestamps import utc_now

from .metrics import (
    Evaluation,
    ScoredPhotos,
    measure,
    novelty_quantiles,
    reliability,
    risk_coverage,
    share,
    top_k_right,
)
from .place_errors import save_place_errors
from .small_animals import SmallFigures, measure_small
from .together import save_together

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from critterdb._types import Progress
    from critterdb.imaging.preprocessing import Area
    from critterdb.model.labels import Label
    from critterdb.model.loader import Model

    from .figures import EvaluationResult


NEAR = -2
UNLABELLED: dict[str, int | None] = {NONE_FOLDER: -1, NEAR_FOLDER: NEAR}


@dataclass(frozen=True)
class LabelledPhotos:
    """Photo files N with `truth` N, indexes into a model's labels; -1 is nothing that it knows.

    NEAR is an animal like those that it knows.

    `photo_ids` N are those of the site, or empty for files of a folder.
    """

    files: list[PhotoFile]
    truth: np.ndarray
    photo_ids: list[int]


def save_evaluation(
    db: SiteDatabase, model_id: str, evaluation: Evaluation, photo_ids: Sequence[int]
) -> None:
    """Replace the model's evaluation rows by this one's; call it in the model's transaction."""
    labels, figures = evaluation.scores.labels, evaluation.figures
    confusion = evaluation.scores.confusion()
    db["confusions"].delete_where("model_id = ?", [model_id])
    db["confusions"].insert_all(
        {
            "model_id": model_id,
            "actual_taxon_id": labels[actual]["taxon_id"],
            "predicted_taxon_id": labels[predicted]["taxon_id"],
            "photos": int(confusion[actual, predicted]),
        }
        for actual, predicted in np.argwhere(confusion)
    )
    for label, measured in zip(labels, figures["labels"], strict=True):
        db["model_labels"].update(
            (model_id, label["taxon_id"]),
            {
                "photos_test": measured["photos"],
                "precision": measured["precision"],
                "recall": measured["recall"],
                "f1": measured["f1"],
            },
        )
    _save_metrics(db, model_id, evaluation)
    save_together(db, model_id, evaluation.scores, photo_ids)
    _save_predictions(db, model_id, evaluation, photo_ids)
    db["models"].update(
        model_id,
        {
            "error_rate": figures["error_rate"],
            "balanced_error_rate": figures["balanced_error_rate"],
            "ece": figures["ece"],
        },
    )


def _save_metrics(db: SiteDatabase, model_id: str, evaluation: Evaluation) -> None:
    scores, figures = evaluation.scores, evaluation.figures
    photos = figures["photos"]
    rows: list[tuple[str, float, float | None, int | None]] = [
        ("answered", 0, figures["answered"], photos),
        ("wrong_among_answered", 0, figures["wrong_among_answered"], photos),
        ("top3_error_rate", 0, figures["top3_error_rate"], photos),
        ("ece_before", 0, figures["ece_before"], photos),
    ]
    if evaluation.sets and photos:
        rows += [
            ("set_coverage", evaluation.sets.asked, evaluation.sets.covered, photos),
            ("set_size", evaluation.sets.asked, evaluation.sets.size, photos),
        ]
    rows += [("novelty", part, value, None) for part, value in novelty_quantiles(scores)]
    rows += [("reliability", sure, right, n) for sure, right, n in reliability(scores)]
    rows += [("risk_coverage", answered, wrong, None) for answered, wrong in risk_coverage(scores)]
    rows += [("top_k", k, share(top_k_right(scores, k)), photos) for k in (1, 3, 5)]
    measured = sorted({row[0] for row in rows})
    marks = ", ".join("?" * len(measured))
    db["model_metrics"].delete_where(f"model_id = ? AND name IN ({marks})", [model_id, *measured])
    db["model_metrics"].insert_all(
        {"model_id": model_id, "name": name, "x": x, "value": value, "photos": photos}
        for name, x, value, photos in rows
    )


def save_small_animals(db: SiteDatabase, model_id: str, figures: Sequence[SmallFigures]) -> None:
    """Renew the rows that say what the model makes of test photos in which the animal is small."""
    names = ("small_error_rate", "small_answered", "small_wrong_among_answered")
    marks = ", ".join("?" * len(names))
    db["model_metrics"].delete_where(f"model_id = ? AND name IN ({marks})", [model_id, *names])
    for row in figures:
        answers = round((row.answered or 0) * row.photos)
        values = (row.error_rate, row.answered, row.wrong_among_answered)
        bases = (row.photos, row.photos, answers)
        for name, value, basis in zip(names, values, bases, strict=True):
            point = {"model_id": model_id, "name": name, "x": row.share}
            db["model_metrics"].insert({**point, "value": value, "photos": basis})


def _save_predictions(
    db: SiteDatabase, model_id: str, evaluation: Evaluation, photo_ids: Sequence[int]
) -> None:
    # A reviewed prediction stays: a person's word about it would be lost with it.
    db["predictions"].delete_where(
        "model_id = ? AND source = 'evaluation' AND id NOT IN (SELECT prediction_id FROM reviews)",
        [model_id],
    )
    now = utc_now()
    scores = evaluation.scores
    db["predictions"].insert_all(
        {
            "model_id": model_id,
            "source": "evaluation",
            "photo_id": int(photo_id),
            "label_taxon_id": scores.labels[truth]["taxon_id"],
            **classification.as_row(),
            "created_at": now,
        }
        for photo_id, truth, classification in zip(
            photo_ids, scores.truth, evaluation.classifications, strict=True
        )
    )


def evaluate_model(
    db: SiteDatabase, model_id: str | None = None, *, progress: Progress | None = None
) -> EvaluationResult:
    """Measure a model on its test photos again, from their files, and renew its rows.

    Photos that cannot be read, a row's path that is not one of a photo included, are counted in
    `left_out`. Raises SourceError if none can be read, and ModelError.
    """
    started = time.perf_counter()
    model = current_model(db, model_id=model_id)
    # From the files through the whole graph: training measures from embeddings, in half the time.
    photos = _test_photos(db, model)
    scores, is_read = score_photos(model, photos, progress)
    evaluation = measure(scores, model.set_rule)
    photo_ids = [n for n, kept in zip(photos.photo_ids, is_read, strict=True) if kept]
    # Before the transaction: it takes minutes, and other writers give up after 15 s.
    small = measure_small(model, photos.files, photos.truth)
    with db.atomic():
        save_evaluation(db, model.id, evaluation, photo_ids)
        save_place_errors(db, model.id, model.place_prior, scores, photo_ids)
        save_small_animals(db, model.id, small)
    return _result(model, evaluation, is_read, started)


def _test_photos(db: SiteDatabase, model: Model) -> LabelledPhotos:
    """The photos that training left for the test, without near-duplicates of others."""
    from critterdb.dataset.embeddings import load_embeddings
    from critterdb.dataset.examples import label_photos
    from critterdb.dataset.similarity import find_sketches, separate_parts
    from critterdb.dataset.splits import measured_photos
    from critterdb.games import get_game

    label_index = {label["taxon_id"]: index for index, label in enumerate(model.labels)}
    examples = label_photos(db, get_game(db, model.game), label_index.keys())
    recipe = read_object(model_row(db, model.id)["recipe"])
    # A fine-tuned model found its near-duplicates with the network that it started from.
    backbone = str(recipe.get("near_duplicates_by", model.backbone))
    examples, vectors = load_embeddings(db, examples, backbone)
    sketched = find_sketches(db, examples.sha256s.tolist(), backbone)
    examples, _ = separate_parts(examples, vectors, sketched)
    tested = np.flatnonzero(examples.of_part("test"))
    # The hash of a file decides, so that a later model is tested on the same photos.
    tested = tested[measured_photos(examples.sha256s[tested], len(model.labels))]
    taxon_ids = examples.taxon_ids[tested].tolist()
    return LabelledPhotos(
        stored_photos(site_folder(db), examples.paths[tested]),
        np.array([label_index[taxon_id] for taxon_id in taxon_ids], np.int64),
        examples.photo_ids[tested].tolist(),
    )


def evaluate_folder(
    db: SiteDatabase,
    model_id: str | None,
    folder: Path,
    *,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Measure a model on FOLDER/LABEL/*.jpg; `_none` holds pictures of nothing that it knows.

    Photos that the model learned from are left out and counted. What the others say of its novelty
    measure is kept in `model_metrics`: the test photos cannot. Raises SourceError if a folder's
    name is not a label, if no photo can be read, or if the model learned from them all.
    """
    started = time.perf_counter()
    model = current_model(db, model_id=model_id)
    given = _folder_photos(folder, model)
    # With them, 2,339 photos of which 1,639 were learned from made “wrong on 2.1%”.
    # docs/decisions.md#photos-that-a-model-learned-from-are-left-out-of-its-evaluation
    learned = _learned_hashes(db, model)
    is_new = np.array([_hash(file) not in learned for file in given.files], bool)
    if not is_new.any():
        raise SourceError(
            f"{model.id} learned from all {len(is_new):,} photos of {folder}, so they cannot "
            "measure it. Evaluate it on other photos, or on its test photos: critterdb evaluate"
        )
    files = [file for file, kept in zip(given.files, is_new, strict=True) if kept]
    photos = LabelledPhotos(files, given.truth[is_new], [])
    scores, is_read = score_photos(model, photos, progress)
    near = scores.where(scores.truth == NEAR)
    result = _result(model, measure(scores.where(scores.truth != NEAR)), is_read, started)
    if len(near.truth):
        abstained = [photo.abstained for photo in near.classifications()]
        result["near_refused"] = share(np.array(abstained))
    if not is_new.all():
        result["left_out"][LEARNED_FROM] = int((~is_new).sum())
    _save_novelty(db, model.id, result, near=len(near.truth))
    return result


def _learned_hashes(db: SiteDatabase, model: Model) -> set[str]:
    """The SHA-256 of every photo that a model was trained or tuned on."""
    rows = db.query(
        """
        SELECT DISTINCT photos.sha256 FROM models
        JOIN game_observations ON game_observations.game = models.game
            AND game_observations.seen_at <= models.created_at
        JOIN splits ON splits.game = models.game
            AND splits.observation_id = game_observations.observation_id
        JOIN photos ON photos.observation_id = splits.observation_id
        WHERE models.id = ? AND splits.part IN ('train', 'valid') AND photos.sha256 IS NOT NULL
        """,
        [model.id],
    )
    return {row["sha256"] for row in rows}


def _hash(file: PhotoFile) -> str | None:
    try:
        return hashlib.sha256(file.read()).hexdigest()
    except UNREADABLE_ERRORS:  # which score_photos counts
        return None


def _folder_photos(folder: Path, model: Model) -> LabelledPhotos:
    # People name their folders by whichever name they know.
    label_index = _label_names(model.labels)
    paths: list[Path] = []
    truth: list[int] = []
    for label_folder in sorted(path for path in folder.iterdir() if path.is_dir()):
        name = label_folder.name
        words = name.replace("_", " ").casefold()
        index = UNLABELLED.get(name, label_index.get(words))
        if index is None:
            known = ", ".join(taxon_name(label) for label in model.labels)
            raise SourceError(
                f"{name} is not a label of {model.id}.{did_you_mean(words, label_index)} "
                f"Its labels: {known}, {NONE_FOLDER}, {NEAR_FOLDER}"
            )
        photos = list_photos(label_folder)
        paths += photos
        truth += [index] * len(photos)
    if not paths:
        raise SourceError(f"{folder} has no photos. Lay them out as FOLDER/LABEL/*.jpg")
    return LabelledPhotos(folder_photos(paths), np.array(truth, np.int64), [])


def _save_novelty(db: SiteDatabase, model_id: str, result: EvaluationResult, near: int) -> None:
    measured = {
        "novelty_auroc": result["novelty_auroc"],
        "none_refused": result["none_refused"],
        "known_refused": result["known_refused"],
        "near_refused": result.get("near_refused"),
    }
    with db.atomic():
        for name, value in measured.items():
            if value is None:
                continue
            row = {"model_id": model_id, "name": name, "x": 0, "value": value}
            db["model_metrics"].upsert(
                {**row, "photos": near if name == "near_refused" else result["photos"]},
                pk=("model_id", "name", "x"),
            )


def _label_names(labels: Sequence[Label]) -> dict[str, int]:
    """The index of each label by its scientific and its common name, in lower case."""
    return {
        name.replace("_", " ").casefold(): index
        for index, label in enumerate(labels)
        for name in (label["name"], label["common_name"])
        if name
    }


def score_photos(
    model: Model, photos: LabelledPhotos, progress: Progress | None = None
) -> tuple[ScoredPhotos, np.ndarray]:
    """Run a model on the photos that can be read; return its scores, and which those are: bool N.

    Raises SourceError if there are photos and none can be read.
    """
    probabilities, novelty = [], []
    looks: list[tuple[int, Area | None]] = []
    is_read = np.zeros(len(photos.files), bool)
    for number, file in enumerate(photos.files):
        try:
            view = view_decoded(model.view, file.decode)
        except UNREADABLE_ERRORS as error:
            if number + 1 == len(photos.files) and not is_read.any():
                raise SourceError(
                    f"No photo could be read. Of {file.name}: {error}. Check the files"
                ) from error
        else:
            # One at a time: batches of 2 to 8 photos are no faster (docs/benchmarks.md).
            believed = look_at(model, view)
            probabilities.append(believed.look.probabilities)
            novelty.append(believed.look.novelty)
            looks.append((believed.looks, believed.crop))
            is_read[number] = True
        if progress:
            progress(number + 1, len(photos.files))
    scores = ScoredPhotos(
        model.labels,
        model.thresholds,
        np.array(probabilities, np.float64).reshape(-1, len(model.labels)),
        np.array(novelty),
        photos.truth[is_read],
        looks,
    )
    return scores, is_read


def _result(
    model: Model, evaluation: Evaluation, is_read: np.ndarray, started: float
) -> EvaluationResult:
    seconds = round(time.perf_counter() - started, 2)
    unreadable = int((~is_read).sum())
    left_out = {UNREADABLE: unreadable} if unreadable else {}
    result = {"model": model.id, **evaluation.figures, "seconds": seconds, "left_out": left_out}
    return cast("EvaluationResult", result)
