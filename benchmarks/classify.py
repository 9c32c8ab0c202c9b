"""One classification beside what it cannot do without, and beside fastai's `Learner.predict`.

    python -m benchmarks.classify [FOLDER] [--photos 200] [--side 500]

FOLDER holds FOLDER/LABEL/*.jpg; without it the program draws pictures. A model is trained on them
first. Then photos, saved again with a longer side of --side pixels, are classified by all sides, in
one process:

- critterdb: `decode_image` and `Model.classify`, from the bytes to an answer with its reason;
- the least, photo by photo in turn with it: Pillow's whole decoding, and a bare run of the ONNX
  Runtime session on pixels that are there;
- decoded elsewhere: what `critterdb classify` and the endpoint do; a process decodes that may die;
- fastai: `Learner.predict` with a `vision_learner` of the same backbone and input size.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import sys
import tempfile
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.pictures import draw_pictures, enlarge
from critterdb.dataset.folder_import import import_folder
from critterdb.errors import CritterError
from critterdb.games import get_game
from critterdb.imaging.decode import decode_image
from critterdb.model.inference import classify_image
from critterdb.model.registry import current_model
from critterdb.storage.database import open_database
from critterdb.system import cores
from critterdb.training.train import train_game

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb.model.loader import Model

WARM_UP = 5  # photos, not counted
DRAWN_EACH = 40


def train_model(folder: Path, site: Path) -> Model:
    db = open_database(site / "critters.db", create=True)
    import_folder(db, folder, "measured")
    train_game(db, get_game(db, "measured"))
    return current_model(db)


def fastai_predict(files: list[Path], size: int) -> Callable[[Path], Any]:
    """`Learner.predict` of an untrained network: what it says is not looked at here."""
    fastai: Any = import_module("fastai.vision.all")
    loaders = fastai.ImageDataLoaders.from_lists(
        files[0].parent.parent,
        files,
        [file.parent.name for file in files],
        item_tfms=fastai.Resize(size),
        batch_tfms=fastai.aug_transforms(),
        num_workers=0,
    )
    learner = fastai.vision_learner(loaders, "tf_efficientnet_lite0", pretrained=False)

    def predict(path: Path) -> Any:
        with learner.no_bar(), learner.no_logging():
            return learner.predict(path)

    return predict


def decode_whole(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def measure(files: list[Path], model: Model) -> dict[str, list[float]]:
    """Milliseconds of each step, one entry a photo."""
    latencies: dict[str, list[float]] = {}
    outputs = ["probabilities", "embedding", "novelty"]
    side = model.view.shorter_side

    def timed(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        result = function(*arguments)
        latencies.setdefault(name, []).append((time.perf_counter() - started) * 1000)
        return result

    def whole(data: bytes) -> Any:
        return model.classify(decode_image(data, shorter_side=side))

    for file in files:
        data = file.read_bytes()
        image = timed("Pillow's decoding", decode_whole, data)
        pixels = model.pixels(image)[None]
        timed("bare ONNX Runtime", model.session.run, outputs, {"pixels": pixels})
        timed("critterdb", whole, data)
    for file in files:
        data = file.read_bytes()
        decoded = timed("  its decoding", lambda data: decode_image(data, shorter_side=side), data)
        view = timed("  its resizing", model.pixels, decoded)
        timed("  its network and answer", model.classify_pixels, view)
    for file in files:
        timed("decoded elsewhere", classify_image, model, file.read_bytes())
    predict = fastai_predict(files, model.view.size)
    for file in files:
        timed("fastai, Learner.predict", predict, file)
    return {name: times[WARM_UP:] for name, times in latencies.items()}


def show(latencies: dict[str, list[float]]) -> None:
    print(f"{'milliseconds':<28}{'median':>9}{'mean':>9}{'slowest':>9}")
    names = ("Pillow's decoding", "bare ONNX Runtime")
    least = [sum(both) for both in zip(*(latencies[name] for name in names), strict=True)]
    ours, fastai = latencies["critterdb"], latencies["fastai, Learner.predict"]
    for name, times in ({"the least: both together": least} | latencies).items():
        cells = (statistics.median(times), statistics.mean(times), max(times))
        print(f"{name:<28}" + "".join(f"{cell:>9.1f}" for cell in cells))
    for name, measured, other in (
        ("critterdb over the least", ours, least),
        ("fastai over critterdb", fastai, ours),
    ):
        ratio = statistics.median(measured) / statistics.median(other)
        print(f"{name:<28}{ratio:>9.2f}{np.mean(measured) / np.mean(other):>9.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--side", type=int, default=500, help="pixels of the longer side")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {cores()} cores", end=", ")
    print(f"Python {platform.python_version()}, photos {options.folder or 'drawn'}")
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            source = options.folder or draw_pictures(folder / "drawn", per_kind=DRAWN_EACH, memes=0)
            site = folder / "site"
            site.mkdir()
            model = train_model(source, site)
            count = options.photos + WARM_UP
            photos = enlarge(source, folder / "photos", count=count, side=options.side)
            show(measure(sorted(photos.glob("*/*.jpg")), model))
    except CritterError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
