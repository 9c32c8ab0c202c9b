"""Vectors in shards: each photo once, whoever is killed; receipts, files and rows agree."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from critterdb.dataset.embeddings import as_vectors
from critterdb.errors import SourceError
from critterdb.shards.check import check_shards, remove_damaged
from critterdb.shards.contents import ShardRow, digest_of
from critterdb.shards.engine import LocalEngine
from critterdb.shards.plan import Plan, Shard, ShardPhoto
from critterdb.shards.run import EmbedOptions, EmbedReport, embed_game
from critterdb.shards.store import ShardStore
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database, site_folder
from tests.support.shards import GAME, add_photos, colour_network

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

pytestmark = pytest.mark.slow

pytest.importorskip("duckdb")

PHOTOS = 25
KILLS, LIFE_S = 15, 0.8  # the longest life of a process that is to be killed
NETWORK = colour_network()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "shards"


@pytest.fixture
def photos(db: SiteDatabase) -> SiteDatabase:
    add_photos(db, range(1, PHOTOS + 1))
    return db


def embed(db: SiteDatabase, root: Path, **options: Any) -> EmbedReport:
    wanted = EmbedOptions(root, **{"photos_per_shard": 10, **options})
    return embed_game(db, GAME, NETWORK, LocalEngine(), wanted)


def embed_site(site: Path, root: Path, begun: Connection) -> None:
    """In a process of its own, which says when its imports are done."""
    begun.send(True)
    with closing(open_database(site / DATABASE_NAME)) as db:
        embed(db, root)


def store_at(root: Path) -> ShardStore:
    return ShardStore(root, NETWORK.recipe)


def all_rows(root: Path) -> list[ShardRow]:
    store = store_at(root)
    rows = [row for name in store.receipts() for row in store.read(name)]
    return sorted(rows, key=lambda row: row.photo_id)


def words(db: SiteDatabase) -> list[str]:
    return [problem.words for problem in check_shards(db)[1]]


def test_each_photo_is_in_one_shard_and_in_the_database(photos: SiteDatabase, root: Path) -> None:
    report = embed(photos, root)
    assert (report.shards, report.photos, report.errors) == (3, PHOTOS, 0)
    rows = all_rows(root)
    assert [row.photo_id for row in rows] == list(range(1, PHOTOS + 1))
    stored = {row["sha256"]: row["vector"] for row in photos["embeddings"].rows}
    assert stored == {row.sha256: row.vector for row in rows}
    colours = as_vectors([row.vector for row in rows if row.vector])
    assert colours.shape == (PHOTOS, 3)
    assert np.argmax(colours[4]) == np.argmax(colours[9])  # pictures 5 and 10 are red
    assert {len(row.sketch) for row in rows if row.sketch} == {32}
    assert (check_shards(photos)[0], words(photos)) == (3, [])


def test_a_second_run_has_nothing_to_do_and_a_new_photo_is_a_new_shard(
    photos: SiteDatabase, root: Path
) -> None:
    embed(photos, root)
    before = {path.name: path.stat().st_mtime_ns for path in root.rglob("*.parquet")}
    assert embed(photos, root).shards == 0
    add_photos(photos, [99])
    assert embed(photos, root).photos == 1
    after = {path.name: path.stat().st_mtime_ns for path in root.rglob("*.parquet")}
    assert before.items() < after.items()


def test_a_photo_that_cannot_be_read_is_a_row_with_its_reason(
    photos: SiteDatabase, root: Path
) -> None:
    path = photos["photos"].get(7)["path"]
    (site_folder(photos) / path).write_bytes(b"\xff\xd8\xff not a photo")
    (site_folder(photos) / photos["photos"].get(8)["path"]).unlink()
    assert embed(photos, root).errors == 2
    rows = all_rows(root)
    assert [row.photo_id for row in rows if row.vector is None] == [7, 8]
    assert photos["photos"].get(7)["error"] == rows[6].error
    assert photos["embeddings"].count == PHOTOS - 2
    assert embed(photos, root).shards == 0
    assert embed(photos, root, retry_errors=True).photos == 2


def test_above_the_limit_vectors_stay_in_shards(photos: SiteDatabase, root: Path) -> None:
    report = embed(photos, root, max_copied=10)
    assert not report.in_database
    assert photos["embeddings"].count == 10
    assert len(all_rows(root)) == PHOTOS
    assert embed(photos, root, max_copied=10).shards == 0


def test_what_a_killed_run_finished_gets_its_receipt(photos: SiteDatabase, root: Path) -> None:
    embed(photos, root)
    photos["shards"].delete_where()
    photos["embeddings"].delete_where()
    report = embed(photos, root)
    assert report.shards == 0
    assert (photos["shards"].count, photos["embeddings"].count) == (3, PHOTOS)
    assert words(photos) == []


def test_a_withdrawn_photo_is_rewritten_out_of_its_shard(photos: SiteDatabase, root: Path) -> None:
    embed(photos, root)
    photos["photos"].update(3, {"withdrawn_at": "2026-11-28T00:00:00Z"})
    [problem] = words(photos)
    assert "1 photo that the site does not have any more" in problem
    assert embed(photos, root).removed == 1
    assert words(photos) == []
    assert [row.photo_id for row in all_rows(root)] == [1, 2, *range(4, PHOTOS + 1)]
    sha256 = photos["photos"].get(3)["sha256"]
    assert photos["embeddings"].count_where("sha256 = ?", [sha256]) == 0
    counts = photos.query("SELECT sum(photos) AS photos, sum(rows) AS rows FROM shards")
    assert list(counts) == [{"photos": PHOTOS, "rows": PHOTOS - 1}]


def test_a_rewritten_shard_whose_receipt_was_not_written_is_brought_up_to_date(
    photos: SiteDatabase, root: Path
) -> None:
    embed(photos, root)
    store = store_at(root)
    name, receipt = next(iter(store.receipts().items()))
    store.save(receipt, store.read(name)[1:])
    assert "and its receipt says" in words(photos)[0]
    embed(photos, root)
    assert words(photos) == []


@pytest.mark.parametrize("damage", ["flipped", "cut short", "missing"])
def test_check_finds_a_damaged_shard_and_repair_has_it_done_again(
    photos: SiteDatabase, root: Path, damage: str
) -> None:
    embed(photos, root)
    expected = digest_of(all_rows(root))
    path = min(root.rglob("*.parquet"))
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[40:56] = bytes(byte ^ 255 for byte in data[40:56])
        path.write_bytes(data)
    elif damage == "cut short":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.unlink()
    number, problems = check_shards(photos)
    assert number == 3
    assert [path.name in problem.words for problem in problems] == [True]
    assert remove_damaged(photos, problems) == 1
    photos["embeddings"].delete_where()
    embed(photos, root)
    assert words(photos) == []
    assert digest_of(all_rows(root)) == expected


def test_an_abandoned_part_is_named_and_removed_when_it_is_old(
    photos: SiteDatabase, root: Path
) -> None:
    embed(photos, root)
    part = store_at(root).folder / "tmpabc.0123.part"
    part.write_bytes(b"half")
    assert str(part) in words(photos)[0]
    embed(photos, root)
    assert part.exists()
    old = time.time() - 7200
    os.utime(part, (old, old))
    embed(photos, root)
    assert not part.exists()


def test_the_name_of_a_shard_depends_on_its_recipe_and_photos_in_order() -> None:
    photos = [ShardPhoto(n, f"{n:064x}", "") for n in range(3)]
    names = {
        Shard(recipe, tuple(order)).name
        for recipe in ("a", "b")
        for order in (photos, photos[::-1], photos[:2])
    }
    assert len(names) == 6
    again = [photo._replace(photo_id=9) for photo in photos]
    assert Shard("a", tuple(again)).name == Shard("a", tuple(photos)).name


def test_a_plan_counts_copies_of_a_photo_once(photos: SiteDatabase) -> None:
    copy = photos["photos"].get(1)
    photos["photos"].insert({**copy, "id": 500})
    plan = Plan(photos, GAME, NETWORK.recipe, 10)
    plan.note_done([])
    assert plan.count() == PHOTOS
    assert [len(shard.photos) for shard in plan.shards()] == [10, 10, 5]


def test_a_missing_extra_says_how_to_install_it(
    photos: SiteDatabase, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(SourceError, match="pip install"):
        embed(photos, root)


@pytest.mark.slow
def test_kills_lose_nothing_and_change_nothing(site: Path, tmp_path: Path) -> None:
    db = open_database(site / DATABASE_NAME)
    add_photos(db, range(1, 401))
    embed(db, tmp_path / "expected")
    expected = digest_of(all_rows(tmp_path / "expected"))
    db["embeddings"].delete_where()
    db["shards"].delete_where()
    chance, root, survived = random.Random(0), tmp_path / "shards", 0
    # The imports take longer than a life: a server of processes that is new has them already.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.shards.test_shards", "onnx", "onnxruntime"])
    for _ in range(KILLS):
        reader, begun = context.Pipe(duplex=False)
        process = context.Process(target=embed_site, args=(site, root, begun))
        process.start()
        begun.close()
        reader.recv()  # EOFError if it died before it began
        process.join(timeout=chance.uniform(0.05, LIFE_S))
        survived += process.exitcode is not None
        process.kill()
        process.join()
    assert survived < KILLS / 2
    embed(db, root)
    assert digest_of(all_rows(root)) == expected
    assert [text for text in words(db) if ".part" not in text] == []
    assert db["embeddings"].count == 400
