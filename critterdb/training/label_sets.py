"""Choose the coverage of sets of labels, and the limits that keep it, from validation photos."""

from __future__ import annotations

import math

import numpy as np

from critterdb.model.label_sets import SetRule

# The lowest that a model's top label alone does not reach, if there are photos enough to promise
# it: a set that always has one member says nothing.
COVERAGES = (0.95, 0.99, 0.995, 0.999)
# Of one post; a limit for more of them needs more validation photos than most games have.
MAX_PHOTOS = 4
# Predictions have their probabilities to four digits, so limits are rounded down to as many.
SCORES_PER_ONE = 10_000


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
    """The highest limit under which a new photo's right label falls with probability `miss`.

    `scores` are those of the right labels, the lowest first. With n of them, the k-th lowest is
    missed with a probability of at most k / (n + 1); None if even the lowest is missed too often.
    """
    rank = math.floor(miss * (len(scores) + 1) + 1e-9)
    if rank < 1:
        return None
    return math.floor(float(scores[rank - 1]) * SCORES_PER_ONE) / SCORES_PER_ONE
