"""Fixtures of the tests that open a Datasette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.datasette_site import close_datasettes

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def closed_connections() -> Iterator[None]:
    """Close what a test opened: no real process holds hundreds of sites."""
    yield
    close_datasettes()
