"""A pretrained network → one ONNX file that turns pixels into an embedding.

torch and timm are needed once, to export; the file is kept in the site's `models/backbones/`, and
embedding more photos later takes ONNX Runtime alone.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from critterdb.errors import ModelError
from critterdb.imaging.preprocessing import FILTERS, View
from critterdb.model.onnx_session import open_session
from critterdb.storage.atomic_files import write_atomically
from critterdb.training.onnx.efficientnet_lite0 import (
    LITE0,
    LITE0_SHA256,
    learned_tensors,
    lite0_weights,
    write_lite0,
)
from critterdb.training.onnx.export import export_network

from .torch_worker import shared_torch_process

DEFAULT_BACKBONE = LITE0
# Networks like to see things larger than in training (Touvron et al. 2019, "Fixing the train-test
# resolution discrepancy"), and an ear at the edge of the photo is worth more than a closer look. A
# bilinear filter takes two thirds of the time of a bicubic one, and no more photos go wrong.
DEFAULT_VIEW = View(288, filter="bilinear")


@dataclass(frozen=True)
class Backbone:
    """A frozen network as an ONNX file: `pixels` uint8 N×size×size×3 → `embedding` float32 N×D.

    `recipe` names everything that a vector depends on, so that a stale one is never reused.
    """

    recipe: str
    name: str
    view: View
    onnx_path: Path

    @cached_property
    def session(self) -> Any:
        # One thread a run: who has many photos runs it on every core at once.
        return open_session(self.onnx_path.read_bytes(), threads=1)

    def release(self) -> None:
        """Give back the memory that runs of the network took; another run takes it anew."""
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


def backbone_at(folder: Path, name: str, digest: str, view: View) -> Backbone:
    """A backbone by what its vectors depend on; `digest` is of its weights."""
    recipe = f"{name}@{view.size}-{view.resize}-{digest[:8]}"
    path = folder / "models" / "backbones" / f"{recipe.replace('/', '_')}.onnx"
    return Backbone(recipe, name, view, path)


def _resized(view: View, size: int | None) -> View:
    return replace(view, size=size or view.size)


def export_backbone(network: Network, *, size: int | None = None, folder: Path) -> Backbone:
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
                f"The backbone {network.name} could not be made an ONNX file: "
                f"{_first_line(error)}. Try another size with --size, or another backbone"
            ) from error
        write_atomically(chosen.onnx_path, data)
    return chosen


@dataclass(frozen=True)
class Network:
    """A torch module that gives pooled features N×D, and how its inputs were prepared.

    `mean` and `std` are of pixels from 0 to 1, `view` is how it looked at images when its makers
    measured it, and `digest` is a SHA-256 of its weights.
    """

    name: str
    module: Any
    mean: tuple[float, ...]
    std: tuple[float, ...]
    view: View
    digest: str


def load_network(name: str, weights: Path | None = None) -> Network:
    """The pretrained network `name`, with weights from a file where one is given.

    Raises ModelError where torch is missing, or the name or the weights are not to be had.
    """
    _import("timm")
    try:
        if name == DEFAULT_BACKBONE:
            return _lite0(weights)
        if name == "resnet34":
            return _resnet34(weights)
        return _timm_network(name, weights)
    except ModelError:
        raise
    except Exception as error:
        # timm, torchvision and the hub each have errors of their own for a bad name and no network.
        raise ModelError(
            f"The backbone {name} could not be loaded: {_first_line(error)}. "
            f"Check its name and the network, give --weights FILE, or use {DEFAULT_BACKBONE}"
        ) from error


def _import(name: str) -> Any:
    """torch or timm. Raises ModelError where they are not installed."""
    try:
        with warnings.catch_warnings():
            # What packages tell each other of their plans is nothing that a user can act on.
            warnings.simplefilter("ignore", FutureWarning)
            return import_module(name)
    except ImportError as error:
        raise ModelError(
            "Training needs its extra packages: pip install 'critterdb[train]'"
        ) from error


def _lite0(weights: Path | None) -> Network:
    import timm
    import torch

    module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    _load_in_order(module, torch.load(weights or lite0_weights(), weights_only=True))
    module.reset_classifier(0)
    digest = state_digest(module) if weights else LITE0_SHA256
    half = (0.5,) * 3
    return Network(DEFAULT_BACKBONE, module.eval(), half, half, DEFAULT_VIEW, digest)


def _resnet34(weights: Path | None) -> Network:
    import torch
    from torchvision.models import ResNet34_Weights, resnet34

    module = resnet34(weights=None if weights else ResNet34_Weights.DEFAULT)
    if weights:
        _load_body(module, weights, ["fc"])
    module.fc = torch.nn.Identity()
    told = ResNet34_Weights.DEFAULT.transforms()
    return Network(
        "resnet34",
        module.eval(),
        tuple(told.mean),
        tuple(told.std),
        View(
            told.crop_size[0],
            filter=told.interpolation.value,
            share=told.crop_size[0] / told.resize_size[0],
        ),
        state_digest(module),
    )


def _timm_network(name: str, weights: Path | None) -> Network:
    import timm

    module = timm.create_model(name, pretrained=weights is None, num_classes=0)
    if weights:
        classifiers = module.pretrained_cfg.get("classifier", ())
        _load_body(
            module, weights, [classifiers] if isinstance(classifiers, str) else list(classifiers)
        )
    told = timm.data.resolve_data_config(model=module)
    return Network(
        name,
        module.eval(),
        tuple(told["mean"]),
        tuple(told["std"]),
        View(
            told["input_size"][-1],
            shape="squash" if told["crop_mode"] == "squash" else "crop",
            filter=told["interpolation"] if told["interpolation"] in FILTERS else "bicubic",
            share=told["crop_pct"],
        ),
        state_digest(module),
    )


def state_digest(module: Any) -> str:
    """A SHA-256 of a module's weights, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _load_body(module: Any, weights: Path, classifiers: list[str]) -> None:
    """Load all but the classifiers, which may be of any labels, from a file of weights."""
    import timm

    given = timm.models.load_state_dict(str(weights))
    unwanted = tuple(f"{classifier}." for classifier in classifiers)
    body = {name: tensor for name, tensor in given.items() if not name.startswith(unwanted)}
    kept = {n: t for n, t in module.state_dict().items() if n.startswith(unwanted)}
    try:
        module.load_state_dict(kept | body)
    except RuntimeError as error:
        raise ModelError(
            f"{weights} does not hold weights of this backbone. Give others"
        ) from error


def _load_in_order(module: Any, tensors: dict[str, Any]) -> None:
    """Load tensors whose names differ but whose order and shapes are the same."""
    ours = module.state_dict()
    wanted, given = list(learned_tensors(ours)), list(learned_tensors(tensors).values())
    if [tuple(tensor.shape) for tensor in given] != [tuple(ours[name].shape) for name in wanted]:
        raise ModelError("These weights are not those of EfficientNet-Lite0. Give others")
    module.load_state_dict(ours | dict(zip(wanted, given, strict=True)), strict=True)
