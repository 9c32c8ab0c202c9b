"""Training beside fastai's usual recipe, and what the models are worth.

    python -m benchmarks.train [FOLDER] [--none FOLDER] [--parts speed,seeds,large,tune]

FOLDER holds FOLDER/LABEL/*.jpg, and --none holds _none/*.jpg: pictures of nothing in it. Without
FOLDER everything is measured on pictures that the program draws.

- speed: all of `train_game` in a fresh site, the backbone's export included, at 224 pixels and at
  the default size, beside fastai: `vision_learner` on pixels, Resize(224), aug_transforms, four
  frozen epochs. Same photos, parts, backbone, machine and process; both sides' imports are loaded
  before any clock starts.
- seeds: errors, calibration and novelty. Each seed is a game of its own: it has its own split
  and training.
- large: 5,000 pictures of 500 pixels by the command itself, in a process whose start counts; again
  after 5% new ones, three times, of which the median counts; the most memory that it took.
- tune: `--fine-tune` beside the head alone, on the same splits, for each number of `--epochs`,
  on the GPU where there is one; with `--seeds 1 --epochs 1` it is minutes on two cores, and
  takes as many times longer as there are more of both.

Processor seconds are given beside the clock's: they move less when something else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.pictures import draw_pictures, enlarge
from benchmarks.servers import cpu_seconds_of, descendants, resident_bytes
from critterdb.dataset.examples import load_examples
from critterdb.dataset.folder_import import import_folder
from critterdb.errors import CritterError
from critterdb.evaluation.evaluate import evaluate_folder
from critterdb.evaluation.metrics import auroc
from critterdb.games import get_game
from critterdb.imaging.decode import decode_image
from critterdb.model.registry import current_model
from critterdb.storage.database import SiteDatabase, open_database, site_folder
from critterdb.system import cores
from critterdb.training.candidates import LabelledVectors
from critterdb.training.config import TrainingConfig
from critterdb.training.head import train_head
from critterdb.training.networks import DEFAULT_VIEW, load_network
from critterdb.training.onnx.efficientnet_lite0 import LITE0, LITE0_PACKAGE
from critterdb.training.torch_worker import shared_torch_process
from critterdb.training.train import train_game

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("speed", "seeds", "large", "tune")
IMPORTED = ("fastai.vision.all", "timm", "onnx", "onnxscript", "torch.onnx", "onnxruntime")
GAME = "measured"
EPOCHS, FASTAI_SIZE = 4, 224
COVERAGE = 0.9
LARGE_PHOTOS, LARGE_SIDE, LARGE_NEW, LARGE_TIMES = 5000, 500, 0.05, 3
SEEDS, TUNE_SEEDS = 5, 2
TUNE_EPOCHS = "3"
SECONDS_BETWEEN_LINES = 30
SECONDS_BETWEEN_LOOKS = 0.2
DRAWN_EACH, DRAWN_MEMES = 400, 200


class Clock:
    """Seconds by the wall and of all processors, other processes included, since it was made."""

    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), self._processor()

    def _processor(self) -> float:
        return sum(os.times()[:4]) + sum(map(cpu_seconds_of, descendants(os.getpid())))

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, self._processor() - self.processor


def new_site(folder: Path, photos: Path) -> SiteDatabase:
    folder.mkdir(parents=True)
    db = open_database(folder / "critters.db", create=True)
    import_folder(db, photos, GAME)
    return db


# speed


def measure_speed(photos: Path, temporary: Path) -> None:
    show("", "seconds", "processor s", "test error")
    ours = {}
    for size in sorted({FASTAI_SIZE, DEFAULT_VIEW.size}):
        db = new_site(temporary / f"site-{size}", photos)
        clock = Clock()
        result = train_game(db, get_game(db, GAME), TrainingConfig(size=size))
        ours[size] = clock.read()
        show(f"critterdb, {size} pixels", *ours[size], result["error_rate"])
    fit, whole, error = train_fastai(db, temporary)
    show("fastai, four frozen epochs", *fit, error)
    show("  with test and export", *whole, "")
    for size, (wall, processor) in ours.items():
        show(f"times as fast, {size} pixels", fit[0] / wall, fit[1] / processor, "")
        show("  with test and export", whole[0] / wall, whole[1] / processor, "")


def train_fastai(
    db: SiteDatabase, folder: Path
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Times of fitting alone, and of all; the error on the test part. Parts are the site's."""
    import torch
    from fastai.vision import all as fastai

    examples = load_examples(db, get_game(db, GAME))
    site = site_folder(db)
    labels = dict(zip(examples.paths, examples.taxon_ids, strict=True))
    parts = dict(zip(examples.paths, examples.parts, strict=True))
    weights = folder / "weights.pth"
    torch.save(load_network(LITE0).module.state_dict(), weights)  # under timm's names
    clock = Clock()
    block = fastai.DataBlock(
        blocks=(fastai.ImageBlock, fastai.CategoryBlock),
        get_x=lambda path: site / path,
        get_y=lambda path: str(labels[path]),
        splitter=fastai.FuncSplitter(lambda path: parts[path] == "valid"),
        item_tfms=fastai.Resize(FASTAI_SIZE),
        batch_tfms=fastai.aug_transforms(),
    )
    loaders = block.dataloaders([path for path in labels if parts[path] != "test"])
    learner = fastai.vision_learner(
        loaders,
        "tf_efficientnet_lite0",
        metrics=fastai.error_rate,
        pretrained_cfg_overlay={"file": str(weights)},
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(EPOCHS)
        fit = clock.read()
        tested = [path for path in labels if parts[path] == "test"]
        test_loader = loaders.test_dl(tested, with_labels=True)
        predictions, truth = learner.get_preds(dl=test_loader)
    torch.save(learner.model.state_dict(), folder / "learner.pth")
    error = float((predictions.argmax(dim=1) != truth).float().mean())
    return fit, clock.read(), error


# seeds


def measure_seeds(
    photos: Path, none: Path | None, temporary: Path, seeds: int, *, int8: bool
) -> None:
    site = temporary / "seeds"
    site.mkdir()
    db = open_database(site / "critters.db", create=True)
    results = []
    for seed in range(seeds):
        game = f"seed-{seed}"
        import_folder(db, photos, game)
        result = train_game(db, get_game(db, game), TrainingConfig(seed=seed, int8=int8))
        results.append(result | more_figures(db, result["model"], none))
        tell(f"{game} of {seeds}: {result['error_rate']:.1%} errors, {result['seconds']:.0f} s")
    show_table(results, FIGURES)


FIGURES = {
    "photos": "test photos",
    "error_rate": "test error",
    "balanced_error_rate": "balanced error",
    "top3_error_rate": "not among the first three",
    "ece_before": "ECE before temperature",
    "ece": "ECE",
    "answered": "answered",
    "wrong_among_answered": "wrong among answered",
    "risk": "wrong at 90% coverage",
    "known_refused": "known photos refused",
    "none_refused": "pictures of nothing refused",
    "novelty_auroc": "novelty AUROC",
}


def more_figures(db: SiteDatabase, model_id: str, none: Path | None) -> dict[str, Any]:
    """What `train` cannot know without pictures of nothing, and the risk at one coverage."""
    curve = db.query(
        "SELECT x, value FROM model_metrics WHERE model_id = ? AND name = 'risk_coverage'",
        [model_id],
    )
    tested = list(
        db.query(
            "SELECT novelty, coalesce(reason, '') = 'not_a_critter' AS refused FROM predictions "
            "WHERE model_id = ? AND source = 'evaluation'",
            [model_id],
        )
    )
    figures = {
        "risk": min(curve, key=lambda row: abs(row["x"] - COVERAGE))["value"],
        "known_refused": statistics.mean(row["refused"] for row in tested),
    }
    if none:
        model = current_model(db, model_id=model_id)
        novel = []
        for path in sorted(none.glob("_none/*")):
            image = decode_image(path.read_bytes(), shorter_side=model.view.shorter_side)
            novel.append(model.classify(image).novelty)
        known = [row["novelty"] for row in tested]
        figures["novelty_auroc"] = auroc(np.array(novel), np.array(known))
        figures["none_refused"] = evaluate_folder(db, model_id, none)["none_refused"]
    return figures


# large


def measure_large(photos: Path, temporary: Path, count: int) -> None:
    folder, site = temporary / "large", temporary / "large-site"
    enlarge(photos, folder, count=count, side=LARGE_SIDE)
    site.mkdir()
    command(site, "init", ".")
    command(site, "import", str(folder), "--game", GAME)
    show("", "seconds", "processor s", "most memory")
    first = command(site, "train", GAME, "--json")
    show(f"{count} photos, first time", *first[:3])
    new = round(count * LARGE_NEW)
    again = []
    for number in range(LARGE_TIMES):
        enlarge(photos, folder, count=new, side=LARGE_SIDE, skip=count + number * new)
        command(site, "import", str(folder), "--game", GAME)
        again.append(command(site, "train", GAME, "--json"))
        show(f"again after {new} new photos", *again[-1][:3])
    wall = statistics.median(run[0] for run in again)
    processor = statistics.median(run[1] for run in again)
    show("  share of the first time", wall / first[0], processor / first[1], "")
    for name, run in (("first", first), ("last", again[-1])):
        result = json.loads(run[3])
        print(f"{name}: {result['seconds']:.1f} s in process, {result['photos']} test photos")


def command(site: Path, *arguments: str) -> tuple[float, float, str, str]:
    """Run critterdb in a process of its own: seconds, of the processor, most memory, its output.

    The processes that it starts are counted in; what they share in memory, more than once.
    """
    most = [0]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "critterdb", *arguments], cwd=site, stdout=output
        )
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(SECONDS_BETWEEN_LOOKS):
                pids = [process.pid, *descendants(process.pid)]
                most.append(sum(map(resident_bytes, pids)))

        looking = threading.Thread(target=look)
        looking.start()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        ended.set()
        looking.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise CritterError(f"critterdb {' '.join(arguments)} failed. Run it by hand to see why")
    return seconds, used.ru_utime + used.ru_stime, f"{max(most) / 1e6:.0f} MB", text


