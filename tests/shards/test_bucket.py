"""Fetching from the open-data bucket: at a rate, through its moods, and from no other host."""

from __future__ import annotations

import io
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from critterdb.errors import RejectedInputError, SourceError
from critterdb.games import Game, save_game
from critterdb.shards.engine import LocalEngine
from critterdb.shards.fetch_run import FetchReport, fetch_game
from critterdb.shards.fetching import BUCKET, BucketReader, FetchWork, path_in_bucket
from critterdb.shards.leases import Leases, Throttle
from critterdb.shards.plan import Shard, ShardPhoto
from critterdb.storage.database import site_folder
from tests.fakes.bucket import StandInBucket
from tests.support.models import FELIDAE, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

PHOTOS = 40
FAST = 100_000_000.0


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInBucket]:
    photos = {number: picture("red", (48, 40), number) for number in range(1, PHOTOS + 1)}
    with StandInBucket(photos) as standin:
        monkeypatch.setenv("CRITTERDB_OPEN_DATA", standin.base)
        yield standin


@pytest.fixture
def rows(db: SiteDatabase) -> SiteDatabase:
    """Rows of photos as the monthly tables give them, without files."""
    save_game(db, Game("cats", "cats", "Which cat?", FELIDAE))
    for number in range(1, PHOTOS + 1):
        db["observations"].insert({"id": number, "taxon_id": FELIDAE})
        row = {"game": "cats", "observation_id": number, "seen_at": "2026-11-28T00:00:00Z"}
        db["game_observations"].insert(row)
        url = f"{BUCKET}/photos/{number}/square.jpg"
        db["photos"].insert({"id": number, "observation_id": number, "url": url})
    return db


def fetch(db: SiteDatabase, rate: float = FAST) -> FetchReport:
    return fetch_game(db, "cats", LocalEngine(), Leases(rate))


def test_photos_get_their_files_and_rows(rows: SiteDatabase, bucket: StandInBucket) -> None:
    report = fetch(rows)
    assert (report.photos, report.failed) == (PHOTOS, 0)
    for row in rows["photos"].rows:
        file = site_folder(rows) / row["path"]
        assert (file.stat().st_size, row["width"], row["error"]) == (row["bytes"], 48, None)
    assert {request.rpartition("/")[2] for request in bucket.requests} == {"medium.jpg"}
    bucket.requests.clear()
    assert fetch(rows).photos == 0
    assert bucket.requests == []


def test_a_busy_bucket_is_asked_again_more_slowly(
    rows: SiteDatabase, bucket: StandInBucket
) -> None:
    bucket.faults.extend(["503", "drop", "cut", "503"] * 2)
    leases = Leases(FAST)
    report = fetch_game(rows, "cats", LocalEngine(), leases)
    assert (report.photos, report.failed) == (PHOTOS, 0)
    assert leases.rate == FAST / 2


def test_a_photo_that_is_gone_keeps_its_reason(rows: SiteDatabase, bucket: StandInBucket) -> None:
    del bucket.photos[5]
    assert fetch(rows).failed == 1
    row = rows["photos"].get(5)
    assert (row["error"], row["attempts"]) == ("fetch_failed: status 403", 1)


@pytest.mark.parametrize(
    "url",
    [
        "https://static.inaturalist.org/photos/1/square.jpg",
        "https://api.inaturalist.org/v1/observations",
        "http://inaturalist-open-data.s3.amazonaws.com/photos/1/square.jpg",
        "https://inaturalist-open-data.s3.amazonaws.com.example.org/photos/1/square.jpg",
        "https://inaturalist-open-data.s3.amazonaws.com@example.org/photos/1/square.jpg",
        "https://example.org@inaturalist-open-data.s3.amazonaws.com/photos/1/square.jpg",
        "https://inaturalist-open-data.s3.amazonaws.com:8443/photos/1/square.jpg",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_worker_refuses_every_other_host(site: Path, bucket: StandInBucket, url: str) -> None:
    with pytest.raises(RejectedInputError):
        path_in_bucket(url)
    shard = Shard("fetch", (ShardPhoto(1, url, url),), FAST)
    [photo] = FetchWork(site, bucket.base).do(shard).photos
    assert "open-data bucket only" in str(photo.error)
    assert bucket.requests == []


def test_a_worker_without_a_lease_fetches_nothing(site: Path, bucket: StandInBucket) -> None:
    url = f"{BUCKET}/photos/1/square.jpg"
    with pytest.raises(SourceError, match="lease"):
        FetchWork(site, bucket.base).do(Shard("fetch", (ShardPhoto(1, url, url),)))
    assert bucket.requests == []


def test_leases_never_add_up_to_more_than_the_rate() -> None:
    clock = [0.0]
    leases = Leases(1e6, now=lambda: clock[0])
    assert [leases.take(str(n), 2, 100.0) for n in range(3)] == [5e5, 5e5, None]
    assert leases.take("third", 3, 100.0) is None  # a machine joined, but nothing is free yet
    leases.give_back("0", refusals=0)
    assert leases.take("third", 3, 100.0) == pytest.approx(1e6 / 3)
    leases.give_back("1", refusals=2)
    leases.give_back("third", refusals=0)
    assert leases.rate == 5e5
    clock[0] += 61
    assert leases.take("later", 1, 100.0) == pytest.approx(5.25e5)
    clock[0] += 3600
    assert leases.take("last", 1, 100.0) == 1e6  # the earlier lease is over by then


def test_threads_of_a_worker_keep_to_its_rate_together() -> None:
    throttle = Throttle(1_000_000.0)
    taken: list[float] = []

    def work() -> None:
        for _ in range(5):
            throttle.take(20_000)
            taken.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(8)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20_000 * len(taken) / (max(taken) - started) <= 1_050_000


def test_a_reader_stays_below_its_lease(bucket: StandInBucket) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    bucket.photos = dict.fromkeys(range(1, 30), file.getvalue())
    with BucketReader(bucket.base, 2_000_000.0) as reader:
        for number in range(1, 30):
            reader.read(f"{BUCKET}/photos/{number}/medium.png")
    whole_seconds = sorted(bucket.bytes_by_second)[1:-1]
    assert all(bucket.bytes_by_second[second] <= 2_100_000 for second in whole_seconds)
