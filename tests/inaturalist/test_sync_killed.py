"""A sync that is killed again and again, while people edit: in the end as if nothing had been."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.site.folder import init_site
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.inaturalist import TAXA, jpeg, observation, photo

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

OBSERVATIONS, KILLS = 1000, 50
LIFE_S = 0.8  # the longest life of a process that is to be killed
ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[StandInINaturalist]:
    numbers = range(1, OBSERVATIONS + 1)
    photos = {number * 10: jpeg(number) for number in numbers}
    with StandInINaturalist([observation(n) for n in numbers], TAXA, photos) as standin:
        yield standin


def environment(server: StandInINaturalist) -> dict[str, str]:
    return {
        "CRITTERDB_INATURALIST_API": server.url,
        "CRITTERDB_REQUESTS_PER_MINUTE": "100000",
    }


def sync(folder: Path, settings: dict[str, str]) -> None:
    """The real command in a process of its own."""
    os.environ.update(settings)
    os.chdir(folder)
    sys.stdout = sys.stderr = (folder / "sync.log").open("a", buffering=1)
    from critterdb.cli import main

    main(["sync", "cougarornot"])


def start(folder: Path, server: StandInINaturalist) -> Any:
    # The imports take longer than a life: the server of the processes has them already.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["critterdb.cli", "critterdb.inaturalist.sync"])
    process = context.Process(target=sync, args=(folder, environment(server)))
    process.start()
    return process


def finish(folder: Path, server: StandInINaturalist, *options: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "critterdb", "sync", "cougarornot", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment(server)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stderr == "", finished.stdout


def edit_something(server: StandInINaturalist, chance: random.Random) -> None:
    """Somebody deletes, identifies again, or takes a licence back."""
    with server.lock:
        number = chance.choice(list(server.observations))
    match chance.randrange(4):
        case 0:
            server.delete(number)
        case 1:
            server.edit(number, taxon=TAXA[2 + chance.randrange(2)])
        case 2:
            server.edit(number, photos=[photo(number * 10, license_code=None)])
        case 3:
            server.edit(number, quality_grade="needs_id")


def live_rows(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """What counts today: without what is withdrawn or has left, and without times of our own."""
    db = open_database(folder / DATABASE_NAME)
    tables = {
        "taxa": list(db.query("SELECT * FROM taxa ORDER BY id")),
        "observations": list(
            db.query(
                """
                SELECT observations.* FROM observations
                JOIN game_observations AS seen ON seen.observation_id = observations.id
                WHERE seen.left_at IS NULL AND withdrawn_at IS NULL ORDER BY id
                """
            )
        ),
        "photos": list(
            db.query(
                """
                SELECT photos.* FROM photos
                JOIN game_observations AS seen USING (observation_id)
                WHERE seen.left_at IS NULL AND withdrawn_at IS NULL ORDER BY id
                """
            )
        ),
    }
    db.close()
    for row in tables["photos"]:
        row["fetched_at"] = None
    return {(table, row["id"]): row for table, rows in tables.items() for row in rows}


def differences(
    first: dict[tuple[str, int], dict[str, Any]], second: dict[tuple[str, int], dict[str, Any]]
) -> dict[tuple[str, int], tuple[object, object]]:
    """The rows that are not the same, few enough to read when the test fails."""
    return {
        key: (first.get(key), second.get(key))
        for key in first.keys() | second.keys()
        if first.get(key) != second.get(key)
    }


def let_an_hour_pass(folder: Path) -> None:
    """A file that no row names counts as left behind when it is an hour old."""
    for file in (folder / "photos").rglob("*.*"):
        os.utime(file, (time.time() - 2 * 3600,) * 2)


def check_files(folder: Path) -> None:
    """Every path has its file, and every file its row."""
    db = open_database(folder / DATABASE_NAME)
    paths = {row["path"] for row in db["photos"].rows if row["path"]}
    db.close()
    files = {str(f.relative_to(folder)) for f in (folder / "photos").rglob("*") if f.is_file()}
    assert files == paths


def test_fifty_kills_lose_nothing(tmp_path: Path, server: StandInINaturalist) -> None:
    chance = random.Random(20_180_622)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    init_site(killed)
    init_site(whole)
    survived = 0
    for _ in range(KILLS):
        process = start(killed, server)
        process.join(timeout=chance.uniform(0.05, LIFE_S))
        survived += process.exitcode is not None
        process.kill()
        process.join()
        edit_something(server, chance)
    assert survived < KILLS / 2
    let_an_hour_pass(killed)
    finish(killed, server, "--recheck")
    finish(whole, server)
    assert differences(live_rows(killed), live_rows(whole)) == {}
    assert sum(table == "observations" for table, _ in live_rows(whole)) > OBSERVATIONS * 0.9
    check_files(killed)
    check_files(whole)
    before = live_rows(killed)
    finish(killed, server)
    assert differences(live_rows(killed), before) == {}
