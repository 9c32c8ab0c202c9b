"""Odd values in every parser of strangers' data: a value or a documented error, in linear time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.contract import Parser, check
from tests.fuzz.parsers import PARSERS

pytestmark = pytest.mark.slow

EXAMPLES = 15  # of each parser; benchmarks/fuzz.py tries more


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_a_parser_returns_a_value_or_raises_its_documented_error(parser: Parser) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,  # the same examples in each run: a failure is the last change's
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(parser.examples)
    def run(example: Any) -> None:
        check(parser, example)

    run()
