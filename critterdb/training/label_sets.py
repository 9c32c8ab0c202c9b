"""Choose the coverage of sets of labels, and the limits that keep it, from validation photos."""

from __future__ import annotations

import math
from hashlib import sha256

import numpy as np

from critterdb.model.decision import SCORE_DIGITS
from critterdb.model.label_sets import SetRule

# The lowest that a model's top label alone does not reach, if there are photos enough to promise
# it: a set that always has one member says nothing.
COVERAGES = (0.95, 0.99, 0.995, 0.999)
# Of one post; a limit for more of them needs more validation photos than most games have.
MAX_PHOTOS = 4


def choose_set_rule(probabilities: np.ndarray, truth: np.ndarray) -> SetRule | None:
    """Return the rule for sets from probabilities N×C and label indexes N of validation photos.

    None if there are too few photos for any coverage that the top label alone does not reach.
    """
    right = float((probabilities.argmax(axis=1) == truth).mean()) if len(truth) else 1.0
    for coverage in COVERAGES:
        if right >= coverage:
            continue
        scores = np.sort(probabilities[np.arange(len(truth)), truth])
        limits = [_limit(scores, (1 - coverage) / photos) for photos in range(1, MAX_PHOTOS + 1)]
        kept = tuple(limit for limit in limits if limit is not None)
        return SetRule(coverage, kept) if kept else None
    return None


def _limit(scores: np.ndarray, miss: float) -> float | None:
    """The limit under which a new photo's right label falls with probability `miss`.

    `scores` are those of the right labels, the lowest first. With n of them, the k-th lowest is
    missed with a probability of at most k / (n + 1). Where `miss` is between two of these, one of
    the two is drawn, so that it is kept on average: always the lower one made sets of ten_cats 10%
    larger. None if even the lowest is missed too often.
    """
    exact = miss * (len(scores) + 1) + 1e-9
    rank = math.floor(exact)
    if rank < 1:
        return None
    if rank < len(scores) and _draw(scores) < exact - rank:
        rank += 1
    # A score above the limit is still no less than it when both are rounded.
    return round(float(scores[rank - 1]), SCORE_DIGITS)


def _draw(scores: np.ndarray) -> float:
    """A number from 0 to 1 that is random, and the same for the same scores."""
    seed = sha256(np.ascontiguousarray(scores, np.float64).tobytes()).digest()
    return float(np.random.default_rng([*seed]).random())