# tune


def measure_tuning(photos: Path, temporary: Path, seeds: int, tuning: list[int]) -> None:
    site = temporary / "tune"
    site.mkdir()
    db = open_database(site / "critters.db", create=True)
    by_epochs: dict[int, list[dict[str, Any]]] = {epochs: [] for epochs in (0, *tuning)}
    for seed in range(seeds):
        import_folder(db, photos, f"seed-{seed}")
        game = get_game(db, f"seed-{seed}")
        for epochs, results in by_epochs.items():
            result = train_game(
                db, game, TrainingConfig(seed=seed, fine_tune=epochs), progress=tell_often()
            )
            results.append(result | more_figures(db, result["model"], None))
            tell(f"{game.slug}, {epochs} epochs: {result['error_rate']:.1%}")
    for epochs, results in by_epochs.items():
        print(f"\nfine-tuned, epochs: {epochs}" if epochs else "\nhead alone")
        show_table(results, FIGURES | {"seconds": "seconds"})


def warm_up() -> None:
    """Wait until the process that has torch is there, by a head of nothing."""
    photos = LabelledVectors(np.eye(20, dtype=np.float32), np.arange(20) % 2)
    shared_torch_process().call(train_head, photos, photos, labels=2)


# printing


def tell(line: str) -> None:
    """How far it is, beside the results."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def tell_often() -> Callable[[int, int], None]:
    """Progress of a training, every so many seconds: photos looked at, or batches learned from."""
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            tell(f"  {done} of {total}")

    return progress


def show(name: str, *cells: Any) -> None:
    print(f"{name:<32}" + "".join(f"{number(cell):>13}" for cell in cells), flush=True)


def number(cell: Any) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.4f}" if abs(cell) < 1 else f"{cell:.1f}"


def show_table(results: list[dict[str, Any]], names: dict[str, str]) -> None:
    print(f"{'':<32}" + "".join(f"{f'seed {n}':>9}" for n in range(len(results))) + f"{'mean':>9}")
    for key, name in names.items():
        values = [result[key] for result in results if result.get(key) is not None]
        if values:
            cells = [*values, statistics.mean(values)]
            digits = 1 if key in ("photos", "seconds") else 4
            print(f"{name:<32}" + "".join(f"{value:>9.{digits}f}" for value in cells), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--none", type=Path, help="holds _none/*: pictures of nothing known")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--seeds", type=int, help=f"{SEEDS} unless given, {TUNE_SEEDS} of tune")
    parser.add_argument("--int8", action="store_true", help="of the part seeds: train --int8")
    parser.add_argument("--large", type=int, default=LARGE_PHOTOS, help="how many are large")
    parser.add_argument("--epochs", default=TUNE_EPOCHS, help="of the part tune: 3, or 2,4,8")
    options = parser.parse_args()
    parts = options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no parts: {', '.join(sorted(unknown))}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in IMPORTED:
            import_module(name)
        warm_up()
    day = time.strftime("%Y-%m-%d")
    print(f"{day}, {platform.machine()}, {cores()} cores, Python {platform.python_version()}")
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"{device}; backbone {LITE0_PACKAGE}; photos {options.folder or 'drawn'}")
    try:
        with tempfile.TemporaryDirectory() as temporary:
            measure(options, parts, Path(temporary))
    except CritterError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def measure(options: argparse.Namespace, parts: list[str], temporary: Path) -> None:
    photos, none = options.folder, options.none
    if photos is None:
        drawn = draw_pictures(temporary / "drawn", per_kind=DRAWN_EACH, memes=DRAWN_MEMES)
        none = temporary / "memes"
        none.mkdir()
        (drawn / "_none").rename(none / "_none")
        photos = drawn
    for part in parts:
        print(f"\n== {part}", flush=True)
        if part == "speed":
            measure_speed(photos, temporary)
        elif part == "seeds":
            measure_seeds(photos, none, temporary, options.seeds or SEEDS, int8=options.int8)
        elif part == "large":
            measure_large(photos, temporary, options.large)
        else:
            epochs = [int(number) for number in options.epochs.split(",")]
            measure_tuning(photos, temporary, options.seeds or TUNE_SEEDS, epochs)


if __name__ == "__main__":
    sys.exit(main())
