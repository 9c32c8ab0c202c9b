"""Sets of labels: how often they hold the right one, and how large they are, over many splits.

    python -m benchmarks.sets FOLDER [--splits 20] [--side PIXELS]

FOLDER holds FOLDER/LABEL/*.jpg. Each split is a game of its own, with its own training. With --side
the photos are made so small first: a harder game, whose top label is wrong more often.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from PIL import Image

from critterdb.dataset.folder_import import import_folder
from critterdb.games import get_game
from critterdb.model.registry import current_model
from critterdb.storage.database import open_database
from critterdb.training.train import train_game


def shrink(folder: Path, target: Path, side: int) -> Path:
    """Write the photos again with `side` pixels on their longer side."""
    for file in sorted(folder.glob("*/*.jpg")):
        copy = target / file.parent.name / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as image:
            image.thumbnail((side, side))
            image.convert("RGB").save(copy, quality=90)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--side", type=int, help="pixels of the longer side")
    options = parser.parse_args()
    print("| split | top label wrong | coverage asked for | coverage | labels |")
    print("| --- | --- | --- | --- | --- |")
    rows: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        photos = options.folder
        if options.side:
            photos = shrink(photos, Path(folder) / "small", options.side)
        db = open_database(Path(folder) / "critters.db", create=True)
        for split in range(options.splits):
            import_folder(db, photos, f"split{split}")
            result = train_game(db, get_game(db, f"split{split}"))
            rule = current_model(db, f"split{split}").set_rule
            wrong, coverage = result["error_rate"], result.get("set_coverage")
            size = result.get("set_size")
            assert rule
            assert wrong is not None
            assert coverage is not None
            assert size is not None
            rows.append((wrong, rule.coverage, coverage, size))
            show(str(split), rows[-1])
        show("mean", tuple(map(statistics.mean, zip(*rows, strict=True))))


def show(name: str, row: tuple[float, ...]) -> None:
    wrong, asked, coverage, size = row
    print(f"| {name} | {wrong:.1%} | {asked:.1%} | {coverage:.1%} | {size:.2f} |", flush=True)


if __name__ == "__main__":
    main()
