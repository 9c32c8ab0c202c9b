"""A model's published training photos as one file, with which the browser finds similar ones.

It has the length of its JSON in four bytes, the JSON, and for each photo its embedding as signed
bytes (web/static/classifier/similar.js). A cosine does not depend on a vector's length, so each is
scaled to use all of a byte.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from critterdb.dataset.embeddings import find_vectors
from critterdb.licences import MAY_PHOTO_BE_SHOWN
from critterdb.storage.stored_json import read_ids
from critterdb.web import urls

from .addresses import page_place, relative
from .thumbnails import SIZES, thumbnail_path

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

# With 1,280 numbers for each, these are 5 MB before they are packed.
MAX_PHOTOS = 4000
LARGEST = 127  # of a signed byte

_PHOTOS = f"""
SELECT photos.id AS photo_id, observations.taxon_id, photos.license_code, photos.attribution,
    photos.sha256, photos.path
FROM embeddings
JOIN photos ON photos.sha256 = embeddings.sha256
JOIN observations ON observations.id = photos.observation_id
JOIN splits ON splits.observation_id = observations.id
WHERE embeddings.backbone = ? AND splits.game = ? AND splits.part = 'train'
    AND {MAY_PHOTO_BE_SHOWN}
ORDER BY photos.sha256, photos.id
"""

_TAXA = """
SELECT id, name, common_name, ancestor_ids FROM taxa
WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id
"""


class _Photo(NamedTuple):
    """A row of _PHOTOS."""

    photo_id: int
    taxon_id: int | None
    license_code: str
    attribution: str
    sha256: str
    path: str


def training_photos_file(
    db: SiteDatabase, copy: Path, game: str, backbone: str, place: str
) -> bytes | None:
    """Return the file for a model of a published copy, or None if there is no photo for it.

    Links are relative to `place`. A file that several photos have counts once.
    """
    rows = map(_Photo._make, db.execute(_PHOTOS, [backbone, game]))
    by_file = {row.sha256: row for row in rows if (copy / row.path).is_file()}
    photos = _some_of_each(list(by_file.values()))
    if not photos:
        return None
    vectors = find_vectors(db, [photo.sha256 for photo in photos], backbone)
    taxa = _taxa(db, {photo.taxon_id for photo in photos})
    index = {taxon["taxon_id"]: number for number, taxon in enumerate(taxa)}
    contents = {
        "dimensions": len(vectors[photos[0].sha256]),
        "taxa": taxa,
        "photos": [_listed(photo, index[photo.taxon_id], place) for photo in photos],
    }
    head = json.dumps(contents, ensure_ascii=False, separators=(",", ":")).encode()
    return struct.pack("<I", len(head)) + head + _as_bytes([vectors[row.sha256] for row in photos])


def _some_of_each(photos: list[_Photo]) -> list[_Photo]:
    """At most MAX_PHOTOS of them: as many of each taxon as there is room for."""
    seen: dict[int | None, int] = {}
    ranked = []
    for photo in photos:
        seen[photo.taxon_id] = seen.get(photo.taxon_id, 0) + 1
        ranked.append((seen[photo.taxon_id], photo.sha256, photo))
    return [photo for _, _, photo in sorted(ranked, key=lambda row: row[:2])[:MAX_PHOTOS]]


def _taxa(db: SiteDatabase, wanted: set[int | None]) -> list[dict[str, Any]]:
    rows = db.execute(_TAXA, [json.dumps([taxon for taxon in wanted if taxon is not None])])
    taxa = [
        {
            "taxon_id": taxon_id,
            "name": name,
            "common_name": common_name,
            "lineage": sorted({taxon_id, *read_ids(ancestor_ids)}),
        }
        for taxon_id, name, common_name, ancestor_ids in rows.fetchall()
    ]
    known = {taxon["taxon_id"] for taxon in taxa}
    unnamed: dict[str, Any] = {"name": None, "common_name": None}
    lost = [taxon for taxon in wanted if taxon not in known]
    return taxa + [
        {"taxon_id": taxon, **unnamed, "lineage": [] if taxon is None else [taxon]}
        for taxon in lost
    ]


def _listed(photo: _Photo, taxon: int, place: str) -> dict[str, Any]:
    return {
        "photo_id": photo.photo_id,
        "taxon": taxon,
        "license_code": photo.license_code,
        "attribution": photo.attribution,
        "image": relative(thumbnail_path(photo.sha256, SIZES[0]), place),
        "page": relative(page_place(urls.photo_page(photo.photo_id)), place),
    }


def _as_bytes(vectors: list[np.ndarray]) -> bytes:
    stacked = np.stack(vectors)
    most = np.abs(stacked).max(axis=1, keepdims=True)
    return np.rint(stacked / np.where(most > 0, most, 1) * LARGEST).astype(np.int8).tobytes()
