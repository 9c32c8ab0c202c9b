"""An odd value in any field that a platform serves: somebody else is answered, exactly once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.fuzz.known_failures import KNOWN_FAILURES, KNOWN_PAGE_FAILURES, KnownFailure, is_known
from tests.fuzz.odd_rounds import OddRounds
from tests.fuzz.strategies import UNPARSABLE, odd_json
from tests.support.platforms import STAND_INS

if TYPE_CHECKING:
    from pathlib import Path

TURNS = 1  # values for each field; benchmarks/fuzz.py tries all
AT_ONCE = 45  # people with an odd value each, in one site's rounds
EXAMPLES_OF_A_FAILURE = 8

MakeRounds = Callable[[str], OddRounds]


def pages() -> list[Any]:
    """Each platform with each value that makes a page unreadable."""
    return [
        pytest.param(
            *page,
            marks=pytest.mark.xfail(strict=True, reason=KNOWN_PAGE_FAILURES[page])
            if page in KNOWN_PAGE_FAILURES
            else (),
        )
        for page in itertools.product(STAND_INS, UNPARSABLE)
    ]


@pytest.fixture
def rounds_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRounds:
    """Makes rounds on a platform."""
    return lambda platform: OddRounds(platform, tmp_path, monkeypatch.setenv)


@pytest.mark.parametrize("platform", STAND_INS)
def test_an_odd_value_stops_nobody_else(rounds_on: MakeRounds, platform: str) -> None:
    rounds = rounds_on(platform)
    for turn in range(TURNS):
        oddities = [
            oddity
            for oddity in rounds.oddities(odd_json(), turn=turn)
            if not is_known(platform, oddity)
        ]
        assert len(oddities) > 40
        for start in range(0, len(oddities), AT_ONCE):
            assert rounds.failures(oddities[start : start + AT_ONCE]) == []


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(
            known,
            id=f"{known.platform}: {known.reason}",
            marks=pytest.mark.xfail(strict=True, reason=known.reason),
        )
        for known in KNOWN_FAILURES
    ],
)
def test_a_known_failure_stops_nobody_else(rounds_on: MakeRounds, known: KnownFailure) -> None:
    rounds = rounds_on(known.platform)
    oddities = [
        oddity
        for turn in range(EXAMPLES_OF_A_FAILURE)
        for oddity in rounds.oddities(odd_json(), turn=turn)
        if known.covers(known.platform, oddity)
    ]
    assert oddities
    assert rounds.problem(oddities[:EXAMPLES_OF_A_FAILURE]) is None


@pytest.mark.parametrize(("platform", "kind"), pages())
def test_a_page_that_cannot_be_parsed_is_named_and_read_again(
    rounds_on: MakeRounds, platform: str, kind: str
) -> None:
    assert rounds_on(platform).problem_of_page(UNPARSABLE[kind]) is None
