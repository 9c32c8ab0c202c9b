"""Write a model: join backbone, head, temperature and novelty into one file, and check it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.model.description import DIGEST, FORMAT
from critterdb.model.loader import load_model, smoke_pixels
from critterdb.model.onnx_session import open_session
from critterdb.storage.atomic_files import write_atomically
from critterdb.training.onnx.graph import OutputLayers, compose_graph

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from critterdb._types import Json
    from critterdb.model.novelty import NoveltyParameters

    from .backbones import Backbone

NO_DIGEST = "0" * 64


@dataclass(frozen=True)
class ModelFile:
    """A written model: where it is, and what the database says of it."""

    path: Path
    sha256: str
    bytes: int


def write_model(
    path: Path,
    *,
    backbone: Backbone,
    weight: np.ndarray,
    bias: np.ndarray,
    novelty: NoveltyParameters,
    metadata: Json,
) -> ModelFile:
    """Write a model file, and load it once as anyone would.

    `weight` C×D and `bias` C work on embeddings of length 1; `metadata` is what the file says of
    itself beside its backbone (id, game, labels, temperature, threshold, novelty_threshold …).
    Raises ModelError without the train extra, or if the file fails its check.
    """
    sides = tuple(metadata.get("second_look", {}).get("sides", ()))
    layers = OutputLayers(weight, bias, metadata["temperature"], novelty, sides)
    network = backbone.onnx_path.read_bytes()
    # Made twice: the file holds what the finished network says of a fixed noise.
    session = open_session(compose_graph(network, layers, {}))
    pixels = smoke_pixels(backbone.view.size)
    [probabilities] = session.run(["probabilities"], {"pixels": pixels})[0]
    description = {
        "format": FORMAT,
        "backbone": backbone.recipe,
        "size": backbone.view.size,
        "resize": backbone.view.resize,
        **metadata,
        DIGEST: NO_DIGEST,
        "smoke_test": {"probabilities": [round(float(p), 5) for p in probabilities]},
    }
    data = compose_graph(network, layers, {"critterdb": json.dumps(description)})
    before, _, after = data.rpartition(NO_DIGEST.encode())  # the description comes last
    data = before + hashlib.sha256(data).hexdigest().encode() + after
    write_atomically(path, data)
    sha256 = hashlib.sha256(data).hexdigest()
    # A file that would be refused later is refused now, while its maker is there to see it.
    load_model(path)
    return ModelFile(path, sha256, len(data))
