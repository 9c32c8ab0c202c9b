"""An odd value in any field that a platform serves: somebody else is answered, exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fuzz.odd_rounds import OddRounds
from tests.fuzz.strategies import UNPARSABLE, odd_json
from tests.support.platforms import STAND_INS

if TYPE_CHECKING:
    from collections.abc import Iterator

    pass

pytestmark = pytest.mark.slow

TURNS = 1  # values for each field; benchmarks/fuzz.py tries all
AT_ONCE = 90  # people with an odd value each, in one site's rounds


@pytest.fixture(scope="module", params=STAND_INS)
def rounds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OddRounds]:
    """Rounds on each platform, in sites made from one template."""
    with pytest.MonkeyPatch.context() as patch:
        yield OddRounds(request.param, tmp_path_factory.mktemp("rounds"), patch.setenv)


def test_an_odd_value_stops_nobody_else(rounds: OddRounds) -> None:
    for turn in range(TURNS):
        oddities = rounds.oddities(odd_json(), turn=turn)
        assert len(oddities) > 40
        for start in range(0, len(oddities), AT_ONCE):
            assert rounds.failures(oddities[start : start + AT_ONCE]) == []


@pytest.mark.parametrize("kind", UNPARSABLE)
def test_a_page_that_cannot_be_parsed_is_named_and_read_again(rounds: OddRounds, kind: str) -> None:
    assert rounds.problem_of_page(UNPARSABLE[kind]) is None
