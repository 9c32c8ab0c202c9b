"""Odd values for every parser of strangers' data, and for every field that the platforms serve.

    python -m benchmarks.fuzz [--minutes 10] [--only NAME] [--seed 0] [--samples FOLDER]

Three quarters of the time are the parsers', the rest goes to rounds on the stand-in platforms.
--samples names a folder with x/, mastodon/, bluesky/ and inaturalist/ of recorded responses, which
are spoiled as well. Prints a table, and what failed with the smallest example that still fails.
Exit status 1 where anything did.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.contract import ContractError, Parser, check
from tests.fuzz.odd_rounds import Oddity, OddRounds
from tests.fuzz.parsers import PARSERS
from tests.fuzz.strategies import odd_json, spoiled
from tests.support.platforms import STAND_INS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARSERS_SHARE = 0.75  # of the time
EXAMPLES_PER_RUN = 200
ODDITIES_PER_SITE = 40
MAX_SHOWN = 500  # characters of an example
MAX_SAMPLES = 20  # objects of a recorded file


@dataclass
class Result:
    """What one parser did with so many examples."""

    name: str
    examples: int = 0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    def row(self) -> str:
        slowest = f"{self.slowest_s * 1000:.0f} ms"
        return f"| {self.name} | {self.examples} | {len(self.failures)} | {slowest} |"


def main() -> int:
    options = parse_options()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    seconds = options.minutes * 60
    parsers = list(PARSERS.values())
    if options.samples:
        parsers += list(sample_parsers(options.samples))
    parsers = [parser for parser in parsers if options.only in parser.name]
    platforms = [platform for platform in STAND_INS if options.only in f"rounds on {platform}"]
    parsers_s = seconds * (PARSERS_SHARE if platforms else 1) if parsers else 0
    print("| parser | examples | failures | slowest |\n| --- | ---: | ---: | ---: |")
    results = []
    for parser in parsers:
        results.append(fuzz_parser(parser, parsers_s / len(parsers), options.seed))
        print(results[-1].row(), flush=True)
    for platform in platforms:
        results.append(fuzz_rounds(platform, (seconds - parsers_s) / len(platforms), options.seed))
        print(results[-1].row(), flush=True)
    failures = [f"{result.name}: {text}" for result in results for text in result.failures]
    print(*failures, sep="\n")
    return 1 if failures else 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="parsers whose names hold this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=Path, help="a folder of recorded responses")
    return parser.parse_args()


def fuzz_parser(parser: Parser, seconds: float, first_seed: int) -> Result:
    """Give a parser examples until its time is up."""
    result = Result(parser.name)
    end = time.monotonic() + seconds
    number = first_seed
    while time.monotonic() < end or not result.examples:
        try:
            run_once(parser, result, number, end)
        except ContractError as error:
            result.failures.append(str(error)[:MAX_SHOWN])
            break  # the same failure would be found by every further run
        number += 1
    return result


def run_once(parser: Parser, result: Result, number: int, end: float) -> None:
    """A run of Hypothesis with a seed of its own; examples after `end` are not looked at."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES_PER_RUN,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    @given(parser.examples)
    def run(example: Any) -> None:
        if time.monotonic() > end and result.examples:
            return
        result.examples += 1
        try:
            result.slowest_s = max(result.slowest_s, check(parser, example))
        except ContractError as error:
            raise ContractError(f"{error}; example: {shown(example)}") from error

    run()


def shown(example: object) -> str:
    try:
        return repr(example)[:MAX_SHOWN]
    except RecursionError:
        return "nested too deeply to be shown"


def fuzz_rounds(platform: str, seconds: float, first_seed: int) -> Result:
    """Every odd value in every field that a stand-in serves, in an order of chance."""
    result = Result(f"rounds on {platform}")
    with tempfile.TemporaryDirectory() as folder:
        rounds = OddRounds(platform, Path(folder), os.environ.__setitem__)
        every = [
            Oddity(field, kind, value)
            for field in rounds.fields()
            for kind, value in odd_json().items()
        ]
        random.Random(first_seed).shuffle(every)
        end = time.monotonic() + seconds
        for start in range(0, len(every), ODDITIES_PER_SITE):
            if time.monotonic() > end:
                break
            begun = time.monotonic()
            chosen = every[start : start + ODDITIES_PER_SITE]
            result.failures += rounds.failures(chosen)
            result.examples += len(chosen)
            result.slowest_s = max(result.slowest_s, time.monotonic() - begun)
    return result


def sample_parsers(folder: Path) -> Iterator[Parser]:
    """The parsers that read what was recorded, with what was recorded to spoil."""
    kinds: dict[str, tuple[str, Callable[[Any], list[Any]]]] = {
        "x": ("X: posts", lambda body: body.get("data")),
        "mastodon": ("Mastodon: statuses", lambda body: body),
        "bluesky": ("Bluesky: posts", lambda body: body.get("posts") or body.get("feed")),
        "inaturalist": ("iNaturalist: observations", lambda body: body.get("results")),
    }
    for name, (parser_name, items_of) in kinds.items():
        parser = PARSERS[parser_name]
        for path in sorted((folder / name).glob("*.json")):
            try:
                items = items_of(json.loads(path.read_text("utf-8")))
            except (ValueError, AttributeError):
                continue
            documents = [item.get("post", item) for item in items or [] if isinstance(item, dict)]
            if documents:
                examples = spoiled(*documents[:MAX_SAMPLES])
                if name == "inaturalist":
                    examples = examples.map(lambda document: [document])
                yield replace(parser, name=f"{parser_name}: {path.name}", examples=examples)


if __name__ == "__main__":
    sys.exit(main())
