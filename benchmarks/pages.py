"""How long the pages take with a little and with a lot in the database.

    python -m benchmarks.pages FOLDER [--predictions 1000000] [--photos 200000] [--requests 40]
        [--labels 20]

Builds FOLDER/small (10,000 predictions, 2,000 photos) and FOLDER/large by SQL, serves each with
`critterdb serve`, asks for every page again and again, each time for another post, photo or
species, and prints the times. Both databases are kept for another run; the large one takes 1.3 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import numpy as np

from critterdb.site.folder import init_site
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent
TaxonRow = tuple[int, str, str | None, str, int, int | None, list[int]]
MODELS, OBSERVERS = 5, 5_000
SPECIES_PER_LABEL, SPECIES_PER_GENUS = 5, 5
MAX_EMBEDDED = 200_000  # photos; similar ones among a million are measured by benchmarks.scale
SCORES = 36  # labels in a row of predictions, at most
DIMENSIONS = 1280
GENUS = 1_000_000  # the first genus; species begin at 100
GAME, SECRET = "critterornot", "benchmark"
LIMIT_MS, FACTOR = 200, 2.0
WARM_UP = 2  # requests: what a site does once after its start is another matter


class Size(NamedTuple):
    """What a site holds; there are five times as many species as labels."""

    predictions: int
    photos: int
    labels: int = 20

    @property
    def species(self) -> int:
        return SPECIES_PER_LABEL * self.labels


SMALL = Size(10_000, 2_000)


class Figures(NamedTuple):
    """Of one page: median and 95th percentile, mean time of the server's processors, status."""

    median: float
    worst: float
    cpu: float
    status: int


def build(folder: Path, made: Size) -> None:
    """A site with that many predictions and photos, all else in proportion."""
    started = time.perf_counter()
    init_site(folder)
    db = open_database(folder / DATABASE_NAME)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -400000")
    rng = random.Random(7)
    with db.atomic():
        _taxa(db, made.species)
        _photos(db, made)
    with db.atomic():
        _models(db, rng, made.labels)
        _predictions(db, rng, made)
    _embeddings(db, min(made.photos, MAX_EMBEDDED))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (folder / DATABASE_NAME).stat().st_size
    print(
        f"{folder.name}: {made.predictions:,} predictions, {made.photos:,} photos, "
        f"{made.labels:,} labels, {size / 1e6:,.0f} MB, "
        f"built in {time.perf_counter() - started:.0f} s"
    )
    db.close()


def numbers(count: int) -> str:
    return f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "


def _taxa(db: SiteDatabase, species: int) -> None:
    genera = species // SPECIES_PER_GENUS
    rows: list[TaxonRow] = [(1, "Animalia", "Animals", "kingdom", 70, None, [1])]
    rows.append((2, "Felidae", "Felids", "family", 30, 1, [1, 2]))
    rows += [
        (GENUS + genus, f"Genus{genus}", None, "genus", 20, 2, [1, 2, GENUS + genus])
        for genus in range(genera)
    ]
    for number in range(species):
        genus = number % genera
        lineage = [1, 2, GENUS + genus, 100 + number]
        name = (f"Genus{genus} species{number}", f"Critter {number}")
        rows += [(100 + number, *name, "species", 10, GENUS + genus, lineage)]
    db["taxa"].insert_all(
        {
            "id": taxon,
            "name": name,
            "common_name": common,
            "rank": rank,
            "rank_level": level,
            "parent_id": parent,
            "ancestor_ids": json.dumps(lineage),
        }
        for taxon, name, common, rank, level, parent, lineage in rows
    )


