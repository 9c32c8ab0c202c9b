"""Take photos out of shards whose photo was withdrawn, or is not in the site any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .receipts import save_receipt

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

    from .store import ShardStore

_GONE = """
SELECT value FROM json_each(?) AS hashes
WHERE NOT EXISTS (
    SELECT 1 FROM photos WHERE photos.sha256 = hashes.value AND photos.withdrawn_at IS NULL
)
"""


def gone_hashes(db: SiteDatabase, store: ShardStore) -> set[str]:
    """Return the hashes in finished shards that no photo of the site has any more."""
    gone: set[str] = set()
    for hashes in store.hashes():
        gone.update(row[0] for row in db.execute(_GONE, [json.dumps(hashes)]))
    return gone


def rewrite_without_gone(db: SiteDatabase, store: ShardStore) -> int:
    """Write shards again without the photos that are gone; return how many rows went.

    The file is replaced before its receipt. A run that is killed in between leaves a receipt that
    differs, which the next run brings up to date from the file.
    """
    gone = gone_hashes(db, store)
    removed = 0
    receipts = store.receipts() if gone else {}
    for name, receipt in receipts.items():
        rows = store.read(name)
        kept = [row for row in rows if row.sha256 not in gone]
        if len(kept) < len(rows):
            removed += len(rows) - len(kept)
            rewritten = store.save(receipt, kept)
            with db.atomic():
                save_receipt(db, store, rewritten)
    with db.atomic():
        db.conn.executemany(
            "DELETE FROM embeddings WHERE sha256 = ? AND backbone = ?",
            [(name, store.recipe) for name in gone],
        )
    return removed
