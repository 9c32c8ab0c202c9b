"""What to do about labels with many photos and labels with few: remedies, side by side.

    python benchmarks/imbalance.py FOLDER [--seeds 10] [--ratio 30]

FOLDER holds FOLDER/LABEL/*.jpg. For each seed the labels are put in another order, and the training
photos thinned out to a long tail: the first label keeps all of them, the last one `ratio` times
fewer. Validation is thinned alike, as in a real game; the test photos stay as they are.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from critterdb.backbones import load_backbone
from critterdb.embeddings import embed_photos, load_embeddings
from critterdb.games import get_game
from critterdb.heads import train_head
from critterdb.importing import import_folder
from critterdb.labels import load_examples
from critterdb.neighbours import separate_parts
from critterdb.schema import open_database
from critterdb.splits import split_observations

REMEDIES = {  # power of the weights, and how much of the log prior is taken off the logits
    "none": (0.0, 0.0),
    "weights, square root": (0.5, 0.0),
    "weights, inverse": (1.0, 0.0),
    "logit adjustment, half": (0.0, 0.5),
    "logit adjustment": (0.0, 1.0),
    "both, half": (0.5, 0.5),  # critterdb's
}


def load(folder: Path, site: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors N×D, label places N and parts N."""
    db = open_database(site / "critters.db", create=True)
    import_folder(db, folder, "measured")
    split_observations(db, "measured")
    backbone = load_backbone(folder=site)
    embed_photos(db, backbone, "measured")
    examples = load_examples(db, get_game(db, "measured"))
    examples, vectors = separate_parts(*load_embeddings(db, examples, backbone.recipe))
    _, truth = np.unique(examples.taxon_ids, return_inverse=True)
    return vectors, truth, examples.parts


def long_tail(truth: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """A mask that keeps fewer and fewer photos of the labels, in a random order of them."""
    order = rng.permutation(truth.max() + 1)
    kept = np.zeros(len(truth), bool)
    for place, label in enumerate(order):
        photos = rng.permutation(np.flatnonzero(truth == label))
        share = ratio ** (-place / max(1, len(order) - 1))
        kept[photos[: max(2, round(share * len(photos)))]] = True
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--ratio", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        vectors, truth, parts = load(options.folder, Path(temporary))
    labels = int(truth.max()) + 1
    balanced: dict[str, list[float]] = {name: [] for name in REMEDIES}
    natural: dict[str, list[float]] = {name: [] for name in REMEDIES}
    commonest: dict[str, list[float]] = {name: [] for name in REMEDIES}
    for seed in range(options.seeds):
        rng = np.random.default_rng(seed)
        masks = {part: np.flatnonzero(parts == part) for part in ("train", "valid", "test")}
        for part in ("train", "valid"):
            masks[part] = masks[part][long_tail(truth[masks[part]], options.ratio, rng)]
        train, valid, test = masks.values()
        counts = np.bincount(truth[train], minlength=labels)
        for name, (power, adjustment) in REMEDIES.items():
            head = train_head(
                *(vectors[train], truth[train], vectors[valid], truth[valid]),
                labels=labels,
                seed=seed,
                weight_power=power,
                logit_adjustment=adjustment,
            )
            top = head.logits(vectors[test]).argmax(axis=1)
            wrong = top != truth[test]
            errors = [wrong[truth[test] == label].mean() for label in range(labels)]
            balanced[name].append(statistics.mean(errors))
            natural[name].append(float(np.average(errors, weights=counts)))
            commonest[name].append(float((top[wrong] == counts.argmax()).mean()))
        print(f"{seed + 1} of {options.seeds} seeds", file=sys.stderr, flush=True)
    columns = ("balanced error", "error, as photos come", "errors to the commonest")
    print(f"{'':<24}" + "".join(f"{column:>26}" for column in columns))
    for name in REMEDIES:
        found = (statistics.mean(each[name]) for each in (balanced, natural, commonest))
        print(f"{name:<24}" + "".join(f"{value:>26.1%}" for value in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
