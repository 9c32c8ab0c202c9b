"""Choose when a model looks twice, from validation photos in which the animal is made small."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.photo_files import UNREADABLE_ERRORS
from critterdb.evaluation.small_animals import GROUND_SIDE, compose, mirrored_corner, photo_side
from critterdb.model.inference import look_at, view_decoded
from critterdb.model.loader import Model, smoke_pixels
from critterdb.model.onnx_session import open_session
from critterdb.model.second_look import SecondLook
from critterdb.system import cores, lower_priority
from critterdb.training.onnx.graph import OutputLayers, compose_graph

from .calibration import choose_novelty_threshold, fit_temperature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from critterdb.dataset.photo_files import PhotoFile
    from critterdb.imaging.preprocessing import Area, Preprocessing
    from critterdb.model.labels import Label, Thresholds
    from critterdb.model.look import Look

# Of the side of the view: windows of 4, 5 and 6 of 9 cells. Larger ones find what fills most of the
# photo, smaller ones what is far away.
WINDOW_SHARES = (0.45, 0.55, 0.65)
MIN_GRID = 5  # cells, for windows that differ
SHARES = (0.7, 0.5, 0.4)  # of the side that a photo fills
# Two runs of the network each: about 1.5 s on two cores. More photos change the thresholds less
# than another split does.
MAX_COMPOSED = 72
MIN_COMPOSED = 24  # fewer say too little about where they stop being known
MAX_SMALL_REFUSED_SHARE = 0.03  # of the composed photos
# Of the model's own threshold: so few photos leave room for chance. On ten_cats, 1.05 answers 3.2
# instead of 2.6% of raccoons that fill the frame, and 0.95 refuses 2% more cats at half size.
NOVELTY_RANGE = (0.95, 1.0)
# One photo in five may be looked at again, and 9% are. With one in ten, 6.3 instead of 5.6% of cats
# at 70% of the side get a wrong label; with one in four 5.4%, and training takes longer.
ONCE_SHARE = 0.8
# Without a limit 3.8 instead of 2.6% of raccoons are answered; with 1.0 16.7 instead of 13% of cats
# at 40% of the side get a wrong label.
# docs/decisions.md#a-second-look-goes-where-a-window-is-least-novel
WINDOW_RATIO = 1.05
# The ground made here is quieter than a real background, so second looks are surer on it.
SOFTENED = 1.2


@dataclass(frozen=True)
class ComposedLooks:
    """Both looks at composed photos: probabilities N×C and novelty N, and label indexes N."""

    truth: np.ndarray
    first: np.ndarray
    second: np.ndarray
    novelty: np.ndarray


def draft_model(
    network: bytes,
    layers: OutputLayers,
    view: Preprocessing,
    labels: list[Label],
    thresholds: Thresholds,
) -> Model:
    """Return the model as its file will be, before it is written.

    It looks twice at nothing yet; `second_look` has its windows, or is None if it has none.
    """
    session = open_session(compose_graph(network, layers, {}), threads=1)
    model = Model("", "", "", view, labels, thresholds, {}, "", session)
    if not model.has_evidence:
        return model
    evidence = model.look(smoke_pixels(view.size)[0], evidence=True).evidence
    grid = len(evidence.top.cells) if evidence else 0
    if grid < MIN_GRID:
        return model
    sides = tuple(sorted({round(share * grid) for share in WINDOW_SHARES}))
    session = open_session(
        compose_graph(network, replace(layers, window_sides=sides), {}), threads=1
    )
    threshold = thresholds["novelty_threshold"]
    never = float(np.finfo(np.float32).max)
    return replace(model, session=session, second_look=SecondLook(grid, sides, never, threshold, 1))


def fit_second_look(
    draft: Model,
    photos: Sequence[PhotoFile],
    truth: np.ndarray,
    novelty: np.ndarray,
    grounds: Sequence[PhotoFile],
    *,
    seed: int = 0,
) -> SecondLook | None:
    """Choose the thresholds of second looks, or None if the model is better off without.

    `photos`, `truth` and `novelty` are those of validation photos N, which are pasted onto grounds
    made from the other photos.
    """
    rule = draft.second_look
    if rule is None or not len(novelty) or not grounds:
        return None
    looks = _look_at_composed(draft, photos, truth, grounds, seed)
    if looks is None:
        return None
    wrong = [
        (probabilities.argmax(axis=1) != looks.truth).mean()
        for probabilities in (looks.first, looks.second)
    ]
    if wrong[1] >= wrong[0]:
        return None
    logits = np.log(looks.second.clip(min=np.finfo(np.float32).tiny))
    known = choose_novelty_threshold(looks.novelty, max_refused=MAX_SMALL_REFUSED_SHARE)
    least, most = (share * draft.thresholds["novelty_threshold"] for share in NOVELTY_RANGE)
    return replace(
        rule,
        from_novelty=round(float(np.quantile(novelty, ONCE_SHARE)), 6),
        novelty_threshold=round(min(max(known, least), most), 6),
        temperature=round(SOFTENED * max(1.0, fit_temperature(logits, looks.truth)), 6),
        window_ratio=WINDOW_RATIO,
    )


def _look_at_composed(
    model: Model,
    photos: Sequence[PhotoFile],
    truth: np.ndarray,
    grounds: Sequence[PhotoFile],
    seed: int,
) -> ComposedLooks | None:
    """Both looks at some of the photos, made small; None if too few can be read."""
    random = np.random.default_rng(seed)
    choices = [(photo, share) for photo in range(len(photos)) for share in SHARES]
    chosen = random.permutation(len(choices))[:MAX_COMPOSED]

    def look_twice(number: int) -> tuple[int, Look, Look] | None:
        photo, share = choices[number]
        # Its own random numbers: threads take turns as they like.
        own = np.random.default_rng([seed, number])
        ground = grounds[int(own.integers(len(grounds)))]
        try:
            image = photos[photo].decode(photo_side(model.view, share))
            corner = mirrored_corner(ground.decode(GROUND_SIDE), own)
        except UNREADABLE_ERRORS:
            return None
        picture = compose(image, corner, share, own, photo_side(model.view, share)).picture
        first = model.look(model.view.pixels(picture))
        assert model.second_look
        assert first.window_novelty is not None
        part = model.second_look.windows()[int(first.window_novelty.argmin())]
        area = part.inside(model.view.area(*picture.size))
        return photo, first, model.look(model.view.pixels(picture, area))

    with ThreadPoolExecutor(cores(), initializer=lower_priority) as pool:
        looks = [pair for pair in pool.map(look_twice, chosen.tolist()) if pair]
    if len(looks) < MIN_COMPOSED:
        return None
    return ComposedLooks(
        truth[[photo for photo, _, _ in looks]],
        np.stack([first.probabilities for _, first, _ in looks]),
        np.stack([second.probabilities for _, _, second in looks]),
        np.array([second.novelty for _, _, second in looks]),
    )


@dataclass(frozen=True)
class LookedAt:
    """What a model believes of photos: probabilities N×C, novelty N, and how it looked at each."""

    probabilities: np.ndarray
    novelty: np.ndarray
    looks: list[tuple[int, Area | None]]


def look_again(
    model: Model, photos: Sequence[PhotoFile], probabilities: np.ndarray, novelty: np.ndarray
) -> LookedAt:
    """Look at the photos that the model may want to see twice; the first looks are given.

    A photo that cannot be read any more keeps its first look.
    """
    rule = model.second_look
    once: list[tuple[int, Area | None]] = [(1, None)] * len(novelty)
    if rule is None:
        return LookedAt(probabilities, novelty, once)
    looked = LookedAt(probabilities.copy(), novelty.copy(), once)
    chosen = np.flatnonzero(rule.may_look(probabilities, novelty, model.thresholds))

    def look(number: int) -> None:
        try:
            believed = look_at(model, view_decoded(model.view, photos[number].decode))
        except UNREADABLE_ERRORS:
            return
        looked.looks[number] = believed.looks, believed.crop
        if believed.crop:
            looked.probabilities[number] = believed.look.probabilities
            looked.novelty[number] = believed.look.novelty

    with ThreadPoolExecutor(cores(), initializer=lower_priority) as pool:
        list(pool.map(look, chosen.tolist()))
    return looked
