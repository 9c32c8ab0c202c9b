"""Choose the photos that train and test a game's model, with labels at the game's rank.

People identify to whatever rank they can, so a subspecies counts as its species, and what is only
known to be of some family, or is a hybrid, has no label at the rank of species. Labels with too few
photos fold into an ancestor, or are left out.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.errors import TrainingError

from .taxonomy import Taxonomy, taxon_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from critterdb.games import Game
    from critterdb.storage.database import SiteDatabase

# Seven train, and one or two each validate and test: with fewer nothing can be said of a label.
MIN_PHOTOS = 10

AMBIGUOUS = "photos of several taxa at once"
DUPLICATE = "photos that appear twice"
NOT_AT_RANK = "photos identified only above the game's rank, or as a hybrid"
TOO_FEW = "photos of labels with too few"
NEAR_DUPLICATE = "near-duplicates of a photo in another part"
LEARNED_FROM = "photos that it learned from"
UNREADABLE = "photos whose files could not be read"


@dataclass(frozen=True)
class Examples:
    """Photos with their labels, one index in each array a photo, in the order of their ids.

    `parts` holds "train", "valid", "test", or "" for an observation that is in no part yet.
    `left_out` counts photos by the reason why they are not here, `too_few` holds (name, photos) of
    the labels that were dropped, and `folded` (name, photos, name of the coarser label).
    """

    photo_ids: np.ndarray
    sha256s: np.ndarray
    observation_ids: np.ndarray
    observer_ids: np.ndarray
    taxon_ids: np.ndarray
    parts: np.ndarray
    licenses: np.ndarray
    paths: np.ndarray
    left_out: dict[str, int] = field(default_factory=dict)
    too_few: list[tuple[str, int]] = field(default_factory=list)
    folded: list[tuple[str, int, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.photo_ids)

    def of_part(self, part: str) -> np.ndarray:
        """Say which examples are of this part: bool N."""
        return np.asarray(self.parts == part)

    def where(self, kept: np.ndarray, reason: str) -> Examples:
        """Return only the examples of a mask; the others are counted as left out for `reason`."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        chosen = {n: a[kept] for n, a in arrays.items() if isinstance(a, np.ndarray)}
        gone = int((~kept).sum())
        left_out = self.left_out | ({reason: gone} if gone else {})
        return replace(self, **chosen, left_out=left_out)


# A photo counts where its file is here and neither it nor its observation is withdrawn or has left
# the game. Imported ids are negative and count downwards, so that abs() is the order of arrival.
_PHOTOS = """
SELECT photos.id, photos.sha256, photos.observation_id, observations.observer_id,
    observations.taxon_id, coalesce(splits.part, '') AS part, photos.license_code, photos.path
FROM photos
JOIN observations ON observations.id = photos.observation_id
JOIN game_observations AS seen
    ON seen.observation_id = observations.id AND seen.game = :game AND seen.left_at IS NULL
LEFT JOIN splits ON splits.game = :game AND splits.observation_id = observations.id
WHERE photos.path IS NOT NULL AND photos.sha256 IS NOT NULL
    AND photos.withdrawn_at IS NULL AND observations.withdrawn_at IS NULL
ORDER BY abs(photos.id)
"""

# Everything that observations say about a file that more than one shows; imported ones speak for
# their own game only.
_CLAIMS = """
WITH repeated AS (
    SELECT sha256 FROM photos WHERE sha256 IS NOT NULL GROUP BY sha256 HAVING count(*) > 1
    UNION
    SELECT photos.sha256 FROM shared_photos JOIN photos ON photos.id = shared_photos.photo_id
)
SELECT claims.sha256, claims.taxon_id FROM (
    SELECT photos.sha256, observations.taxon_id, observations.id
    FROM photos JOIN observations ON observations.id = photos.observation_id
    WHERE observations.withdrawn_at IS NULL AND photos.sha256 IS NOT NULL
    UNION ALL
    SELECT photos.sha256, observations.taxon_id, observations.id
    FROM shared_photos
    JOIN photos ON photos.id = shared_photos.photo_id
    JOIN observations ON observations.id = shared_photos.observation_id
    WHERE observations.withdrawn_at IS NULL AND photos.sha256 IS NOT NULL
) AS claims
WHERE claims.sha256 IN (SELECT sha256 FROM repeated) AND (
    claims.id > 0 OR claims.id IN (
        SELECT observation_id FROM game_observations WHERE game = :game
    )
)
"""


def load_examples(db: SiteDatabase, game: Game, *, min_photos: int = MIN_PHOTOS) -> Examples:
    """Load the photos that a game's model learns from and is measured on, with labels and parts.

    Raises TrainingError if the game has no photos, or fewer than two labels with enough of them.
    """
    taxonomy = Taxonomy(db, game.rank)
    photos = _labelled_photos(db, game, taxonomy)
    left_out = photos.left_out
    if not len(photos):
        raise TrainingError(
            f"The game {game.slug} has no photos to train on"
            + (f" ({_in_words(left_out)} left out)" if left_out else "")
            + f". Fetch some with: critterdb sync {game.slug}, or critterdb import FOLDER"
        )
    counts = Counter(photos.taxon_ids.tolist())
    label_of = fold_labels(counts, {label: taxonomy.lineage(label) for label in counts}, min_photos)
    small = {label for label in counts if label_of[label] != label}
    names = taxon_names(db, small | {label for label in label_of.values() if label is not None})
    too_few = sorted((names[label], counts[label]) for label in small if label_of[label] is None)
    folded = sorted(
        (names[label], counts[label], names[into])
        for label in small
        if (into := label_of[label]) is not None
    )
    kept = {label for label in label_of.values() if label is not None}
    if len(kept) < 2:
        raise TrainingError(
            f"A model needs two labels with at least {min_photos} photos each, and the game "
            f"{game.slug} has {len(kept)}"
            + (f" (too few: {', '.join(f'{n} {p}' for n, p in too_few)})" if too_few else "")
            + ". Add photos, or lower --min-photos"
        )
    if too_few:
        left_out[TOO_FEW] = sum(number for _, number in too_few)
    examples = _relabelled(photos, [label_of[label] for label in photos.taxon_ids.tolist()])
    return replace(examples, left_out=left_out, too_few=too_few, folded=folded)


