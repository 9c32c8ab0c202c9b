"""Classify one image, and count what inference costs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import MAX_IMAGE_PIXELS, ImageInfo
from critterdb.imaging.sandbox import shared_decoders
from critterdb.system import cores

from .whereabouts import Whereabouts, parse_day

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from PIL import Image

    from critterdb.imaging.preprocessing import Area, Preprocessing

    from .decision import Classification
    from .loader import Model
    from .look import Look

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
            self.model_s += model_s

    def add_photo(self) -> None:
        with self._counting:
            self.photos += 1


# One for the process, as the decoders and the loaded models are: the processors that it counts and
# shares out are the process's too, whichever of its Datasettes or commands asks.
work = Work()


@dataclass(frozen=True)
class PhotoView:
    """What a model's view shows of an upright photo, uint8 H×W×3, and the photo's own sides.

    `look_closer` returns as many pixels of an area of the photo, decoded again if need be.
    """

    pixels: np.ndarray
    width: int
    height: int
    look_closer: Callable[[Area], np.ndarray]


def classify_image(
    model: Model, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS, evidence: bool = False
) -> tuple[Classification, ImageInfo]:
    """Classify a stranger's image, decoded by a process that may die of it. Blocks.

    `evidence` says where in it the evidence is, if the model has that. Raises RejectedInputError if
    the bytes are not accepted, and ModelError if the model fails.
    """
    view, info = view_image(model, data, max_pixels=max_pixels)
    return classify_view(model, view, evidence=evidence), info


def embed_image(model: Model, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS) -> np.ndarray:
    """Return the embedding D of a stranger's image. Blocks, and raises as classify_image does."""
    pixels, _ = shared_decoders().view(data, model.view, max_pixels=max_pixels)
    with _processors:
        _, embeddings, _ = model.run(pixels[None])
    vector: np.ndarray = embeddings[0]
    return vector


def view_image(
    model: Model, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS
) -> tuple[PhotoView, ImageInfo]:
    """Decode a stranger's image as the model wants to see it. Raises RejectedInputError."""
    decoders = shared_decoders()

    def look_closer(area: Area) -> np.ndarray:
        return decoders.view(data, model.view, max_pixels=max_pixels, area=area)[0]

    pixels, info = decoders.view(data, model.view, max_pixels=max_pixels)
    return PhotoView(pixels, info.width, info.height, look_closer), info


def view_decoded(view: Preprocessing, decode: Callable[[int], Image.Image]) -> PhotoView:
    """View a trusted photo, which `decode` opens with that many pixels on its shorter side."""
    image = decode(view.shorter_side)
    return PhotoView(
        view.pixels(image),
        *image.size,
        lambda area: view.pixels(decode(view.side_for(area)), area),
    )


def classify_view(model: Model, view: PhotoView, *, evidence: bool = False) -> Classification:
    """Classify a photo by one look or by two, as the model wants. Blocks. Raises ModelError."""
    believed = look_at(model, view, evidence=evidence)
    work.add_photo()
    decided = model.decide(believed.look)
    return replace(decided, looks=believed.looks, crop=believed.crop)


@dataclass(frozen=True)
class Believed:
    """The look that decides, how many there were, and the part of the photo that decided."""

    look: Look
    looks: int = 1
    crop: Area | None = None


def look_at(model: Model, view: PhotoView, *, evidence: bool = False) -> Believed:
    """Look at a photo once, or twice if the model wants to. Raises ModelError."""
    whole = model.view.area(view.width, view.height)
    first = _look(model, view.pixels, whole, evidence=evidence)
    rule = model.second_look
    part = rule.find_area(first, model.thresholds) if rule else None
    if rule is None or part is None:
        return Believed(first)
    area = part.inside(whole)
    try:
        pixels = view.look_closer(area)
    except RejectedInputError:
        # It was decoded a moment ago; what one look said is better than a refusal.
        return Believed(first)
    second = _look(model, pixels, area, evidence=evidence)
    believed = rule.believe(first, second, model.thresholds)
    return Believed(first, looks=2) if believed is None else Believed(believed, 2, area)


def _look(model: Model, pixels: np.ndarray, area: Area, *, evidence: bool) -> Look:
    with _processors:
        before = time.thread_time()
        look = model.look(pixels, evidence=evidence)
        work.add(time.thread_time() - before)
    if look.evidence is None:
        return look
    return replace(look, evidence=replace(look.evidence, area=area))


def whereabouts_in(data: bytes) -> Whereabouts | None:
    """Return where and when a stranger's photo was taken, by its file; None if that does not say.

    Read by the process that decodes it. Blocks. Raises RejectedInputError (busy).
    """
    try:
        place = shared_decoders().place_of(data)
    except RejectedInputError as refusal:
        if refusal.code == "busy":
            raise
        return None  # a picture is accepted even if its metadata cannot be read
    if place is None:
        return None
    try:
        on = parse_day(place["on"]) if place["on"] else None
    except RejectedInputError:
        on = None  # the clock of the camera was never set
    return Whereabouts(place["latitude"], place["longitude"], on)
