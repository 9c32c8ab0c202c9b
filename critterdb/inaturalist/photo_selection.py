"""Which photos of an observation get a row, and which lose it: licences, caps, what is gone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from critterdb.storage.database import SiteDatabase

    from .responses import ApiObservation


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
        if self.per_observer is not None or self.per_taxon is not None:
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


class OfferedPhoto(NamedTuple):
    """A photo that an observation shows, with what decides whether it is taken."""

    id: int
    observation_id: int
    position: int
    observer_id: int | None
    taxon_id: int | None
    license_code: str | None
    attribution: str | None
    url: str | None


class KnownPhoto(NamedTuple):
    """What the database holds of a photo that an observation shows, or showed before."""

    id: int
    observation_id: int
    license_code: str | None
    withdrawn_at: str | None


class Selection:
    """Which of the photos that observations offer get a row, and which lose it.

    `earlier` are the rows of these photos, and of all that the observations had before.
    """

    def __init__(self, earlier: Iterable[KnownPhoto], licenses: Sequence[str], caps: Caps) -> None:
        self._earlier = {photo.id: photo for photo in earlier}
        self._holders = {
            photo.id: (photo.observation_id, photo.withdrawn_at is not None)
            for photo in self._earlier.values()
        }
        self._licenses = licenses
        self._caps = caps
        self._observation_id = 0
        self._taken = 0
        self._offered: set[tuple[int, int]] = set()
        self.taken: dict[int, OfferedPhoto] = {}
        self.shared: list[tuple[int, int]] = []
        self.changed: list[OfferedPhoto] = []
        self.skipped: Counter[str] = Counter()

    def offer(self, photo: OfferedPhoto) -> None:
        """Decide about the next photo; those of an observation come one after the other."""
        if photo.observation_id != self._observation_id:
            self._observation_id, self._taken = photo.observation_id, 0
        if self._earlier:
            self._offered.add((photo.observation_id, photo.id))
        holder, is_withdrawn = self._holders.get(photo.id, (None, True))
        reason = reason_against(photo.license_code, photo.url, self._licenses)
        if reason:
            self._note_change(photo)
        # One file, one row: the first observation keeps it, and others are named in
        # shared_photos.
        elif holder is not None and holder != photo.observation_id:
            self.shared.append((photo.id, photo.observation_id))
            return
        elif is_withdrawn:
            reason = self._caps.reason_against(photo.observer_id, photo.taxon_id, self._taken)
        if reason:
            self.skipped[reason] += 1
            return
        if is_withdrawn:
            self._caps.count(photo.observer_id, photo.taxon_id)
        self._taken += 1
        self._holders[photo.id] = (photo.observation_id, False)
        self.taken[photo.id] = photo

    def _note_change(self, photo: OfferedPhoto) -> None:
        """Only a change withdraws: another run may have wanted more licences than this one."""
        known = self._earlier.get(photo.id)
        if known and known.license_code != photo.license_code:
            self.changed.append(photo)

    def no_longer_shown(self, observation_ids: Collection[int]) -> list[int]:
        """Photos that the site showed with these observations before, and does not now."""
        return [
            photo.id
            for photo in self._earlier.values()
            if photo.observation_id in observation_ids
            and (photo.observation_id, photo.id) not in self._offered
        ]

    def save(self, db: SiteDatabase, observation_ids: Collection[int], now: str) -> None:
        """Write what was decided about the photos of these observations."""
        db.conn.executemany(
            _WITHDRAW_CHANGED, [(p.license_code, p.attribution, now, p.id) for p in self.changed]
        )
        rows = [
            (p.id, p.observation_id, p.position, p.license_code, p.attribution, p.url)
            for p in self.taken.values()
        ]
        db.conn.executemany(_TAKE, rows)
        db.conn.executemany("INSERT OR IGNORE INTO shared_photos VALUES (?, ?)", self.shared)
        db.execute(_WITHDRAW, [now, json.dumps(self.no_longer_shown(observation_ids))])


_WITHDRAW_CHANGED = """
UPDATE photos SET license_code = ?, attribution = ?, withdrawn_at = ? WHERE id = ?
"""
# A new address is a new chance for a photo that could not be had.
_TAKE = """
INSERT INTO photos (id, observation_id, position, license_code, attribution, url)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    observation_id = excluded.observation_id,
    position = excluded.position,
    license_code = excluded.license_code,
    attribution = excluded.attribution,
    attempts = CASE WHEN url IS excluded.url THEN attempts ELSE 0 END,
    url = excluded.url,
    withdrawn_at = NULL
"""
_WITHDRAW = """
UPDATE photos SET withdrawn_at = ? WHERE withdrawn_at IS NULL
    AND id IN (SELECT value FROM json_each(?))
"""


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
    ids = {observation.id for observation in observations}
    offered = [photo for observation in observations for photo in _offers(observation)]
    selection = Selection(known_photos(db, [photo.id for photo in offered], ids), licenses, caps)
    for photo in offered:
        selection.offer(photo)
    selection.save(db, ids, now)
    return selection.skipped


def _offers(observation: ApiObservation) -> list[OfferedPhoto]:
    taxon_id = observation.taxon.id if observation.taxon else None
    observer_id = observation.observer.id if observation.observer else None
    return [
        OfferedPhoto(
            photo.id,
            observation.id,
            position,
            observer_id,
            taxon_id,
            photo.license_code,
            photo.attribution,
            photo.url,
        )
        for position, photo in enumerate(observation.photos)
    ]


def reason_against(
    license_code: str | None, url: str | None, licenses: Sequence[str]
) -> str | None:
    """Return why a photo is not taken whatever the caps are, or None if it may be."""
    if license_code not in licenses:
        return f"photos with licence {license_code or 'all rights reserved'}"
    return None if url else "photos without a URL"


def known_photos(
    db: SiteDatabase, photo_ids: Sequence[int], observation_ids: Collection[int]
) -> list[KnownPhoto]:
    """Return the rows of these photos, and of all that the observations had before."""
    known: dict[int, KnownPhoto] = {}
    for column, values in (("id", photo_ids), ("observation_id", observation_ids)):
        # Of no observations too, SQLite would read all photos while they have no index.
        if values:
            rows = db.execute(
                "SELECT id, observation_id, license_code, withdrawn_at FROM photos "
                f"WHERE {column} IN (SELECT value FROM json_each(?))",
                [json.dumps(list(values))],
            )
            known |= {row[0]: KnownPhoto(*row) for row in rows.fetchall()}
    return list(known.values())
