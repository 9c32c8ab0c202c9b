"""The taxonomy of a site: what counts as what, what is right, and what taxa are called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from critterdb.formatting import display_name_sql
from critterdb.storage.stored_json import read_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from critterdb.storage.database import SiteDatabase


class Taxonomy:
    """Rolls taxa up to one rank.

    A label is the taxon's ancestor *of that rank*, not of that rank's level: a hybrid stands at a
    species' level without being one.
    """

    def __init__(self, db: SiteDatabase, rank: str) -> None:
        # All at once: a game has some thousand taxa, and a query for each photo would take minutes.
        rows = list(db["taxa"].rows_where(select="id, rank, ancestor_ids, synonym_id"))
        self._of_rank = {row["id"] for row in rows if row["rank"] == rank}
        self._ancestors = {row["id"]: [*read_ids(row["ancestor_ids"]), row["id"]] for row in rows}
        self._synonyms = {row["id"]: row["synonym_id"] for row in rows if row["synonym_id"]}

    def label(self, taxon_id: int | None) -> int | None:
        """Return the taxon at the rank that this one belongs to, or None if there is none.

        A taxon that is no longer used counts as the one that took its place.
        """
        if taxon_id is None:
            return None
        taxon_id = self._synonyms.get(taxon_id, taxon_id)
        lineage = self._ancestors.get(taxon_id, [taxon_id])
        return next((taxon for taxon in reversed(lineage) if taxon in self._of_rank), None)

    def lineage(self, taxon_id: int) -> list[int]:
        """Return the taxon and its ancestors, the nearest first."""
        return self._ancestors.get(taxon_id, [taxon_id])[::-1]

    def nearest(self, taxon_id: int | None, labels: Collection[int]) -> int | None:
        """Return the taxon or its nearest ancestor among `labels`, or None."""
        label = self.label(taxon_id)
        if label is None:
            return None
        return next((taxon for taxon in self.lineage(label) if taxon in labels), None)

    def is_compatible(self, taxon_id: int | None, label: int) -> bool:
        """Return whether an identification says the label, or less than it and nothing else."""
        if taxon_id is None or (taxon_id < 0) != (label < 0):
            return True  # imported taxa have ids of their own: nothing to compare
        own = self.label(taxon_id)
        return own == label or (own is None and taxon_id in self._ancestors.get(label, []))


@dataclass(frozen=True)
class Truth:
    """What an animal was: `lineage` is a taxon and all above it.

    With `is_other` it is only known not to have been that taxon.
    """

    lineage: frozenset[int]
    is_other: bool = False

    @classmethod
    def of(cls, taxon_id: int, ancestor_ids: str | None, *, is_other: bool = False) -> Truth:
        """Return the truth about a row of `taxa`, whose ancestors are a JSON list."""
        return cls(_lineage(taxon_id, ancestor_ids), is_other)


# A site has thousands of photos of few taxa, and to read JSON takes longer than what follows.
@lru_cache(maxsize=1000)
def _lineage(taxon_id: int, ancestor_ids: str | None) -> frozenset[int]:
    return frozenset((taxon_id, *read_ids(ancestor_ids)))


def is_right(answer: int | None, truth: Truth | None) -> bool | None:
    """Return whether an answer is right: the true taxon or an ancestor of it.

    If it is only known what the animal was not, anything but that taxon and its ancestors is right:
    "a felid" says as little about "not a cougar" as about a cougar. None if there is no answer or
    nobody knows the truth. The views bot_history and scoreboard say the same in SQL; a test
    compares them with this function.
    """
    if answer is None or truth is None:
        return None
    return (answer in truth.lineage) != truth.is_other


def taxon_names(db: SiteDatabase, taxon_ids: Iterable[int]) -> dict[int, str]:
    """Return what to call taxa in a sentence, by their ids."""
    rows = db.execute(
        f"SELECT id, {display_name_sql()} FROM taxa WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(sorted(taxon_ids))],
    )
    return {int(taxon_id): str(name) for taxon_id, name in rows.fetchall()}
