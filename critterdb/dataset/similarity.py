"""Find photos that look alike by their embeddings: similar ones, and near-duplicates.

Distance is one minus the cosine of two embeddings: 0 for the same picture, about 1 for two that
have nothing in common.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from critterdb.formatting import display_name_sql
from critterdb.licences import IS_PHOTO_HERE
from critterdb.model.novelty import normalized

from .embeddings import as_vectors, find_vectors, read_vectors
from .examples import NEAR_DUPLICATE, Examples
from .near_duplicates import Pair, candidate_pairs
from .sketch_store import Sketches, usual_candidates
from .sketches import Sketched
from .vectors import Vectors, blocks, take

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from critterdb.storage.database import SiteDatabase

# Near-duplicates are a photo and its crop, mirror image or resaved copy. Backbones differ in how
# far apart they put any two photos, so nearness is also judged by how near the nearest usually is.
# docs/decisions.md#near-duplicates-by-embedding-use-two-limits
NEAR_DISTANCE = 0.08
# Distances depend on the backbone and on how alike all photos are: this limit follows them.
NEAR_SHARE = 1 / 3  # of the median distance to the nearest other photo
CANDIDATES_PER_PHOTO = 100  # of those that are asked for
SAMPLE = 250  # photos, for the median
# 512 rows beside 100,000 photos are 200 MB of distances.
ROWS_PER_STEP = 512

# Beyond so many, photos are compared if their sketches are alike. 20,000 photos with 6,000 held-out
# ones take 4 s, and four times as long for twice as many.
# docs/decisions.md#near-duplicates-of-many-photos-are-found-by-sketches
MAX_COMPARED = 20_000


@dataclass(frozen=True)
class Neighbour:
    """A photo of the database, how far it is, and what it is and whose."""

    photo_id: int
    distance: float
    taxon_id: int | None
    name: str | None
    license_code: str | None
    attribution: str | None
    url: str | None
    path: str


def near_pairs(
    vectors: Vectors, wanted: np.ndarray | None = None, sketched: Sketched | None = None
) -> list[Pair]:
    """Find near-duplicates among embeddings N×D: (index, earlier index, distance), nearest first.

    `wanted` are the indexes of the photos to look for; without it, all. Beyond MAX_COMPARED photos,
    those are compared whose sketches are alike: over 99% of the pairs are found.
    """
    if len(vectors) < 2:
        return []
    everywhere = np.arange(len(vectors))
    wanted = everywhere if wanted is None else wanted
    distance_of: dict[tuple[int, int], float] = {}
    for row, other, distance in _candidates(vectors, wanted, sketched):
        distance_of[max(row, other), min(row, other)] = max(0.0, distance)
    pairs = [(*pair, distance) for pair, distance in distance_of.items()]
    return sorted(pairs, key=lambda pair: (pair[2], pair[0], pair[1]))


def _candidates(vectors: Vectors, wanted: np.ndarray, sketched: Sketched | None) -> Iterator[Pair]:
    sample = np.arange(len(vectors))[:: max(1, len(vectors) // SAMPLE)]
    if len(vectors) > MAX_COMPARED:
        limit = _limit(_nearest_distances(vectors, sample))
        yield from candidate_pairs(vectors, sketched or Sketched.of(vectors), wanted, limit)
        return
    unit = normalized(vectors[:])
    nearest = [distances.min(axis=1) for _, distances in _distances(unit, sample)]
    limit = _limit(np.concatenate(nearest))
    for rows, distances in _distances(unit, wanted):
        for row, other in np.argwhere(distances <= limit):
            yield int(rows[row]), int(other), float(distances[row, other])


def _limit(nearest: np.ndarray) -> float:
    return min(NEAR_DISTANCE, NEAR_SHARE * float(np.median(nearest)))


def _nearest_distances(vectors: Vectors, sample: np.ndarray) -> np.ndarray:
    """The distance of each photo of a sample to the nearest other one."""
    wanted = normalized(vectors[sample])
    nearest = np.full(len(sample), np.inf)
    for rows, block in blocks(vectors):
        distances = 1 - wanted @ normalized(block).T
        itself = np.flatnonzero((sample >= rows.start) & (sample < rows.start + len(block)))
        distances[itself, sample[itself] - rows.start] = np.inf
        nearest = np.minimum(nearest, distances.min(axis=1))
    return nearest


def _distances(unit: np.ndarray, wanted: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indexes n and their distances n×N to all; to itself, a photo's is infinite."""
    for start in range(0, len(wanted), ROWS_PER_STEP):
        rows = wanted[start : start + ROWS_PER_STEP]
        distances = 1 - unit[rows] @ unit.T
        distances[np.arange(len(rows)), rows] = np.inf
        yield rows, distances


