"""iNaturalist's taxa → rows: lineages up to the root, and what took an inactive one's place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .client import INaturalist, fetch_taxa
from .responses import ApiObservation, ApiTaxon, read_taxa

if TYPE_CHECKING:
    from collections.abc import Iterable

    from critterdb.storage.database import SiteDatabase

KINGDOM_LEVEL = 70
# A response has a taxon's whole lineage, so two steps are usual. A server that names a new ancestor
# in each would be asked for ever.
MAX_STEPS = 8
# Some responses say less of a taxon than others: what is known is not forgotten.
_SAVE = """
INSERT INTO taxa (id, name, common_name, rank, rank_level, ancestor_ids, is_active)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name,
    common_name = coalesce(excluded.common_name, common_name),
    rank = coalesce(excluded.rank, rank),
    rank_level = coalesce(excluded.rank_level, rank_level),
    ancestor_ids = excluded.ancestor_ids,
    is_active = excluded.is_active
"""
_LINK = """
UPDATE taxa SET parent_id = coalesce(?, parent_id), synonym_id = coalesce(?, synonym_id)
WHERE id = ?
"""


def save_taxa(db: SiteDatabase, taxa: Iterable[ApiTaxon]) -> None:
    """Write taxa and the ancestors that they carry.

    A parent that is neither here nor given leaves `parent_id` null; `ancestor_ids` is whole anyway.
    """
    by_id = {taxon.id: taxon for carrier in taxa for taxon in (*carrier.ancestors, carrier)}
    related = {taxon.id: (taxon.parent_id, taxon.synonym_id) for taxon in by_id.values()}
    linked = {taxon_id for pair in related.values() for taxon_id in pair if taxon_id is not None}
    known = set(by_id) | _existing(db, linked)
    with db.atomic():
        db.conn.executemany(_SAVE, map(_taxon_row, by_id.values()))
        # Only now, because a response may name a child before its parent.
        links = (
            [other if other in known else None for other in pair] + [taxon_id]
            for taxon_id, pair in related.items()
        )
        db.conn.executemany(_LINK, links)


def save_missing_taxa(db: SiteDatabase, api: INaturalist, ids: Iterable[int]) -> None:
    """Ask for those of the taxa that are not described here yet, up to the root, and write them."""
    fetched: list[ApiTaxon] = []
    missing = _undescribed(db, ids) - api.asked_taxa
    for _ in range(MAX_STEPS):
        if not missing:
            break
        api.asked_taxa |= missing
        new = read_taxa(fetch_taxa(api, missing))
        fetched += new
        described = {taxon.id for carrier in new for taxon in (*carrier.ancestors, carrier)}
        lineages = {taxon_id for taxon in new for taxon_id in taxon.lineage}
        missing = _undescribed(db, lineages - described) - api.asked_taxa
    save_taxa(db, fetched)


def save_lineages(db: SiteDatabase, api: INaturalist, results: Iterable[ApiObservation]) -> None:
    """Ask for the ancestors and synonyms of observations' taxa that are not known yet.

    The network is asked here, so this comes before the transaction that writes the observations.
    """
    taxa = [result.taxon for result in results if result.taxon]
    wanted = {taxon_id for taxon in taxa for taxon_id in (*taxon.lineage, *taxon.synonym_ids)}
    save_missing_taxa(db, api, wanted - {taxon.id for taxon in taxa})


def _existing(db: SiteDatabase, ids: Iterable[int]) -> set[int]:
    rows = db.query(
        "SELECT id FROM taxa WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(sorted(ids))],
    )
    return {row["id"] for row in rows}


def _taxon_row(taxon: ApiTaxon) -> tuple[object, ...]:
    return (
        taxon.id,
        taxon.name,
        taxon.common_name,
        taxon.rank,
        taxon.rank_level,
        json.dumps(taxon.lineage),
        int(taxon.is_active),
    )


def _undescribed(db: SiteDatabase, ids: Iterable[int]) -> set[int]:
    """Those of the taxa that are missing, or only placeholders without a lineage."""
    wanted = set(ids)
    described = db.query(
        """
        SELECT id FROM taxa
        WHERE id IN (SELECT value FROM json_each(?))
            AND (parent_id IS NOT NULL OR rank_level >= ?)
        """,
        [json.dumps(sorted(wanted)), KINGDOM_LEVEL],
    )
    return wanted - {row["id"] for row in described}
