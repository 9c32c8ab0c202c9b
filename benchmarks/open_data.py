"""Read monthly tables of N observations, and write a game's rows: rates and memory.

    python -m benchmarks.open_data [--observations 1000000] [--folder FOLDER]

The tables are made up, with the columns and the sizes of iNaturalist's: 1.75 photos for each
observation, half of the observations in the game. With --folder they are kept there, and a second
run begins with them. Reading and writing happen in a process of its own, whose memory is measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from critterdb.games import Game, save_game
from critterdb.inaturalist.client import INaturalist
from critterdb.inaturalist.open_data import OpenData, sync_open_data
from critterdb.inaturalist.open_tables import convert, find_downloads
from critterdb.inaturalist.sync import SyncOptions
from critterdb.site.folder import init_site
from critterdb.storage.database import open_database
from critterdb.storage.duckdb import open_duckdb, quoted

BIRDS, SPECIES, OBSERVERS = 3, 2_000, 50_000
BOUNDS = {
    "rows_scanned_per_second": 700_000,
    "observations_per_second": 40_000,
    "photos_per_second": 100_000,
}
MAX_MB = 1000

_OBSERVATION = "SELECT CAST(md5('o' || i) AS UUID) AS observation_uuid"
TABLES = {
    "taxa": f"""
        SELECT i AS taxon_id, CASE WHEN i = 1 THEN '' WHEN i = {BIRDS} OR i % 2 = 1 THEN '1'
            ELSE '1/{BIRDS}' END AS ancestry,
            CASE WHEN i < 4 THEN 50 ELSE 10 END AS rank_level,
            CASE WHEN i < 4 THEN 'class' ELSE 'species' END AS rank,
            'Taxon number' || i AS name, true AS active
        FROM range(1, {SPECIES}) AS numbers (i)""",
    "observers": f"""
        SELECT i AS observer_id, 'observer' || i AS login, 'Person ' || i AS name
        FROM range(1, {OBSERVERS}) AS numbers (i)""",
    "observations": f"""
        {_OBSERVATION}, 1 + hash(i) % {OBSERVERS - 1} AS observer_id,
            round(-60 + hash(i + 1) % 120000 / 1000.0, 10) AS latitude,
            round(-180 + hash(i + 2) % 360000 / 1000.0, 10) AS longitude,
            hash(i + 3) % 1000 AS positional_accuracy,
            4 + hash(i + 4) % {SPECIES - 4} AS taxon_id,
            'research' AS quality_grade,
            DATE '2012-01-01' + CAST(hash(i + 5) % 5000 AS INTEGER) AS observed_on,
            NULL AS anomaly_score
        FROM range({{count}}) AS numbers (i)""",
    "photos": """
        SELECT CAST(md5('p' || i) AS UUID) AS photo_uuid, 1000 + i AS photo_id,
            CAST(md5('o' || (i * 4 // 7)) AS UUID) AS observation_uuid,
            1 + hash(i * 4 // 7) % 49999 AS observer_id, 'jpg' AS extension,
            CASE WHEN i % 10 = 0 THEN 'CC0' ELSE 'CC-BY-NC' END AS license,
            2048 AS width, 1536 AS height, i % 7 % 2 AS position
        FROM range({count} * 7 // 4) AS numbers (i)""",
}


def make_tables(folder: Path, observations: int) -> None:
    con = open_duckdb("The benchmark", temporary=folder / ".duckdb")
    for name, query in TABLES.items():
        target = folder / f"{name}.csv.gz"
        if not target.is_file():
            sql = query.format(count=observations)
            con.execute(
                rf"COPY ({sql}) TO {quoted(target)} (FORMAT csv, DELIMITER '\t', QUOTE '', "
                "ESCAPE '', HEADER, COMPRESSION gzip)"
            )


def measure(folder: Path, observations: int) -> dict[str, float]:
    """Convert and load the tables; return the figures. Call it in a process of its own."""
    con = open_duckdb("The benchmark", temporary=folder / ".duckdb")
    for file in folder.glob("*.parquet"):
        file.unlink()
    started = time.perf_counter()
    for download in find_downloads(folder):
        convert(con, download)
    converted = time.perf_counter() - started
    con.close()
    with tempfile.TemporaryDirectory() as site:
        init_site(Path(site))
        db = open_database(Path(site) / "critters.db")
        game = Game("birds", "birds", "Which bird?", BIRDS)
        save_game(db, game)
        marks: list[tuple[int, float]] = []
        started = time.perf_counter()
        report = sync_open_data(
            db,
            game,
            OpenData(folder),
            api=INaturalist(db),
            options=SyncOptions(photos=False),
            progress=lambda done, total: marks.append((done, time.perf_counter())),
        )
        ended = time.perf_counter()
        half = marks[-1][0] / 2
        first = next(moment for done, moment in marks if done > 0)
        middle = next(moment for done, moment in marks if done > half)
        photos = db["photos"].count
        size = (Path(site) / "critters.db").stat().st_size
    rows = observations + observations * 7 // 4
    return {
        "seconds_converting": converted,
        "rows_scanned_per_second": rows / converted,
        "seconds_querying": first - started,
        "observations": report.observations,
        "observations_per_second": report.observations / (middle - first),
        "photos": photos,
        "photos_per_second": photos / (ended - middle),
        "database_mb": size / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.folder, options.observations)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        make_tables(folder, options.observations)
        arguments = ["--observations", str(options.observations), "--folder", str(folder)]
        command = [sys.executable, "-m", "benchmarks.open_data", "--measure", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    for name, value in figures.items():
        bound = f"  (at least {BOUNDS[name]:,})" if name in BOUNDS else ""
        bound = f"  (at most {MAX_MB:,})" if name == "peak_mb" else bound
        print(f"{name:<26} {value:>14,.1f}{bound}")
    is_slow = any(figures[name] < bound for name, bound in BOUNDS.items())
    sys.exit(is_slow or figures["peak_mb"] > MAX_MB)


if __name__ == "__main__":
    main()
