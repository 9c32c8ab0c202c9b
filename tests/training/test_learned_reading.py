"""The learned reader's weights are those of the texts, and hold for an author left out."""

from __future__ import annotations

import json

import pytest

from benchmarks.learned_reading import (
    MIN_CHANCE,
    OTHER_AUTHORS,
    WEIGHTS,
    Example,
    fit,
    learn,
    load_examples,
)
from critterdb.bot.reading import learned

pytestmark = pytest.mark.slow

# Another version of scikit-learn may end its steps a little earlier or later.
TOLERANCE = 0.03
MAX_WRONG_OF_AN_AUTHOR = 0.08  # alone; the rules stop what is about another photo, or denied
MAX_WRONG_OF_ALL = 0.03
MAX_BYTES = 100_000


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return load_examples()


def test_the_weights_that_ship_are_what_the_texts_teach(examples: list[Example]) -> None:
    taught = {kind: learned.from_stored(stored) for kind, stored in learn(examples).items()}
    shipped = learned.shipped_judges()
    assert set(shipped) == set(taught)
    for example in examples:
        chance = shipped[example.kind].chance(example.clues)
        assert chance == pytest.approx(taught[example.kind].chance(example.clues), abs=TOLERANCE)


def test_the_weights_are_small_and_made_of_hundredths() -> None:
    assert WEIGHTS.stat().st_size < MAX_BYTES
    stored = json.loads(WEIGHTS.read_text("utf-8"))
    assert all(
        type(weight) is int for by in stored.values() for g in by.values() for weight in g.values()
    )


def test_an_author_that_was_left_out_is_read(examples: list[Example]) -> None:
    """Found and wrong of the animals that a host's message says it is, without any rule."""
    all_sure, all_wrong = 0, 0
    for batch in OTHER_AUTHORS:
        known = [each for each in examples if each.batch != batch]
        judge = learned.from_stored(fit(known, "answer"))
        new = [each for each in examples if each.batch == batch and each.kind == "answer"]
        sure = [each for each in new if judge.chance(each.clues) >= MIN_CHANCE["answer"]]
        wrong = [each for each in sure if not each.is_it]
        assert len(sure) - len(wrong) >= 0.85 * sum(each.is_it for each in new), batch
        assert len(wrong) <= MAX_WRONG_OF_AN_AUTHOR * len(sure), batch
        all_sure, all_wrong = all_sure + len(sure), all_wrong + len(wrong)
    assert all_wrong <= MAX_WRONG_OF_ALL * all_sure
