"""Every kind of backbone says in ONNX what the original network says of the same photo.

Functions import torch, because a worker that runs none of them need not load it.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from critterdb.demo.drawing import draw_critter
from critterdb.errors import ModelError
from critterdb.imaging.decode import decode_image
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.training.backbones import Backbone, export_backbone, load_backbone
from critterdb.training.networks import PretrainedNetwork, load_network, state_digest
from critterdb.training.onnx.efficientnet_lite0 import lite0_weights
from critterdb.training.onnx.evidence import find_feature_map

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

pytestmark = pytest.mark.slow

CLOSE = 1e-4
SMALL = ["test_efficientnet", "test_vit"]  # timm's own miniatures: seconds and not minutes


def photo(seed: int) -> Image.Image:
    return draw_critter("Bobcat", np.random.default_rng(seed)).convert("RGB")


def timm_weights(folder: Path, name: str) -> Path:
    """A file of weights as people have them, of numbers that nobody trained."""
    import timm
    import torch

    torch.manual_seed(7)
    module = timm.create_model(name, pretrained=False)
    torch.save(module.state_dict(), folder / f"{name}.pth")
    return folder / f"{name}.pth"


def resnet_weights(folder: Path) -> Path:
    import torch
    from torchvision.models import resnet34

    torch.manual_seed(7)
    torch.save(resnet34(weights=None).state_dict(), folder / "resnet34.pth")
    return folder / "resnet34.pth"


def original(name: str, weights: Path) -> tuple[Any, Any]:
    """The network without its classifier, and the preparation of its makers, both from them."""
    import timm
    import torch
    from torchvision.models import ResNet34_Weights, resnet34

    if name == "resnet34":
        module = resnet34(weights=None)
        module.load_state_dict(torch.load(weights, weights_only=True))
        module.fc = torch.nn.Identity()
        return module.eval(), ResNet34_Weights.DEFAULT.transforms()
    module = timm.create_model(name, pretrained=False)
    module.load_state_dict(torch.load(weights, weights_only=True))
    module.reset_classifier(0)
    config = timm.data.resolve_data_config(model=module)
    return module.eval(), timm.data.create_transform(**config)


def says(network: Any, pixels: np.ndarray, mean: Any, std: Any) -> np.ndarray:
    import torch

    scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    shape = (1, 3, 1, 1)
    with torch.no_grad():
        outputs = network((scaled - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape))
    return np.asarray(outputs)


def assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    """Within 1e-4, in units of the vector's usual entry where those are large."""
    scale = max(1.0, float(np.abs(expected).mean()))
    assert np.abs(actual - expected).max() / scale <= CLOSE


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Backbone, Path]]:
    """Backbones by name, and their files of weights: an export takes seconds."""

    @cache
    def load(name: str) -> tuple[Backbone, Path]:
        folder = tmp_path_factory.mktemp(name)
        weights = resnet_weights(folder) if name == "resnet34" else timm_weights(folder, name)
        size = 96 if name == "resnet34" else None
        return load_backbone(name, weights=weights, size=size, folder=folder), weights

    return load


@pytest.mark.parametrize("name", ["resnet34", *SMALL])
def test_weights_from_a_file(from_file: Callable[[str], tuple[Backbone, Path]], name: str) -> None:
    from torchvision.models import ResNet34_Weights

    backbone, weights = from_file(name)
    network, _ = original(name, weights)
    pixels = np.stack([backbone.pixels(photo(seed)) for seed in range(3)])
    config = ResNet34_Weights.DEFAULT.transforms() if name == "resnet34" else network.pretrained_cfg
    mean, std = (config.mean, config.std) if name == "resnet34" else (config["mean"], config["std"])
    assert_same(backbone.embed(pixels), says(network, pixels, mean, std))
    assert backbone.recipe.startswith(f"{name}@{pixels.shape[1]}-")


@pytest.mark.parametrize(("name", "expected"), [("test_efficientnet", True), ("test_vit", False)])
def test_evidence_is_there_if_the_network_averages_a_map(
    from_file: Callable[[str], tuple[Backbone, Path]], name: str, expected: bool
) -> None:
    backbone, _ = from_file(name)
    graph = onnx.load(backbone.onnx_path).graph
    assert (find_feature_map(graph) is not None) == expected


class Command:
    """What a pickle of this runs when it is loaded: it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet34", "test_efficientnet"])
def test_a_file_of_weights_runs_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pickle is refused, whatever the default of timm is: that of 1.0.15 runs what it says."""
    import timm
    import torch

    monkeypatch.setattr(timm.models.load_state_dict, "__defaults__", (True, "cpu", False))
    torch.save({"weight": Command(tmp_path / "ran")}, tmp_path / "weights.pth")
    with pytest.raises(ModelError) as refused:
        load_network(name, tmp_path / "weights.pth")
    assert not (tmp_path / "ran").exists()
    assert f"{name} could not be loaded" in str(refused.value)