def assign_parts(db: SiteDatabase, game_slug: str, examples: Examples) -> Examples:
    """Return examples with the parts that their observations were given since they were loaded."""
    rows = db.execute("SELECT observation_id, part FROM splits WHERE game = ?", [game_slug])
    part_of = {observation: sys.intern(part) for observation, part in rows}
    parts = [part_of.get(observation, "") for observation in examples.observation_ids.tolist()]
    return replace(examples, parts=np.array(parts, dtype=object))


def label_photos(db: SiteDatabase, game: Game, labels: Collection[int]) -> Examples:
    """Load the photos of a game that are of these labels, or of what folds into one of them."""
    taxonomy = Taxonomy(db, game.rank)
    photos = _labelled_photos(db, game, taxonomy)
    label_of = {label: taxonomy.nearest(label, labels) for label in set(photos.taxon_ids.tolist())}
    return _relabelled(photos, [label_of[label] for label in photos.taxon_ids.tolist()])


def fold_labels(
    counts: Mapping[int, int], lineages: Mapping[int, list[int]], min_photos: int
) -> dict[int, int | None]:
    """Say what each label counts as: itself, an ancestor if it has too few photos, or nothing.

    `lineages` hold a label and its ancestors, the nearest first. Small labels that share an
    ancestor stand for it together, as soon as they have enough photos. An ancestor of every label
    says nothing, so none folds into that.
    """
    label_of: dict[int, int | None] = {
        label: label if photos >= min_photos else None for label, photos in counts.items()
    }
    # "A felid" says nothing where every label is one.
    shared = set.intersection(*(set(lineage) for lineage in lineages.values()))
    small = [label for label, kept in label_of.items() if kept is None]
    ancestors = {taxon for label in small for taxon in lineages[label][1:]} - shared
    depth = {
        taxon: len(lineages[label]) - step
        for label in small
        for step, taxon in enumerate(lineages[label])
    }
    # The deepest first: a genus before the family around it.
    for ancestor in sorted(ancestors, key=lambda taxon: (-depth[taxon], taxon)):
        inside = [
            label for label in small if ancestor in lineages[label] and label_of[label] is None
        ]
        if sum(counts[label] for label in inside) >= min_photos:
            label_of |= dict.fromkeys(inside, ancestor)
    return label_of


def _labelled_photos(db: SiteDatabase, game: Game, taxonomy: Taxonomy) -> Examples:
    """Return the game's photos with labels at its rank, and why others are left out."""
    claims: dict[str, set[int | None]] = {}
    for sha256, taxon_id in db.execute(_CLAIMS, {"game": game.slug}):
        claims.setdefault(sha256, set()).add(taxon_id)
    left_out, taken = Counter[str](), set[str]()
    labels: list[int] = []

    def usable() -> Iterator[tuple[Any, ...]]:
        for row in db.conn.execute(_PHOTOS, {"game": game.slug}):
            sha256, label = row[1], taxonomy.label(row[4])
            if label is None:
                left_out[NOT_AT_RANK] += 1
            # Claims that only say less than the label do no harm; any other makes it ambiguous.
            elif not all(taxonomy.is_compatible(taxon, label) for taxon in claims.get(sha256, ())):
                left_out[AMBIGUOUS] += 1
            # The same bytes in training and in test would be an answer known by heart.
            elif sha256 in taken:
                left_out[DUPLICATE] += 1
            else:
                taken.add(sha256)
                labels.append(label)
                yield row

    columns = list(zip(*usable(), strict=True)) or [()] * 8
    return Examples(
        photo_ids=np.array(columns[0], np.int64),
        sha256s=np.array(columns[1], object),
        observation_ids=np.array(columns[2], np.int64),
        observer_ids=np.array(columns[3], object),
        taxon_ids=np.array(labels, np.int64),
        parts=np.array(columns[5], object),
        licenses=np.array(columns[6], object),
        paths=np.array(columns[7], object),
        left_out=dict(left_out),
    )


def _relabelled(photos: Examples, labels: Sequence[int | None]) -> Examples:
    """Return the photos that have a label of these, in their order; the others are gone."""
    kept = np.array([label is not None for label in labels], bool)
    taxon_ids = np.array([label for label in labels if label is not None], np.int64)
    arrays = {f.name: getattr(photos, f.name) for f in fields(photos)}
    chosen = {name: a[kept] for name, a in arrays.items() if isinstance(a, np.ndarray)}
    return replace(photos, **chosen | {"taxon_ids": taxon_ids})


def _in_words(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{photos} {reason}" for reason, photos in left_out.items())
