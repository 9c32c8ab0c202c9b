"""Train a whole network on pixels with fastai, starting from the head that its embeddings gave.

The head is trained first, so that its first guesses do not spoil what the network knows (Kumar et
al. 2022, "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution").
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.errors import TrainingError
from critterdb.system import cores

from .candidates import Candidate
from .extra import missing_package
from .head import Head, prior_shift
from .networks import PretrainedNetwork, state_digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from critterdb._types import Progress

# Learning rates of the network's first layers and of the head, at the height of one cycle; those
# between get rates between.
LOWEST_RATE, HIGHEST_RATE = 5e-5, 1e-3
WEIGHT_DECAY = 0.05
BATCH_CPU, BATCH_GPU = 16, 64  # photos


@dataclass(frozen=True)
class TuningPhotos:
    """Photo files N with the indexes of their labels N; `is_train` N are learned from."""

    paths: Sequence[Path]
    truth: np.ndarray
    is_train: np.ndarray


@dataclass(frozen=True)
class TuningPlan:
    """How long to train, on photos of how many pixels a side."""

    epochs: int
    size: int
    seed: int = 0


def fine_tune(
    network: PretrainedNetwork,
    head: Head,
    photos: TuningPhotos,
    plan: TuningPlan,
    *,
    progress: Progress | None = None,
) -> tuple[PretrainedNetwork, Head]:
    """Train `network` (changed in place) and `head` together; return both as they are then.

    Uses CUDA in half precision if there is one. Raises TrainingError if fastai is missing or the
    training diverged.
    """
    fastai = _import_fastai()
    import torch

    labels = len(head.bias)
    shift = prior_shift(photos.truth[photos.is_train], labels)
    on_gpu = torch.cuda.is_available()
    with warnings.catch_warnings(), fastai.no_random(plan.seed):
        warnings.simplefilter("ignore")
        loaders = _loaders(fastai, network, photos, plan.size, on_gpu)
        model = _joined(torch, network, head, shift)
        learner = fastai.Learner(
            loaders,
            model,
            loss_func=fastai.CrossEntropyLossFlat(),
            opt_func=fastai.Adam,
            splitter=_layer_groups,
            cbs=_watch(fastai, plan.epochs, len(loaders.train), progress),
        )
        if on_gpu:
            learner.to_fp16()
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(plan.epochs, slice(LOWEST_RATE, HIGHEST_RATE), wd=WEIGHT_DECAY)
    model = model.float().cpu().eval()
    if not all(torch.isfinite(tensor).all() for tensor in model.state_dict().values()):
        raise TrainingError(
            "Fine-tuning diverged (NaN or infinite weights). Train without --fine-tune, or with "
            "fewer epochs, or with another --seed"
        )
    tuned = replace(network, digest=state_digest(network.module))
    weight = model.head.weight.detach().numpy() * np.float32(model.scale)
    bias = model.head.bias.detach().numpy() - shift
    return tuned, Head(weight, bias, Candidate("fine-tuned", WEIGHT_DECAY))


def _joined(torch: Any, network: PretrainedNetwork, head: Head, shift: np.ndarray) -> Any:
    """PretrainedNetwork and head as one module that gives logits of normalised pixels N×3×H×W."""

    class Joined(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            labels, dimensions = head.weight.shape
            self.scale = math.sqrt(dimensions)
            self.network = network.module
            self.head = torch.nn.Linear(dimensions, labels)
            self.head.weight.data = torch.from_numpy(head.weight / np.float32(self.scale))
            self.head.bias.data = torch.from_numpy(head.bias + shift)

        def train(self, mode: bool = True) -> Any:
            super().train(mode)
            for module in self.network.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                    # A batch of 16 photos says less of what is usual than all of ImageNet: when
                    # the statistics were learned too, fine-tuning made the model far worse.
                    module.eval()
            return self

        def forward(self, pixels: Any) -> Any:
            vectors = torch.nn.functional.normalize(self.network(pixels).float())
            return self.head(vectors * self.scale)

    return Joined()


def _layer_groups(model: Any) -> list[list[Any]]:
    """The parameters in groups with a learning rate each, the nearest to the pixels first."""
    parameters = list(model.network.parameters())
    half = len(parameters) // 2
    return [parameters[:half], parameters[half:], list(model.head.parameters())]


def _loaders(
    fastai: Any,
    network: PretrainedNetwork,
    photos: TuningPhotos,
    size: int,
    on_gpu: bool,
) -> Any:
    paths, truth, is_train = photos.paths, photos.truth, photos.is_train
    indexes = list(range(len(paths)))
    block = fastai.DataBlock(
        blocks=(fastai.ImageBlock, fastai.CategoryBlock(vocab=sorted(set(truth.tolist())))),
        get_x=lambda index: paths[index],
        get_y=lambda index: int(truth[index]),
        splitter=fastai.IndexSplitter([index for index in indexes if not is_train[index]]),
        item_tfms=fastai.Resize(size, method=_resize_method(fastai, network)),
        batch_tfms=[
            *fastai.aug_transforms(),
            fastai.Normalize.from_stats(network.mean, network.std, cuda=on_gpu),
        ],
    )
    batch = BATCH_GPU if on_gpu else BATCH_CPU
    return block.dataloaders(
        indexes,
        bs=min(batch, int(is_train.sum())),  # fastai drops what does not fill a batch
        num_workers=cores() if on_gpu else 0,
        device="cuda" if on_gpu else "cpu",
    )


def _resize_method(fastai: Any, network: PretrainedNetwork) -> Any:
    squashed = network.view.shape == "squash"
    return fastai.ResizeMethod.Squish if squashed else fastai.ResizeMethod.Crop


def _watch(fastai: Any, epochs: int, batches: int, progress: Progress | None) -> list[Any]:
    """A fastai callback that reports every batch."""
    if not progress:
        return []
    report = progress

    class Watch(fastai.Callback):
        def after_batch(self) -> None:
            if self.training:
                report(self.epoch * batches + self.iter + 1, epochs * batches)

    return [Watch()]


def _import_fastai() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from fastai.vision import all as fastai
    except ImportError as error:
        raise TrainingError(missing_package(error.name)) from error
    return fastai
