"""Fit heads with fastai, side by side on the same batches; all of torch that a head needs."""

from __future__ import annotations

import gc
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.errors import TrainingError
from critterdb.model.novelty import SMALLEST_LENGTH, normalized
from critterdb.system import cores

from .extra import missing_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from critterdb._types import Progress

    from .candidates import Candidate, Epoch, LabelledVectors

# Embeddings have length 1, so one rate suits every backbone. A higher one spoils the adjustment of
# logits, because rare labels are then memorized.
LEARNING_RATE = 3e-3  # at its height, of a one-cycle schedule
MIN_EPOCHS, MAX_EPOCHS = 12, 200
MIN_STEPS = 400  # batches in all, so that a small game learns as long as a large one
MIN_BATCH, MAX_BATCH = 16, 128  # photos
# Cosines lie within -1 and 1, where a softmax can hardly prefer anything; it is learned from here.
COSINE_SCALE = 10.0  # of the logits of a cosine head, at first
# A large training: 70,000 photos take 5 epochs, and 700,000 take 4. At the rate above, 800 batches
# were needed for the same errors.
LARGE_BATCH = 512  # photos
LARGE_STEPS = 600  # batches in all, if that is more than the epochs below
LARGE_RATE = 1.5e-3
MIN_LARGE_EPOCHS = 4
PHOTOS_FOR_MORE_THREADS = 500_000  # training photos
PATIENCE = 12  # epochs without a better validation loss


@dataclass(frozen=True)
class BestEpoch:
    """The weight C×D and bias C of a head's best epoch, and how it came there."""

    weight: np.ndarray
    bias: np.ndarray
    history: list[Epoch]


@dataclass(frozen=True)
class FitOptions:
    """How heads are fitted: `weights` C say how much a photo of each label counts.

    `is_large` is a training of so many photos and labels that batches are large.
    """

    weights: np.ndarray
    seed: int
    is_large: bool = False


def fit_heads(
    train: LabelledVectors,
    valid: LabelledVectors,
    candidates: Sequence[Candidate],
    options: FitOptions,
    *,
    progress: Progress | None = None,
) -> list[BestEpoch]:
    """Fit a head for each candidate. Raises TrainingError if fastai is not installed."""
    fastai = import_fastai()
    import torch

    batch, epochs = _plan(len(train.truth), options.is_large)
    labels = len(options.weights)
    threads = cores() if len(train.truth) >= PHOTOS_FOR_MORE_THREADS else 1
    with fastai.no_random(options.seed), _threads(torch, threads), _without_collector():
        learner = fastai.Learner(
            fastai.DataLoaders(
                _loader(fastai, train, batch, shuffle=True),
                _loader(fastai, valid, max(1, len(valid.truth)), shuffle=False),
            ),
            _modules(torch, candidates, train.vectors.shape[1], labels),
            loss_func=_summed_loss(torch, options.weights, len(candidates)),
            opt_func=fastai.Adam,
            splitter=lambda heads: [list(head.parameters()) for head in heads.heads],
            # Its own record of each batch takes as long as the batch.
            default_cbs=False,
            cbs=fastai.TrainEvalCallback(),
        )
        keep = _best_epochs(fastai, len(candidates), epochs, progress)
        decays = [candidate.weight_decay for candidate in candidates]
        with learner.no_bar(), learner.no_logging():
            rate = LARGE_RATE if options.is_large else LEARNING_RATE
            learner.fit_one_cycle(epochs, rate, wd=decays, cbs=keep)
    return [
        BestEpoch(weight.numpy(), bias.numpy(), history)
        for (weight, bias), history in zip(keep.kept, keep.history, strict=True)
    ]


def _plan(photos: int, is_large: bool) -> tuple[int, int]:
    """Photos in a batch, and epochs."""
    if is_large:
        epochs = math.ceil(LARGE_STEPS / math.ceil(photos / LARGE_BATCH))
        return LARGE_BATCH, int(np.clip(epochs, MIN_LARGE_EPOCHS, MIN_EPOCHS))
    batch = int(np.clip(2 ** round(math.log2(max(1, photos / 8))), MIN_BATCH, MAX_BATCH))
    epochs = math.ceil(MIN_STEPS / math.ceil(photos / batch))
    return batch, int(np.clip(epochs, MIN_EPOCHS, MAX_EPOCHS))


