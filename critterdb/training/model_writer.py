"""Writing a model: backbone, head, temperature and novelty joined into one file that is checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from critterdb.model.description import DIGEST, FORMAT
from critterdb.model.loader import load_model, smoke_pixels
from critterdb.model.novelty import NoveltyParameters
from critterdb.model.onnx_session import open_session
from critterdb.storage.atomic_files import write_atomically
from critterdb.training.onnx.graph import compose_graph

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
    metadata: dict[str, Any],
) -> ModelFile:
    """Write `path` and load it once as anyone would.

    `weight` C×D and `bias` C work on embeddings of length 1, `metadata` gives what is peculiar to
    the model (id, game, labels, temperature, threshold, novelty_threshold …). Raises ModelError
    without the train extra.
    """
    parts: dict[str, Any] = {
        "weight": weight,
        "bias": bias,
        "temperature": metadata["temperature"],
        "novelty": novelty,
    }
    network = backbone.onnx_path.read_bytes()
    session = open_session(compose_graph(network, **parts, properties={}))
    probabilities = session.run(["probabilities"], {"pixels": smoke_pixels(backbone.view.size)})[0][
        0
    ]
    description = {
        "format": FORMAT,
        "backbone": backbone.recipe,
        "size": backbone.view.size,
        "resize": backbone.view.resize,
        **metadata,
        DIGEST: NO_DIGEST,
        "smoke_test": {"probabilities": [round(float(p), 5) for p in probabilities]},
    }
    data = compose_graph(network, **parts, properties={"critterdb": json.dumps(description)})
    before, _, after = data.rpartition(NO_DIGEST.encode())  # the description comes last
    data = before + hashlib.sha256(data).hexdigest().encode() + after
    write_atomically(path, data)
    sha256 = hashlib.sha256(data).hexdigest()
    load_model(path)
    return ModelFile(path, sha256, len(data))
