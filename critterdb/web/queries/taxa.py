"""Predictions in names instead of numbers of taxa."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from critterdb.storage.database import SiteDatabase

BARS = 5


def score_bars(scores: dict[str, float], names: dict[int, str]) -> list[dict[str, Any]]:
    """The likeliest labels of a prediction, as bars."""
    likeliest = sorted(scores.items(), key=lambda item: -item[1])[:BARS]
    return [
        {
            "taxon_id": int(taxon),
            "name": names.get(int(taxon), taxon),
            "score": score,
            "width": round(100 * score, 1),
        }
        for taxon, score in likeliest
    ]


def taxon_names(db: SiteDatabase, taxon_ids: Iterable[int]) -> dict[int, str]:
    """What to call taxa: the common name where there is one."""
    rows = db.query(
        "SELECT id, coalesce(common_name, name) AS name FROM taxa "
        "WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(sorted(taxon_ids))],
    )
    return {row["id"]: row["name"] for row in rows}
