"""Fixtures of the tests that open a Datasette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.datasette_site import close_datasettes

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def closed_connections() -> Iterator[None]:
    """Close what a module's tests opened: a process of hundreds of sites is not a real one."""
    yield
    close_datasettes()
