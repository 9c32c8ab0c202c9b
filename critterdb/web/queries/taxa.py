"""Predictions in names instead of numbers of taxa."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from critterdb.storage.database import SiteDatabase

if TYPE_CHECKING:
    pass
from critterdb.web.http.body import MAX_SEARCH_CHARACTERS, MAX_SEARCH_WORDS, _plain_words

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


def find_taxon(db: SiteDatabase, words: str) -> int | None:
    """The taxon that somebody names, by its exact scientific or common name, else by search."""
    rows = db.query(
        "SELECT id FROM taxa WHERE name = :words COLLATE NOCASE "
        "OR common_name = :words COLLATE NOCASE ORDER BY is_active DESC, id LIMIT 1",
        {"words": words},
    )
    for row in rows:
        return int(row["id"])
    query = search_query(words)
    if not query:
        return None
    found = db.query(
        "SELECT rowid AS id FROM taxa_fts WHERE taxa_fts MATCH ? ORDER BY rank LIMIT 1", [query]
    )
    return next((int(row["id"]) for row in found), None)


def search_query(words: str) -> str:
    """A query for SQLite's full-text search that finds beginnings of words; empty for none.

    It takes the first MAX_SEARCH_CHARACTERS and MAX_SEARCH_WORDS: the cost of a search grows with
    the square of the number of words.
    """
    kept = _plain_words(words[:MAX_SEARCH_CHARACTERS])[:MAX_SEARCH_WORDS]
    return " ".join(f'"{word}"*' for word in kept)
