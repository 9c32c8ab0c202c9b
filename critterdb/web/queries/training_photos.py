"""Training photos like a picture: the nearest that may be shown, as an answer's JSON names them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.embeddings import as_vectors
from critterdb.dataset.similarity import TrainingPhoto
from critterdb.licences import photo_shown_sql
from critterdb.model.novelty import normalized
from critterdb.storage.stored_json import read_ids
from critterdb.web.urls import photo_file, photo_page

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from critterdb.model.payloads import SimilarPhoto
    from critterdb.storage.database import SiteDatabase

MAX_SIMILAR = 10

_CANDIDATES = """
SELECT photos.id, observations.taxon_id, taxa.name, taxa.common_name, photos.license_code,
    photos.attribution, photos.sha256, taxa.ancestor_ids, embeddings.vector
FROM embeddings
JOIN photos ON photos.sha256 = embeddings.sha256
JOIN observations ON observations.id = photos.observation_id
JOIN splits ON splits.observation_id = observations.id
LEFT JOIN taxa ON taxa.id = observations.taxon_id
WHERE embeddings.backbone = :backbone AND splits.game = :game AND splits.part = 'train'
    AND embeddings.sha256 IN (SELECT value FROM json_each(:candidates)) AND {shown}
"""


@dataclass(frozen=True)
class Likeness:
    """A training photo, its distance from a picture, and the taxa that it counts as."""

    photo: TrainingPhoto
    distance: float
    lineage: frozenset[int]


@dataclass(frozen=True)
class TrainingSearch:
    """What is looked for: photos that a game's models learn from, near an embedding D.

    `local_photos` includes those that only the site's owner may see.
    """

    game: str
    backbone: str
    vector: np.ndarray
    local_photos: bool


def rank_training_photos(
    db: SiteDatabase, search: TrainingSearch, candidates: Sequence[str]
) -> list[Likeness]:
    """Return those of the candidates (SHA-256) that are training photos and may be shown.

    The nearest comes first; a file that several photos have counts once.
    """
    sql = _CANDIDATES.format(shown=photo_shown_sql(local_photos=search.local_photos))
    values = {
        "backbone": search.backbone,
        "game": search.game,
        "candidates": json.dumps(list(candidates)),
    }
    by_file = {row[6]: row for row in db.execute(sql, values).fetchall()}
    rows = list(by_file.values())
    if not rows:
        return []
    vectors = normalized(as_vectors([row[8] for row in rows]))
    distances = 1 - vectors @ normalized(search.vector[None])[0]
    return [
        Likeness(
            TrainingPhoto(*rows[index][:7]),
            round(max(0.0, float(distances[index])), 4),
            frozenset((rows[index][1], *read_ids(rows[index][7]))),
        )
        for index in np.argsort(distances, kind="stable")
    ]


def nearest_inside(
    likenesses: Sequence[Likeness], taxon_ids: Collection[int], count: int
) -> list[Likeness]:
    """Return the first `count` of ranked photos that show one of the taxa, or one below it."""
    inside = (likeness for likeness in likenesses if likeness.lineage & set(taxon_ids))
    return [likeness for likeness, _ in zip(inside, range(count), strict=False)]


def as_similar(
    photo: TrainingPhoto, distance: float, path: Callable[[str], str] = str
) -> SimilarPhoto:
    """Return a training photo as an answer's JSON names it; `path` adds what a site lies below."""
    return {
        "photo_id": photo.photo_id,
        "distance": distance,
        "taxon_id": photo.taxon_id,
        "name": photo.name,
        "common_name": photo.common_name,
        "license_code": photo.license_code,
        "attribution": photo.attribution,
        "image": path(photo_file(photo.sha256)),
        "page": path(photo_page(photo.photo_id)),
    }
