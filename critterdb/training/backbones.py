"""A pretrained network → one ONNX file that turns pixels into an embedding.

torch and timm are needed once, to export; the file is kept in the site's `models/backbones/`, and
embedding more photos later takes ONNX Runtime alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.errors import ModelError
from critterdb.model.onnx_session import open_session
from critterdb.storage.atomic_files import write_atomically
from critterdb.training.onnx.efficientnet_lite0 import (
    LITE0,
    LITE0_SHA256,
    lite0_weights,
    write_lite0,
)
from critterdb.training.onnx.export import export_network

from .networks import (
    DEFAULT_BACKBONE,
    DEFAULT_VIEW,
    PretrainedNetwork,
    _first_line,
    _import,
    load_network,
)
from .torch_worker import shared_torch_process

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from critterdb.imaging.preprocessing import Preprocessing


@dataclass(frozen=True)
class Backbone:
    """A frozen network as an ONNX file: `pixels` uint8 N×size×size×3 → `embedding` float32 N×D.

    `recipe` names everything that a vector depends on, so that a stale one is never reused.
    """

    recipe: str
    name: str
    view: Preprocessing
    onnx_path: Path

    @cached_property
    def session(self) -> Any:
        # One thread a run: who has many photos runs it on every core at once.
        return open_session(self.onnx_path.read_bytes(), threads=1)

    def release(self) -> None:
        """Give back the memory that runs of the network took; the next run allocates it again."""
        self.__dict__.pop("session", None)

    @property
    def dimensions(self) -> int:
        return int(self.session.get_outputs()[0].shape[1])

    def pixels(self, image: Image.Image) -> np.ndarray:
        """The network's view of an upright RGB image: uint8 size×size×3."""
        return self.view.pixels(image)

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """Embeddings float32 N×D of pixels uint8 N×size×size×3."""
        return np.asarray(self.session.run(["embedding"], {"pixels": pixels})[0])


def load_backbone(
    name: str = DEFAULT_BACKBONE,
    *,
    weights: Path | None = None,
    size: int | None = None,
    folder: Path,
) -> Backbone:
    """The backbone `name`, exported to `folder`/models/backbones/ unless it is there already.

    `efficientnet_lite0` comes with the train extra; `resnet34` and timm names fetch their weights,
    or take them from the file `weights`. `size` in pixels is the network's own unless given.
    Raises ModelError where that cannot be done.
    """
    if name == DEFAULT_BACKBONE and weights is None:
        chosen = backbone_at(folder, name, LITE0_SHA256, _resized(DEFAULT_VIEW, size))
        if not chosen.onnx_path.is_file():
            data = shared_torch_process().call(_default_graph, chosen.view.size)
            write_atomically(chosen.onnx_path, data)
        return chosen
    return export_backbone(load_network(name, weights), size=size, folder=folder)


def _default_graph(size: int) -> bytes:
    """ONNX bytes of the default backbone with the weights that are installed."""
    return write_lite0(_import("torch").load(lite0_weights(), weights_only=True), size)


def backbone_at(folder: Path, name: str, digest: str, view: Preprocessing) -> Backbone:
    """A backbone by what its vectors depend on; `digest` is of its weights."""
    # Eight digits of the weights' SHA-256: fine-tuned weights under the same name are another
    # recipe.
    recipe = f"{name}@{view.size}-{view.resize}-{digest[:8]}"
    path = folder / "models" / "backbones" / f"{recipe.replace('/', '_')}.onnx"
    return Backbone(recipe, name, view, path)


def _resized(view: Preprocessing, size: int | None) -> Preprocessing:
    return replace(view, size=size or view.size)


def export_backbone(
    network: PretrainedNetwork, *, size: int | None = None, folder: Path
) -> Backbone:
    """A network in memory as a backbone in `folder`, exported unless it is there already."""
    chosen = backbone_at(folder, network.name, network.digest, _resized(network.view, size))
    if not chosen.onnx_path.is_file():
        try:
            if network.name == LITE0:
                data = write_lite0(network.module.state_dict(), chosen.view.size)
            else:
                data = export_network(network, chosen.view.size)
        except ModelError:
            raise
        except Exception as error:
            # torch's exporter has errors of its own for each step.
            raise ModelError(
                f"The backbone {network.name} could not be exported to ONNX: "
                f"{_first_line(error)}. Try another size with --size, or another backbone"
            ) from error
        write_atomically(chosen.onnx_path, data)
    return chosen
