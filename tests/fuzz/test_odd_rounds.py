"""An odd value in any field that a platform serves: somebody else is answered, exactly once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.odd_rounds import OddRounds
from tests.fuzz.strategies import UNPARSABLE, odd_json
from tests.support.platforms import STAND_INS

if TYPE_CHECKING:
    from pathlib import Path

TURNS = 1  # values for each field; benchmarks/fuzz.py tries all
AT_ONCE = 90  # people with an odd value each, in one site's rounds

MakeRounds = Callable[[str], OddRounds]


@pytest.fixture
def rounds_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRounds:
    """Makes rounds on a platform."""
    return lambda platform: OddRounds(platform, tmp_path, monkeypatch.setenv)


@pytest.mark.parametrize("platform", STAND_INS)
def test_an_odd_value_stops_nobody_else(rounds_on: MakeRounds, platform: str) -> None:
    rounds = rounds_on(platform)
    for turn in range(TURNS):
        oddities = rounds.oddities(odd_json(), turn=turn)
        assert len(oddities) > 40
        for start in range(0, len(oddities), AT_ONCE):
            assert rounds.failures(oddities[start : start + AT_ONCE]) == []


@pytest.mark.parametrize("kind", UNPARSABLE)
@pytest.mark.parametrize("platform", STAND_INS)
def test_a_page_that_cannot_be_parsed_is_named_and_read_again(
    rounds_on: MakeRounds, platform: str, kind: str
) -> None:
    assert rounds_on(platform).problem_of_page(UNPARSABLE[kind]) is None
