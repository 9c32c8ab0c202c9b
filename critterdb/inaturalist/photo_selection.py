"""Which photos of an observation get a row, and which lose it: licences, caps, what is gone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from critterdb._types import Json
    from critterdb.storage.database import SiteDatabase

    from .responses import ApiObservation, ApiPhoto


@dataclass
class Caps:
    """The most photos per observation, observer and taxon; null means no limit.

    `observers` and `taxa` count the photos that are taken already.
    """

    per_observation: int | None = None
    per_observer: int | None = None
    per_taxon: int | None = None
    observers: Counter[int | None] = field(default_factory=Counter)
    taxa: Counter[int | None] = field(default_factory=Counter)

    def reason_against(
        self, observer_id: int | None, taxon_id: int | None, taken: int
    ) -> str | None:
        """Why one more photo would be too many; `taken` are those of this observation."""
        if self.per_observation is not None and taken >= self.per_observation:
            return f"photos beyond {self.per_observation} per observation"
        if self.per_observer is not None and self.observers[observer_id] >= self.per_observer:
            return f"photos beyond {self.per_observer} per observer"
        if self.per_taxon is not None and self.taxa[taxon_id] >= self.per_taxon:
            return f"photos beyond {self.per_taxon} per taxon"
        return None

    def count(self, observer_id: int | None, taxon_id: int | None) -> None:
        self.observers[observer_id] += 1
        self.taxa[taxon_id] += 1


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
    # Photos with a row count, whether their file came or not: a killed run then decides as a whole
    # one.
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
        caps.count(row["observer_id"], row["taxon_id"])
    return caps


@dataclass(frozen=True)
class KnownPhoto:
    """What the database holds of a photo that an observation shows, or showed before."""

    id: int
    observation_id: int
    license_code: str | None
    url: str | None
    withdrawn_at: str | None
    attempts: int


def save_photo_rows(
    db: SiteDatabase,
    observations: Sequence[ApiObservation],
    *,
    licenses: Sequence[str],
    caps: Caps,
    now: str,
) -> Counter[str]:
    """Write the photos of observations; return what was left out, by reason.

    Call it in the transaction of the observations.
    """
    skipped: Counter[str] = Counter()
    earlier = _known_photos(db, observations)
    known = dict(earlier)
    rows: dict[int, Json] = {}
    shared: list[Json] = []
    for observation in observations:
        taxon_id = observation.taxon.id if observation.taxon else None
        observer_id = observation.observer.id if observation.observer else None
        taken = 0
        for position, photo in enumerate(observation.photos):
            before = known.get(photo.id)
            reason = _reason_against(photo, licenses)
            if reason:
                _withdraw_changed(db, photo, before, now)
            # One file, one row: the first observation keeps it, and others are named in
            # shared_photos.
            elif before and before.observation_id != observation.id:
                shared.append({"photo_id": photo.id, "observation_id": observation.id})
                continue
            elif before is None or before.withdrawn_at:
                reason = caps.reason_against(observer_id, taxon_id, taken)
            if reason:
                skipped[reason] += 1
                continue
            if before is None or before.withdrawn_at:
                caps.count(observer_id, taxon_id)
            taken += 1
            known[photo.id] = _as_taken(photo, observation.id, before)
            rows[photo.id] = _photo_row(photo, position, known[photo.id])
    db["photos"].upsert_all(rows.values(), pk="id")
    db["shared_photos"].insert_all(shared, ignore=True)
    _withdraw(db, _no_longer_shown(earlier.values(), observations), now)
    return skipped


def _reason_against(photo: ApiPhoto, licenses: Sequence[str]) -> str | None:
    if photo.license_code not in licenses:
        return f"photos with licence {photo.license_code or 'all rights reserved'}"
    return None if photo.url else "photos without a URL"


def _withdraw_changed(
    db: SiteDatabase, photo: ApiPhoto, known: KnownPhoto | None, now: str
) -> None:
    """Only a change withdraws: another run may have wanted more licences than this one."""
    if known and known.license_code != photo.license_code:
        change = {"license_code": photo.license_code, "attribution": photo.attribution}
        db["photos"].update(photo.id, change | {"withdrawn_at": now})


def _no_longer_shown(
    earlier: Iterable[KnownPhoto], observations: Sequence[ApiObservation]
) -> list[int]:
    """Photos of these observations that the site showed with them before, and does not now."""
    shown = {
        observation.id: {photo.id for photo in observation.photos} for observation in observations
    }
    return [
        photo.id
        for photo in earlier
        if photo.observation_id in shown and photo.id not in shown[photo.observation_id]
    ]


def _withdraw(db: SiteDatabase, photo_ids: list[int], now: str) -> None:
    db.execute(
        """
        UPDATE photos SET withdrawn_at = ? WHERE withdrawn_at IS NULL
            AND id IN (SELECT value FROM json_each(?))
        """,
        [now, json.dumps(photo_ids)],
    )


def _known_photos(
    db: SiteDatabase, observations: Sequence[ApiObservation]
) -> dict[int, KnownPhoto]:
    """The rows of these observations' photos, and of all that they had before."""
    photo_ids = [photo.id for observation in observations for photo in observation.photos]
    rows = db.query(
        """
        SELECT id, observation_id, license_code, url, withdrawn_at, attempts FROM photos
        WHERE id IN (SELECT value FROM json_each(?))
        UNION
        SELECT id, observation_id, license_code, url, withdrawn_at, attempts FROM photos
        WHERE observation_id IN (SELECT value FROM json_each(?))
        """,
        [json.dumps(photo_ids), json.dumps([observation.id for observation in observations])],
    )
    return {row["id"]: KnownPhoto(**row) for row in rows}


def _as_taken(photo: ApiPhoto, observation_id: int, known: KnownPhoto | None) -> KnownPhoto:
    # A new address is a new chance for a photo that could not be had.
    attempts = known.attempts if known and known.url == photo.url else 0
    return KnownPhoto(photo.id, observation_id, photo.license_code, photo.url, None, attempts)


def _photo_row(photo: ApiPhoto, position: int, taken: KnownPhoto) -> Json:
    return {**asdict(taken), "position": position, "attribution": photo.attribution}
