"""A head on embeddings, trained with fastai: a few candidates, of which validation chooses one.

Each is a linear map in the end. Embeddings are scaled to one length first, so that how strongly a
backbone fires says nothing and one learning rate suits them all. Labels with few photos are helped:
left alone, most errors go towards the commonest label.
"""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from critterdb.errors import TrainingError
from critterdb.evaluation.metrics import negative_log_likelihood
from critterdb.model.novelty import normalized

from .calibration import fit_temperature

LEARNING_RATE = 3e-3  # at its height, of a one-cycle schedule
MIN_EPOCHS, MAX_EPOCHS = 12, 200
MIN_STEPS = 400  # batches in all, so that a small game learns as long as a large one
MIN_BATCH, MAX_BATCH = 16, 128  # photos
COSINE_SCALE = 10.0  # of the logits of a cosine head, at first
PATIENCE = 12  # epochs without a better validation loss
LOGIT_ADJUSTMENT = 0.9  # times the logarithm of a label's share (Menon et al. 2021)


@dataclass(frozen=True)
class Candidate:
    """A way to train a head: `kind` is "linear", or "cosine" with label vectors of one length.

    "fine-tuned" is a linear head that was trained together with its network.
    """

    kind: str
    weight_decay: float


CANDIDATES = (
    Candidate("linear", 3.0),
    Candidate("linear", 10.0),
    Candidate("cosine", 0.0),
)


