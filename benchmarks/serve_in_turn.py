"""Two versions of `critterdb serve` side by side: a few dozen requests to each in turn.

    python -m benchmarks.serve_in_turn PHOTOS --before SITE COMMAND --now SITE COMMAND

PHOTOS is a folder of PHOTOS/*/*.jpg. Both sites have the same model. COMMAND starts a server on
"{port}" in a copy of its site, such as "ENVIRONMENT/bin/critterdb serve --port {port}". A machine
that becomes slower for a minute slows both down, so their ratio is steadier than that of two runs.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sqlite3
import statistics
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.serve import load_photos, work_of
from benchmarks.servers import Server, load, multipart, running

SIDE = 500  # pixels
REQUESTS = 40  # to one server, then to the other
CLIENTS = 8
NAMES = ("before", "now")


def copy_site(site: Path, target: Path) -> Path:
    """Copy a site, without answers of the endpoint; anybody may read its page of health.

    Not as benchmarks.serve does, which opens the site and so migrates it.
    """
    shutil.copytree(site, target)
    metadata = json.loads((target / "metadata.json").read_text("utf-8"))
    metadata["permissions"] = {"critterdb-health": True}
    (target / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    with closing(sqlite3.connect(target / "critters.db")) as db, db:
        db.execute("DELETE FROM predictions WHERE image_sha256 IS NOT NULL")
    return target


def measure(server: Server, photos: list[bytes]) -> tuple[float, float, float]:
    """Milliseconds of the processor for a request: all, decoding and the model's arithmetic."""
    before, spent = work_of(server), server.cpu_seconds()
    statuses = load(server, "/-/classify", photos, CLIENTS).statuses
    spent, after = server.cpu_seconds() - spent, work_of(server)
    assert set(statuses) == {200}, statuses
    seconds = (spent, *(after[part] - before[part] for part in ("decoding", "model")))
    whole, decoding, model = (1000 * part / len(photos) for part in seconds)
    return whole, decoding, model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path)
    for name in NAMES:
        parser.add_argument(f"--{name}", nargs=2, required=True, metavar=("SITE", "COMMAND"))
    parser.add_argument("--rounds", type=int, default=14)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        count = (options.rounds + 1) * REQUESTS + 1
        first, *rest = load_photos(options.photos, folder, count, SIDE)
        servers: dict[str, Server] = {}
        for name in NAMES:
            site, command = getattr(options, name)
            copy = copy_site(Path(site), folder / name)
            servers[name] = stack.enter_context(
                running(shlex.split(command), copy, PYTHONPATH="")  # each has its own critterdb
            )
            servers[name].wait_for_first_answer("/-/classify", multipart(first, "image"))
        bodies = [multipart(photo, "image") for photo in rest]
        rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NAMES}
        for number in range(options.rounds + 1):
            part = bodies[number * REQUESTS : (number + 1) * REQUESTS]
            for name in NAMES[:: 1 if number % 2 else -1]:
                rows[name].append(measure(servers[name], part))
    means = {
        name: [statistics.mean(values) for values in zip(*rows[name][1:], strict=True)]
        for name in NAMES
    }
    print(
        "| | CPU of a request | decoding | the model | the rest |\n| --- | --- | --- | --- | --- |"
    )
    for name, (whole, decoding, model) in means.items():
        rest_ms = whole - decoding - model
        print(
            f"| {name} | {whole:.1f} ms | {decoding:.1f} ms | {model:.1f} ms | {rest_ms:.1f} ms |"
        )
    print(f"ratio: {means['now'][0] / means['before'][0]:.2f}")


if __name__ == "__main__":
    main()
