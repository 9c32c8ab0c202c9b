"""What is done with a sample, or otherwise, when there are many photos or many labels.

Below these limits nothing is sampled, and a training gives what it always gave.
"""

from __future__ import annotations

import numpy as np

# A game of 20,000 photos and 100 labels is at 1.4 million. Above, the candidates are compared on a
# sample, and the chosen one is trained on all photos in larger batches.
# docs/decisions.md#large-trainings-choose-the-head-on-a-sample
MAX_TRIED_AT_ONCE = 5_000_000  # training photos times labels
CANDIDATE_LABELS, CANDIDATE_PHOTOS = 50, 5_000
MAX_VALIDATION = 10_000  # photos that the epochs of a large training are compared on
MAX_NOVELTY_PHOTOS = 20_000  # of more, a sample says how photos of a label differ
# One number is fitted 80 times to these, and the weight of places eleven times.
MAX_FITTED = 1_000_000  # photos times labels
MIN_FITTED = 2_000  # photos


def is_large(photos: int, labels: int) -> bool:
    """Whether candidates are compared on a sample of the training photos, and batches are large."""
    return photos * labels > MAX_TRIED_AT_ONCE


def sample(photos: int, most: int) -> np.ndarray:
    """Return the sorted indexes of a sample of photos; of all if there are at most so many."""
    if photos <= most:
        return np.arange(photos)
    return np.sort(np.random.default_rng(0).choice(photos, most, replace=False))


def fitted_photos(labels: int) -> int:
    """Return to how many photos a single number is fitted if there are so many labels."""
    return max(MIN_FITTED, MAX_FITTED // max(1, labels))
