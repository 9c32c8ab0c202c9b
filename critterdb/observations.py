"""iNaturalist's own objects → taxa, observers, observations and photo rows; no network here.

Anything may be missing or null in a response: what cannot be read becomes null, what cannot be
stored is counted with its reason, and no `private_*` field is ever looked at.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from .schema import SiteDatabase, utc_now

DEFAULT_LICENSES = ("cc0", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nc-sa")

Json = dict[str, Any]


def save_taxa(db: SiteDatabase, taxa: Iterable[Json]) -> None:
    """Write taxa and the ancestors that they carry.

    A parent that is neither here nor given leaves `parent_id` null; `ancestor_ids` is whole anyway.
    """
    every: dict[int, Json] = {}
    for taxon in taxa:
        for each in [*(taxon.get("ancestors") or []), taxon]:
            if isinstance(each.get("id"), int):
                every[each["id"]] = each
    parents = {taxon_id: _parent_id(taxon) for taxon_id, taxon in every.items()}
    known = set(every) | existing_ids(db, "taxa", {p for p in parents.values() if p is not None})
    with db.atomic():
        for taxon in every.values():
            # Some responses say less of a taxon than others: what is known is not forgotten.
            row = {k: v for k, v in _taxon_row(taxon).items() if v is not None}
            db["taxa"].upsert(row, pk="id")
        # Only now, because a response may name a child before its parent.
        for taxon_id, parent in parents.items():
            if parent in known:
                db["taxa"].update(taxon_id, {"parent_id": parent})


def save_observations(
    db: SiteDatabase,
    game: str,
    results: Iterable[Json],
    *,
    licenses: Sequence[str] = DEFAULT_LICENSES,
    photos_per_observation: int | None = None,
) -> Counter[str]:
    """Write observations with observers and photo rows; return what was left out, by reason.

    Their taxa must be there already. A photo has its row with the first observation that shows it.
    One whose licence is no longer among `licenses` is marked as withdrawn.
    """
    skipped: Counter[str] = Counter()
    now = utc_now()
    with db.atomic():
        for result in results:
            user = result.get("user") or {}
            if user.get("id"):
                observer = {"id": user["id"], "login": user.get("login") or str(user["id"])}
                db["observers"].upsert({**observer, "name": user.get("name") or None}, pk="id")
            db["observations"].upsert(_observation_row(result), pk="id")
            db["game_observations"].upsert(
                {"game": game, "observation_id": result["id"], "seen_at": now, "left_at": None},
                pk=("game", "observation_id"),
            )
            if not result.get("taxon"):
                skipped["observations without a taxon"] += 1
            skipped += _save_photos(db, result, licenses, photos_per_observation, now)
    return skipped


def ancestor_ids(taxon: Json) -> list[int]:
    """From the root down to the taxon itself; some responses leave the taxon itself out."""
    ids = [int(each) for each in taxon.get("ancestor_ids") or []]
    if not ids:
        ids = [int(each) for each in str(taxon.get("ancestry") or "").split("/") if each.isdigit()]
    return ids if ids and ids[-1] == taxon["id"] else [*ids, taxon["id"]]


def existing_ids(db: SiteDatabase, table: str, ids: Iterable[int]) -> set[int]:
    """Those of the ids that the table holds."""
    rows = db.query(
        f"SELECT id FROM [{table}] WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(sorted(ids))],
    )
    return {row["id"] for row in rows}


def _taxon_row(taxon: Json) -> Json:
    return {
        "id": taxon["id"],
        "name": taxon.get("name") or f"taxon {taxon['id']}",
        "common_name": taxon.get("preferred_common_name") or taxon.get("english_common_name"),
        "rank": taxon.get("rank"),
        "rank_level": _number(taxon.get("rank_level")),
        "ancestor_ids": json.dumps(ancestor_ids(taxon)),
        "is_active": int(taxon.get("is_active") is not False),
    }


def _parent_id(taxon: Json) -> int | None:
    lineage = ancestor_ids(taxon)
    return taxon.get("parent_id") or (lineage[-2] if len(lineage) > 1 else None)


def _save_photos(
    db: SiteDatabase, result: Json, licenses: Sequence[str], at_most: int | None, now: str
) -> Counter[str]:
    skipped: Counter[str] = Counter()
    photos = [photo for photo in result.get("photos") or [] if isinstance(photo.get("id"), int)]
    earlier = _earlier_photos(db, photos)
    kept = 0
    for position, photo in enumerate(photos):
        license_code = _license(photo)
        known = earlier.get(photo["id"])
        if license_code not in licenses:
            skipped[f"photos with licence {license_code or 'all rights reserved'}"] += 1
            # Only a change withdraws: another run may have wanted more licences than this one.
            if known and known["license_code"] != license_code:
                change = {"license_code": license_code, "attribution": photo.get("attribution")}
                db["photos"].update(photo["id"], change | {"withdrawn_at": now})
        elif known and known["observation_id"] != result["id"]:
            db["shared_photos"].insert(
                {"photo_id": photo["id"], "observation_id": result["id"]}, ignore=True
            )
        elif not photo.get("url"):
            skipped["photos without an address"] += 1
        elif not known and at_most is not None and kept >= at_most:
            skipped[f"photos beyond {at_most} an observation"] += 1
        else:
            kept += 1
            db["photos"].upsert(_photo_row(photo, result["id"], position), pk="id")
    return skipped


def _earlier_photos(db: SiteDatabase, photos: list[Json]) -> dict[int, Json]:
    rows = db.query(
        """
        SELECT id, observation_id, license_code FROM photos
        WHERE id IN (SELECT value FROM json_each(?))
        """,
        [json.dumps([photo["id"] for photo in photos])],
    )
    return {row["id"]: row for row in rows}


def _photo_row(photo: Json, observation_id: int, position: int) -> Json:
    return {
        "id": photo["id"],
        "observation_id": observation_id,
        "position": position,
        "url": photo["url"],
        "license_code": _license(photo),
        "attribution": photo.get("attribution"),
        "withdrawn_at": None,
    }


def _license(described: Json) -> str | None:
    return (described.get("license_code") or "").lower() or None


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
        "observer_id": (result.get("user") or {}).get("id"),
        "observed_on": result.get("observed_on"),
        "updated_at": _utc(result.get("updated_at")),
        "quality_grade": result.get("quality_grade"),
        "captive": _flag(result.get("captive")),
        "place_guess": result.get("place_guess"),
        "latitude": latitude,
        "longitude": longitude,
        "positional_accuracy": _number(accuracy),
        "obscured": _flag(result.get("obscured")),
        "license_code": _license(result),
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
    except ValueError:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment.tzinfo else None


def _flag(value: object) -> int | None:
    return None if value is None else int(bool(value))
