"""Observations and photos of the monthly tables → rows, as a sync from the API would write them.

Rows get negative ids, because the tables do not have iNaturalist's numbers. What the API wrote
before is newer than the tables and stays as it is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from critterdb.storage.bulk_writing import bulk_writing

from .observations import mark_left, mark_withdrawn
from .open_selection import (
    OpenObservation,
    read_gone,
    read_kinds,
    read_members,
    read_observers,
    read_photos,
)
from .photo_selection import Selection, known_photos
from .taxa import save_taxa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from critterdb.storage.database import SiteDatabase

    from .photo_selection import Caps

ROWS_PER_READ = 100_000
COLUMNS = OpenObservation._fields

_INSERT_OBSERVATION = (
    f"INSERT INTO observations ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
)
_VALUES = ", ".join(f"?{number}" for number in range(2, len(COLUMNS) + 1))
_UPDATE_OBSERVATION = f"""
UPDATE observations SET ({", ".join(COLUMNS[1:])}, withdrawn_at) = ({_VALUES}, NULL)
WHERE id = ?1 AND ({", ".join(COLUMNS[1:])}, withdrawn_at) IS NOT ({_VALUES}, NULL)
"""
_JOIN_GAME = """
INSERT INTO game_observations (game, observation_id, seen_at) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET left_at = NULL WHERE left_at IS NOT NULL
"""
_JOIN_NEW = """
INSERT INTO game_observations (game, observation_id, seen_at)
SELECT ?, id, ? FROM observations WHERE id < ? ORDER BY id
"""
# What the API said left, or is gone, is not brought back by tables that are older.
_JOIN_GAME_IF_NEW = """
INSERT OR IGNORE INTO game_observations (game, observation_id, seen_at)
SELECT ?, id, ? FROM observations WHERE id = ? AND withdrawn_at IS NULL
"""
_FIND_IN_SEARCH = """
INSERT INTO observations_fts (rowid, place_guess, taxon, common_name, observer)
SELECT observations.id, place_guess, taxa.name, taxa.common_name, observers.login
FROM observations
LEFT JOIN taxa ON taxa.id = observations.taxon_id
LEFT JOIN observers ON observers.id = observations.observer_id
WHERE observations.id < ?
"""


@dataclass(frozen=True)
class OpenOptions:
    """What of a game's photos is wanted, and when this is; `lowest` is the site's lowest id."""

    game: str
    licenses: Sequence[str]
    caps: Caps
    now: str
    lowest: int


@dataclass
class OpenReport:
    """Rows that were written, and marked; `skipped` photos by reason."""

    observations: int = 0
    changed: int = 0
    photos: int = 0
    left: int = 0
    withdrawn: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


def lowest_id(db: SiteDatabase) -> int:
    """Return the lowest id of an observation, or 0 if none is below it."""
    row = db.execute("SELECT min(coalesce(min(id), 0), 0) FROM observations").fetchone()
    return int(row[0])


def known_uuids(db: SiteDatabase) -> Iterator[list[tuple[int, str]]]:
    """Yield (id, uuid) of the site's observations that have one, in batches."""
    rows = db.execute("SELECT id, uuid FROM observations WHERE uuid <> ''")
    while batch := rows.fetchmany(ROWS_PER_READ):
        yield batch


def save_members(
    db: SiteDatabase, con: Any, options: OpenOptions, new: int, advance: Callable[[int], None]
) -> OpenReport:
    """Write the members of a connection's selection with everything around them.

    Call it in a transaction. `advance` is called with how many members were passed, twice each.
    """
    report = OpenReport()
    save_taxa(db, read_kinds(con))
    for people in read_observers(con):
        db.conn.executemany(
            "INSERT INTO observers (id, login, name) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET login = excluded.login, name = excluded.name",
            people,
        )
    report.changed = _save_known(db, con, options, advance)
    _save_new(db, con, options, new, advance)
    report.observations = new
    report.photos, report.skipped = _save_photos(db, con, options, new, advance)
    left, withdrawn = read_gone(con)
    mark_left(db, options.game, left)
    report.left = db.execute("SELECT changes()").fetchone()[0]
    mark_withdrawn(db, withdrawn)
    report.withdrawn = len(withdrawn)
    return report


def _save_known(
    db: SiteDatabase, con: Any, options: OpenOptions, advance: Callable[[int], None]
) -> int:
    """Bring rows of earlier tables up to date, and add the API's to the game; return changes."""
    changed = 0
    for batch in read_members(con, f"id >= {options.lowest}"):
        ours = [row for row in batch if row.id < 0]
        theirs = [(options.game, options.now, row.id) for row in batch if row.id > 0]
        changed += db.conn.executemany(_UPDATE_OBSERVATION, ours).rowcount
        db.conn.executemany(_JOIN_GAME, [(options.game, row.id, options.now) for row in ours])
        db.conn.executemany(_JOIN_GAME_IF_NEW, theirs)
        advance(len(batch))
    return max(changed, 0)


def _save_new(
    db: SiteDatabase, con: Any, options: OpenOptions, new: int, advance: Callable[[int], None]
) -> None:
    # With triggers and indexes, 16,600 observations a second are written; without, 43,000.
    # docs/decisions.md#rows-are-loaded-in-one-transaction-without-indexes
    with bulk_writing(db, "observations", new), bulk_writing(db, "game_observations", new):
        for batch in read_members(con, f"id < {options.lowest}"):
            db.conn.executemany(_INSERT_OBSERVATION, batch)
            advance(len(batch))
        db.execute(_JOIN_NEW, [options.game, options.now, options.lowest])
        # What a trigger does for each row, for all of them at once.
        db.execute(_FIND_IN_SEARCH, [options.lowest])


def _save_photos(
    db: SiteDatabase, con: Any, options: OpenOptions, new: int, advance: Callable[[int], None]
) -> tuple[int, Counter[str]]:
    """Write photo rows; return how many are new, and what was left out by reason."""
    added, skipped = 0, Counter[str]()
    # What known observations had before is looked up by this index.
    keep = "photos_observation_id" if options.lowest < 0 else None
    with bulk_writing(db, "photos", new, keep=keep):
        for batch in read_photos(con):
            # What the API wrote is newer: its photos were chosen with it.
            offered = [photo for photo in batch if photo.observation_id < 0]
            known_ids = {p.observation_id for p in offered if p.observation_id >= options.lowest}
            known = known_photos(db, [photo.id for photo in offered], known_ids)
            selection = Selection(known, options.licenses, options.caps)
            for photo in offered:
                selection.offer(photo)
            selection.save(db, known_ids, options.now)
            skipped += selection.skipped
            added += len(selection.taken) - len({p.id for p in known} & selection.taken.keys())
            advance(len({photo.observation_id for photo in batch}))
    return added, skipped
