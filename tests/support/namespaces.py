"""Every attack in a network where each address is this machine.

    unshare --net --mount python tests/support/namespaces.py

It takes the network for granted that it may change: run it in a namespace of its own. Names are
looked up by the system's own resolver at a real name server. Prints what came of each address and
which connections came to an address that is not the public server's, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import threading
from typing import Any

from critterdb.errors import RejectedInputError
from critterdb.fetch.fetcher import Fetcher
from tests.fakes.hostile import HostileServer
from tests.support.attacks import (
    OTHER_PUBLIC,
    PATHS,
    PUBLIC,
    PUBLIC_6,
    REBINDING,
    good_urls,
    hostile_redirects,
    hostile_urls,
    redirects,
)
from tests.support.names import NameServer

NAME_SERVER = "127.0.0.53"
PORTS = (22, 25, 80, 443, 6379, 8001)
PUBLIC_ADDRESSES = {PUBLIC, PUBLIC_6, OTHER_PUBLIC}
AT_ONCE = 60


class Everywhere(HostileServer):
    """The public server at its addresses; at any other, a connection is a break-in."""

    def __init__(self, host: str, port: int, hits: list[str]) -> None:
        self._hits = hits
        super().__init__(host, port)

    def serve(self, connection: socket.socket) -> None:
        address, port = connection.getsockname()[:2]
        if address in PUBLIC_ADDRESSES and port == 80:
            super().serve(connection)
        else:
            self._hits.append(f"{address} port {port}")
            connection.close()


def prepare_network() -> None:
    """Make every address one of this machine, and names a matter of our own server."""
    for command in (
        "ip link set lo up",
        "ip route add local 0.0.0.0/0 dev lo",
        "ip -6 route add local ::/0 dev lo",
    ):
        subprocess.run(command.split(), check=True)
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)
    NameServer(NAME_SERVER).start()


async def fetch_all(urls: list[str]) -> dict[str, str]:
    """The outcome of each: `picture`, or the code of the refusal. Nothing is remembered."""
    places = asyncio.Semaphore(AT_ONCE)

    async def fetch(url: str) -> str:
        async with places:
            try:
                data = await Fetcher(allow=[]).fetch_async(url)
            except RejectedInputError as refusal:
                return refusal.code
            return "picture" if data.startswith(b"\xff\xd8\xff") else "something else"

    return dict(zip(urls, await asyncio.gather(*map(fetch, urls)), strict=True))


def is_counted(hits: list[str]) -> bool:
    """Whether a connection that is made is seen: without that, no hits would mean nothing."""
    for address in ("10.0.0.1", "169.254.169.254", "fd00::1"):
        socket.create_connection((address, 80), 5).close()
    for _ in range(100):
        if len(hits) == 3:
            break
        threading.Event().wait(0.02)
    seen = len(hits)
    hits.clear()
    return seen == 3


def main() -> None:
    prepare_network()
    hits: list[str] = []
    servers = [Everywhere(host, port, hits) for port in PORTS for host in ("0.0.0.0", "::")]
    for server in servers:
        server.__enter__()
    outcomes: dict[str, Any] = {"counted": is_counted(hits)}
    public = f"http://{PUBLIC}"
    outcomes["good"] = asyncio.run(fetch_all([*good_urls(public, ""), f"http://[{PUBLIC_6}]/"]))
    outcomes["bad"] = asyncio.run(fetch_all(hostile_urls("")))
    outcomes["redirects"] = asyncio.run(fetch_all(hostile_redirects(public, "")))
    paths = [path.replace("{port}", "") for path in PATHS]
    outcomes["paths"] = asyncio.run(fetch_all(redirects(public, paths)))
    outcomes["rebinding"] = asyncio.run(
        fetch_all([f"http://{name}.test/to?url=http://{name}.test/" for name in REBINDING])
    )
    threading.Event().wait(0.2)
    outcomes["hits"] = hits
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
