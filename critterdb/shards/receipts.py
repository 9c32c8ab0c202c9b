"""The table `shards`: which shards a site has, and what they hold."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from critterdb.storage.database import SiteDatabase, site_folder

from .store import Receipt, ShardStore


def save_receipt(db: SiteDatabase, store: ShardStore, receipt: Receipt) -> None:
    """Write the row of a finished shard."""
    # A copy of the receipt in the file, which counts: a driver may be killed before this line.
    row = asdict(receipt) | {"path": _path_from(site_folder(db), store.path(receipt.name))}
    db["shards"].upsert(row, pk="name")


def read_receipts(db: SiteDatabase, recipe: str) -> dict[str, Receipt]:
    """Return the receipts of a recipe by name."""
    rows = db["shards"].rows_where("recipe = ?", [recipe])
    receipts = [Receipt(**{k: v for k, v in row.items() if k != "path"}) for row in rows]
    return {receipt.name: receipt for receipt in receipts}


def adopt(db: SiteDatabase, store: ShardStore) -> list[Receipt]:
    """Give finished files the receipts that a killed run did not write; return those."""
    known = read_receipts(db, store.recipe)
    return [r for name, r in store.receipts().items() if known.get(name) != r]


def stores_of(db: SiteDatabase) -> list[ShardStore]:
    """Return the stores that the table names."""
    site = site_folder(db)
    rows = db.query("SELECT DISTINCT recipe, path FROM shards")
    found = {(row["recipe"], (site / row["path"]).resolve().parent.parent) for row in rows}
    return [ShardStore(root, recipe) for recipe, root in sorted(found)]


def _path_from(site: Path, path: Path) -> str:
    """A path as the database holds it: relative, so that site and shards can move together."""
    return Path(os.path.relpath(path.resolve(), site)).as_posix()
