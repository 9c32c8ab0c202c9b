"""iNaturalist's taxa → rows: lineages up to the root, and what took an inactive one's place."""

from __future__ import annotations

import json
from collections.abc import Iterable

from critterdb._types import Json
from critterdb.storage.database import SiteDatabase

from .client import INaturalist, fetch_taxa

KINGDOM_LEVEL = 70


def save_taxa(db: SiteDatabase, taxa: Iterable[Json]) -> None:
    """Write taxa and the ancestors that they carry.

    A parent that is neither here nor given leaves `parent_id` null; `ancestor_ids` is whole anyway.
    """
    every: dict[int, Json] = {}
    for taxon in taxa:
        for each in [*(taxon.get("ancestors") or []), taxon]:
            if isinstance(each.get("id"), int):
                every[each["id"]] = each
    related = {
        taxon_id: (_parent_id(taxon), _synonym_id(taxon)) for taxon_id, taxon in every.items()
    }
    wanted = {each for pair in related.values() for each in pair if each is not None}
    known = set(every) | _existing(db, wanted)
    with db.atomic():
        for taxon in every.values():
            # Some responses say less of a taxon than others: what is known is not forgotten.
            row = {k: v for k, v in _taxon_row(taxon).items() if v is not None}
            db["taxa"].upsert(row, pk="id")
        # Only now, because a response may name a child before its parent.
        for taxon_id, (parent, synonym) in related.items():
            links = {"parent_id": parent, "synonym_id": synonym}
            links = {name: each for name, each in links.items() if each in known}
            if links:
                db["taxa"].update(taxon_id, links)


def ancestor_ids(taxon: Json) -> list[int]:
    """From the root down to the taxon itself; some responses leave the taxon itself out."""
    ids = [int(each) for each in taxon.get("ancestor_ids") or []]
    if not ids:
        ids = [int(each) for each in str(taxon.get("ancestry") or "").split("/") if each.isdigit()]
    return ids if ids and ids[-1] == taxon["id"] else [*ids, taxon["id"]]


def _existing(db: SiteDatabase, ids: Iterable[int]) -> set[int]:
    rows = db.query(
        "SELECT id FROM taxa WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(sorted(ids))],
    )
    return {row["id"] for row in rows}


def _taxon_row(taxon: Json) -> Json:
    level = taxon.get("rank_level")
    return {
        "id": taxon["id"],
        "name": taxon.get("name") or f"taxon {taxon['id']}",
        "common_name": taxon.get("preferred_common_name") or taxon.get("english_common_name"),
        "rank": taxon.get("rank"),
        "rank_level": float(level) if isinstance(level, int | float) else None,
        "ancestor_ids": json.dumps(ancestor_ids(taxon)),
        "is_active": int(taxon.get("is_active") is not False),
    }


def _synonym_id(taxon: Json) -> int | None:
    """The one taxon that took an inactive one's place; null where it was split into several."""
    synonyms = taxon.get("current_synonymous_taxon_ids") or []
    inactive = taxon.get("is_active") is False
    return int(synonyms[0]) if inactive and len(synonyms) == 1 else None


def _parent_id(taxon: Json) -> int | None:
    lineage = ancestor_ids(taxon)
    return taxon.get("parent_id") or (lineage[-2] if len(lineage) > 1 else None)


def save_missing_taxa(db: SiteDatabase, api: INaturalist, ids: Iterable[int]) -> None:
    """Ask for those of the taxa that are not described here yet, up to the root, and write them."""
    found: list[Json] = []
    missing = _undescribed(db, ids) - api.asked_taxa
    while missing:
        api.asked_taxa |= missing
        new = list(fetch_taxa(api, missing))
        found += new
        given = {each["id"] for taxon in new for each in [*(taxon.get("ancestors") or []), taxon]}
        lineages = {each for taxon in new for each in ancestor_ids(taxon)}
        missing = _undescribed(db, lineages - given) - api.asked_taxa
    save_taxa(db, found)


def save_lineages(db: SiteDatabase, api: INaturalist, results: Iterable[Json]) -> None:
    """Ask for the ancestors and synonyms of observations' taxa that are not known yet.

    The network is asked here, so this comes before the transaction that writes the observations.
    """
    taxa = [result["taxon"] for result in results if result.get("taxon")]
    wanted = {each for taxon in taxa for each in ancestor_ids(taxon)}
    wanted |= {each for taxon in taxa for each in taxon.get("current_synonymous_taxon_ids") or []}
    save_missing_taxa(db, api, wanted - {taxon["id"] for taxon in taxa})


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
