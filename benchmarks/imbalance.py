"""What to do about labels with many photos and labels with few: remedies, side by side.

    python -m benchmarks.imbalance FOLDER [--seeds 60] [--ratio 30]

FOLDER holds FOLDER/LABEL/*.jpg. For each seed the observers are split again, the labels put in
another order, and the training photos thinned out to a long tail: the first label keeps all of
them, the last one `ratio` times fewer. Validation is thinned alike, as in a real game; the test
photos stay as they are. Adjustments of the logits are tried on the same heads.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from critterdb.dataset.embeddings import load_embeddings
from critterdb.dataset.examples import Examples, load_examples
from critterdb.dataset.folder_import import import_folder
from critterdb.dataset.similarity import separate_parts
from critterdb.dataset.splits import plan_parts
from critterdb.games import get_game
from critterdb.storage.database import open_database
from critterdb.training.backbones import load_backbone
from critterdb.training.candidates import LabelledVectors
from critterdb.training.embed import embed_photos
from critterdb.training.head import LOGIT_ADJUSTMENT, HeadOptions, prior_shift, train_head

# Power of the weights of photos, and how much of the log prior is taken off the logits.
REMEDIES = {
    "none": (0.0, 0.0),
    "weights, square root": (0.5, 0.0),
    "weights, inverse": (1.0, 0.0),
    "logit adjustment, half": (0.0, 0.5),
    "logit adjustment, 0.75": (0.0, 0.75),
    "logit adjustment, 0.85": (0.0, 0.85),
    "logit adjustment, 0.9": (0.0, 0.9),
    "logit adjustment, whole": (0.0, 1.0),
    "both, half": (0.5, 0.5),
    "weights, square root, and 0.75": (0.5, 0.75),
    "weights, inverse, and half": (1.0, 0.5),
}
IN_USE = (0.0, LOGIT_ADJUSTMENT)


def load(folder: Path, site: Path) -> tuple[Examples, np.ndarray]:
    """Examples and their vectors N×D."""
    db = open_database(site / "critters.db", create=True)
    import_folder(db, folder, "measured")
    backbone = load_backbone(folder=site)
    embed_photos(db, backbone, "measured")
    examples = load_examples(db, get_game(db, "measured"))
    examples, vectors = load_embeddings(db, examples, backbone.recipe)
    return examples, vectors[:]


def split(
    examples: Examples, vectors: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors N×D, label places N and parts N of a new split, without near-duplicates."""
    names = [f"observer {observer_id}" for observer_id in examples.observer_ids]
    groups: dict[str, Counter[int]] = {}
    for name, taxon_id in zip(names, examples.taxon_ids.tolist(), strict=True):
        groups.setdefault(name, Counter()).update([taxon_id])
    parts = plan_parts(groups, {}, f"seed-{seed}")
    examples = replace(examples, parts=np.array([parts[name] for name in names], object))
    examples, kept = separate_parts(examples, vectors)
    _, truth = np.unique(examples.taxon_ids, return_inverse=True)
    return kept[:], truth, examples.parts


def long_tail(truth: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """A mask that keeps fewer and fewer photos of the labels, in a random order of them."""
    order = rng.permutation(truth.max() + 1)
    kept = np.zeros(len(truth), bool)
    for rank, label in enumerate(order):
        photos = rng.permutation(np.flatnonzero(truth == label))
        share = ratio ** (-rank / max(1, len(order) - 1))
        kept[photos[: max(2, round(share * len(photos)))]] = True
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--ratio", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        examples, all_vectors = load(options.folder, Path(temporary))
    columns = ("balanced error", "error, as photos come", "errors to the commonest")
    measured: dict[str, list[tuple[float, ...]]] = {name: [] for name in REMEDIES}
    for seed in range(options.seeds):
        vectors, truth, parts = split(examples, all_vectors, seed)
        rng = np.random.default_rng(seed)
        train, valid, test = (np.flatnonzero(parts == part) for part in ("train", "valid", "test"))
        train = train[long_tail(truth[train], options.ratio, rng)]
        valid = valid[long_tail(truth[valid], options.ratio, rng)]
        labels = int(truth.max()) + 1
        counts = np.bincount(truth[train], minlength=labels)
        logits = {}
        for power in sorted({power for power, _ in REMEDIES.values()}):
            logits[power] = train_head(
                LabelledVectors(vectors[train], truth[train]),
                LabelledVectors(vectors[valid], truth[valid]),
                HeadOptions(weight_power=power, logit_adjustment=0.0),
                labels=labels,
                seed=seed,
            ).logits(vectors[test])
        for name, (power, adjustment) in REMEDIES.items():
            shift = prior_shift(truth[train], labels, adjustment)
            top = (logits[power] - shift).argmax(axis=1)
            wrong = top != truth[test]
            errors = [wrong[truth[test] == label].mean() for label in range(labels)]
            commonest = float((top[wrong] == counts.argmax()).mean()) if wrong.any() else 0.0
            natural = float(np.average(errors, weights=counts))
            measured[name].append((statistics.mean(errors), natural, commonest))
        print(f"{seed + 1} of {options.seeds} seeds", file=sys.stderr, flush=True)
    print(f"{'':<32}" + "".join(f"{column:>26}" for column in columns))
    for name, values in measured.items():
        means = (statistics.mean(column) for column in zip(*values, strict=True))
        used = " (in use)" if REMEDIES[name] == IN_USE else ""
        print(f"{name + used:<32}" + "".join(f"{value:>26.2%}" for value in means))
    return 0


if __name__ == "__main__":
    sys.exit(main())