def _summed_loss(torch: Any, weights: np.ndarray, heads: int) -> Any:
    """The sum of the heads' losses: of each on its own, the mean over the batch."""
    surprise = torch.nn.CrossEntropyLoss(weight=torch.from_numpy(weights))

    def loss(logits: Any, wanted: Any) -> Any:
        return surprise(logits.flatten(0, 1), wanted.repeat_interleave(heads)) * heads

    return loss


@contextmanager
def _threads(torch: Any, threads: int) -> Iterator[None]:
    """Small sums take longer shared among cores; and in one order they give one result."""
    # Two cores took twice the processor time for the same wall time, and ten times as long when
    # others used the machine. Only a million photos are worth it.
    # docs/decisions.md#the-head-is-trained-on-one-core
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python would look again and again for cycles among a million objects, all of them in use.

    That is a quarter of the time of fastai's import; what it made is not looked at later either.
    """
    # docs/decisions.md#one-child-process-does-all-torch-work
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
            self.heads = torch.nn.ModuleList(kinds[candidate.kind]() for candidate in candidates)

        def forward(self, vectors: Any) -> Any:
            """Logits N×K×C of all K heads: one product for all takes less time than each alone."""
            weight = torch.cat([head.weight for head in self.heads])
            bias = torch.cat([head.bias for head in self.heads])
            return torch.nn.functional.linear(vectors, weight, bias).view(
                -1, len(candidates), labels
            )

    return Heads()


def import_fastai() -> Any:
    """Import the few names of fastai that are used here; its vision part takes seconds more.

    Raises TrainingError if it is not installed.
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
        raise TrainingError(missing_package(error.name)) from error

    return SimpleNamespace(
        **{word: getattr(modules[name], word) for name in names for word in names[name]}
    )


def _loader(fastai: Any, photos: LabelledVectors, batch: int, *, shuffle: bool) -> Any:
    """A fastai loader that cuts whole batches from the vectors instead of stacking single rows.

    Vectors are scaled to unit variance: those of a file batch by batch, others at once.
    """
    import torch

    truth = torch.from_numpy(photos.truth.astype(np.int64))
    scale = math.sqrt(photos.vectors.shape[1])
    vectors = photos.vectors
    if isinstance(vectors, np.ndarray):
        whole = torch.from_numpy(normalized(vectors) * scale)

    def scaled(chosen: Any) -> Any:
        if isinstance(vectors, np.ndarray):
            return whole[chosen]
        # numpy takes three times as long, a fifth of a training.
        rows = torch.from_numpy(vectors.stored(chosen.numpy())).float()
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        return rows.mul_(scale / lengths.clamp_(min=SMALLEST_LENGTH))

    def create_batches(indexes: Any) -> Any:
        for chosen in torch.tensor(list(indexes)).split(batch):
            yield scaled(chosen), truth[chosen]

    return fastai.DataLoader(
        range(len(truth)),
        bs=batch,
        shuffle=shuffle,
        num_workers=0,
        device="cpu",
        create_batches=create_batches,
    )


def _best_epochs(fastai: Any, count: int, epochs: int, progress: Progress | None) -> Any:
    """A fastai callback that keeps each head's best epoch, and stops when all are past theirs."""
    import torch

    class BestEpochs(fastai.Callback):
        def __init__(self) -> None:
            self.kept: list[Any] = [None] * count
            self.history: list[list[Epoch]] = [[] for _ in range(count)]

        def after_pred(self) -> None:
            if self.training:
                return
            wanted = self.yb[0]  # validation photos come in one batch
            for number in range(count):
                logits = self.pred[:, number]
                loss = float(torch.nn.functional.cross_entropy(logits, wanted))
                wrong = float((logits.argmax(dim=1) != wanted).float().mean())
                best = min((row["valid_loss"] for row in self.history[number]), default=math.inf)
                self.history[number].append({"valid_loss": loss, "valid_error_rate": wrong})
                if loss < best:
                    head = self.model.heads[number]
                    self.kept[number] = (head.weight.detach().clone(), head.bias.detach().clone())

        def after_epoch(self) -> None:
            done = len(self.history[0])
            if progress:
                progress(done, epochs)
            if all(self.stale(rows) >= PATIENCE for rows in self.history):
                raise fastai.CancelFitException

        def stale(self, rows: list[Epoch]) -> int:
            losses = [row["valid_loss"] for row in rows]
            return len(losses) - 1 - losses.index(min(losses))

    return BestEpochs()
