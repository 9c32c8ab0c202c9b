"""Which photos of an observation get a row, and which lose it: licences, caps, what is gone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from critterdb._types import Json
from critterdb.licences import license_of
from critterdb.storage.database import SiteDatabase


@dataclass
class Caps:
    """At most so many photos of each observation, observer and taxon; null for no such limit.

    `observers` and `taxa` count the photos that are taken already.
    """

    per_observation: int | None = None
    per_observer: int | None = None
    per_taxon: int | None = None
    observers: Counter[int] = field(default_factory=Counter)
    taxa: Counter[int] = field(default_factory=Counter)

    def reason_against(self, observation: Json, taken: int) -> str | None:
        """Why one more photo would be too many; `taken` are those of this observation."""
        if self.per_observation is not None and taken >= self.per_observation:
            return f"photos beyond {self.per_observation} an observation"
        observer, taxon = observation["observer_id"], observation["taxon_id"]
        if self.per_observer is not None and self.observers[observer] >= self.per_observer:
            return f"photos beyond {self.per_observer} an observer"
        if self.per_taxon is not None and self.taxa[taxon] >= self.per_taxon:
            return f"photos beyond {self.per_taxon} a taxon"
        return None

    def count(self, observation: Json) -> None:
        self.observers[observation["observer_id"]] += 1
        self.taxa[observation["taxon_id"]] += 1


def load_caps(
    db: SiteDatabase,
    game: str,
    *,
    per_observation: int | None = None,
    per_observer: int | None = None,
    per_taxon: int | None = None,
) -> Caps:
    """Caps for a game, with what it holds already counted."""
    caps = Caps(per_observation, per_observer, per_taxon)
    if per_observer is None and per_taxon is None:
        return caps
    rows = db.query(
        """
        SELECT observations.observer_id, observations.taxon_id FROM photos
        JOIN observations ON observations.id = photos.observation_id
        JOIN game_observations AS seen ON seen.observation_id = observations.id
        WHERE seen.game = ? AND photos.withdrawn_at IS NULL
        """,
        [game],
    )
    for row in rows:
        caps.count(row)
    return caps


def save_photo_rows(
    db: SiteDatabase,
    results: list[Json],
    rows: list[Json],
    *,
    licenses: Sequence[str],
    caps: Caps,
    now: str,
) -> Counter[str]:
    """Write the photos of observations (the API's `results`, and their `rows` in the same order).

    Returns what was left out, by reason. Call it in the transaction of the observations.
    """
    skipped: Counter[str] = Counter()
    shown = [
        [photo for photo in result.get("photos") or [] if isinstance(photo.get("id"), int)]
        for result in results
    ]
    earlier = _earlier_photos(db, [row["id"] for row in rows], shown)
    new: dict[int, Json] = {}
    shared: list[Json] = []
    for row, photos in zip(rows, shown, strict=True):
        taken = 0
        for position, photo in enumerate(photos):
            known = new.get(photo["id"]) or earlier.get(photo["id"])
            reason = _reason_against(photo, licenses)
            if reason:
                _withdraw_changed(db, photo, known, now)
            elif known and known["observation_id"] != row["id"]:
                shared.append({"photo_id": photo["id"], "observation_id": row["id"]})
                continue
            elif known is None or known["withdrawn_at"]:
                reason = caps.reason_against(row, taken)
            if reason:
                skipped[reason] += 1
                continue
            if known is None or known["withdrawn_at"]:
                caps.count(row)
            taken += 1
            new[photo["id"]] = _photo_row(photo, row["id"], position, known)
    db["photos"].upsert_all(new.values(), pk="id")
    db["shared_photos"].insert_all(shared, ignore=True)
    _withdraw(db, _no_longer_shown(earlier.values(), rows, shown), now)
    return skipped


def _reason_against(photo: Json, licenses: Sequence[str]) -> str | None:
    license_code = license_of(photo)
    if license_code not in licenses:
        return f"photos with licence {license_code or 'all rights reserved'}"
    return None if photo.get("url") else "photos without an address"


def _withdraw_changed(db: SiteDatabase, photo: Json, known: Json | None, now: str) -> None:
    """Only a change withdraws: another run may have wanted more licences than this one."""
    if known and known["license_code"] != license_of(photo):
        change = {"license_code": license_of(photo), "attribution": photo.get("attribution")}
        db["photos"].update(photo["id"], change | {"withdrawn_at": now})


def _no_longer_shown(
    earlier: Iterable[Json], rows: list[Json], shown: list[list[Json]]
) -> list[int]:
    """Photos of these observations that the site showed with them before, and does not now."""
    ids = {
        row["id"]: {photo["id"] for photo in photos}
        for row, photos in zip(rows, shown, strict=True)
    }
    return [
        photo["id"]
        for photo in earlier
        if photo["observation_id"] in ids and photo["id"] not in ids[photo["observation_id"]]
    ]


def _withdraw(db: SiteDatabase, photo_ids: list[int], now: str) -> None:
    db.execute(
        """
        UPDATE photos SET withdrawn_at = ? WHERE withdrawn_at IS NULL
            AND id IN (SELECT value FROM json_each(?))
        """,
        [now, json.dumps(photo_ids)],
    )


def _earlier_photos(
    db: SiteDatabase, observation_ids: list[int], shown: list[list[Json]]
) -> dict[int, Json]:
    """The rows of these photos, and of all that these observations had."""
    photo_ids = [photo["id"] for photos in shown for photo in photos]
    rows = db.query(
        """
        SELECT id, observation_id, license_code, url, withdrawn_at, attempts FROM photos
        WHERE id IN (SELECT value FROM json_each(?))
        UNION
        SELECT id, observation_id, license_code, url, withdrawn_at, attempts FROM photos
        WHERE observation_id IN (SELECT value FROM json_each(?))
        """,
        [json.dumps(photo_ids), json.dumps(observation_ids)],
    )
    return {row["id"]: row for row in rows}


def _photo_row(photo: Json, observation_id: int, position: int, known: Json | None) -> Json:
    # A new address is a new chance for a photo that could not be had.
    same = known is not None and known["url"] == photo["url"]
    return {
        "id": photo["id"],
        "observation_id": observation_id,
        "position": position,
        "url": photo["url"],
        "license_code": license_of(photo),
        "attribution": photo.get("attribution"),
        "withdrawn_at": None,
        "attempts": known["attempts"] if known and same else 0,
    }
