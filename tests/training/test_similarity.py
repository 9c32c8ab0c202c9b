"""Photos near each other: near-duplicates never stand on both sides, and similar ones are found."""

from __future__ import annotations

import numpy as np
import pytest

from critterdb.dataset.examples import NEAR_DUPLICATE, Examples
from critterdb.dataset.similarity import group_pairs, near_pairs, separate_parts

DIMENSIONS = 64


def random_vectors(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)


def nearly(vector: np.ndarray, seed: int) -> np.ndarray:
    """A vector at a distance of about 0.02, of another length."""
    noise = np.random.default_rng(seed).normal(size=vector.shape)
    return np.asarray(2 * vector + 0.4 * noise, np.float32)


def examples_of(parts: list[str]) -> Examples:
    count = len(parts)
    return Examples(
        photo_ids=np.arange(count),
        sha256s=np.array([f"{n:064}" for n in range(count)], object),
        observation_ids=np.arange(count),
        observer_ids=np.arange(count).astype(object),
        taxon_ids=np.ones(count, np.int64),
        parts=np.array(parts, object),
        licenses=np.array([None] * count, object),
        paths=np.array([f"photos/{n}.jpg" for n in range(count)], object),
    )


def test_near_pairs_are_found_whatever_their_length() -> None:
    vectors = random_vectors(40)
    vectors[31] = nearly(vectors[3], 1)
    vectors[17] = 5 * vectors[30]
    assert [pair[:2] for pair in near_pairs(vectors)] == [(30, 17), (31, 3)]
    assert [pair[:2] for pair in near_pairs(vectors, np.array([17]))] == [(30, 17)]


def test_photos_that_are_all_alike_are_not_duplicates() -> None:
    """One textured background for all: near in cosine, and still different photos."""
    vectors = 0.2 * random_vectors(50) + 1
    assert near_pairs(vectors) == []


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        pytest.param(["train", "train"], [True, True], id="one part"),
        pytest.param(["train", "test"], [True, False], id="the later one goes"),
        pytest.param(["test", "train"], [True, False], id="also from training"),
        pytest.param(["valid", "test", "test"], [True, False, False], id="three"),
        pytest.param(["train", "test", "train"], [True, False, True], id="of three, one"),
    ],
)
def test_near_duplicates_never_stand_in_two_parts(parts: list[str], kept: list[bool]) -> None:
    vectors = random_vectors(30)
    for row in range(1, len(parts)):
        vectors[row] = nearly(vectors[0], row)
    examples = examples_of(parts + ["train"] * (30 - len(parts)))
    examples_left, left = separate_parts(examples, vectors)
    assert [row in examples_left.photo_ids for row in range(len(parts))] == kept
    assert examples_left.left_out == ({NEAR_DUPLICATE: kept.count(False)} if False in kept else {})
    assert len(left) == len(examples_left)


def test_groups_follow_pairs_over_any_number() -> None:
    assert group_pairs(6, [(4, 1), (5, 4), (3, 2)]) == [0, 1, 2, 2, 1, 1]
