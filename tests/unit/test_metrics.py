"""Calibration, thresholds, novelty and figures, on numbers whose truth is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from critterdb.evaluation.metrics import (
    ScoredPhotos,
    auroc,
    calibration_error,
    measure,
    risk_coverage,
    softmax,
)
from critterdb.training.calibration import (
    choose_novelty_threshold,
    choose_threshold,
    fit_temperature,
)
from critterdb.training.novelty import fit_novelty

if TYPE_CHECKING:
    from critterdb.model.labels import Label, Thresholds

GENERATOR = np.random.default_rng(20_180_622)


def test_the_temperature_that_made_the_logits_is_found_again() -> None:
    truth = GENERATOR.integers(0, 4, 4000)
    honest = GENERATOR.normal(0, 1.5, (4000, 4))
    chosen = np.array([GENERATOR.choice(4, p=row) for row in softmax(honest)])
    assert fit_temperature(honest * 3, chosen) == pytest.approx(3, rel=0.1)
    assert fit_temperature(honest[:0], truth[:0]) == 1.0


def test_the_threshold_keeps_wrong_answers_rare() -> None:
    scores = GENERATOR.uniform(0.2, 1, 5000)
    right = GENERATOR.uniform(size=5000) < scores
    threshold = choose_threshold(scores[:, None], right[:, None], max_wrong=0.1)
    answered = scores >= threshold
    assert (~right[answered]).mean() <= 0.1
    assert 0.75 < threshold < 0.85


def test_where_no_threshold_can_promise_it_the_best_one_is_taken() -> None:
    scores, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, False])
    assert choose_threshold(scores[:, None], right[:, None]) == 0.8


def test_the_threshold_counts_coarser_answers_too() -> None:
    """Sure labels are right; where only the genus is sure, it is wrong more often than promised."""
    sure, doubtful = np.tile([0.9, -np.inf], (200, 1)), np.tile([0.4, 0.7], (100, 1))
    scores = np.concatenate([sure, doubtful])
    right = np.ones((300, 2), bool)
    right[200:, 0], right[200:240, 1] = False, False
    threshold = choose_threshold(scores, right, max_wrong=0.05)
    assert threshold == 0.9
    assert choose_threshold(scores[:200], right[:200], max_wrong=0.05) == 0.9
    right[200:, 1] = True
    scores[:20, 0] = 0.6
    assert choose_threshold(scores, right, max_wrong=0.05) == 0.6


def test_the_novelty_threshold_refuses_few_known_ones() -> None:
    novelty = GENERATOR.gamma(4, 0.25, 2000)
    threshold = choose_novelty_threshold(novelty, max_refused=0.02)
    assert 0.01 <= (novelty > threshold).mean() <= 0.02
    assert choose_novelty_threshold(np.array([])) == math.inf


def test_novelty_tells_the_known_from_the_unknown() -> None:
    middles = GENERATOR.normal(0, 1, (4, 64))
    labels = GENERATOR.integers(0, 3, 600)
    known = middles[labels] + GENERATOR.normal(0, 0.4, (600, 64))
    unknown = middles[3] + GENERATOR.normal(0, 0.4, (200, 64))
    novelty = fit_novelty(known[:400], labels[:400])
    assert novelty.score(known[:400]).mean() == pytest.approx(1, abs=1e-4)
    assert auroc(novelty.score(unknown), novelty.score(known[400:])) == 1.0


def test_fifty_photos_are_enough_to_tell_novelty_by() -> None:
    middles, labels = GENERATOR.normal(0, 1, (6, 256)), np.repeat(np.arange(5), 20)
    known = middles[labels] + GENERATOR.normal(0, 1, (100, 256))
    unknown = middles[5] + GENERATOR.normal(0, 1, (100, 256))
    novelty = fit_novelty(known[::2], labels[::2])
    separation = auroc(novelty.score(unknown), novelty.score(known[1::2]))
    assert separation
    assert separation > 0.99


def test_auroc_counts_ties_half() -> None:
    assert auroc(np.array([2.0, 1.0]), np.array([1.0, 0.0])) == 0.875
    assert auroc(np.array([]), np.array([1.0])) is None


def outcome(
    probabilities: list[list[float]], truth: list[int], novelty: float | list[float] = 0.0
) -> ScoredPhotos:
    labels: list[Label] = [
        {"taxon_id": i, "name": f"taxon {i}", "common_name": None, "rank": "species"}
        for i in range(len(probabilities[0]))
    ]
    thresholds: Thresholds = {"threshold": 0.6, "novelty_threshold": 1.0, "temperature": 1.0}
    novelties = np.broadcast_to(np.array(novelty, float), len(truth))
    return ScoredPhotos(labels, thresholds, np.array(probabilities), novelties, np.array(truth))


def test_figures_of_a_small_test_are_those_counted_by_hand() -> None:
    figures = measure(
        outcome(
            [[0.9, 0.1], [0.8, 0.2], [0.55, 0.45], [0.3, 0.7], [0.9, 0.1]],
            [0, 1, 0, 1, -1],
            [0.5, 0.5, 0.5, 0.5, 3.0],
        )
    ).figures
    assert figures["photos"] == 5
    assert figures["error_rate"] == 0.25
    assert figures["answered"] == 0.75
    assert figures["wrong_among_answered"] == pytest.approx(1 / 3, abs=1e-4)
    assert (figures["none_refused"], figures["known_refused"]) == (1.0, 0.0)
    assert figures["novelty_auroc"] == 1.0
    assert [(label["photos"], label["recall"]) for label in figures["labels"]] == [
        (2, 1.0),
        (2, 0.5),
    ]


def test_calibration_error_is_the_gap_between_said_and_true() -> None:
    always_half_right = outcome([[0.9, 0.1]] * 10, [0] * 5 + [1] * 5)
    assert calibration_error(always_half_right) == pytest.approx(0.4)


def test_the_surest_are_answered_first() -> None:
    curve = risk_coverage(outcome([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]], [0, 0, 1, 1]))
    assert curve[0][1] == 0
    assert curve[-1] == (1.0, 0.5)
