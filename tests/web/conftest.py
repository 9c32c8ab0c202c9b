"""Fixtures of the tests that open a Datasette."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.datasette_site import close_datasettes, close_shared_datasettes

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def closed_module() -> Iterator[None]:
    """Close what the tests of a module shared."""
    yield
    close_shared_datasettes(Path("/"))


@pytest.fixture(autouse=True)
def closed_connections(tmp_path: Path) -> Iterator[None]:
    """Close what a test opened: no real process holds hundreds of sites."""
    yield
    close_datasettes()
    close_shared_datasettes(tmp_path)
