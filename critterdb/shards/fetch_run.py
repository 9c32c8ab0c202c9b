"""Have a game's photos fetched from the open-data bucket by workers, at a rate that is set."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from critterdb.inaturalist.photo_download import MAX_RUNS
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.photo_store import is_placed
from critterdb.storage.timestamps import utc_now

from .fetching import BUCKET, BYTES_PER_PHOTO, FetchWork
from .plan import Shard, ShardPhoto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from critterdb._types import Progress

    from .engine import Engine
    from .fetching import Fetched
    from .leases import Leases

PHOTOS_PER_SHARD = 256  # 18 MB: what a killed worker fetches again

# Workers have several addresses, which iNaturalist's own hosts would block: the bucket only.
_MISSING = f"""
FROM photos
JOIN game_observations USING (observation_id)
WHERE game_observations.game = ?
    AND game_observations.left_at IS NULL
    AND photos.path IS NULL
    AND photos.withdrawn_at IS NULL
    AND photos.attempts < {MAX_RUNS}
    AND photos.url GLOB '{BUCKET}/*'
    AND photos.id > ?
"""


@dataclass
class FetchReport:
    """Photos that have a file now, their bytes, and photos that could not be had."""

    photos: int = 0
    bytes: int = 0
    failed: int = 0


def fetch_game(
    db: SiteDatabase,
    game: str,
    engine: Engine,
    leases: Leases,
    *,
    progress: Progress | None = None,
) -> FetchReport:
    """Fetch the photos of a game that are in the bucket and have no file yet.

    CRITTERDB_OPEN_DATA names another server to ask in place of the bucket.
    """
    base = os.environ.get("CRITTERDB_OPEN_DATA") or BUCKET
    lowest = -(2**63)
    total = int(db.execute(f"SELECT count(*) {_MISSING}", [game, lowest]).fetchone()[0])
    report, done = FetchReport(), 0
    work = FetchWork(site_folder(db), base)
    # One at a time for each machine: a lease runs out while its shard waits.
    for fetched in engine.run(work, _leased(_shards(db, game, lowest), leases, engine), 1):
        leases.give_back(fetched.name, refusals=fetched.refusals)
        _save(db, fetched, report)
        done += len(fetched.photos)
        if progress:
            progress(done, total)
    return report


def _shards(db: SiteDatabase, game: str, last: int) -> Iterator[Shard]:
    while rows := db.execute(
        f"SELECT photos.id, photos.url {_MISSING} ORDER BY photos.id LIMIT ?",
        [game, last, PHOTOS_PER_SHARD],
    ).fetchall():
        last = rows[-1][0]
        # What a photo will be is not known: its address stands for it.
        yield Shard("fetch", tuple(ShardPhoto(number, url, url) for number, url in rows))


def _leased(shards: Iterator[Shard], leases: Leases, engine: Engine) -> Iterator[Shard | None]:
    """Give each shard its rate; null means that none is free now."""
    for shard in shards:
        expected = BYTES_PER_PHOTO * len(shard.photos)
        while (rate := leases.take(shard.name, engine.machines, expected)) is None:
            yield None
        yield replace(shard, rate=rate)


def _save(db: SiteDatabase, fetched: Fetched, report: FetchReport) -> None:
    site, now = site_folder(db), utc_now()
    with db.atomic():
        for photo in fetched.photos:
            if photo.path and is_placed(site, photo.path):
                row = photo._asdict() | {"fetched_at": now, "error": None, "attempts": 0}
                del row["photo_id"]
                db["photos"].update(photo.photo_id, row)
                report.photos += 1
                report.bytes += photo.bytes or 0
            else:
                db.execute(
                    "UPDATE photos SET error = ?, attempts = attempts + 1 WHERE id = ?",
                    [photo.error, photo.photo_id],
                )
                report.failed += 1
