"""Classify one image, and count what inference costs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from critterdb.imaging.decode import MAX_IMAGE_PIXELS, ImageInfo
from critterdb.imaging.sandbox import shared_decoders
from critterdb.system import cores

if TYPE_CHECKING:
    import numpy as np

    from .decision import Classification
    from .loader import Model

# Each run at a time holds memory of its own, and more of them than processors are not faster.
_processors = threading.Semaphore(cores())


class Work:
    """What photos have cost this process so far; the health page shows it."""

    def __init__(self) -> None:
        self.photos = 0
        self.model_s = 0.0  # of processor time; of models that take one thread a photo
        self._counting = threading.Lock()

    def add(self, model_s: float) -> None:
        with self._counting:
            self.photos += 1
            self.model_s += model_s


# One for the process, as the decoders and the loaded models are: the processors that it counts and
# shares out are the process's too, whichever of its Datasettes or commands asks.
work = Work()


@dataclass(frozen=True)
class PhotoView:
    """What a model's view shows of an upright photo, uint8 H×W×3, and the photo's own sides."""

    pixels: np.ndarray
    width: int
    height: int


def classify_image(
    model: Model, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS, evidence: bool = False
) -> tuple[Classification, ImageInfo]:
    """Classify a stranger's image, decoded by a process that may die of it. Blocks.

    `evidence` says where in it the evidence is, if the model has that. Raises RejectedInputError if
    the bytes are not accepted, and ModelError if the model fails.
    """
    pixels, info = shared_decoders().view(data, model.view, max_pixels=max_pixels)
    view = PhotoView(pixels, info.width, info.height)
    return classify_view(model, view, evidence=evidence), info


def classify_view(model: Model, view: PhotoView, *, evidence: bool = False) -> Classification:
    """Classify what a model's view shows of a photo. Blocks. Raises ModelError."""
    with _processors:
        before = time.thread_time()
        classification = model.classify_pixels(view.pixels, evidence=evidence)
        work.add(time.thread_time() - before)
    if classification.evidence is None:
        return classification
    area = model.view.area(view.width, view.height)
    return replace(classification, evidence=replace(classification.evidence, area=area))
