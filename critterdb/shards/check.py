"""Compare receipts, files and rows of shards, and name every difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from critterdb.errors import SiteError
from critterdb.formatting import count_of

from .contents import digest_of
from .receipts import read_receipts, stores_of
from .withdrawal import gone_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from critterdb._types import Progress
    from critterdb.storage.database import SiteDatabase

    from .store import Receipt, ShardStore


class Problem(NamedTuple):
    """What is wrong, in a line; `shard` is the one that has to be done again, if one has."""

    words: str
    store: ShardStore
    shard: str | None = None


def check_shards(db: SiteDatabase, progress: Progress | None = None) -> tuple[int, list[Problem]]:
    """Read every shard of a site; return how many there are, and what is wrong."""
    number, problems = 0, list[Problem]()
    for store in stores_of(db):
        receipts = read_receipts(db, store.recipe)
        number += len(receipts)
        problems += _check_store(db, store, receipts, progress)
    return number, problems


def remove_damaged(db: SiteDatabase, problems: Iterable[Problem]) -> int:
    """Remove shards that do not hold what they should, with their receipts; return how many."""
    names = {(problem.store, problem.shard) for problem in problems if problem.shard}
    for store, name in names:
        store.path(str(name)).unlink(missing_ok=True)
        with db.atomic():
            db["shards"].delete_where("name = ?", [name])
    return len(names)


def _check_store(
    db: SiteDatabase,
    store: ShardStore,
    receipts: dict[str, Receipt],
    progress: Progress | None,
) -> Iterator[Problem]:
    try:
        on_disk = store.receipts()
    except SiteError:
        on_disk = {}  # the damaged file is named below
    for name in sorted(on_disk.keys() - receipts.keys()):
        words = f"{store.path(name)} has no receipt. Run critterdb embed again"
        yield Problem(words, store)
    for done, (name, receipt) in enumerate(sorted(receipts.items()), start=1):
        yield from _check_shard(store, name, receipt)
        if progress:
            progress(done, len(receipts))
    for part in store.parts():
        words = f"{part} was not finished. It is removed an hour after its last change"
        yield Problem(words, store)
    try:
        gone = len(gone_hashes(db, store))
    except SiteError:
        return
    if gone:
        words = (
            f"{store.folder} holds vectors of {count_of(gone, 'photo')} that the site does not "
            "have any more. Run critterdb embed again to remove them"
        )
        yield Problem(words, store)


def _check_shard(store: ShardStore, name: str, receipt: Receipt) -> Iterator[Problem]:
    difference = _difference(store, name, receipt)
    if difference:
        advice = "Remove it with critterdb check --repair, then embed again"
        yield Problem(f"{store.path(name)} {difference}. {advice}", store, name)


def _difference(store: ShardStore, name: str, receipt: Receipt) -> str | None:
    """How a shard's file differs from its receipt."""
    if not store.is_finished(name):
        return "is missing, but it has a receipt"
    try:
        rows = store.read(name)
    except SiteError as error:
        return f"is damaged: {error}"
    if len(rows) != receipt.rows:
        return f"has {count_of(len(rows), 'row')}, and its receipt says {receipt.rows:,}"
    if sum(row.vector is None for row in rows) != receipt.errors:
        return "has another number of errors than its receipt says"
    if digest_of(rows) != receipt.digest:
        return "does not hold what its receipt says (its digest differs)"
    return None