def separate_parts(
    examples: Examples, vectors: Vectors, sketched: Sketched | None = None
) -> tuple[Examples, Vectors]:
    """Return examples and their vectors N×D without the near-duplicates of a photo in another part.

    `sketched` are the sketches of the examples, if they are stored.
    Examples come in the order of their arrival: of two, the later one is left out.
    """
    held_out = np.flatnonzero(examples.parts != "train")
    earlier: dict[int, list[int]] = {}
    for later, first, _ in near_pairs(vectors, held_out, sketched):
        if examples.parts[later] != examples.parts[first]:
            earlier.setdefault(later, []).append(first)
    kept = np.ones(len(examples), bool)
    for later in sorted(earlier):
        kept[later] = not any(kept[first] for first in earlier[later])
    return examples.where(kept, NEAR_DUPLICATE), take(vectors, kept)


def group_pairs(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return for each of `count` indexes the first one that pairs lead to, over any number."""
    first = list(range(count))

    def root(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]
            index = first[index]
        return index

    for left, right in pairs:
        a, b = root(left), root(right)
        first[max(a, b)] = min(a, b)
    return [root(index) for index in range(count)]


_PHOTOS = f"""
SELECT photos.id, embeddings.sha256, observations.taxon_id,
    {display_name_sql()} AS name,
    photos.license_code, photos.attribution, photos.url, photos.path
FROM embeddings
JOIN photos ON photos.sha256 = embeddings.sha256
JOIN observations ON observations.id = photos.observation_id
LEFT JOIN taxa ON taxa.id = observations.taxon_id
WHERE embeddings.backbone = :recipe AND {IS_PHOTO_HERE}
    AND embeddings.sha256 IN (SELECT value FROM json_each(:files))
ORDER BY abs(photos.id)
"""


_FILES_HERE = f"""
SELECT photos.id, embeddings.sha256
FROM embeddings
JOIN photos ON photos.sha256 = embeddings.sha256
JOIN observations ON observations.id = photos.observation_id
WHERE embeddings.backbone = :recipe AND {IS_PHOTO_HERE}
ORDER BY abs(photos.id)
"""


def find_similar(
    db: SiteDatabase, recipe: str, vector: np.ndarray, *, count: int = 10
) -> list[Neighbour]:
    """Return the `count` photos of the database nearest to an embedding D of `recipe`.

    Beyond MAX_COMPARED embeddings, those are compared whose sketches are alike.
    """
    sketches = Sketches(recipe)
    sketches.update(db)
    most = len(sketches)
    if most > MAX_COMPARED:
        most = max(usual_candidates(most), CANDIDATES_PER_PHOTO * count)
    while True:
        names = sketches.candidates(vector, most)
        # Photos that left have embeddings for a while.
        photos = _load_photos(db, recipe, names)
        if len(photos) >= count or most >= len(sketches):
            break
        most *= 10
    vectors = find_vectors(db, [photo.sha256 for photo in photos], recipe)
    if not vectors:
        return []
    wanted = normalized(vector[None])[0]
    distances = 1 - normalized(np.stack([vectors[photo.sha256] for photo in photos])) @ wanted
    nearest = np.argsort(distances, kind="stable")[:count]
    return [_neighbour(photos[index], float(distances[index])) for index in nearest]


_TRAINING_PHOTOS = f"""
SELECT photos.id, embeddings.vector, observations.taxon_id, taxa.name, taxa.common_name,
    photos.license_code, photos.attribution, photos.sha256
FROM embeddings
JOIN photos ON photos.sha256 = embeddings.sha256
JOIN observations ON observations.id = photos.observation_id
JOIN splits ON splits.observation_id = observations.id
LEFT JOIN taxa ON taxa.id = observations.taxon_id
WHERE embeddings.backbone = ? AND splits.game = ? AND splits.part = 'train' AND {IS_PHOTO_HERE}
ORDER BY abs(photos.id)
"""


class TrainingPhoto(NamedTuple):
    """A photo that a game's models learn from, and whose it is."""

    photo_id: int
    taxon_id: int | None
    name: str | None
    common_name: str | None
    license_code: str | None
    attribution: str | None
    sha256: str


@dataclass(frozen=True)
class TrainingPhotos:
    """The photos that a game's models learn from, with unit embeddings N×D."""

    photos: list[TrainingPhoto]
    unit: np.ndarray

    def nearest(self, vector: np.ndarray, count: int) -> list[tuple[TrainingPhoto, float]]:
        """Return the `count` photos nearest to an embedding D with their distances."""
        if not self.photos:
            return []
        distances = 1 - self.unit @ normalized(vector[None])[0]
        order = np.argsort(distances, kind="stable")[:count]
        return [(self.photos[i], round(max(0.0, float(distances[i])), 4)) for i in order]


def load_training_photos(db: SiteDatabase, game: str, recipe: str) -> TrainingPhotos:
    """Return the photos that a game's models learn from, with their embeddings by `recipe`."""
    rows = db.execute(_TRAINING_PHOTOS, [recipe, game]).fetchall()
    vectors = as_vectors([row[1] for row in rows])
    photos = [TrainingPhoto(row[0], *row[2:]) for row in rows]
    return TrainingPhotos(photos, normalized(vectors) if photos else vectors)


def find_sketches(db: SiteDatabase, names: Sequence[str], recipe: str) -> Sketched | None:
    """Return the stored sketches of files (SHA-256), or None where they are not needed."""
    if len(names) <= MAX_COMPARED:
        return None
    sketches = Sketches(recipe)
    sketches.update(db)
    return sketches.of(names)


def find_duplicates(db: SiteDatabase, recipe: str) -> list[list[Neighbour]]:
    """Group photos that show the same picture, the first photo first; distances are to it."""
    rows = db.execute(_FILES_HERE, {"recipe": recipe}).fetchall()
    if not rows:
        return []
    names = list(dict.fromkeys(name for _, name in rows))
    place = {name: number for number, name in enumerate(names)}
    _, of_files = read_vectors(db, names, recipe)
    vectors = take(of_files, np.array([place[name] for _, name in rows]))
    sketched = find_sketches(db, [name for _, name in rows], recipe)
    pairs = near_pairs(vectors, sketched=sketched)
    groups: dict[int, list[int]] = {}
    for index, first in enumerate(group_pairs(len(rows), (pair[:2] for pair in pairs))):
        groups.setdefault(first, []).append(index)
    several = [indexes for indexes in groups.values() if len(indexes) > 1]
    photos = {
        photo.photo_id: photo
        for photo in _load_photos(db, recipe, [rows[i][1] for group in several for i in group])
    }
    return [
        [
            _neighbour(photos[rows[index][0]], 1 - float(row @ unit[0]))
            for index, row in zip(indexes, unit, strict=True)
        ]
        for indexes in several
        for unit in [normalized(vectors[np.array(indexes)])]
    ]


class EmbeddedPhoto(NamedTuple):
    """A row of _PHOTOS."""

    photo_id: int
    sha256: str
    taxon_id: int | None
    name: str | None
    license_code: str | None
    attribution: str | None
    url: str | None
    path: str


def _load_photos(db: SiteDatabase, recipe: str, names: Sequence[str]) -> list[EmbeddedPhoto]:
    rows = db.execute(_PHOTOS, {"recipe": recipe, "files": json.dumps(list(names))})
    return [EmbeddedPhoto(*row) for row in rows.fetchall()]


def _neighbour(photo: EmbeddedPhoto, distance: float) -> Neighbour:
    return Neighbour(
        photo_id=photo.photo_id,
        distance=round(max(0.0, distance), 4),
        taxon_id=photo.taxon_id,
        name=photo.name,
        license_code=photo.license_code,
        attribution=photo.attribution,
        url=photo.url,
        path=photo.path,
    )
