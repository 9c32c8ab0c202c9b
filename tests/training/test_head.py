"""The head: the same seed gives the same one, validation chooses, and rare labels are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from critterdb.dataset.vectors import VectorFile
from critterdb.training.candidates import CANDIDATES, LabelledVectors
from critterdb.training.head import Head, HeadOptions, train_head
from critterdb.training.torch_worker import shared_torch_process

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

DIMENSIONS, LABELS = 24, 4
COMMON, RARE = 300, 12  # training photos
DEFAULTS = HeadOptions()


def clusters(photos: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around one direction a label, near enough to overlap, and the label places."""
    middles = np.random.default_rng(7).normal(size=(LABELS, DIMENSIONS))
    truth = np.repeat(np.arange(LABELS), photos)
    noise = np.random.default_rng(seed).normal(size=(len(truth), DIMENSIONS))
    return (middles[truth] + 1.6 * noise).astype(np.float32), truth


def lesson() -> tuple[LabelledVectors, LabelledVectors]:
    photos = LabelledVectors(*clusters([COMMON, COMMON, COMMON, RARE], seed=1))
    return photos, LabelledVectors(*clusters([60, 60, 60, 6], seed=2))


def train(options: HeadOptions = DEFAULTS, seed: int = 0) -> Head:
    return train_head(*lesson(), options, labels=LABELS, seed=seed)


@pytest.fixture(scope="module")
def head() -> Head:
    return train()


def recall(head: Head, label: int) -> float:
    vectors, truth = clusters([100] * LABELS, seed=3)
    top = head.logits(vectors).argmax(axis=1)
    return float((top == truth)[truth == label].mean())


def test_the_same_seed_gives_the_same_head_in_the_torch_process_too(head: Head) -> None:
    again = shared_torch_process().call(train_head, *lesson(), labels=LABELS, seed=0)
    assert np.array_equal(head.weight, again.weight)
    assert np.array_equal(head.bias, again.bias)
    assert (head.candidate, head.history) == (again.candidate, again.history)
    assert not np.array_equal(head.weight, train(seed=1).weight)


def test_validation_chose_one_of_the_candidates_and_stopped_in_time(head: Head) -> None:
    assert head.candidate in CANDIDATES
    losses = [row["valid_loss"] for row in head.history]
    assert min(losses) < losses[0]
    assert head.weight.shape == (LABELS, DIMENSIONS)


def test_a_rare_label_is_found_more_often_than_without_help(head: Head) -> None:
    plain = train(HeadOptions(weight_power=0.0, logit_adjustment=0.0))
    assert recall(head, 3) > recall(plain, 3) + 0.1
    assert np.mean([recall(head, n) for n in range(3)]) > 0.7


def test_how_long_a_vector_is_says_nothing(head: Head) -> None:
    vectors, _ = clusters([5] * LABELS, seed=4)
    assert head.logits(vectors) == pytest.approx(head.logits(vectors * 7), abs=1e-4)


def test_a_large_training_from_a_file_is_as_good(
    head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("critterdb.training.sampling.MAX_TRIED_AT_ONCE", 1000)
    monkeypatch.setattr("critterdb.training.head_learner.LARGE_BATCH", 64)
    monkeypatch.setattr("critterdb.training.head.CANDIDATE_LABELS", 3)
    vectors, truth = clusters([COMMON, COMMON, COMMON, RARE], seed=1)
    file = VectorFile.create(tmp_path, len(vectors), DIMENSIONS)
    file.write(np.arange(len(vectors)), vectors)
    valid = LabelledVectors(*clusters([60, 60, 60, 6], seed=2))
    large = train_head(LabelledVectors(file, truth), valid, labels=LABELS)
    assert large.candidate in CANDIDATES
    assert large.weight.shape == (LABELS, DIMENSIONS)
    for label in range(LABELS):
        assert recall(large, label) > recall(head, label) - 0.1
