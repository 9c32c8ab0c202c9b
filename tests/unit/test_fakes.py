"""The fake servers share no code with what they fake: a mistake would agree with itself."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from critterdb.fakes.x_posts import id_at
from critterdb.platforms.bluesky.records import time_of_key
from critterdb.platforms.bluesky.records import timestamp_id as own_timestamp_id
from critterdb.platforms.x.parse import EPOCH_MS
from tests.fakes.bluesky_records import timestamp_id

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FAKES = sorted([*ROOT.glob("critterdb/fakes/*.py"), *ROOT.glob("tests/fakes/*.py")])
ALLOWED = ("critterdb._types", "critterdb.fakes", "tests.fakes")


def imports(path: Path) -> Iterator[str]:
    """The full names of the modules that a file imports, wherever in it."""
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{package}.{node.module}" if node.level else str(node.module)


@pytest.mark.parametrize("path", FAKES, ids=lambda path: path.name)
def test_a_fake_imports_only_other_fakes(path: Path) -> None:
    ours = [name for name in imports(path) if name.split(".")[0] in ("critterdb", "tests")]
    assert [name for name in ours if not name.startswith(ALLOWED)] == []


def test_both_sides_read_the_same_times_out_of_ids() -> None:
    moment = datetime(2026, 11, 27, 13, 37, 0, 125_000, tzinfo=UTC)
    assert (id_at(moment) >> 22) + EPOCH_MS == int(moment.timestamp() * 1000)
    microseconds = int(moment.timestamp() * 1_000_000)
    assert timestamp_id(microseconds) == own_timestamp_id(microseconds, 0)
    assert time_of_key(timestamp_id(microseconds)) == moment
