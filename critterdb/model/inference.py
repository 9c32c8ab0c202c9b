"""Classify one image, and count what inference costs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import MAX_IMAGE_PIXELS, ImageInfo
from critterdb.imaging.sandbox import shared_decoders
from critterdb.system import cores

from .whereabouts import Whereabouts, parse_day

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


def classify_image(
    model: Model, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS
) -> tuple[Classification, ImageInfo]:
    """Classify a stranger's image, decoded by a process that may die of it. Blocks.

    Raises RejectedInputError if the bytes are not accepted, and ModelError if the model fails.
    """
    pixels, info = shared_decoders().view(data, model.view, max_pixels=max_pixels)
    return classify_view(model, pixels), info


def classify_view(model: Model, pixels: np.ndarray) -> Classification:
    """Classify pixels uint8 H×W×3 that the model's view gave. Blocks. Raises ModelError."""
    with _processors:
        before = time.thread_time()
        classification = model.classify_pixels(pixels)
        work.add(time.thread_time() - before)
    return classification


def whereabouts_in(data: bytes) -> Whereabouts | None:
    """Return where and when a stranger's photo was taken, by its file; None if that does not say.

    Read by the process that decodes it. Blocks. Raises RejectedInputError (busy).
    """
    try:
        place = shared_decoders().place_of(data)
    except RejectedInputError as refusal:
        if refusal.code == "busy":
            raise
        return None  # unreadable metadata is no reason to refuse a picture
    if place is None:
        return None
    try:
        on = parse_day(place["on"]) if place["on"] else None
    except RejectedInputError:
        on = None  # the clock of the camera was never set
    return Whereabouts(place["latitude"], place["longitude"], on)
