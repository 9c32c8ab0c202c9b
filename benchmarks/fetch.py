"""Fetch from every hostile server that we know of; print how each ended.

    python -m benchmarks.fetch

The servers (`tests/fakes/hostile.py`) listen on 127.0.0.2. For each: how it ended, after how
long, how many bytes came over the wire (as the server's kernel counts what was acknowledged) and by
how much the memory of this process grew at most. It ends with status 1 where one of them takes over
10 s, 10.5 MB or 40 MB, or ends in anything but a refusal.
"""

from __future__ import annotations

import sys
import time
from ipaddress import ip_network
from pathlib import Path

from critterdb.errors import RejectedInputError
from critterdb.fetch.address_policy import Opening
from critterdb.fetch.fetcher import Fetcher
from tests.fakes.hostile import ANSWERS, HostileServer

GOOD = ("picture", "endless-redirect")  # the second leads to one
MAX_S, MAX_BYTES, MAX_GROWTH_MB = 10, 10_500_000, 40


def main() -> int:
    print("| server | ended as | seconds | MB on the wire | memory + MB |")
    print("| --- | --- | --- | --- | --- |")
    bad = []
    with HostileServer() as server:
        fetcher = Fetcher(allow=[Opening(ip_network("127.0.0.2/32"), server.port)])
        assert fetcher.fetch(f"{server.base}/bytes/5000000")
        for name in (*ANSWERS, "hops/4", "bytes/10000001"):
            outcome, seconds, growth = fetch_one(fetcher, f"{server.base}/{name}")
            wire = received(server, f"/{name}")
            print(f"| {name} | {outcome} | {seconds:.2f} | {wire / 1e6:.2f} | {growth:.0f} |")
            if seconds > MAX_S or wire > MAX_BYTES or growth > MAX_GROWTH_MB:
                bad.append(name)
            if outcome == "a picture" and name not in GOOD:
                bad.append(name)
    print(f"\n{len(bad)} beyond a limit: {', '.join(bad) or 'none'}")
    return int(bool(bad))


def fetch_one(fetcher: Fetcher, url: str) -> tuple[str, float, float]:
    """How a fetch ended, its seconds, and by how many MB the memory grew at most."""
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_mb("VmRSS")
    started = time.monotonic()
    try:
        fetcher.fetch(url)
        outcome = "a picture"
    except RejectedInputError as refusal:
        outcome = refusal.code
    return outcome, time.monotonic() - started, memory_mb("VmHWM") - before


def memory_mb(name: str) -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if name in line]
    return int(line.split()[1]) / 1024


def received(server: HostileServer, path: str) -> int:
    """What the server's clients got, once it has noticed that they are gone."""
    for _ in range(20):
        if path in server.received:
            return server.received[path]
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main())
