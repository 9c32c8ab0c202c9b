"""iNaturalist's observations → rows of observers, observations and their game; no network."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from critterdb.licences import DEFAULT_LICENSES
from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.storage.timestamps import utc_now

from .photo_selection import Caps, save_photo_rows
from .responses import ApiObservation, unreadable
from .taxa import save_taxa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from critterdb._types import Json


def save_page(
    db: SiteDatabase,
    game: str,
    results: Sequence[ApiObservation],
    *,
    licenses: Sequence[str] = DEFAULT_LICENSES,
    caps: Caps | None = None,
) -> Counter[str]:
    """Write observations with their taxa; return what was left out, by reason.

    An observation that the database refuses is left out by its number, and the others are written:
    a page must not stop the walk permanently. Raises sqlite3.OperationalError, such as a full disk.
    """
    try:
        with db.atomic():
            return _save_with_taxa(db, game, results, licenses, caps)
    except sqlite3.OperationalError:
        raise
    except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
        if len(results) == 1:
            return Counter({f"observation {results[0].id}, which cannot be stored: {error}": 1})
    skipped: Counter[str] = Counter()
    for result in results:
        skipped += save_page(db, game, [result], licenses=licenses, caps=caps)
    return skipped


def _save_with_taxa(
    db: SiteDatabase,
    game: str,
    results: Sequence[ApiObservation],
    licenses: Sequence[str],
    caps: Caps | None,
) -> Counter[str]:
    save_taxa(db, [result.taxon for result in results if result.taxon])
    return save_observations(db, game, results, licenses=licenses, caps=caps)


def save_observations(
    db: SiteDatabase,
    game: str,
    results: Iterable[ApiObservation],
    *,
    licenses: Sequence[str] = DEFAULT_LICENSES,
    caps: Caps | None = None,
) -> Counter[str]:
    """Write observations with observers and photo rows; return what was left out, by reason.

    Their taxa must be there already. A photo has its row with the first observation that shows it.
    One whose licence is no longer among `licenses`, or that its observation no longer shows, is
    marked as withdrawn.
    """
    now = utc_now()
    results = list(results)
    skipped = unreadable(results)
    with db.atomic():
        observers = {result.observer.id: result.observer for result in results if result.observer}
        db["observers"].upsert_all(map(asdict, observers.values()), pk="id")
        db["observations"].upsert_all(map(_observation_row, results), pk="id")
        _merge_open_data(db, {result.uuid: result.id for result in results if result.uuid})
        _save_members(db, game, [result.id for result in results], now)
        skipped["observations without a taxon"] = sum(result.taxon is None for result in results)
        skipped += save_photo_rows(db, results, licenses=licenses, caps=caps or Caps(), now=now)
    return skipped


def _merge_open_data(db: SiteDatabase, numbers: dict[str, int]) -> None:
    """Replace rows of the monthly tables, which have ids below 0, by these of the same uuid.

    Every row that names them, such as photos and splits, then names iNaturalist's number.
    """
    rows = db.execute(
        """
        SELECT id, uuid FROM observations
        WHERE id < 0 AND uuid IN (SELECT value FROM json_each(?))
        """,
        [json.dumps(list(numbers))],
    ).fetchall()
    if not rows:
        return
    changes = [(numbers[uuid], number) for number, uuid in rows]
    removals = [(number,) for number, _ in rows]
    for table, column in _references(db):
        # A row may be there already, such as the membership of a game that was synced before.
        sql = f'UPDATE OR IGNORE "{table}" SET "{column}" = ? WHERE "{column}" = ?'
        db.conn.executemany(sql, changes)
        db.conn.executemany(f'DELETE FROM "{table}" WHERE "{column}" = ?', removals)
    db.conn.executemany("DELETE FROM observations WHERE id = ?", removals)


def _references(db: SiteDatabase) -> list[tuple[str, str]]:
    """The tables and columns that name observations, as the schema says."""
    return [
        (table, key.column)
        for table in db.table_names()
        for key in db[table].foreign_keys
        if key.other_table == "observations" and key.column
    ]


def mark_unmet(db: SiteDatabase, game: str) -> int:
    """Mark rows of the monthly tables that the API does not show as left; return how many.

    Call it when a sync has walked the game's query to its end: what is in it has a number by then.
    """
    return int(
        db.execute(
            """
            UPDATE game_observations SET left_at = ? WHERE game = ? AND left_at IS NULL
                AND observation_id IN (
                    SELECT id FROM observations WHERE id < 0 AND uuid IS NOT NULL
                )
            """,
            [utc_now(), game],
        ).rowcount
    )


def _save_members(db: SiteDatabase, game: str, observation_ids: list[int], now: str) -> None:
    """These are in the game's query; `seen_at` stays the first time that they were."""
    db.conn.executemany(
        """
        INSERT INTO game_observations (game, observation_id, seen_at) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET left_at = NULL WHERE left_at IS NOT NULL
        """,
        [(game, observation_id, now) for observation_id in observation_ids],
    )


def mark_left(db: SiteDatabase, game: str, observation_ids: Sequence[int]) -> None:
    """These observations are no longer in the game's query: training ignores them."""
    db.execute(
        """
        UPDATE game_observations SET left_at = ? WHERE game = ? AND left_at IS NULL
            AND observation_id IN (SELECT value FROM json_each(?))
        """,
        [utc_now(), game, json.dumps(list(observation_ids))],
    )


def mark_withdrawn(db: SiteDatabase, observation_ids: Sequence[int]) -> None:
    """These observations are gone from the site, and so are their photos; all games lose them."""
    now, ids = utc_now(), json.dumps(list(observation_ids))
    for statement in (
        "UPDATE observations SET withdrawn_at = ? WHERE withdrawn_at IS NULL AND id",
        "UPDATE photos SET withdrawn_at = ? WHERE withdrawn_at IS NULL AND observation_id",
        "UPDATE game_observations SET left_at = ? WHERE left_at IS NULL AND observation_id",
    ):
        db.execute(f"{statement} IN (SELECT value FROM json_each(?))", [now, ids])


def _observation_row(observation: ApiObservation) -> Json:
    row = asdict(observation)
    for name in ("taxon", "observer", "photos", "unreadable_photos"):
        del row[name]
    return {
        **row,
        "taxon_id": observation.taxon.id if observation.taxon else None,
        "observer_id": observation.observer.id if observation.observer else None,
        "withdrawn_at": None,
    }