@pytest.mark.parametrize("name", ["resnet34", *SMALL])
def test_pixels_are_prepared_as_their_makers_did(tmp_path: Path, name: str) -> None:
    weights = resnet_weights(tmp_path) if name == "resnet34" else timm_weights(tmp_path, name)
    network = load_network(name, weights)
    _, prepare = original(name, weights)
    for size in ((333, 500), (500, 333), (400, 400), (97, 211)):
        image = photo(sum(size)).resize(size)
        scaled = (network.view.pixels(image) / 255 - network.mean) / network.std
        theirs = np.asarray(prepare(image)).transpose(1, 2, 0)
        assert np.abs(scaled - theirs).max() < 1e-5


@pytest.mark.parametrize("size", [96, 131, 224])
def test_the_default_is_the_published_network(tmp_path: Path, size: int) -> None:
    """EfficientNet-Lite0 as timm builds it, with the weights of its package, and no download."""
    backbone = load_backbone(size=size, folder=tmp_path)
    network = load_network("efficientnet_lite0").module
    pixels = np.stack([backbone.pixels(photo(seed)) for seed in range(3)])
    assert_same(backbone.embed(pixels), says(network, pixels, [0.5] * 3, [0.5] * 3))


def crossed(ask: bool) -> Any:
    """A network in which what is normalised is not what the convolution right before gives."""
    import torch

    class Crossed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(7)
            self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(3)
            self.norm.running_mean += torch.tensor([0.3, -0.2, 0.9])

        def forward(self, pixels: Any) -> Any:
            scale = self.norm.eps if ask else 1.0
            return (self.conv(self.norm(pixels)) * scale).mean(dim=(2, 3))

    return Crossed().eval()


@pytest.mark.parametrize("ask", [True, False], ids=["asks its layer", "other order"])
def test_a_network_of_another_order_is_exported_as_it_is(tmp_path: Path, ask: bool) -> None:
    module = crossed(ask)
    network = PretrainedNetwork(
        "crossed", module, (0.5,) * 3, (0.5,) * 3, Preprocessing(32), state_digest(module)
    )
    backbone = export_backbone(network, folder=tmp_path)
    pixels = np.stack([backbone.pixels(photo(seed)) for seed in range(2)])
    assert_same(backbone.embed(pixels), says(module, pixels, [0.5] * 3, [0.5] * 3))
    assert type(module.norm).__name__ == "BatchNorm2d"


def test_a_photo_s_vector_comes_through_the_same_door(tmp_path: Path) -> None:
    """From the bytes of a file, decoded at a fraction of its size, close to the whole of it."""
    backbone = load_backbone(size=96, folder=tmp_path)
    file = io.BytesIO()
    photo(3).resize((800, 600)).save(file, "JPEG", quality=95)
    small = decode_image(file.getvalue(), shorter_side=backbone.view.shorter_side)
    whole = decode_image(file.getvalue())
    assert min(small.size) < 600
    near, far = (embed(backbone, image) for image in (small, whole))
    assert near @ far / np.linalg.norm(near) / np.linalg.norm(far) > 0.98


def embed(backbone: Backbone, image: Image.Image) -> np.ndarray:
    return np.asarray(backbone.embed(backbone.pixels(image)[None])[0])


def test_other_weights_make_another_recipe(tmp_path: Path) -> None:
    import torch

    state = torch.load(lite0_weights(), weights_only=True)
    weights = [tmp_path / "first.pth", tmp_path / "others.pth"]
    torch.save(state, weights[0])
    next(tensor for tensor in state.values() if tensor.ndim > 1).mul_(1.01)
    torch.save(state, weights[1])
    first, second, again = (
        load_backbone(weights=file, size=64, folder=tmp_path) for file in (*weights, weights[0])
    )
    assert first.recipe != second.recipe
    assert first.onnx_path != second.onnx_path
    assert again == first


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("efficientnet_lite0", "not EfficientNet-Lite0 weights"),
        ("resnet34", "does not contain weights for this"),
        ("test_vit", "does not contain weights for this"),
        ("no_such_network", "could not be loaded"),
    ],
)
def test_weights_of_another_network_and_unknown_names(
    tmp_path: Path, name: str, reason: str
) -> None:
    weights = timm_weights(tmp_path, SMALL[0])
    with pytest.raises(ModelError, match=reason):
        load_backbone(name, weights=weights, folder=tmp_path)
    weights.write_bytes(b"no weights at all")
    with pytest.raises(ModelError, match="--weights FILE"):
        load_backbone(name, weights=weights, folder=tmp_path)
