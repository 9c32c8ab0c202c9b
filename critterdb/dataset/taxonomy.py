"""The taxonomy of a site, and the names of its taxa."""

from __future__ import annotations

import json
from collections.abc import Collection

from critterdb.storage.database import SiteDatabase


class Taxonomy:
    """Rolls taxa up to one rank.

    A label is the taxon's ancestor *of that rank*, not of that rank's level: a hybrid stands at a
    species' level without being one.
    """

    def __init__(self, db: SiteDatabase, rank: str) -> None:
        rows = list(db["taxa"].rows_where(select="id, rank, ancestor_ids, synonym_id"))
        self._of_rank = {row["id"] for row in rows if row["rank"] == rank}
        self._ancestors = {
            row["id"]: [*map(int, json.loads(row["ancestor_ids"])), row["id"]] for row in rows
        }
        self._synonyms = {row["id"]: row["synonym_id"] for row in rows if row["synonym_id"]}

    def label(self, taxon_id: int | None) -> int | None:
        """The taxon at the rank that this one belongs to; None where there is none.

        A taxon that is no longer used counts as the one that took its place.
        """
        if taxon_id is None:
            return None
        taxon_id = self._synonyms.get(taxon_id, taxon_id)
        lineage = self._ancestors.get(taxon_id, [taxon_id])
        return next((each for each in reversed(lineage) if each in self._of_rank), None)

    def lineage(self, taxon_id: int) -> list[int]:
        """The taxon and its ancestors, the nearest first."""
        return self._ancestors.get(taxon_id, [taxon_id])[::-1]

    def nearest(self, taxon_id: int | None, labels: Collection[int]) -> int | None:
        """What a taxon counts as where only `labels` are known: itself or its nearest ancestor."""
        label = self.label(taxon_id)
        if label is None:
            return None
        return next((each for each in self.lineage(label) if each in labels), None)

    def agree(self, taxon_id: int | None, label: int) -> bool:
        """Whether an identification says the label, or only less than it and nothing against it."""
        if taxon_id is None or (taxon_id < 0) != (label < 0):
            return True  # imported taxa have ids of their own: nothing to compare
        own = self.label(taxon_id)
        return own == label or (own is None and taxon_id in self._ancestors.get(label, []))


def taxon_names(db: SiteDatabase, taxon_ids: set[int]) -> dict[int, str]:
    """How to call taxa in a sentence: the common name where there is one."""
    marks = ", ".join("?" * len(taxon_ids))
    return {
        row["id"]: row["common_name"] or row["name"]
        for row in db["taxa"].rows_where(f"id IN ({marks})", sorted(taxon_ids))
    }
