"""Training beside fastai's usual recipe, and what the models are worth, on labelled photos.

    python benchmarks/train.py FOLDER [--none FOLDER] [--seeds 5] [--no-fastai]

FOLDER holds FOLDER/LABEL/*.jpg; --none holds pictures of nothing in it. Both sides get the same
photos, parts, backbone and machine, in one process; what they import is loaded before any clock
starts. The recipe is `vision_learner` on pixels: Resize(224), aug_transforms, four frozen epochs.
critterdb's time is all of `train_game` in a fresh site, the backbone's export included.

Each seed is a game of its own, so that it splits anew as well as trains anew.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from critterdb.backbones import DEFAULT_VIEW, load_backbone
from critterdb.errors import CritterError
from critterdb.evaluation import evaluate_folder
from critterdb.games import get_game
from critterdb.importing import import_folder
from critterdb.labels import load_examples
from critterdb.runtime import cores
from critterdb.schema import SiteDatabase, open_database, site_folder
from critterdb.training import train_game

EPOCHS = 4
IMPORTED = ("fastai.vision.all", "timm", "onnx", "onnxscript", "torch.onnx", "onnxruntime")
GAME = "measured"
COVERAGE = 0.9


def train_here(folder: Path, size: int, site: Path) -> tuple[dict[str, Any], SiteDatabase]:
    db = open_database(site / "critters.db", create=True)
    import_folder(db, folder, GAME)
    return train_game(db, get_game(db, GAME), size=size), db


def train_fastai(db: SiteDatabase, folder: Path) -> tuple[float, float]:
    """Seconds, and the error on the test part, of fastai on the parts that the site has."""
    import torch
    from fastai.vision import all as fastai

    examples = load_examples(db, get_game(db, GAME))
    site = site_folder(db)
    labels = dict(zip(examples.paths, examples.taxon_ids, strict=True))
    parts = dict(zip(examples.paths, examples.parts, strict=True))
    weights = folder / "weights.pth"
    torch.save(lite0_state(), weights)
    started = time.perf_counter()
    block = fastai.DataBlock(
        blocks=(fastai.ImageBlock, fastai.CategoryBlock),
        get_x=lambda path: site / path,
        get_y=lambda path: str(labels[path]),
        splitter=fastai.FuncSplitter(lambda path: parts[path] == "valid"),
        item_tfms=fastai.Resize(224),
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
        seconds = time.perf_counter() - started
        tested = [path for path in labels if parts[path] == "test"]
        test_loader = loaders.test_dl(tested, with_labels=True)
        predictions, truth = learner.get_preds(dl=test_loader)
    return seconds, float((predictions.argmax(dim=1) != truth).float().mean())


def lite0_state() -> dict[str, Any]:
    """The same weights as critterdb's own backbone, under timm's names."""
    import timm
    import torch

    from critterdb.backbones import _lite0_weights, _load_in_order

    module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    _load_in_order(module, torch.load(_lite0_weights(), weights_only=True))
    return dict(module.state_dict())


def risk_at(db: SiteDatabase, model_id: str, coverage: float) -> float:
    """The share of wrong answers when the surest `coverage` of the test photos is answered."""
    rows = db.query(
        "SELECT x, value FROM model_metrics WHERE model_id = ? AND name = 'risk_coverage'",
        [model_id],
    )
    return float(min(rows, key=lambda row: abs(row["x"] - coverage))["value"])


def measure_seeds(
    db: SiteDatabase, folder: Path, none: Path | None, seeds: int
) -> list[dict[str, Any]]:
    found = []
    for seed in range(seeds):
        game = f"seed-{seed}"
        import_folder(db, folder, game)
        result = train_game(db, get_game(db, game), seed=seed)
        result["risk"] = risk_at(db, result["model"], COVERAGE)
        if none:
            refused = evaluate_folder(db, result["model"], none)
            result |= {key: refused[key] for key in ("none_refused",)}
            result["novelty_auroc"] = novelty_auroc(db, result["model"], none)
        result["known_refused"] = known_refused(db, result["model"])
        found.append(result)
    return found


def known_refused(db: SiteDatabase, model_id: str) -> float:
    (row,) = db.query(
        "SELECT avg(coalesce(reason, '') = 'not_a_critter') AS share FROM predictions "
        "WHERE model_id = ? AND source = 'evaluation'",
        [model_id],
    )
    return float(row["share"])


def novelty_auroc(db: SiteDatabase, model_id: str, none: Path) -> float:
    import numpy as np

    from critterdb.images import decode_image
    from critterdb.measures import auroc
    from critterdb.models import current_model

    model = current_model(db, model_id=model_id)
    known = [
        row["novelty"]
        for row in db.query(
            "SELECT novelty FROM predictions WHERE model_id = ? AND source = 'evaluation'",
            [model_id],
        )
    ]
    novel = []
    for path in sorted(none.glob("_none/*")):
        image = decode_image(path.read_bytes(), shorter_side=model.view.shorter_side)
        novel.append(model.classify(image).novelty)
    return auroc(np.array(novel), np.array(known)) or 0.0


def show_seeds(found: list[dict[str, Any]]) -> None:
    names = {
        "error_rate": "test error",
        "balanced_error_rate": "balanced error",
        "ece": "ECE",
        "answered": "answered",
        "wrong_among_answered": "wrong among answered",
        "risk": "wrong at 90% coverage",
        "known_refused": "known photos refused",
        "none_refused": "pictures of nothing refused",
        "novelty_auroc": "novelty AUROC",
    }
    print(f"\n{'':<28}" + "".join(f"{f'seed {n}':>9}" for n in range(len(found))) + f"{'mean':>9}")
    for key, name in names.items():
        values = [one[key] for one in found if one.get(key) is not None]
        if values:
            cells = [*values, statistics.mean(values)]
            print(f"{name:<28}" + "".join(f"{value:>9.4f}" for value in cells))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--none", type=Path, help="holds _none/*: pictures of nothing known")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-fastai", action="store_true")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in IMPORTED:
            import_module(name)
    print(f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}")
    try:
        with tempfile.TemporaryDirectory() as temporary:
            measure(options, Path(temporary))
    except CritterError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def measure(options: argparse.Namespace, temporary: Path) -> None:
    rows = []
    for size in sorted({224, DEFAULT_VIEW.size}):
        site = temporary / f"site-{size}"
        site.mkdir()
        result, db = train_here(options.folder, size, site)
        load_backbone(folder=site)
        rows.append((f"critterdb, {size} pixels", result["seconds"], result["error_rate"]))
        print(f"{rows[-1][0]:<28}{rows[-1][1]:>9.1f} s  test error {rows[-1][2]:.4f}", flush=True)
    if not options.no_fastai:
        seconds, error = train_fastai(db, temporary)
        print(f"{'fastai, four frozen epochs':<28}{seconds:>9.1f} s  test error {error:.4f}")
        for name, ours, _ in rows:
            print(f"{name:<28}{seconds / ours:>9.1f} times as fast")
    show_seeds(measure_seeds(db, options.folder, options.none, options.seeds))


if __name__ == "__main__":
    sys.exit(main())
