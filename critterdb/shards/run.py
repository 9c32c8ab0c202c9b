"""Embed a game's photos through shards: plan what is missing, have it done, keep the receipts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.sketches import Sketcher
from critterdb.storage.database import SiteDatabase, site_folder

from .embedding import EmbedWork, Sample, SampleWork
from .plan import PHOTOS_PER_SHARD, Plan, Shard
from .receipts import adopt, save_receipt
from .store import Receipt, ShardStore
from .withdrawal import rewrite_without_gone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from critterdb._types import Progress

    from .contents import ShardRow
    from .engine import Engine
    from .network import Network
    from .plan import ShardPhoto

# Up to here a site's database holds vectors well, and everything that reads them works as it did.
MAX_COPIED = 1_000_000
# A middle of its own for each worker would make sketches that cannot be compared.
SAMPLE = 256  # photos, whose middle all sketches of a recipe are made around
AHEAD = 2  # shards for each worker: the next one waits where the work is


@dataclass
class EmbedReport:
    """What a run did: shards and photos, those without a vector, and rows taken out of shards.

    `in_database` says whether all vectors are in the table `embeddings` too.
    """

    shards: int = 0
    photos: int = 0
    errors: int = 0
    removed: int = 0
    in_database: bool = True
    workers: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class EmbedOptions:
    """Where shards are kept, how large they are, and how many vectors are copied at most."""

    root: Path
    photos_per_shard: int = PHOTOS_PER_SHARD
    max_copied: int = MAX_COPIED
    retry_errors: bool = False


def embed_game(
    db: SiteDatabase,
    game: str,
    network: Network,
    engine: Engine,
    options: EmbedOptions,
    *,
    progress: Progress | None = None,
) -> EmbedReport:
    """Embed the photos of a game that no shard and no row of `embeddings` holds yet.

    After a kill it goes on where it was: finished shards are kept, and the others planned again.
    """
    store = ShardStore(options.root, network.recipe)
    report = EmbedReport()
    store.remove_abandoned()
    report.removed = rewrite_without_gone(db, store)
    for receipt in adopt(db, store):
        _keep(db, store, receipt, options.max_copied)
    plan = Plan(db, game, network.recipe, options.photos_per_shard)
    plan.note_done(store.hashes(with_errors=not options.retry_errors))
    total, done = plan.count(), 0
    if progress:
        progress(0, total)
    shards = plan.shards()
    first = next(shards, None)
    if first is None:
        report.in_database = _is_in_database(db, store, options.max_copied)
        return report
    site = site_folder(db)
    sketcher = _sketcher(store, SampleWork(network, site), engine, first.photos)
    work = EmbedWork(network, site, store, sketcher)
    planned = itertools.chain([first], shards)
    for receipt in engine.run(work, planned, AHEAD):
        _keep(db, store, receipt, options.max_copied)
        report.shards += 1
        report.photos += receipt.rows
        report.errors += receipt.errors
        report.workers.add(receipt.worker)
        done += receipt.photos
        if progress:
            progress(done, total)
    report.in_database = _is_in_database(db, store, options.max_copied)
    return report


def _sketcher(
    store: ShardStore, work: SampleWork, engine: Engine, photos: Sequence[ShardPhoto]
) -> Sketcher:
    """What makes this recipe's sketches, made from its first photos if there is none yet.

    Workers look at these photos too: one that ends a process must not end this one.
    """
    known = store.read_sketcher()
    if known:
        return known
    sample = Shard(f"sample of {store.recipe}", tuple(photos[:SAMPLE]))
    parts = engine.run(work, [sample], 1)
    # In the order of the photos, whoever did which part: the sum depends on it.
    vectors = [vector for part in sorted(parts, key=_first_photo) for vector in part.vectors]
    if not vectors:
        # Nothing to compare with: all sketches are around zero then.
        vectors = [np.zeros(work.network.dimensions, np.float32)]
    sketcher = Sketcher.around(np.stack(vectors).astype(np.float32))
    store.write_sketcher(sketcher)
    return sketcher


def _first_photo(sample: Sample) -> int:
    return sample.first_photo_id


def _keep(db: SiteDatabase, store: ShardStore, receipt: Receipt, max_copied: int) -> None:
    """Write a receipt, and what it stands for, in one transaction."""
    with db.atomic():
        if _vectors(db, store) + receipt.rows <= max_copied:
            copy_rows(db, store.recipe, store.read(receipt.name))
        save_receipt(db, store, receipt)


def _vectors(db: SiteDatabase, store: ShardStore) -> int:
    sql = "SELECT coalesce(sum(rows - errors), 0) FROM shards WHERE recipe = ?"
    return int(db.execute(sql, [store.recipe]).fetchone()[0])


def _is_in_database(db: SiteDatabase, store: ShardStore, max_copied: int) -> bool:
    return _vectors(db, store) <= max_copied


def copy_rows(db: SiteDatabase, recipe: str, rows: Sequence[ShardRow]) -> None:
    """Copy a shard's vectors into `embeddings`, and its errors to its photos."""
    # Two workers that did the same shard wrote the same rows: whichever came first stays.
    vectors = [(row.sha256, recipe, row.vector, len(row.vector) // 2) for row in rows if row.vector]
    db.conn.executemany(
        "INSERT OR IGNORE INTO embeddings (sha256, backbone, vector, dimensions) "
        "VALUES (?, ?, ?, ?)",
        vectors,
    )
    errors = [(row.error, row.photo_id) for row in rows if row.error]
    db.conn.executemany("UPDATE photos SET error = ? WHERE id = ?", errors)
