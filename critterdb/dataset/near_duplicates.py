"""Find near-duplicates among many photos: candidates by their sketches, then by their embeddings.

Comparing every two of a million photos takes hours. Sketches are sorted into clusters, each photo
is compared with those in the clusters nearest to it, and what differs in few enough signs is
compared by embeddings. Work grows with the photos times the root of their number.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from critterdb.model.novelty import normalized
from critterdb.system import cores

from .sketches import BITS, bits_apart, signs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sketches import Sketched
    from .vectors import Vectors

PHOTOS_PER_CENTRE = 16  # that centres are learned from
ROUNDS = 5
# Of the clusters, the nearest to a photo. On made-up photos the first holds 80% of its
# near-duplicates, eight hold 99.2%, and these all.
PROBES = 16
# Signs that differ are binomial; a pair that is just near enough exceeds the expected number by so
# many standard deviations once in 700, and nearer ones hardly ever.
DEVIATIONS = 3
ROWS_PER_STEP = 8192
PAIRS_PER_STEP = 2**20

Pair = tuple[int, int, float]


@dataclass(frozen=True)
class Clusters:
    """Sketches by cluster: `members` holds the indexes of all, cluster after cluster."""

    nearest: np.ndarray
    members: np.ndarray
    starts: np.ndarray

    def of(self, cluster: int) -> np.ndarray:
        return self.members[self.starts[cluster] : self.starts[cluster + 1]]


def candidate_pairs(
    vectors: Vectors, sketched: Sketched, wanted: np.ndarray, limit: float
) -> Iterator[Pair]:
    """Return pairs (index of a wanted photo, other index, distance) that are at most `limit` apart.

    A pair comes once or twice if both are wanted.
    """
    sketches = sketched.bits
    clusters = _cluster(sketches, wanted)
    radius = _radius(vectors, sketched.middle, wanted, limit)
    order = np.argsort(clusters.nearest.ravel(), kind="stable")
    queries = order // PROBES  # positions in `wanted`
    bounds = np.searchsorted(clusters.nearest.ravel()[order], np.arange(len(clusters.starts)))

    def compare(cluster: int) -> list[Pair]:
        chosen = queries[bounds[cluster] : bounds[cluster + 1]]
        members = clusters.of(cluster)
        words = np.ascontiguousarray(sketches[members].T)
        pairs: list[Pair] = []
        step = max(1, PAIRS_PER_STEP // max(1, len(members)))
        for start in range(0, len(chosen), step):
            some = chosen[start : start + step]
            apart = bits_apart(sketches[wanted[some]], words)
            rows, columns = np.nonzero(apart <= radius[some, None])
            pairs += _near(vectors, wanted[some[rows]], members[columns], limit)
        return pairs

    with ThreadPoolExecutor(cores()) as pool:
        for pairs in pool.map(compare, range(len(clusters.starts) - 1)):
            yield from pairs


def _near(vectors: Vectors, left: np.ndarray, right: np.ndarray, limit: float) -> list[Pair]:
    """Those of the pairs whose embeddings are at most `limit` apart, with their distances."""
    is_other = left != right
    left, right = left[is_other], right[is_other]
    pairs: list[Pair] = []
    for start in range(0, len(left), ROWS_PER_STEP):
        one, other = left[start : start + ROWS_PER_STEP], right[start : start + ROWS_PER_STEP]
        # A photo is in many pairs, and read once.
        photos, places = np.unique(np.concatenate([one, other]), return_inverse=True)
        unit = normalized(vectors[photos])
        distances = 1 - np.einsum("ij,ij->i", unit[places[: len(one)]], unit[places[len(one) :]])
        near = distances <= limit
        pairs += zip(
            one[near].tolist(), other[near].tolist(), distances[near].tolist(), strict=True
        )
    return pairs


def _radius(vectors: Vectors, middle: np.ndarray, wanted: np.ndarray, limit: float) -> np.ndarray:
    """How many signs of a near-duplicate's sketch may differ from each wanted photo's."""
    lengths = np.concatenate(
        [
            np.linalg.norm(
                normalized(vectors[wanted[start : start + ROWS_PER_STEP]]) - middle, axis=1
            )
            for start in range(0, len(wanted), ROWS_PER_STEP)
        ]
    )
    # Of all points so near to this one, the tangent's is at the largest angle from the middle.
    sines = np.minimum(1, math.sqrt(2 * limit) / np.maximum(lengths, 1e-6))
    share = np.arcsin(sines) / math.pi
    most = BITS * share + DEVIATIONS * np.sqrt(BITS * share * (1 - share))
    return np.asarray(most, np.uint16)


def _cluster(sketches: np.ndarray, wanted: np.ndarray) -> Clusters:
    """Sort sketches into clusters, and find those nearest to each wanted photo: n×PROBES."""
    centres = _centres(sketches)
    own = np.concatenate(
        [
            (signs_of(sketches[start : start + ROWS_PER_STEP]) @ centres.T).argmax(axis=1)
            for start in range(0, len(sketches), ROWS_PER_STEP)
        ]
    )
    nearest = np.concatenate(
        [
            np.argpartition(
                -(signs_of(sketches[wanted[start : start + ROWS_PER_STEP]]) @ centres.T),
                PROBES - 1,
                axis=1,
            )[:, :PROBES]
            for start in range(0, len(wanted), ROWS_PER_STEP)
        ]
    )
    members = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[members], np.arange(len(centres) + 1))
    return Clusters(nearest, members, starts)


def _centres(sketches: np.ndarray) -> np.ndarray:
    """Learn about as many centres as the root of the sketches' number: K×256 of one length."""
    count = 2 ** max(PROBES.bit_length(), round(math.log2(len(sketches)) / 2))
    random = np.random.default_rng(0)
    chosen = random.permutation(len(sketches))[: count * PHOTOS_PER_CENTRE]
    signs = signs_of(sketches[chosen])
    centres = signs[:count]
    for _ in range(ROUNDS):
        own = (signs @ centres.T).argmax(axis=1)
        order = np.argsort(own, kind="stable")
        used, firsts = np.unique(own[order], return_index=True)
        sums = np.add.reduceat(signs[order], firsts)
        centres = centres.copy()
        centres[used] = sums
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)
    return centres
