"""Odd values in every parser of strangers' data: a value or a documented error, in linear time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.contract import Parser, check
from tests.fuzz.known_failures import KNOWN_PARSER_FAILURES
from tests.fuzz.parsers import PARSERS

EXAMPLES = 40  # of each parser; benchmarks/fuzz.py tries more


def params() -> list[Any]:
    """The parsers; those whose failure is known are expected to fail."""
    return [pytest.param(parser, id=name, marks=marks(name)) for name, parser in PARSERS.items()]


def marks(name: str) -> list[pytest.MarkDecorator]:
    reason = KNOWN_PARSER_FAILURES.get(name)
    return [pytest.mark.xfail(strict=True, reason=reason)] if reason else []


@pytest.mark.parametrize("parser", params())
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
