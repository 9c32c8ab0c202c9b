"""Classify one image, and count what decoding and inference cost."""

from __future__ import annotations

import threading
import time

from critterdb.imaging.decode import MAX_IMAGE_PIXELS, ImageInfo
from critterdb.imaging.sandbox import shared_decoders
from critterdb.system import cores

from .decision import Classification
from .loader import Model

# Each run at a time holds memory of its own, and more of them than processors are no quicker.
_processors = threading.Semaphore(cores())


class Work:
    """What the photos of strangers have cost this process so far."""

    def __init__(self) -> None:
        self.photos = 0
        self.model_s = 0.0  # of processor time; of models that take one thread a photo
        self._counting = threading.Lock()

    def add(self, model_s: float) -> None:
        with self._counting:
            self.photos += 1
            self.model_s += model_s


work = Work()


def classify_image(
    model: Model, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS
) -> tuple[Classification, ImageInfo]:
    """What is in a stranger's image, decoded by a process that may die of it. Blocks.

    Raises RejectedInputError where the bytes are not accepted.
    """
    pixels, info = shared_decoders().view(data, model.view, max_pixels=max_pixels)
    with _processors:
        before = time.thread_time()
        classification = model.classify_pixels(pixels)
        work.add(time.thread_time() - before)
    return classification, info
