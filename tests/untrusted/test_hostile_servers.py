"""Servers that never end, drip, keep silent, lie, flood and explode: each ends soon, cheaply.

`benchmarks/fetch.py` prints the whole table, one server after another.
"""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from critterdb.errors import RejectedInputError
from critterdb.fetch.address_policy import Opening
from critterdb.fetch.fetcher import Fetcher
from tests.fakes.hostile import ANSWERS, HostileServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

MAX_S = 10
MAX_BYTES = 10_500_000
MAX_GROWTH_MB = 40
GOOD = {"picture", "endless-redirect"}  # whose redirect leads to one
TOO_LARGE = {
    "endless", "endless-chunks", "crumbs", "mixed-replace", "huge-length", "giant-chunk",
}  # fmt: skip


@pytest.fixture
def public() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def fetcher(public: HostileServer) -> Fetcher:
    return Fetcher(allow=[Opening(ip_network("127.0.0.2/32"), public.port)])


async def fetch(fetcher: Fetcher, url: str) -> tuple[str, float]:
    started = time.monotonic()
    try:
        await fetcher.fetch_async(url)
    except RejectedInputError as refusal:
        return refusal.code, time.monotonic() - started
    return "picture", time.monotonic() - started


async def test_all_of_them_at_once(public: HostileServer, fetcher: Fetcher) -> None:
    ends = await asyncio.gather(*(fetch(fetcher, f"{public.base}/{name}") for name in ANSWERS))
    for name, (outcome, seconds) in zip(ANSWERS, ends, strict=True):
        expected = "too_large" if name in TOO_LARGE else "fetch_failed"
        assert outcome == ("picture" if name in GOOD else expected), name
        assert seconds < MAX_S, name
    assert max(public.received.values()) > 9_000_000
    assert max(public.received.values()) < MAX_BYTES


@pytest.mark.parametrize("name", ["endless", "crumbs", "gzip-bomb", "interim-flood", "noise"])
def test_memory_stays(public: HostileServer, fetcher: Fetcher, name: str) -> None:
    fetcher.fetch(f"{public.base}/picture")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = memory_mb("VmRSS")
    with pytest.raises(RejectedInputError):
        fetcher.fetch(f"{public.base}/{name}")
    assert memory_mb("VmHWM") - before < MAX_GROWTH_MB


def memory_mb(name: str) -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if name in line]
    return int(line.split()[1]) / 1024


@pytest.mark.serial
async def test_others_are_not_kept_waiting(public: HostileServer, fetcher: Fetcher) -> None:
    """Crumbs are hard work to take apart; a good picture comes quickly beside them."""
    floods = ("crumbs", "interim-flood", "header-flood", "trailers", "endless-chunks")
    hostile = [
        asyncio.create_task(fetch(fetcher, f"{public.base}/{name}?{number}"))
        for name in floods
        for number in range(4)
    ]
    await asyncio.sleep(0.05)
    outcome, seconds = await fetch(fetcher, f"{public.base}/picture")
    assert outcome == "picture"
    assert seconds < 3
    await asyncio.gather(*hostile)