def _photos(db: SiteDatabase, made: Size) -> None:
    photos = made.photos
    observations = max(1, photos * 5 // 8)
    db.execute(
        f"INSERT INTO observers (id, login) {numbers(OBSERVERS)} SELECT i, 'person' || i FROM n"
    )
    # A fifth of the observations are of the commonest species, and so on downwards.
    db.execute(
        f"""
        INSERT INTO observations (id, taxon_id, observer_id, observed_on, quality_grade, captive,
            place_guess, latitude, longitude, obscured, license_code, url)
        {numbers(observations)}
        SELECT i, 100 + CAST({made.species} * pow(abs(random() % 100000) / 100000.0, 3) AS INTEGER),
            1 + abs(random() % {OBSERVERS}),
            date('2015-01-01', (abs(random() % 4300)) || ' days'),
            'research', 0, 'Place ' || (i % 997) || ', California',
            26 + abs(random() % 2200) / 100.0, -123 + abs(random() % 5000) / 100.0,
            i % 10 = 0, 'cc-by', 'https://example.org/observations/' || i
        FROM n
        """
    )
    db.execute(
        f"""
        INSERT INTO photos (id, observation_id, position, license_code, attribution, width, height,
            bytes, sha256, path)
        {numbers(photos)}
        SELECT i, 1 + (i - 1) * {observations} / {photos}, 0,
            CASE i % 20 WHEN 0 THEN NULL ELSE 'cc-by' END, '(c) person' || i || ' (CC BY)',
            500, 375, 90000, sha, 'photos/' || substr(sha, 1, 2) || '/' || sha || '.jpg'
        FROM (SELECT i, printf('%064x', i * 2654435761) AS sha FROM n)
        """
    )


def _models(db: SiteDatabase, rng: random.Random, labels: int) -> None:
    db["games"].insert(
        {
            "slug": GAME,
            "hashtag": "CritterOrNot",
            "question": "Is it a critter?",
            "taxon_id": 2,
            "target_taxon_id": 100,
        }
    )
    for number in range(MODELS):
        model = f"{GAME}-{number}"
        db["models"].insert(
            {
                "id": model,
                "game": GAME,
                "backbone": "benchmark@288",
                "created_at": f"2026-0{number + 1}-01T00:00:00Z",
                "path": f"models/{model}.onnx",
                "sha256": "0" * 64,
                "bytes": 13_000_000,
                "photos": 100_000,
                "error_rate": 0.05,
                "balanced_error_rate": 0.06,
                "ece": 0.02,
                "temperature": 1.0,
                "threshold": 0.6,
                "novelty_threshold": 4.0,
                "seconds": 60,
                "card": json.dumps({"photos_by_license": {"cc-by": 100_000}}),
            }
        )
        db["model_labels"].insert_all(
            {
                "model_id": model,
                "taxon_id": 100 + label,
                "photos_train": max(10, 5000 - label),
                "photos_test": 400,
                "precision": rng.random(),
                "recall": rng.random(),
            }
            for label in range(labels)
        )
        curves = [("reliability", 15), ("risk_coverage", 20), ("valid_loss", 40)]
        db["model_metrics"].insert_all(
            {"model_id": model, "name": name, "x": x / count, "value": rng.random(), "photos": 50}
            for name, count in curves
            for x in range(1, count + 1)
        )
        db["model_metrics"].insert_all(
            {"model_id": model, "name": name, "x": 0, "value": 0.1, "photos": 50}
            for name in ("answered", "wrong_among_answered", "top3_error_rate")
        )
    db["games"].update(GAME, {"model_id": f"{GAME}-{MODELS - 1}"})


def _predictions(db: SiteDatabase, rng: random.Random, made: Size) -> None:
    """A fifth on test photos, a twentieth by the bot on a post each, the others by the page."""
    predictions, photos, labels = made
    tested, posts, images = predictions // 5, predictions // 20, predictions // 13
    asked = predictions - tested - posts
    db.execute("CREATE TEMP TABLE answers_of (i INTEGER PRIMARY KEY, top INTEGER, scores TEXT)")
    for number in range(1000):
        likely = sorted(rng.sample(range(labels), min(labels, SCORES)))
        shares = [rng.random() ** 6 for _ in likely]
        total = sum(shares)
        scores = {
            str(100 + label): round(share / total, 4)
            for label, share in zip(likely, shares, strict=True)
        }
        top = max(scores, key=lambda taxon: scores[taxon])
        db.execute(
            "INSERT INTO answers_of VALUES (?, ?, ?)", [number, int(top), json.dumps(scores)]
        )
    columns = (
        "model_id, source, photo_id, image_sha256, post_id, label_taxon_id, taxon_id, score, "
        "top_taxon_id, abstained, reason, novelty, scores, thresholds, created_at"
    )
    answer = (
        "CASE WHEN i % 9 = 0 THEN NULL ELSE top END, json_extract(scores, '$.\"' || top || '\"'), "
        "top, i % 9 = 0, CASE WHEN i % 9 = 0 THEN 'unsure' END, 1.5, scores, '{}'"
    )
    chosen = (
        "FROM (SELECT n.i AS i, top, scores FROM n "
        "JOIN answers_of ON answers_of.i = (n.i * 613) % 1000)"
    )
    # Nine in ten test photos are what the model says.
    db.execute(
        f"""
        INSERT INTO predictions ({columns}) {numbers(tested)}
        SELECT '{GAME}-' || (i % {MODELS}), 'evaluation', 1 + (i * 7919) % {photos}, NULL, NULL,
            CASE WHEN (i / 5) % 10 = 0 THEN 100 + (i * 31) % {labels} ELSE top END,
            {answer}, '2026-06-01T00:00:00Z' {chosen}
        """
    )
    db.execute(
        "INSERT INTO confusions (model_id, actual_taxon_id, predicted_taxon_id, photos) "
        "SELECT model_id, label_taxon_id, top_taxon_id, count(*) FROM predictions GROUP BY 1, 2, 3"
    )
    db.execute(
        f"INSERT INTO images (sha256, url, first_seen_at) {numbers(images)} "
        "SELECT printf('%064x', i), 'https://example.org/' || i || '.jpg', '2026-01-01T00:00:00Z' "
        "FROM n"
    )
    start = "strftime('%Y-%m-%dT%H:%M:%SZ', '2021-01-01', (i * 100) || ' minutes')"
    db.execute(
        f"""
        INSERT INTO posts (id, platform, game, url, author, posted_at, seen_at, summoned)
        {numbers(posts)}
        SELECT 'x:' || i, 'x', '{GAME}', 'https://example.org/post/' || i,
            'person' || (i % 500), {start}, {start}, 1 FROM n
        """
    )
    db.execute(
        f"INSERT INTO post_images (post_id, position, url, image_sha256) {numbers(posts)} "
        f"SELECT 'x:' || i, 0, 'https://example.org/' || i || '.jpg', "
        f"printf('%064x', 1 + i % {images}) FROM n"
    )
    db.execute(
        f"""
        INSERT INTO predictions ({columns}) {numbers(posts)}
        SELECT '{GAME}-' || (i % {MODELS}), 'bot', NULL, printf('%064x', 1 + i % {images}),
            'x:' || i, NULL, {answer}, {start} {chosen}
        """
    )
    db.execute(
        """
        INSERT INTO replies (post_id, game, status, text, reply_id, reply_url, prediction_id,
            planned_at, sent_at)
        SELECT post_id, ?, 'sent', 'I think it is one.', 'x:9' || id,
            'https://example.org/reply/' || id, id, created_at, created_at
        FROM predictions WHERE source = 'bot'
        """,
        [GAME],
    )
    # The host answers nine in ten; four in five of the bot's answers are right.
    db.execute(
        f"""
        INSERT INTO answers (post_id, verdict, taxon_id, source_url, found_at, method)
        SELECT post_id, CASE WHEN taxon = 100 THEN 'target' ELSE 'other' END, taxon,
            'https://example.org/answer/' || id, created_at, 'host''s words'
        FROM (
            SELECT *, CASE WHEN id % 5 = 0 THEN 100 + id % {labels} ELSE top_taxon_id END AS taxon
            FROM predictions WHERE source = 'bot' AND id % 10 <> 3
        )
        """
    )
    db.execute(
        f"""
        INSERT INTO predictions ({columns}) {numbers(asked)}
        SELECT '{GAME}-' || (i % {MODELS}), 'endpoint', NULL, printf('%064x', 1 + i % {images}),
            NULL, NULL, {answer}, {start} {chosen}
        """
    )
    db.execute(
        "INSERT INTO reviews (prediction_id, verdict, taxon_id, actor, created_at) "
        "SELECT id, 'right', top_taxon_id, 'ann', created_at FROM predictions WHERE id % 100 = 0"
    )
    db.execute(
        "INSERT INTO answer_candidates (post_id, source_url, guess, found_at) "
        "SELECT id, 'https://example.org/maybe/' || id, 'Critter 1', posted_at "
        "FROM posts WHERE rowid % 100 = 0"
    )


def _embeddings(db: SiteDatabase, photos: int) -> None:
    draw = np.random.default_rng(7)
    kinds = np.abs(draw.standard_normal((200, DIMENSIONS))).astype(np.float32)
    hashes = [
        row[0] for row in db.execute("SELECT sha256 FROM photos ORDER BY id LIMIT ?", [photos])
    ]
    for start in range(0, photos, 5000):
        some = hashes[start : start + 5000]
        vectors = kinds[draw.integers(0, 200, len(some))]
        vectors = np.abs(vectors + 0.4 * draw.standard_normal(vectors.shape)).astype("<f2")
        with db.atomic():
            db.conn.executemany(
                "INSERT INTO embeddings (sha256, backbone, vector, dimensions) "
                f"VALUES (?, 'benchmark@288', ?, {DIMENSIONS})",
                [
                    (photo_id, vector.tobytes())
                    for photo_id, vector in zip(some, vectors, strict=True)
                ],
            )


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "critterdb", "serve", "--port", str(port)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DATASETTE_SECRET": SECRET},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with suppress(httpx.TransportError):
                httpx.get(f"{address}/-/versions.json")
                break
            time.sleep(0.1)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def _constant(address: str) -> Callable[[int], str]:
    return lambda turn: address


def our_pages(made: Size) -> dict[str, Callable[[int], str]]:
    """Each page's address, another one at each request."""
    predictions, photos, labels = made
    posts, start, model = predictions // 20, "/-/critters", f"/-/critters/models/{GAME}-"

    def species(turn: int) -> int:
        return 100 + (turn * 7) % labels

    def cell(turn: int) -> str:
        actual, predicted = species(turn), species(turn + turn % 2)
        return f"{model}{turn % MODELS}/confusion?actual={actual}&predicted={predicted}"

    # The oldest fifth of the history.
    deep = f"{start}/history?before=2021-01-0{{}}T00:00:00Z~x:1"
    return {
        "home": lambda turn: start,
        "home as JSON": lambda turn: f"{start}.json",
        "history": lambda turn: f"{start}/history",
        "history, wrong ones": lambda turn: f"{start}/history?outcome=wrong",
        "history, of one person": lambda turn: f"{start}/history?author=person{turn}",
        "history, its end": lambda turn: deep.format(2 + turn % 8),
        "history as a feed": lambda turn: f"{start}/history.atom",
        "post": lambda turn: f"{start}/posts/x:{1 + (turn * 7919) % posts}",
        "models": lambda turn: f"{start}/models",
        "model": lambda turn: f"{model}{turn % MODELS}",
        "cell of the matrix": cell,
        "two models": lambda turn: f"{start}/compare?a={GAME}-{turn % 4}&b={GAME}-4",
        "critters": lambda turn: f"{start}/species",
        "critters, a search": lambda turn: f"{start}/species?q=critter+{turn % made.species}",
        "species": lambda turn: f"{start}/species/{species(turn)}",
        "species, the commonest": lambda turn: f"{start}/species/100",
        "family": lambda turn: f"{start}/species/2",
        "photo": lambda turn: f"{start}/photos/{1 + (turn * 7919) % photos}",
        "review": lambda turn: f"{start}/review?source={('bot', 'evaluation')[turn % 2]}",
        "review, of the page": lambda turn: f"{start}/review?source=endpoint",
        "answers that wait": lambda turn: f"{start}/answers",
        "classify, the form": lambda turn: "/-/classify",
    }


def datasette_pages(made: Size) -> dict[str, Callable[[int], str]]:
    start = "/critters"
    return {
        "index": lambda turn: "/",
        "database": lambda turn: start,
        "predictions": lambda turn: f"{start}/predictions",
        "predictions, of a model": lambda turn: f"{start}/predictions?model_id={GAME}-{turn % 5}",
        "photos": lambda turn: f"{start}/photos",
        "observations": lambda turn: f"{start}/observations",
        "observations, a search": lambda turn: f"{start}/observations?_search=place+{turn}",
        "taxa, a search": lambda turn: f"{start}/taxa?_search=critter+{turn}",
        "embeddings": lambda turn: f"{start}/embeddings?_size=20",
        "bot_history": lambda turn: f"{start}/bot_history",
        "mistakes": lambda turn: f"{start}/mistakes",
        "mistakes, of a model": lambda turn: f"{start}/mistakes?model_id={GAME}-{turn % 5}",
        "scoreboard": lambda turn: f"{start}/scoreboard",
        "photo_credits": lambda turn: f"{start}/photo_credits",
        "row of a model": lambda turn: f"{start}/models/{GAME}-{turn % MODELS}",
        "row of a taxon": lambda turn: f"{start}/taxa/{100 + turn % made.labels}",
        "row of a photo": lambda turn: f"{start}/photos/{1 + (turn * 7919) % made.photos}",
        "row of a prediction": lambda turn: f"{start}/predictions/{1 + turn * 17}",
        **{
            f"query {name}": _constant(f"{start}/{name}")
            for name in json.loads((ROOT / "metadata.json").read_text())["databases"]["critters"][
                "queries"
            ]
        },
    }


def wait_for_similar(address: str) -> float:
    """Seconds until a photo's page has similar photos, which are read through when first asked."""
    began = time.perf_counter()
    while httpx.get(f"{address}/-/critters/photos/1.json", timeout=60).json()["similar"] is None:
        time.sleep(0.1)
    return time.perf_counter() - began


def cpu_ms(pid: int) -> float:
    """What a process has taken of the processors so far, on Linux, in milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def measure(
    address: str, pid: int, pages: dict[str, Callable[[int], str]], requests: int
) -> dict[str, Figures]:
    """Times by page, in milliseconds, and the worst status."""
    from datasette.app import Datasette

    cookie = Datasette([], secret=SECRET).sign({"a": {"id": "root"}}, "actor")
    measured = {}
    options: dict[str, Any] = {
        "cookies": {"ds_actor": cookie},
        "headers": {"Accept": "text/html"},
        "timeout": 60,
    }
    with httpx.Client(base_url=address, **options) as client:
        for name, page in pages.items():
            times, status, before = [], 0, 0.0
            for turn in range(WARM_UP + requests):
                if turn == WARM_UP:
                    before = cpu_ms(pid)
                began = time.perf_counter()
                response = client.get(page(turn))
                times.append((time.perf_counter() - began) * 1000)
                status = max(status, response.status_code)
            times = sorted(times[WARM_UP:])
            measured[name] = Figures(
                statistics.median(times),
                times[int(len(times) * 0.95)],
                (cpu_ms(pid) - before) / requests,
                status,
            )
    return measured


def show(title: str, small: dict[str, Figures], large: dict[str, Figures]) -> None:
    print(f"\n| {title} | p50 | p95 | CPU | p50, large | p95, large | CPU, large | p50 ratio | |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, on_small in small.items():
        on_large = large[name]
        ratio = on_large.median / on_small.median
        words = "" if on_large.worst < LIMIT_MS and ratio < FACTOR else "slow"
        if on_large.status != 200:
            words = f"status {on_large.status}"
        figures = (
            on_small.median,
            on_small.worst,
            on_small.cpu,
            on_large.median,
            on_large.worst,
            on_large.cpu,
        )
        cells = " | ".join(f"{figure:.0f} ms" for figure in figures)
        print(f"| {name} | {cells} | {ratio:.1f} | {words} |")


def compare(folder: Path, large: Size, requests: int) -> None:
    """Measure the small site and a large one, which are made unless they are there."""
    results = {}
    for name, made in (("small", SMALL), ("large", large)):
        site = folder / name
        if not (site / DATABASE_NAME).exists():
            build(site, made)
        with serving(site) as (address, pid):
            print(f"{name}: similar photos are there after {wait_for_similar(address):.1f} s")
            for kind in (our_pages, datasette_pages):
                results[kind, name] = measure(address, pid, kind(made), requests)
    for kind, title in ((our_pages, "critterdb's page"), (datasette_pages, "Datasette's page")):
        show(title, results[kind, "small"], results[kind, "large"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--predictions", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=200_000)
    parser.add_argument("--labels", type=int, default=20)
    parser.add_argument("--requests", type=int, default=40)
    options = parser.parse_args()
    large = Size(options.predictions, options.photos, options.labels)
    compare(options.folder, large, options.requests)


if __name__ == "__main__":
    main()