@dataclass(frozen=True)
class Head:
    """Logits N×C are `normalized(vectors) @ weight.T + bias`; weight is C×D.

    `history` has a dictionary an epoch: valid_loss, valid_error_rate.
    """

    weight: np.ndarray
    bias: np.ndarray
    candidate: Candidate
    history: list[dict[str, float]] = field(default_factory=list)

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Logits N×C, before temperature, of embeddings N×D as the backbone gives them."""
        return normalized(vectors) @ self.weight.T + self.bias


def label_weights(truth: np.ndarray, labels: int, power: float) -> np.ndarray:
    """How much a photo of each label counts, 1 on average over the photos."""
    photos = np.bincount(truth, minlength=labels).clip(min=1)
    weights = photos ** -float(power)
    return np.asarray(weights / weights[truth].mean(), np.float32)


def prior_shift(truth: np.ndarray, labels: int, adjustment: float = LOGIT_ADJUSTMENT) -> np.ndarray:
    """What comes off the logits C, so that a label is not said because it is common."""
    shares = np.bincount(truth, minlength=labels).clip(min=1) / len(truth)
    return np.asarray(adjustment * np.log(shares), np.float32)


def train_head(
    vectors: np.ndarray,
    truth: np.ndarray,
    valid_vectors: np.ndarray,
    valid_truth: np.ndarray,
    *,
    labels: int,
    seed: int = 0,
    candidates: Sequence[Candidate] = CANDIDATES,
    weight_power: float = 0.0,
    logit_adjustment: float = LOGIT_ADJUSTMENT,
    progress: Callable[[int, int], None] | None = None,
) -> Head:
    """Train a head on embeddings N×D with label places N; the same seed gives the same head.

    The candidates are trained side by side, from the same batches; each keeps the epoch with its
    lowest loss on the validation photos, and the best of them, temperature included, is taken. A
    photo counts by the photos of its label to the power of minus `weight_power`. Raises
    TrainingError where fastai is not installed.
    """
    fastai = import_fastai()
    import torch

    # Inputs of unit variance train at the usual rates; the factor goes into the weights after.
    scale = math.sqrt(vectors.shape[1])
    train = _tensors(torch, normalized(vectors) * scale, truth)
    valid = _tensors(torch, normalized(valid_vectors) * scale, valid_truth)
    batch = int(np.clip(2 ** round(math.log2(max(1, len(truth) / 8))), MIN_BATCH, MAX_BATCH))
    epochs = math.ceil(MIN_STEPS / math.ceil(len(truth) / batch))
    epochs = int(np.clip(epochs, MIN_EPOCHS, MAX_EPOCHS))
    weights = torch.from_numpy(label_weights(truth, labels, weight_power))
    surprise = torch.nn.CrossEntropyLoss(weight=weights)
    with fastai.no_random(seed), _one_thread(torch), _without_collector():
        heads = _modules(torch, candidates, vectors.shape[1], labels)
        learner = fastai.Learner(
            fastai.DataLoaders(
                _loader(fastai, *train, batch, shuffle=True),
                _loader(fastai, *valid, max(1, len(valid_truth)), shuffle=False),
            ),
            heads,
            loss_func=lambda logits, wanted: (
                # The sum of the heads' losses: of each on its own, the mean over the batch.
                surprise(logits.flatten(0, 1), wanted.repeat_interleave(len(candidates)))
                * len(candidates)
            ),
            opt_func=fastai.Adam,
            splitter=lambda heads: [list(head.parameters()) for head in heads.heads],
            # Its own record of each batch takes as long as the batch.
            default_cbs=False,
            cbs=fastai.TrainEvalCallback(),
        )
        keep = _best_epochs(fastai, len(candidates), epochs, progress)
        decays = [candidate.weight_decay for candidate in candidates]
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(epochs, LEARNING_RATE, wd=decays, cbs=keep)
    shift = prior_shift(truth, labels, logit_adjustment)
    trained = [
        Head(
            weight=weight.numpy() * np.float32(scale),
            bias=bias.numpy() - shift,
            candidate=candidate,
            history=history,
        )
        for candidate, (weight, bias), history in zip(
            candidates, keep.kept, keep.history, strict=True
        )
    ]
    return min(trained, key=lambda head: calibrated_loss(head, valid_vectors, valid_truth))


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Sums this small take longer shared among cores; and in one order they give one result."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python would look again and again for cycles among a million objects, all of them in use.

    That is a quarter of the time of fastai's import; what it made is not looked at later either.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if before:
            gc.enable()


def _modules(torch: Any, candidates: Sequence[Candidate], dimensions: int, labels: int) -> Any:
    """The candidates as one torch module; each part's `weight` C×D and `bias` C are its head."""

    class Cosine(torch.nn.Module):
        """Nearness to a direction for each label (Gidaris and Komodakis 2018), as a linear map."""

        def __init__(self) -> None:
            super().__init__()
            self.directions = torch.nn.Parameter(0.01 * torch.randn(labels, dimensions))
            self.log_scale = torch.nn.Parameter(torch.tensor(math.log(COSINE_SCALE)))
            self.register_buffer("bias", torch.zeros(labels))

        @property
        def weight(self) -> Any:
            directions = torch.nn.functional.normalize(self.directions)
            return directions * self.log_scale.exp() / math.sqrt(dimensions)

    def linear() -> Any:
        module = torch.nn.Linear(dimensions, labels)
        for parameter in module.parameters():
            torch.nn.init.zeros_(parameter)
        return module

    class Heads(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            kinds = {"linear": linear, "cosine": Cosine}
            self.heads = torch.nn.ModuleList(kinds[one.kind]() for one in candidates)

        def forward(self, vectors: Any) -> Any:
            """Logits N×K×C of all K heads: one product for all takes less time than each alone."""
            weight = torch.cat([head.weight for head in self.heads])
            bias = torch.cat([head.bias for head in self.heads])
            return torch.nn.functional.linear(vectors, weight, bias).view(
                -1, len(candidates), labels
            )

    return Heads()


def calibrated_loss(head: Head, vectors: np.ndarray, truth: np.ndarray) -> float:
    """The log loss of a head on photos that its temperature is fitted to."""
    logits = head.logits(vectors)
    return negative_log_likelihood(logits / fit_temperature(logits, truth), truth)


def import_fastai() -> Any:
    """The few names of fastai that are used here; its whole vision part would take seconds more.

    Raises TrainingError where it is not installed.
    """
    from importlib import import_module

    names = {
        "callback.core": ("Callback", "CancelFitException", "TrainEvalCallback"),
        "data.core": ("DataLoaders",),
        "data.load": ("DataLoader",),
        "learner": ("Learner",),
        "optimizer": ("Adam",),
        "torch_core": ("no_random",),
    }
    try:
        with warnings.catch_warnings(), _without_collector():
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
        for chosen in vectors.new_tensor(list(places), dtype=truth.dtype).split(batch):
            yield vectors[chosen], truth[chosen]

    return fastai.DataLoader(
        range(len(truth)),
        bs=batch,
        shuffle=shuffle,
        num_workers=0,
        device="cpu",
        create_batches=create_batches,
    )


def _best_epochs(
    fastai: Any, count: int, epochs: int, progress: Callable[[int, int], None] | None
) -> Any:
    """A fastai callback that keeps each head's best epoch, and stops when all are past theirs."""
    import torch

    class BestEpochs(fastai.Callback):
        def __init__(self) -> None:
            self.kept: list[Any] = [None] * count
            self.history: list[list[dict[str, float]]] = [[] for _ in range(count)]

        def after_pred(self) -> None:
            if self.training:
                return
            wanted = self.yb[0]  # validation photos come in one batch
            for place in range(count):
                logits = self.pred[:, place]
                loss = float(torch.nn.functional.cross_entropy(logits, wanted))
                wrong = float((logits.argmax(dim=1) != wanted).float().mean())
                best = min((row["valid_loss"] for row in self.history[place]), default=math.inf)
                self.history[place].append({"valid_loss": loss, "valid_error_rate": wrong})
                if loss < best:
                    head = self.model.heads[place]
                    self.kept[place] = (head.weight.detach().clone(), head.bias.detach().clone())

        def after_epoch(self) -> None:
            done = len(self.history[0])
            if progress:
                progress(done, epochs)
            if all(self.stale(rows) >= PATIENCE for rows in self.history):
                raise fastai.CancelFitException

        def stale(self, rows: list[dict[str, float]]) -> int:
            losses = [row["valid_loss"] for row in rows]
            return len(losses) - 1 - losses.index(min(losses))

    return BestEpochs()
