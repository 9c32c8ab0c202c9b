"""What large games cost on one machine: training on stored vectors, similar photos, pages.

    python -m benchmarks.scale FOLDER train --photos 100000 --labels 500
    python -m benchmarks.scale FOLDER train --photos 100000,1000000 --labels 1000
    python -m benchmarks.scale FOLDER similar --photos 1000000
    python -m benchmarks.scale FOLDER pages --photos 1000000 --labels 5000

FOLDER keeps a site for each size, made with drawn numbers instead of photos: labels in genera and
families, observers of whom few make most photos, several photos of one animal, ranges on the map,
and copies of other people's photos. A million photos take 5 GB of disk and three minutes to make.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sqlite3
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import pages
from benchmarks.train import command
from critterdb.dataset.embeddings import as_vectors
from critterdb.dataset.vectors import STORED_AS
from critterdb.model.novelty import normalized
from critterdb.site.folder import init_site
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from critterdb.system import cores
from critterdb.training.backbones import load_backbone

if TYPE_CHECKING:
    from collections.abc import Iterator

GAME = "large"
GENUS_OF, FAMILY_OF = 5, 8  # species in a genus, genera in a family
PHOTOS_PER_OBSERVATION, PHOTOS_PER_OBSERVER = 1.6, 25
DIMENSIONS = 1280
ROWS_PER_STEP = 5000
COPIED = 0.002  # of photos: somebody else's, cut and saved again
# What a network sees has far fewer directions than numbers; and how much of it each level makes.
FACTORS = 64
FAMILY, GENUS, SPECIES, OBSERVATION, PHOTO = 0.6, 0.4, 0.4, 0.5, 0.8
NOISE, COPY = 0.3, 0.1
QUERIES, NEAREST = 200, 10
SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251F86C6A11D0C18E95


def site_of(folder: Path, photos: int, labels: int) -> Path:
    """The site of this size, made unless it is there."""
    site = folder / f"{photos}x{labels}"
    if not (site / "ready").exists():
        started = time.perf_counter()
        build(site, photos, labels)
        (site / "ready").touch()
        size = (site / DATABASE_NAME).stat().st_size
        print(f"{site.name}: {size / 1e6:,.0f} MB in {time.perf_counter() - started:.0f} s")
    return site


def build(site: Path, photos: int, labels: int) -> None:
    init_site(site)
    db = open_database(site / DATABASE_NAME)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -200000")
    draw = np.random.default_rng(7)
    with db.atomic():
        _taxa(db, labels)
        db["games"].insert({"slug": GAME, "taxon_id": 1, "rank": "species"})
        kinds, observations = _rows(db, draw, photos, labels)
    recipe = load_backbone(folder=site).recipe
    for rows in _vectors(draw, kinds, observations, labels):
        with db.atomic():
            db.conn.executemany(
                "INSERT INTO embeddings (sha256, backbone, vector, dimensions) VALUES (?, ?, ?, ?)",
                [(sha256, recipe, vector, DIMENSIONS) for sha256, vector in rows],
            )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _taxa(db: SiteDatabase, labels: int) -> None:
    genera = math.ceil(labels / GENUS_OF)
    rows: list[tuple[int, str, str, int, int | None, list[int]]] = []
    rows += [(1, "Animalia", "kingdom", 70, None, [1])]
    rows += [
        (10 + n, f"Family{n}", "family", 30, 1, [1, 10 + n])
        for n in range(math.ceil(genera / FAMILY_OF))
    ]
    for n in range(genera):
        family = 10 + n // FAMILY_OF
        rows.append((10_000 + n, f"Genus{n}", "genus", 20, family, [1, family, 10_000 + n]))
    for n in range(labels):
        genus = 10_000 + n // GENUS_OF
        lineage = [1, 10 + n // GENUS_OF // FAMILY_OF, genus, 100_000 + n]
        rows.append((100_000 + n, f"Genus{n} species{n}", "species", 10, genus, lineage))
    columns = ("id", "name", "rank", "rank_level", "parent_id", "ancestor_ids")
    db["taxa"].insert_all(
        dict(zip(columns, (*row[:5], json.dumps(row[5])), strict=True)) for row in rows
    )


def _rows(
    db: SiteDatabase, draw: np.random.Generator, photos: int, labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Write observers, observations and photos; return label and observation of each photo."""
    observers = max(50, photos // PHOTOS_PER_OBSERVER)
    count = int(photos / PHOTOS_PER_OBSERVATION)
    observer = (observers * draw.random(count) ** 2).astype(int)
    label = (labels * draw.random(count) ** 1.5).astype(int)
    latitude = 30 + 20 * ((label * 0.618) % 1) + draw.normal(0, 2, count)
    longitude = -120 + 50 * ((label * 0.414) % 1) + draw.normal(0, 3, count)
    day = draw.integers(0, 4000, count)
    days = np.datetime_as_string(np.datetime64("2015-01-01") + np.arange(4000))
    numbers = range(1, count + 1)
    db.conn.executemany(
        "INSERT INTO observers (id, login) VALUES (?, ?)",
        [(n + 1, f"person{n}") for n in range(observers)],
    )
    db.conn.executemany(
        "INSERT INTO observations (id, taxon_id, observer_id, observed_on, quality_grade, captive,"
        " latitude, longitude, positional_accuracy) VALUES (?, ?, ?, ?, 'research', 0, ?, ?, 20)",
        zip(
            numbers,
            (label + 100_000).tolist(),
            (observer + 1).tolist(),
            days[day].tolist(),
            latitude.round(4).tolist(),
            longitude.round(4).tolist(),
            strict=True,
        ),
    )
    db.conn.executemany(
        "INSERT INTO game_observations (game, observation_id, seen_at) VALUES (?, ?, ?)",
        ((GAME, n, "2026-11-01T00:00:00Z") for n in numbers),
    )
    of_photo = np.sort(draw.integers(0, count, photos))
    db.conn.executemany(
        "INSERT INTO photos (id, observation_id, license_code, attribution, sha256, path) "
        "VALUES (?, ?, 'cc-by', '(c) somebody (CC BY)', ?, ?)",
        (
            (n + 1, observation + 1, name := sha256_of(n), f"photos/{name[:2]}/{name}.jpg")
            for n, observation in enumerate(of_photo.tolist())
        ),
    )
    return label[of_photo], of_photo


def sha256_of(photo: int) -> str:
    """A name as even as a hash."""
    return f"{(photo + 1) * SPREAD % 2**256:064x}"


def _vectors(
    draw: np.random.Generator, kinds: np.ndarray, observations: np.ndarray, labels: int
) -> Iterator[list[tuple[str, bytes]]]:
    """Names and vectors of the photos, a few thousand at a time."""
    genera = math.ceil(labels / GENUS_OF)
    family = normal(draw, math.ceil(genera / FAMILY_OF), FACTORS)
    genus = FAMILY * family[np.arange(genera) // FAMILY_OF] + GENUS * normal(draw, genera, FACTORS)
    species = genus[np.arange(labels) // GENUS_OF] + SPECIES * normal(draw, labels, FACTORS)
    basis = normal(draw, FACTORS, DIMENSIONS) / math.sqrt(FACTORS)
    earlier = np.zeros((0, DIMENSIONS), np.float32)
    for start in range(0, len(kinds), ROWS_PER_STEP):
        chosen = slice(start, start + ROWS_PER_STEP)
        _, animal = np.unique(observations[chosen], return_inverse=True)
        factors = species[kinds[chosen]] + PHOTO * normal(draw, len(animal), FACTORS)
        factors += OBSERVATION * normal(draw, animal.max() + 1, FACTORS)[animal]
        vectors = factors @ basis + NOISE * normal(draw, len(animal), DIMENSIONS)
        if len(earlier):
            copies = draw.choice(len(animal), round(COPIED * len(animal)), replace=False)
            originals = draw.integers(0, len(earlier), len(copies))
            vectors[copies] = earlier[originals] + COPY * normal(draw, len(copies), DIMENSIONS)
        earlier = vectors
        # Networks give numbers that are not negative, most of them small.
        stored = np.maximum(vectors + 0.3, 0.02 * np.abs(vectors)).astype(STORED_AS)
        names = map(sha256_of, range(start, start + len(stored)))
        yield [(name, vector.tobytes()) for name, vector in zip(names, stored, strict=True)]


def normal(draw: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return draw.standard_normal((rows, columns), dtype=np.float32)


# train


def measure_training(folder: Path, sizes: list[int], labels: int) -> None:
    print("| photos | labels | seconds | of processors | most memory | test error |")
    print("| --- | --- | --- | --- | --- | --- |")
    measured = []
    for photos in sizes:
        site = site_of(folder, photos, labels)
        seconds, processor, memory, output = command(site, "train", GAME, "--json")
        error = json.loads(output)["error_rate"]
        measured.append((photos, seconds))
        print(
            f"| {photos:,} | {labels:,} | {seconds:.0f} | {processor:.0f} | {memory} "
            f"| {error:.1%} |",
            flush=True,
        )
    for (fewer, shorter), (more, longer) in pairwise(measured):
        exponent = math.log(longer / shorter) / math.log(more / fewer)
        print(f"exponent of time over photos, {fewer:,} to {more:,}: {exponent:.2f}")


# similar


def measure_similar(folder: Path, photos: int, labels: int) -> None:
    from critterdb.dataset.sketch_store import Sketches, store_sketches
    from critterdb.web.queries.similar_photos import Embedding, nearest_photos

    site = site_of(folder, photos, labels)
    db = open_database(site / DATABASE_NAME)
    (recipe,) = db.execute("SELECT backbone FROM embeddings LIMIT 1").fetchone()
    started = time.perf_counter()
    store_sketches(db, recipe)
    print(f"sketches stored, if they were not: {time.perf_counter() - started:.1f} s")
    db.close()
    started = time.perf_counter()
    db = open_database(site / DATABASE_NAME)
    sketches = Sketches(recipe)
    sketches.update(db)
    print(f"start: {time.perf_counter() - started:.2f} s for {len(sketches):,} photos")
    wanted = [sha256_of(n) for n in np.random.default_rng(1).integers(0, photos, QUERIES).tolist()]
    rows = dict(
        db.execute(
            "SELECT sha256, vector FROM embeddings WHERE backbone = ? AND sha256 IN "
            "(SELECT value FROM json_each(?))",
            [recipe, json.dumps(wanted)],
        ).fetchall()
    )
    wanted = [name for name in wanted if name in rows]
    queries = as_vectors([rows[name] for name in wanted])
    times, found = [], []
    for name, vector in zip(wanted, queries, strict=True):
        started = time.perf_counter()
        candidates = sketches.candidates(vector)
        nearest = nearest_photos(db, Embedding(name, recipe, vector), candidates, NEAREST)
        times.append(1000 * (time.perf_counter() - started))
        found.append({sha256 for sha256, _ in nearest})
    times.sort()
    recall = statistics.mean(
        len(ours & true) / NEAREST
        for ours, true in zip(found, _nearest(db, recipe, wanted, queries), strict=True)
    )
    print(
        f"similar among {photos:,}: p50 {statistics.median(times):.0f} ms, "
        f"p95 {times[int(0.95 * len(times))]:.0f} ms, recall@{NEAREST} {recall:.3f}"
    )


def _nearest(
    db: SiteDatabase, recipe: str, wanted: list[str], queries: np.ndarray
) -> list[set[str]]:
    """The photos that are truly nearest, by comparing with all."""
    unit = normalized(queries)
    best: list[list[tuple[float, str]]] = [[] for _ in wanted]
    cursor = db.conn.execute("SELECT sha256, vector FROM embeddings WHERE backbone = ?", [recipe])
    while rows := cursor.fetchmany(ROWS_PER_STEP):
        distances = 1 - unit @ normalized(as_vectors([row[1] for row in rows])).T
        for number, row in enumerate(distances):
            nearest = np.argpartition(row, min(NEAREST + 1, len(row) - 1))[: NEAREST + 1]
            some = [(float(row[n]), rows[n][0]) for n in nearest if rows[n][0] != wanted[number]]
            best[number] = sorted(best[number] + some)[:NEAREST]
    return [{sha256 for _, sha256 in nearest} for nearest in best]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", choices=("train", "similar", "pages"))
    parser.add_argument("--photos", default="20000", help="one size, or several with commas")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--predictions", type=int, default=1_000_000, help="of the part pages")
    parser.add_argument("--requests", type=int, default=20, help="of the part pages")
    options = parser.parse_args()
    sizes = [int(size) for size in options.photos.split(",")]
    day = time.strftime("%Y-%m-%d")
    print(f"{day}, {platform.machine()}, {cores()} cores, SQLite {sqlite3.sqlite_version}")
    if options.part == "train":
        measure_training(options.folder, sizes, options.labels)
    elif options.part == "similar":
        measure_similar(options.folder, sizes[0], options.labels)
    else:
        size = pages.Size(options.predictions, sizes[0], options.labels)
        pages.compare(options.folder, size, options.requests)


if __name__ == "__main__":
    main()
