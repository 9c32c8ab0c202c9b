"""Shards on a real Ray cluster of several node processes: make test-cluster, in small."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.dataset.sketches import Sketcher
from critterdb.shards.contents import digest_of
from critterdb.shards.engine import LocalEngine
from critterdb.shards.run import EmbedOptions, EmbedReport, embed_game
from critterdb.shards.store import ShardStore
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.support.models import make_tiny_model, picture
from tests.support.shards import COLOURS, GAME, add_photos, deadly_network, slow_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb.shards.network import Network

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    # Ray leaves files open, in threads of its own too.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

NODES, PHOTOS, SIZE = 3, 240, 10
KILLS = 6  # of workers
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that does no work, and some nodes of one core each; all are processes."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(NODES):
        made.add_node(num_cpus=1)
    made.wait_for_nodes()
    os.environ["RAY_ADDRESS"] = made.address
    yield made
    del os.environ["RAY_ADDRESS"]
    made.shutdown()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.support.site_templates import put_empty_database

    folder = tmp_path_factory.mktemp("site")
    put_empty_database(folder)
    db = open_database(folder / DATABASE_NAME)
    add_photos(db, range(1, PHOTOS + 1))
    return folder


@pytest.fixture
def fresh(photos: Path) -> SiteDatabase:
    db = open_database(photos / DATABASE_NAME)
    for table in ("embeddings", "shards"):
        db[table].delete_where()
    return db


def embed_on_ray(db: SiteDatabase, network: Network, root: Path) -> EmbedReport:
    from critterdb.shards.ray_engine import RayEngine

    return embed_game(db, GAME, network, RayEngine(), EmbedOptions(root, SIZE))


def digest(root: Path) -> str:
    store = ShardStore(root, slow_network().recipe)
    rows = [row for name in store.receipts() for row in store.read(name)]
    return digest_of(sorted(rows, key=lambda row: row.photo_id))


@pytest.fixture(scope="module")
def expected(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("expected")
    db = open_database(photos / DATABASE_NAME)
    embed_game(db, GAME, slow_network(), LocalEngine(), EmbedOptions(root, SIZE))
    return digest(root)


def test_several_machines_make_what_one_makes(
    cluster: Any, fresh: SiteDatabase, expected: str, tmp_path: Path
) -> None:
    report = embed_on_ray(fresh, slow_network(), tmp_path)
    assert digest(tmp_path) == expected
    assert report.photos == fresh["embeddings"].count == PHOTOS
    assert len(report.workers) >= NODES


def test_killed_workers_and_machines_lose_nothing(
    cluster: Any, fresh: SiteDatabase, expected: str, tmp_path: Path
) -> None:
    over, kills = threading.Event(), 0
    spare = cluster.add_node(num_cpus=1)  # Ray starts nodes in the main thread only

    def kill() -> None:
        nonlocal kills
        chance, machines = random.Random(0), [spare]
        # Killed more often than a worker needs to start and do a shard, nothing would be done.
        while kills < KILLS and not over.wait(chance.uniform(0.3, 0.8)):
            for pid in worker_pids(cluster)[:1]:
                os.kill(pid, signal.SIGKILL)
                kills += 1
            if kills >= KILLS // 2 and machines:
                cluster.remove_node(machines.pop(), allow_graceful=False)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        report = embed_on_ray(fresh, slow_network(), tmp_path)
    finally:
        over.set()
        thread.join()
    assert kills == KILLS
    assert spare not in cluster.worker_nodes
    assert (report.errors, digest(tmp_path)) == (0, expected)


def worker_pids(cluster: Any) -> list[int]:
    """Worker processes of this test's cluster, which are children of its nodes."""
    nodes = {
        info.process.pid
        for node in cluster.worker_nodes
        for info in node.all_processes.get("raylet", [])
    }
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent in nodes and words.startswith(b"ray::_do"):
            pids.append(int(folder.name))
    return pids


def test_a_killed_driver_goes_on_with_what_is_missing(
    cluster: Any, fresh: SiteDatabase, photos: Path, expected: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DRIVER, str(photos), str(tmp_path)]
    first = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + 120
    while not list(tmp_path.rglob("*.parquet")):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.wait()
    report = embed_on_ray(fresh, slow_network(), tmp_path)
    assert report.photos < PHOTOS
    assert digest(tmp_path) == expected
    assert fresh["embeddings"].count == PHOTOS


DRIVER = """
import sys
from pathlib import Path
from critterdb.shards.ray_engine import RayEngine
from critterdb.shards.run import EmbedOptions, embed_game
from critterdb.storage.database import open_database
from tests.support.shards import GAME, slow_network
db = open_database(Path(sys.argv[1]) / "critters.db")
embed_game(db, GAME, slow_network(), RayEngine(), EmbedOptions(Path(sys.argv[2]), 10))
"""


def test_a_photo_that_ends_its_workers_gets_an_error_and_no_other(
    cluster: Any, site: Path, tmp_path: Path
) -> None:
    db = open_database(site / DATABASE_NAME)
    assert COLOURS[104 % len(COLOURS)] == "grey"
    add_photos(db, [1, 104])
    store = ShardStore(tmp_path, deadly_network().recipe)
    # Each death takes seconds: without a sample there are half as many.
    store.write_sketcher(Sketcher(np.zeros(3, np.float32)))
    report = embed_on_ray(db, deadly_network(), tmp_path)
    assert (report.photos, report.errors) == (2, 1)
    assert "three workers ended" in db["photos"].get(104)["error"]
    assert db["embeddings"].count == 1


def test_an_archive_is_classified_with_each_picture_once(
    cluster: Any, site: Path, tmp_path: Path
) -> None:
    db = open_database(site / DATABASE_NAME)
    make_tiny_model(db)
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(20):
        data = picture(COLOURS[number % 3], seed=number)
        (folder / f"{number:03}.jpg").write_bytes(data)
    (folder / "broken.jpg").write_bytes(b"no picture")
    command = ["--db", str(site / DATABASE_NAME), "classify", str(folder)]
    file = tmp_path / "answers.csv"
    result = CliRunner().invoke(main, [*command, "--csv", str(file), "--on", "ray"])
    assert result.exit_code == 1, result.output
    rows = list(csv.DictReader(file.open()))
    assert [Path(row["file"]).name for row in rows] == sorted(p.name for p in folder.iterdir())
    assert [row["answer"] for row in rows[:3]] == ["Cougar", "Bobcat", "Domestic Cat"]
    assert rows[-1]["error_code"]
    assert not list(tmp_path.glob("*.shards"))
