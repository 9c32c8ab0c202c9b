"""Fixtures that every test may use: a fresh site, and a guard that forbids the open network.

What needs more than a database is in the conftest.py of the folder that uses it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.support.site_templates import put_empty_database

if TYPE_CHECKING:
    from collections.abc import Iterator

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 << 30  # a run takes up to 1 GB: an environment with the wheel, a drawn reserve


def has_room_in_memory() -> bool:
    """Whether temporary files fit into memory here, and programs among them may run there."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return False
    state = os.statvfs(MEMORY)
    return state.f_bavail * state.f_frsize >= MEMORY_BYTES and not state.f_flag & os.ST_NOEXEC


# Tests make thousands of small databases, each of which waits for its disk some hundred times:
# Datasette 1.0 starts in 0.3 s of CPU time instead of 0.8, and in a tenth of the time.
if "TMPDIR" not in os.environ and has_room_in_memory():
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start slow files first, so that no worker ends with minutes of them while others idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def busy_factor() -> float:
    """Return by how much to stretch limits of wall-clock time on this machine, now.

    CRITTERDB_BUSY_FACTOR sets it; else it is the load for each core, between 1 and 8.
    """
    if stated := os.environ.get("CRITTERDB_BUSY_FACTOR"):
        return float(stated)
    return min(8.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


@pytest.fixture(scope="session")
def busy() -> float:
    """The factor by which limits of wall-clock time are stretched."""
    return busy_factor()


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process open connections to loopback only."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])  # type: ignore[index]
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what programs remember in the user's cache apart, for the tests of one file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder of a site, with an empty database."""
    folder = tmp_path / "site"
    folder.mkdir()
    put_empty_database(folder)
    return folder


@pytest.fixture
def db(site: Path) -> Iterator[SiteDatabase]:
    """The database of `site`."""
    database = open_database(site / DATABASE_NAME)
    yield database
    database.close()
