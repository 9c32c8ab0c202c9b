"""A linear head on embeddings, trained with fastai.

Embeddings are scaled to one length first, so that how strongly a backbone fires says nothing and
one learning rate suits them all. Labels with many photos weigh less for each photo: with plain
weights most errors go towards the commonest label.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import TrainingError
from .novelty import normalized

LEARNING_RATE = 1e-3  # at its height, of a one-cycle schedule
WEIGHT_DECAY = 0.3
MIN_EPOCHS, MAX_EPOCHS = 20, 200
MIN_STEPS = 400  # batches in all, so that a small game learns as long as a large one
MIN_BATCH, MAX_BATCH = 16, 128  # photos
PATIENCE = 12  # epochs without a better validation loss
IMBALANCE_POWER = 0.5  # a photo weighs (photos of its label) to the power of minus this


@dataclass(frozen=True)
class Head:
    """Logits N×C are `normalized(vectors) @ weight.T + bias`; weight is C×D.

    `history` has a dictionary an epoch: train_loss, valid_loss, valid_error_rate.
    """

    weight: np.ndarray
    bias: np.ndarray
    history: list[dict[str, float]] = field(default_factory=list)

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Logits N×C, before temperature, of embeddings N×D as the backbone gives them."""
        return normalized(vectors) @ self.weight.T + self.bias


def label_weights(truth: np.ndarray, labels: int) -> np.ndarray:
    """How much a photo of each label counts, 1 on average over the photos."""
    photos = np.bincount(truth, minlength=labels).clip(min=1)
    weights = photos ** -float(IMBALANCE_POWER)
    return np.asarray(weights / weights[truth].mean(), np.float32)


def train_head(
    vectors: np.ndarray,
    truth: np.ndarray,
    valid_vectors: np.ndarray,
    valid_truth: np.ndarray,
    *,
    labels: int,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Head:
    """Train a head on embeddings N×D with label places N; the same seed gives the same head.

    The epoch with the lowest loss on the validation photos is kept. Raises TrainingError where
    fastai is not installed.
    """
    fastai = _import_fastai()
    import torch

    # Inputs of unit variance train at the usual rates; the factor goes into the weights after.
    scale = math.sqrt(vectors.shape[1])
    train = _tensors(torch, normalized(vectors) * scale, truth)
    valid = _tensors(torch, normalized(valid_vectors) * scale, valid_truth)
    batch = int(np.clip(2 ** round(math.log2(max(1, len(truth) / 8))), MIN_BATCH, MAX_BATCH))
    epochs = math.ceil(MIN_STEPS / math.ceil(len(truth) / batch))
    epochs = int(np.clip(epochs, MIN_EPOCHS, MAX_EPOCHS))
    with fastai.no_random(seed):
        linear = torch.nn.Linear(vectors.shape[1], labels)
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
        learner = fastai.Learner(
            fastai.DataLoaders(
                _loader(fastai, *train, batch, shuffle=True),
                _loader(fastai, *valid, max(1, len(valid_truth)), shuffle=False),
            ),
            linear,
            loss_func=fastai.CrossEntropyLossFlat(
                weight=torch.from_numpy(label_weights(truth, labels))
            ),
            opt_func=fastai.Adam,
            metrics=fastai.error_rate,
        )
        keep = _best_epoch(fastai, epochs, progress)
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(epochs, LEARNING_RATE, wd=WEIGHT_DECAY, cbs=keep)
    state = keep.state
    return Head(
        weight=state["weight"].numpy() * np.float32(scale),
        bias=state["bias"].numpy(),
        history=keep.history,
    )


def _import_fastai() -> Any:
    """The few names of fastai that are used, in one place; its whole vision part takes seconds."""
    from importlib import import_module

    names = {
        "callback.core": ("Callback", "CancelFitException"),
        "data.core": ("DataLoaders",),
        "data.load": ("DataLoader",),
        "learner": ("Learner",),
        "losses": ("CrossEntropyLossFlat",),
        "metrics": ("error_rate",),
        "optimizer": ("Adam",),
        "torch_core": ("no_random",),
    }
    try:
        with warnings.catch_warnings():
            # What packages tell each other of their plans is nothing that a user can act on.
            warnings.simplefilter("ignore")
            import_module("fastai.callback.schedule")  # adds fit_one_cycle to Learner
            modules = {name: import_module(f"fastai.{name}") for name in names}
    except ImportError as error:
        raise TrainingError(
            f"Training needs the package {error.name}. Install it with: "
            "pip install 'critterdb[train]'"
        ) from error
    from types import SimpleNamespace

    return SimpleNamespace(
        **{each: getattr(modules[name], each) for name in names for each in names[name]}
    )


def _tensors(torch: Any, vectors: np.ndarray, truth: np.ndarray) -> tuple[Any, Any]:
    return torch.from_numpy(vectors.astype(np.float32)), torch.from_numpy(truth.astype(np.int64))


def _loader(fastai: Any, vectors: Any, truth: Any, batch: int, *, shuffle: bool) -> Any:
    """A fastai loader that cuts whole batches from the tensors instead of stacking single rows."""

    def create_batches(places: Any) -> Any:
        places = list(places)
        for start in range(0, len(places), batch):
            chosen = places[start : start + batch]
            yield vectors[chosen], truth[chosen]

    return fastai.DataLoader(
        range(len(truth)),
        bs=batch,
        shuffle=shuffle,
        num_workers=0,
        device="cpu",
        create_batches=create_batches,
    )


def _best_epoch(fastai: Any, epochs: int, progress: Callable[[int, int], None] | None) -> Any:
    """A fastai callback that keeps the best epoch's weights in memory and stops when it is past."""

    class BestEpoch(fastai.Callback):
        order = 60  # after fastai's Recorder

        def __init__(self) -> None:
            self.best, self.stale = math.inf, 0
            self.history: list[dict[str, float]] = []
            self.state: dict[str, Any] = {}

        def after_epoch(self) -> None:
            train_loss, valid_loss, error_rate = self.recorder.values[-1]
            self.history.append(
                {
                    "train_loss": float(train_loss),
                    "valid_loss": float(valid_loss),
                    "valid_error_rate": float(error_rate),
                }
            )
            if progress:
                progress(len(self.history), epochs)
            self.stale += 1
            if valid_loss < self.best:
                self.best, self.stale = valid_loss, 0
                state = self.model.state_dict()
                self.state = {name: value.detach().clone() for name, value in state.items()}
            if self.stale >= PATIENCE:
                raise fastai.CancelFitException

    return BestEpoch()
