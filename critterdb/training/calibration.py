"""Probabilities that mean what they say, and the thresholds for answering, from validation photos.

Temperature: Guo et al. 2017, "On Calibration of Modern Neural Networks", but by the Brier score:
the log loss that it uses lets one mislabelled photo make every probability too small. A weak prior
keeps a few validation photos that are all right from saying "always certain".
Thresholds: the smallest that keeps a stated risk, with the finite-sample correction of conformal
risk control (Angelopoulos et al. 2022): one more wrong answer is always thought possible.
"""

from __future__ import annotations

import math

import numpy as np

from critterdb.evaluation.metrics import brier_score, softmax

from .sampling import fitted_photos, sample

# On test photos of five splits of ten_cats 3.8% of the answers given were wrong, and 99.3% of the
# photos were answered.
MAX_WRONG_SHARE = 0.05  # of the answers given
# Of photos of known critters, called not_a_critter. On ten_cats, 1% answers 9 instead of 2.6% of
# raccoons that fill the frame, and 5% refuses 7% more cats at half size.
# docs/decisions.md#at-most-25-of-known-photos-may-be-called-not-a-critter
MAX_KNOWN_REFUSED_SHARE = 0.025
LOG_TEMPERATURE_RANGE = (-3.0, 3.0)
MAX_CANDIDATES = 500  # thresholds that are tried
# Each narrows the range by 0.618. scipy's bounded search gives other temperatures by up to 2e-6,
# which is a digit that rows and model files keep, and its import takes longer than the search.
SEARCH_STEPS = 40
# With 17 validation photos, all right, no temperature is low enough to please the score: the prior
# makes a calibration error of 0.039 where log loss makes 0.11.
# docs/decisions.md#the-temperature-minimizes-the-brier-score
PRIOR_WEIGHT = 0.3  # photos' worth of squared error for a temperature e times as high or low


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature with the best Brier score on these photos, or 1.0 of none."""
    if len(truth) == 0:
        return 1.0
    chosen = sample(len(truth), fitted_photos(logits.shape[1]))
    if len(chosen) < len(truth):
        logits, truth = logits[chosen], truth[chosen]

    def loss(log_temperature: float) -> float:
        # Over 20 splits of ten_cats the calibration error is 0.021 so, and 0.028 by log loss.
        probabilities = softmax(logits, math.exp(log_temperature))
        doubt = PRIOR_WEIGHT * log_temperature**2 / len(truth)
        return brier_score(probabilities, truth) + doubt

    low, high = LOG_TEMPERATURE_RANGE
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(SEARCH_STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def choose_threshold(
    scores: np.ndarray, right: np.ndarray, *, max_wrong: float = MAX_WRONG_SHARE
) -> float:
    """Return the smallest score from which answers are wrong at most `max_wrong` of the time.

    Scores and rightness are N×K, of each photo's possible answers, the finest first: the first
    that scores enough is given. If no threshold can promise the share (few photos, or a weak
    model), it is the one under which wrong answers are rarest. It is never below the lowest score
    of a finest answer: nothing is known of those.
    """
    if len(scores) == 0:
        # A model that was measured on nothing answers only where one label outweighs all others.
        return 0.5
    # From the highest down, so that the last that keeps the risk is the smallest.
    candidates = np.unique(scores[:, 0])[::-1]
    kept = np.linspace(0, len(candidates) - 1, min(len(candidates), MAX_CANDIDATES))
    candidates = candidates[kept.round().astype(int)]
    bounds = np.empty(len(candidates))
    photos = np.arange(len(scores))
    for number, threshold in enumerate(candidates):
        enough = scores >= threshold
        answered = enough.any(axis=1)
        wrong = answered & ~right[photos, enough.argmax(axis=1)]
        # The added ones are the correction for few photos: one more answer, and that one wrong.
        bounds[number] = (wrong.sum() + 1) / (answered.sum() + 1)
    fitting = np.flatnonzero(bounds <= max_wrong)
    best = fitting if len(fitting) else np.flatnonzero(bounds == bounds.min())
    return float(candidates[best[-1]])


def choose_novelty_threshold(
    novelty: np.ndarray, *, max_refused: float = MAX_KNOWN_REFUSED_SHARE
) -> float:
    """Return the novelty above which a photo is of nothing known, refusing few known ones."""
    if len(novelty) == 0:
        return math.inf
    rank = math.ceil((1 - max_refused) * (len(novelty) + 1)) - 1
    return float(np.sort(novelty)[min(rank, len(novelty) - 1)])
