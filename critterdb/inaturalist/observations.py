"""iNaturalist's own objects → observers, observations and the game they are of; no network here.

Anything may be missing or null in a response: what cannot be read becomes null, what cannot be
stored is counted with its reason, and no `private_*` field is ever looked at.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from critterdb._types import Json
from critterdb.licences import DEFAULT_LICENSES, license_of
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import utc_now, utc_text

from .photo_selection import Caps, save_photo_rows


def save_observations(
    db: SiteDatabase,
    game: str,
    results: Iterable[Json],
    *,
    licenses: Sequence[str] = DEFAULT_LICENSES,
    caps: Caps | None = None,
) -> Counter[str]:
    """Write observations with observers and photo rows; return what was left out, by reason.

    Their taxa must be there already. A photo has its row with the first observation that shows it.
    One whose licence is no longer among `licenses`, or that its observation no longer shows, is
    marked as withdrawn.
    """
    skipped: Counter[str] = Counter()
    now = utc_now()
    results = list(results)
    rows = [_observation_row(result) for result in results]
    with db.atomic():
        observers = {row["id"]: row for row in map(_observer_row, results) if row}
        db["observers"].upsert_all(observers.values(), pk="id")
        db["observations"].upsert_all(rows, pk="id")
        _save_members(db, game, [row["id"] for row in rows], now)
        skipped["observations without a taxon"] = sum(row["taxon_id"] is None for row in rows)
        skipped += save_photo_rows(
            db, results, rows, licenses=licenses, caps=caps or Caps(), now=now
        )
    return skipped


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
    """These observations are no longer in the game's query: they train and count for nothing."""
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


def _observer_row(result: Json) -> Json | None:
    user = result.get("user") or {}
    if not user.get("id"):
        return None
    return {
        "id": user["id"],
        "login": user.get("login") or str(user["id"]),
        "name": user.get("name") or None,
    }


def _observation_row(result: Json) -> Json:
    latitude, longitude = _point(result)
    accuracy = result.get("public_positional_accuracy")
    if accuracy is None and not result.get("obscured"):
        accuracy = result.get("positional_accuracy")
    url = str(result.get("uri") or "")
    if not url.startswith(("https://", "http://")):
        url = f"https://www.inaturalist.org/observations/{result['id']}"
    return {
        "id": result["id"],
        "uuid": result.get("uuid"),
        "taxon_id": (result.get("taxon") or {}).get("id"),
        "observer_id": (result.get("user") or {}).get("id") or None,
        "observed_on": result.get("observed_on"),
        "updated_at": _utc(result.get("updated_at")),
        "quality_grade": result.get("quality_grade"),
        "captive": _flag(result.get("captive")),
        "place_guess": result.get("place_guess"),
        "latitude": latitude,
        "longitude": longitude,
        "positional_accuracy": _number(accuracy),
        "obscured": _flag(result.get("obscured")),
        "license_code": license_of(result),
        "url": url,
        "withdrawn_at": None,
    }


def _point(result: Json) -> tuple[float | None, float | None]:
    """The public point: `location` is "latitude,longitude" or [latitude, longitude], or missing."""
    location = result.get("location") or ()
    parts = location.split(",") if isinstance(location, str) else location
    latitude, longitude = map(_number, parts if len(parts) == 2 else (None, None))
    return (None, None) if latitude is None or longitude is None else (latitude, longitude)


def _number(value: object) -> float | None:
    if not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _utc(text: object) -> str | None:
    """A time with its offset, as the database writes times; null where it cannot be read."""
    try:
        moment = datetime.fromisoformat(str(text))
        return utc_text(moment) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _flag(value: object) -> int | None:
    return None if value is None else int(bool(value))
