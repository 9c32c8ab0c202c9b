"""Evidence, second looks and sets of labels: what they are worth.

    python -m benchmarks.evidence FOLDER --none FOLDER [--near FOLDER] [--splits 5] [--int8]

FOLDER holds FOLDER/LABEL/*.jpg, and --none pictures of nothing in it: the first fifth of them are
backgrounds, the others are to be refused. --near holds pictures of animals that look like the
labels and are none of them. Each split is a game of its own, with its own training.

A small animal is a test photo, at its own resolution, pasted at a random place onto a background
that is scaled so that the photo fills 70%, 50% or 40% of the side. Nothing of that is known to the
training, which makes its own backgrounds from the game's photos.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.dataset.folder_import import import_folder
from critterdb.dataset.photo_files import folder_photos, list_photos
from critterdb.evaluation.evaluate import _test_photos
from critterdb.evaluation.small_animals import compose
from critterdb.games import get_game
from critterdb.imaging.decode import upright_rgb
from critterdb.model.inference import Believed, look_at, view_decoded
from critterdb.model.registry import current_model
from critterdb.storage.database import open_database
from critterdb.system import cores
from critterdb.training.config import TrainingConfig
from critterdb.training.train import train_game

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from PIL import Image

    from critterdb.dataset.photo_files import PhotoFile
    from critterdb.imaging.preprocessing import Area
    from critterdb.model.evidence import Evidence
    from critterdb.model.loader import Model

SHARES = (0.7, 0.5, 0.4)
HALF = 0.5
BACKGROUND_SHARE = 0.2  # of the pictures of nothing
HIDDEN_SHARE = 0.2  # of the cells
PHOTO_SIDE = 448  # pixels of a photo at most, as pasted

Figures = dict[str, float]


@dataclass(frozen=True)
class Pictures:
    """Test photos with their label indexes, backgrounds, pictures of nothing, and strangers."""

    photos: list[PhotoFile]
    truth: np.ndarray
    backgrounds: list[PhotoFile]
    nothing: list[PhotoFile]
    near: list[PhotoFile]


def measure_model(model: Model, pictures: Pictures) -> Figures:
    """Measure one model; its runs take one thread each."""
    once = replace(model, second_look=None)
    photos = [photo.decode(PHOTO_SIDE) for photo in pictures.photos]
    figures = _measure_evidence(model, photos, pictures)
    for name, looker in (("one look", once), ("two looks", model)):
        answers = Answers.of(looker, photos)
        figures |= answers.figures(f"full frame, {name}", pictures.truth)
        for share in SHARES:
            small = [picture for picture, _ in _small(photos, pictures.backgrounds, share)]
            answers = Answers.of(looker, small)
            figures |= answers.figures(f"{share:.0%}, {name}", pictures.truth)
        for kind, files in (("nothing", pictures.nothing), ("near strangers", pictures.near)):
            if not files:
                continue
            images = [photo.decode(PHOTO_SIDE) for photo in files]
            figures[f"{kind} refused, {name}"] = Answers.of(looker, images).refused()
            half = [picture for picture, _ in _small(images, pictures.backgrounds, HALF)]
            figures[f"{kind} at half size refused, {name}"] = Answers.of(looker, half).refused()
    return figures


@dataclass(frozen=True)
class Answers:
    """What a model believes of pictures, and how often it looked."""

    model: Model
    believed: list[Believed]

    @classmethod
    def of(cls, model: Model, images: Sequence[Image.Image]) -> Answers:
        return cls(model, _map(lambda image: look_at(model, _view(model, image)), images))

    def figures(self, name: str, truth: np.ndarray) -> Figures:
        decided = [self.model.decide(believed.look) for believed in self.believed]
        top = np.array([believed.look.probabilities.argmax() for believed in self.believed])
        wrong = top != truth
        answered = np.array([answer.reason is None for answer in decided])
        return {
            f"{name}: top label wrong": float(wrong.mean()),
            f"{name}: answered": float(answered.mean()),
            f"{name}: wrong among answered": float(wrong[answered].mean()),
            f"{name}: looked at twice": statistics.mean(b.looks == 2 for b in self.believed),
        }

    def refused(self) -> float:
        """The share without an answer, for whatever reason."""
        return statistics.mean(self.model.decide(b.look).abstained for b in self.believed)


def _measure_evidence(model: Model, photos: Sequence[Image.Image], pictures: Pictures) -> Figures:
    views = [model.pixels(photo) for photo in photos]
    found = _map(lambda pixels: _evidence(model, pixels), views)
    labels = [label for evidence in found for label in (evidence.top, evidence.runner_up)]
    off = [abs(float(label.cells.sum()) + label.bias - label.logit) for label in labels]
    small = _small(photos, pictures.backgrounds, HALF)
    first = _map(
        lambda pair: _is_on_animal(_evidence(model, model.pixels(pair[0])), pair[1]), small
    )
    shown = _map(lambda pair: _is_shown_on_animal(model, *pair), small)
    given = [is_on for is_on in shown if is_on is not None]
    best, other = _hidden(model, views, found)
    return {
        "cells and bias − logit, largest": max(off),
        "strongest cell on the animal, half size, first look": statistics.mean(first),
        "strongest cell on the animal, half size, answers": statistics.mean(given),
        "answer changed: best fifth of the cells hidden": best,
        "answer changed: a random fifth hidden": other,
    }


def _evidence(model: Model, pixels: np.ndarray) -> Evidence:
    evidence = model.look(pixels, evidence=True).evidence
    assert evidence, "the model has no evidence"
    return evidence


def _is_shown_on_animal(model: Model, picture: Image.Image, animal: Area) -> bool | None:
    """Whether the evidence beside an answer is strongest on the animal; None without an answer."""
    believed = look_at(model, _view(model, picture), evidence=True)
    if model.decide(believed.look).abstained or not believed.look.evidence:
        return None
    return _is_on_animal(believed.look.evidence, animal)


def _is_on_animal(evidence: Evidence, animal: Area) -> bool:
    cells, seen = evidence.top.cells, evidence.area
    row, column = np.unravel_index(cells.argmax(), cells.shape)
    x = seen.x + seen.width * (column + 0.5) / cells.shape[1]
    y = seen.y + seen.height * (row + 0.5) / cells.shape[0]
    in_width = animal.x <= x <= animal.x + animal.width
    return bool(in_width and animal.y <= y <= animal.y + animal.height)


def _hidden(
    model: Model, views: Sequence[np.ndarray], found: Sequence[Evidence]
) -> tuple[float, float]:
    """How often the top label changes if the best, or a random, fifth of the cells is covered.

    They get the photo's mean colour.
    """
    random = np.random.default_rng(0)
    changed: list[list[bool]] = [[], []]
    for pixels, evidence in zip(views, found, strict=True):
        cells = evidence.top.cells
        count = round(HIDDEN_SHARE * cells.size)
        for number, chosen in enumerate(
            (np.argsort(-cells, axis=None)[:count], random.permutation(cells.size)[:count])
        ):
            hidden = _evidence(model, _without(pixels, chosen, len(cells)))
            changed[number].append(hidden.top.taxon_id != evidence.top.taxon_id)
    return statistics.mean(changed[0]), statistics.mean(changed[1])


def _without(pixels: np.ndarray, chosen: np.ndarray, grid: int) -> np.ndarray:
    hidden, side = pixels.copy(), len(pixels)
    colour = pixels.mean(axis=(0, 1)).astype(np.uint8)
    for cell in chosen:
        top, left = divmod(int(cell), grid)
        rows = slice(top * side // grid, (top + 1) * side // grid)
        hidden[rows, left * side // grid : (left + 1) * side // grid] = colour
    return hidden


def _small(
    photos: Sequence[Image.Image], backgrounds: Sequence[PhotoFile], share: float
) -> list[tuple[Image.Image, Area]]:
    def made(number: int) -> tuple[Image.Image, Area]:
        random = np.random.default_rng([number, round(100 * share)])
        ground = backgrounds[int(random.integers(len(backgrounds)))].decode(PHOTO_SIDE)
        side = min(ground.size)
        left, top = (ground.width - side) // 2, (ground.height - side) // 2
        middle = ground.crop((left, top, left + side, top + side))
        composed = compose(photos[number], middle, share, random, PHOTO_SIDE)
        return composed.picture, composed.area

    return _map(made, range(len(photos)))


def _view(model: Model, image: Image.Image) -> Any:
    return view_decoded(model.view, lambda side: upright_rgb(image, shorter_side=side))


def _map(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(function, items))


def measure_time(model: Model, photos: Sequence[PhotoFile]) -> Figures:
    """Milliseconds of the processor for a photo, decoded in this process."""
    once = replace(model, second_look=None)
    spent: dict[str, list[float]] = {"one look": [], "its evidence": [], "as served": []}
    twice: list[float] = []
    for photo in photos:
        for name, looker, evidence in (
            ("one look", once, False),
            ("its evidence", once, True),
            ("as served", model, False),
        ):
            before = time.process_time()
            believed = look_at(looker, view_decoded(model.view, photo.decode), evidence=evidence)
            spent[name].append((time.process_time() - before) * 1000)
        if believed.looks == 2:
            twice.append(spent["as served"][-1] / spent["one look"][-1])
    means = {name: statistics.mean(values) for name, values in spent.items()}
    return {
        "one look, ms": means["one look"],
        "with evidence, times": means["its evidence"] / means["one look"],
        "as served, times": means["as served"] / means["one look"],
        "a photo looked at twice, times": statistics.median(twice) if twice else float("nan"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--none", type=Path, required=True)
    parser.add_argument("--near", type=Path)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--int8", action="store_true")
    options = parser.parse_args()
    nothing = folder_photos(list_photos(options.none))
    backgrounds = round(BACKGROUND_SHARE * len(nothing))
    near = folder_photos(list_photos(options.near)) if options.near else []
    rows: list[Figures] = []
    with tempfile.TemporaryDirectory() as folder:
        db = open_database(Path(folder) / "critters.db", create=True)
        for split in range(options.splits):
            game = f"split{split}"
            import_folder(db, options.folder, game)
            result = train_game(db, get_game(db, game), TrainingConfig(int8=options.int8))
            model = current_model(db, model_id=result["model"], threads=1)
            test = _test_photos(db, model)
            pictures = Pictures(
                test.files, test.truth, nothing[:backgrounds], nothing[backgrounds:], near
            )
            rows.append(measure_model(model, pictures) | measure_time(model, test.files))
            rows[-1] |= _sets(model, result)
            print(f"{game}: {len(test.files)} test photos, {result['seconds']} s", flush=True)
    for name in rows[0]:
        print(f"{statistics.mean(row[name] for row in rows):10.4f}  {name}")


def _sets(model: Model, result: Any) -> Figures:
    wanted = model.set_rule.coverage if model.set_rule else float("nan")
    size, coverage = result.get("set_size"), result.get("set_coverage")
    if size is None or coverage is None:
        return {}
    return {"sets: coverage asked for": wanted, "sets: coverage": coverage, "sets: size": size}


if __name__ == "__main__":
    main()
