"""How long the main job takes on a folder of labelled photos: import, embed, train, classify.

    python -m benchmarks.main_job FOLDER

FOLDER holds FOLDER/LABEL/*.jpg. Everything happens in a temporary site, with the default backbone
exported again, as on somebody's first day.
"""

from __future__ import annotations

import platform
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critterdb.dataset.folder_import import import_folder
from critterdb.errors import CritterError
from critterdb.games import get_game
from critterdb.model.inference import classify_image
from critterdb.model.loader import load_model
from critterdb.model.registry import current_model
from critterdb.storage.database import open_database, site_folder
from critterdb.system import cores
from critterdb.training.backbones import load_backbone
from critterdb.training.embed import embed_photos
from critterdb.training.train import train_game

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSIFIED = 100  # photos, one after the other, as the endpoint does


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


def measure(folder: Path, site: Path) -> list[tuple[str, str]]:
    db = open_database(site / "critters.db", create=True)
    import_s, report = timed(lambda: import_folder(db, folder, "measured"))
    game = get_game(db, "measured")
    export_s, backbone = timed(lambda: load_backbone(folder=site_folder(db)))
    embed_s, embedded = timed(lambda: embed_photos(db, backbone, game.slug))
    train_s, result = timed(lambda: train_game(db, game))
    again_s, _ = timed(lambda: train_game(db, game))
    model = current_model(db, game.slug)
    path = site / next(db.query("SELECT path FROM models WHERE id = ?", [model.id]))["path"]
    load_s, _ = timed(lambda: load_model(path))
    files = sorted(folder.glob("*/*.jpg"))
    step = max(1, len(files) // CLASSIFIED)
    photos = [file.read_bytes() for file in files[::step]][:CLASSIFIED]
    latencies = [timed(partial(classify_image, model, data))[0] for data in photos]
    return [
        ("photos imported", f"{report.photos}"),
        ("import", f"{import_s:.1f} s"),
        ("export of the backbone, once", f"{export_s:.1f} s"),
        ("embedding", f"{embed_s:.1f} s"),
        ("photos embedded a second", f"{embedded / embed_s:.0f}"),
        ("training the head, all rows written", f"{train_s:.1f} s"),
        ("training again", f"{again_s:.1f} s"),
        ("import and training together", f"{import_s + export_s + embed_s + train_s:.1f} s"),
        ("test photos", f"{result['photos']}"),
        ("test error", f"{result['error_rate']:.1%}"),
        ("calibration error (ECE)", f"{result['ece']:.3f}"),
        ("model file", f"{path.stat().st_size / 1e6:.1f} MB"),
        ("loading the model, all checks", f"{load_s * 1000:.0f} ms"),
        ("one classification, median", f"{statistics.median(latencies) * 1000:.1f} ms"),
        ("one classification, slowest of 100", f"{max(latencies) * 1000:.1f} ms"),
    ]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__)
        return 2
    print(f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}")
    try:
        with tempfile.TemporaryDirectory() as site:
            rows = measure(Path(arguments[0]), Path(site))
    except CritterError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>10}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
