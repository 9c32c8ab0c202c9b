"""A real model in miniature: it tells red, green and blue apart, and knows nothing of grey."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from critterdb.dataset.sightings import Sighting
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.model.novelty import NoveltyParameters
from critterdb.model.registry import current_model
from critterdb.model.whereabouts import Whereabouts
from critterdb.storage.atomic_files import write_atomically
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.timestamps import utc_now
from critterdb.training.backbones import Backbone
from critterdb.training.model_writer import write_model
from critterdb.training.onnx.graph import finish_graph, import_onnx
from critterdb.training.place_prior import LabelledSighting, count_sightings
from tests.support.site_templates import copy_of

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.model.loader import Model
    from critterdb.model.place_prior import PlacePrior

SIZE = 32  # pixels
SHARPNESS = 12.0
# Squared distance between a colour and the nearest pure one: grey 0.85, yellow 0.59, tints below.
THRESHOLDS = {"temperature": 1.0, "threshold": 0.8, "novelty_threshold": 0.72}

FELIDAE, COUGAR, BOBCAT, DOMESTIC_CAT = 41944, 42007, 41976, 118552
FAMILY = (FELIDAE, "Felidae", "Felids", "family", 30)
LABELS = (  # red, green, blue
    (COUGAR, "Puma concolor", "Cougar", "species", 10),
    (BOBCAT, "Lynx rufus", "Bobcat", "species", 10),
    (DOMESTIC_CAT, "Felis catus", "Domestic Cat", "species", 10),
)
TARGET = COUGAR
COUGARS_LIVE, BOBCATS_LIVE, OCEAN = (34.1, -118.3), (44.5, -72.6), (0.0, -150.0)

COLOURS = {
    "red": (215, 25, 25),
    "green": (25, 205, 25),
    "blue": (25, 25, 215),
    "yellow": (205, 205, 25),
    "grey": (128, 128, 128),
}


def picture(colour: str, size: tuple[int, int] = (120, 90), seed: int = 0) -> bytes:
    """A JPEG of a colour: red cougar, green bobcat, blue cat, yellow unsure, grey no critter.

    Each seed gives other bytes.
    """
    width, height = size
    noise = np.random.default_rng([seed, *COLOURS[colour]]).integers(-20, 21, (height, width, 1))
    pixels = (np.array(COLOURS[colour]) + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


# Windows of about half of the 32×32 cells, for models that look twice.
SECOND_LOOK = {
    "grid": SIZE,
    "sides": [12, 16],
    "from_novelty": 0.3,
    "novelty_threshold": 0.6,
    "temperature": 1.25,
    "window_ratio": 1.05,
}
SETS = {"coverage": 0.99, "min_scores": [0.01, 0.001]}


def make_tiny_model(
    db: SiteDatabase, game_slug: str = "tints", *, hashtag: str = "tints", **metadata: Any
) -> Model:
    """Write taxa, game and a model in use, unless they are there; return the loaded model.

    `metadata` is added to what the file says of itself.
    """
    model_id = f"{game_slug}-colours"
    models = site_folder(db) / "models"
    write = partial(_write_model_files, game_slug, model_id, metadata)
    copy_of((model_id, json.dumps(metadata)), write, models)
    path = models / f"{model_id}.onnx"
    _save_rows(db, game_slug, hashtag, model_id, path)
    return current_model(db, game_slug)


def _write_model_files(
    game_slug: str, model_id: str, metadata: dict[str, Any], models: Path
) -> None:
    backbone = Backbone(
        "colours@32", "colours", Preprocessing(SIZE), models / "backbones" / "c.onnx"
    )
    write_atomically(backbone.onnx_path, colour_average())
    write_model(
        models / f"{model_id}.onnx",
        backbone=backbone,
        weight=np.eye(3, dtype=np.float32) * SHARPNESS,
        bias=np.zeros(3, np.float32),
        novelty=NoveltyParameters(
            directions=np.zeros((3, 1), np.float32),
            linear=-2 * np.eye(3, dtype=np.float32),
            constant=np.ones(3, np.float32),
            scale=1.0,
        ),
        metadata={
            "id": model_id,
            "game": game_slug,
            "labels": [_label(*label) for label in LABELS],
            "target_taxon_id": TARGET,
            **THRESHOLDS,
            "licenses": {"cc0": 30},
            "splits": {"train": 20, "valid": 5, "test": 5},
            "metrics": {"error_rate": 0.0},
            "critterdb": "test",
            **metadata,
        },
    )


def tiny_place_prior() -> PlacePrior:
    """Sixty cougars in June and sixty bobcats all year, each at home."""
    homes = [(0, COUGARS_LIVE, 6)] * 60 + [(1, BOBCATS_LIVE, 1 + n % 12) for n in range(60)]
    prior = count_sightings(
        (
            LabelledSighting(
                Sighting(Whereabouts(*home, date(2024, month, 1)), 0.0, None, False), label
            )
            for label, home, month in homes
        ),
        len(LABELS),
    )
    assert prior is not None
    return prior


def evidence_error(model: Model, pixels: np.ndarray) -> float:
    """How far the cells of the evidence and the bias are from the logits they should add up to."""
    evidence = model.classify_pixels(pixels, evidence=True).evidence
    assert evidence
    return max(
        abs(sum(map(sum, label["cells"])) + label["bias"] - label["logit"])
        for label in (evidence.as_dict()["top"], evidence.as_dict()["runner_up"])
    )


def _label(taxon_id: int, name: str, common_name: str, rank: str, level: int) -> dict[str, Any]:
    ancestor = {"taxon_id": FELIDAE, "name": FAMILY[1], "common_name": FAMILY[2], "rank": FAMILY[3]}
    return {
        "taxon_id": taxon_id,
        "name": name,
        "common_name": common_name,
        "rank": rank,
        "ancestors": [ancestor],
    }


def _save_rows(db: SiteDatabase, slug: str, hashtag: str, model_id: str, path: Path) -> None:
    data = path.read_bytes()
    with db.atomic():
        for number, (taxon_id, name, common_name, rank, level) in enumerate((FAMILY, *LABELS)):
            row = {
                "id": taxon_id,
                "name": name,
                "common_name": common_name,
                "rank": rank,
                "rank_level": level,
                "parent_id": FELIDAE if number else None,
                "ancestor_ids": json.dumps([FELIDAE, taxon_id] if number else [FELIDAE]),
            }
            db["taxa"].upsert(row, pk="id")
        game = {
            "slug": slug,
            "hashtag": hashtag,
            "question": "Is it a cougar?",
            "taxon_id": FELIDAE,
            "target_taxon_id": TARGET,
        }
        db["games"].insert(game, ignore=True)
        row = {
            "id": model_id,
            "game": slug,
            "backbone": "colours@32",
            "created_at": utc_now(),
            "path": f"models/{path.name}",
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "photos": 30,
            **THRESHOLDS,
        }
        db["models"].insert(row, ignore=True)
        for label_index, label in enumerate(LABELS):
            row = {"model_id": model_id, "taxon_id": label[0], "photos_train": 5 + label_index}
            db["model_labels"].insert(row, ignore=True)
        db["games"].update(slug, {"model_id": model_id})


def colour_average() -> bytes:
    """An ONNX graph: `pixels` uint8 N×32×32×3 → `embedding` N×3, the mean of each channel."""
    onnx = import_onnx()
    helper, kinds = onnx.helper, onnx.TensorProto
    steps = [
        helper.make_node("Cast", ["pixels"], ["bytes"], to=kinds.FLOAT),
        helper.make_node("Div", ["bytes", "most"], ["shares"]),
        helper.make_node("ReduceMean", ["shares", "height_width"], ["embedding"], keepdims=0),
    ]
    constants = {"most": np.array(255, np.float32), "height_width": np.array([1, 2], np.int64)}
    graph = helper.make_graph(
        steps,
        "colours",
        [helper.make_tensor_value_info("pixels", kinds.UINT8, ["N", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("embedding", kinds.FLOAT, ["N", 3])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", 18)
    return finish_graph(helper.make_model(graph, opset_imports=[opset], ir_version=10), {})
