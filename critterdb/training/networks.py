"""Pretrained networks in torch, by name."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from critterdb.errors import ModelError
from critterdb.imaging.preprocessing import FILTERS, Preprocessing
from critterdb.training.onnx.efficientnet_lite0 import (
    LITE0,
    LITE0_SHA256,
    learned_tensors,
    lite0_weights,
)

from .extra import missing_package

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Its weights come as a Python package: training needs no download from a hub of models.
DEFAULT_BACKBONE = LITE0
# Networks like to see things larger than in training (Touvron et al. 2019, "Fixing the train-test
# resolution discrepancy"), and an ear at the edge of the photo is worth more than a closer look. A
# bilinear filter takes 1.2 ms a photo and a bicubic one 1.9; both make 3.8% errors on ten_cats. The
# mean with a mirrored view makes 3.8% errors too, for twice the time.
# docs/decisions.md#the-default-backbone-uses-a-bilinear-filter
DEFAULT_VIEW = Preprocessing(288, filter="bilinear")


@dataclass(frozen=True)
class PretrainedNetwork:
    """A torch module that gives pooled features N×D, and how its inputs were prepared.

    `mean` and `std` are of pixels from 0 to 1, `view` is how it looked at images when its makers
    measured it, and `digest` is a SHA-256 of its weights.
    """

    name: str
    module: Any
    mean: tuple[float, ...]
    std: tuple[float, ...]
    view: Preprocessing
    digest: str


def load_network(name: str, weights: Path | None = None) -> PretrainedNetwork:
    """Load the pretrained network `name`, with weights from a file if one is given.

    No code in a file of weights runs. Raises ModelError if torch is missing, or if the name is
    unknown or the weights cannot be loaded.
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
            f"Check its name and the network connection, give --weights FILE, or use "
            f"{DEFAULT_BACKBONE}"
        ) from error


def _import(name: str) -> Any:
    """Import torch or timm. Raises ModelError if they are not installed."""
    try:
        with warnings.catch_warnings():
            # What packages tell each other of their plans is nothing that a user can act on.
            warnings.simplefilter("ignore", FutureWarning)
            return import_module(name)
    except ImportError as error:
        raise ModelError(missing_package(error.name)) from error


def _lite0(weights: Path | None) -> PretrainedNetwork:
    import timm
    import torch

    module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    _load_in_order(module, torch.load(weights or lite0_weights(), weights_only=True))
    module.reset_classifier(0)
    digest = state_digest(module) if weights else LITE0_SHA256
    half = (0.5,) * 3
    return PretrainedNetwork(DEFAULT_BACKBONE, module.eval(), half, half, DEFAULT_VIEW, digest)


def _resnet34(weights: Path | None) -> PretrainedNetwork:
    import torch
    from torchvision.models import ResNet34_Weights, resnet34

    module = resnet34(weights=None if weights else ResNet34_Weights.DEFAULT)
    if weights:
        _load_body(module, weights, ["fc"])
    module.fc = torch.nn.Identity()
    transforms = ResNet34_Weights.DEFAULT.transforms()
    return PretrainedNetwork(
        "resnet34",
        module.eval(),
        tuple(transforms.mean),
        tuple(transforms.std),
        Preprocessing(
            transforms.crop_size[0],
            filter=transforms.interpolation.value,
            share=transforms.crop_size[0] / transforms.resize_size[0],
        ),
        state_digest(module),
    )


def _timm_network(name: str, weights: Path | None) -> PretrainedNetwork:
    import timm

    module = timm.create_model(name, pretrained=weights is None, num_classes=0)
    if weights:
        classifiers = module.pretrained_cfg.get("classifier", ())
        _load_body(
            module, weights, [classifiers] if isinstance(classifiers, str) else list(classifiers)
        )
    config = timm.data.resolve_data_config(model=module)
    return PretrainedNetwork(
        name,
        module.eval(),
        tuple(config["mean"]),
        tuple(config["std"]),
        Preprocessing(
            config["input_size"][-1],
            shape="squash" if config["crop_mode"] == "squash" else "crop",
            filter=config["interpolation"] if config["interpolation"] in FILTERS else "bicubic",
            share=config["crop_pct"],
        ),
        state_digest(module),
    )


def state_digest(module: Any) -> str:
    """Return a SHA-256 of a module's weights, whatever file they came from."""
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

    # timm 1.0.9 to at least 1.0.15 unpickles, and so runs, whatever the file holds by default.
    state = timm.models.load_state_dict(str(weights), weights_only=True)
    unwanted = tuple(f"{classifier}." for classifier in classifiers)
    body = {name: tensor for name, tensor in state.items() if not name.startswith(unwanted)}
    kept = {n: t for n, t in module.state_dict().items() if n.startswith(unwanted)}
    try:
        module.load_state_dict(kept | body)
    except RuntimeError as error:
        raise ModelError(
            f"{weights} does not contain weights for this backbone. Use another file"
        ) from error


def _load_in_order(module: Any, tensors: Mapping[str, Any]) -> None:
    """Load tensors whose names differ but whose order and shapes are the same."""
    ours = module.state_dict()
    names, learned = list(learned_tensors(ours)), list(learned_tensors(tensors).values())
    if [tuple(tensor.shape) for tensor in learned] != [tuple(ours[name].shape) for name in names]:
        raise ModelError("These are not EfficientNet-Lite0 weights. Use another file")
    module.load_state_dict(ours | dict(zip(names, learned, strict=True)), strict=True)
