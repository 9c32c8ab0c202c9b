"""Find a taxon of the site by what somebody calls it.

One rule for the pages, the command line and games: a number is the taxon's id; then an exact
scientific or common name, whatever its case; then a search for the beginnings of the words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from critterdb.storage.database import SiteDatabase

MAX_SEARCH_WORDS = 8
MAX_SEARCH_CHARACTERS = 100

# In use before out of use; of two animals with one name the one that iNaturalist had first.
_EXACT = """
SELECT id, synonym_id FROM taxa
WHERE :words <> '' AND (
    name = :words COLLATE NOCASE OR common_name = :words COLLATE NOCASE
    OR CAST(id AS TEXT) = :words
)
ORDER BY CAST(id AS TEXT) = :words DESC, is_active DESC, id
"""

_BEGINS = """
SELECT taxa.id, taxa.synonym_id FROM taxa_fts JOIN taxa ON taxa.id = taxa_fts.rowid
WHERE taxa_fts MATCH ? ORDER BY taxa_fts.rank LIMIT 20
"""


def find_taxon(db: SiteDatabase, words: str, *, among: Collection[int] | None = None) -> int | None:
    """Return the id of the taxon that somebody names, or None if there is none here.

    `among` limits the choice, for example to a game's taxa. A taxon that is no longer used leads to
    the one that took its place.
    """
    # "Lion" begins the names of sea lions and lionfish; who writes the whole name means that one.
    exact = find_exact_taxa(db, words, among=among)
    if exact:
        return exact[0]
    query = search_query(words)
    rows = db.execute(_BEGINS, [query]).fetchall() if query else []
    return next(iter(_in_use(rows, among)), None)


def find_exact_taxa(
    db: SiteDatabase, words: str, *, among: Collection[int] | None = None
) -> list[int]:
    """Return the ids of all taxa with exactly this number or name, the best first."""
    return _in_use(db.execute(_EXACT, {"words": words.strip()}).fetchall(), among)


def _in_use(rows: list[tuple[int, int | None]], among: Collection[int] | None) -> list[int]:
    ids = dict.fromkeys(synonym_id or taxon_id for taxon_id, synonym_id in rows)
    return [taxon_id for taxon_id in ids if among is None or taxon_id in among]


def search_query(words: str) -> str:
    """Return a query for SQLite's full-text search that finds beginnings of words; empty for none.

    It takes the first MAX_SEARCH_CHARACTERS and MAX_SEARCH_WORDS.
    """
    # The cost of a search grows with the square of the number of words: 10,000 of them, which fit
    # into one address, held a reading thread for a minute.
    kept = _plain_words(words[:MAX_SEARCH_CHARACTERS])[:MAX_SEARCH_WORDS]
    return " ".join(f'"{word}"*' for word in kept)


def is_search_cut(words: str) -> bool:
    """Return whether `search_query` leaves out a part of these words."""
    return len(words) > MAX_SEARCH_CHARACTERS or len(_plain_words(words)) > MAX_SEARCH_WORDS


def _plain_words(words: str) -> list[str]:
    return words.replace('"', " ").replace("\0", " ").split()
