"""No attack reaches an address that is not public, not even with a connection; good ones work.

Twice: in this process, where 127.0.0.2 is the public server and 127.0.0.1 the internal one on the
same port; and in a network namespace where every address is this machine's.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.errors import RejectedInputError
from critterdb.fetch.address_policy import Opening
from critterdb.fetch.fetcher import FETCH_FAILED, URL_INVALID, Fetcher
from tests.fakes.hostile import HostileServer
from tests.support.attacks import (
    NAMES,
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
from tests.support.names import addresses_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.network_namespace

ROOT = Path(__file__).parents[2]
NAMESPACES = (  # as root, and as anybody where the system lets them
    ("unshare", "--net", "--mount"),
    ("unshare", "--net", "--mount", "--map-root-user"),
)
REQUIRED = "CRITTERDB_REQUIRE_NAMESPACE"  # set in CI, where it must not depend on luck
AT_ONCE = 60
MIN_ATTACKS = 140


def test_the_table_is_long() -> None:
    attacks = hostile_urls(":1")
    assert len(set(attacks)) == len(attacks) >= MIN_ATTACKS
    assert len(set(hostile_redirects("http://x", ":1"))) >= MIN_ATTACKS
    assert len(good_urls("http://x", ":1")) >= 30


class Internal:
    """Listens where nothing may come, and counts what comes."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        self._listeners = [first]
        if socket.has_ipv6:
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.hits.append(str(connection.getsockname()))
            connection.close()

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@pytest.fixture
def internal() -> Iterator[Internal]:
    listener = Internal()
    yield listener
    listener.close()


@pytest.fixture
def public(internal: Internal) -> Iterator[HostileServer]:
    with HostileServer("127.0.0.2", internal.port) as server:
        yield server


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of the table, for the system's resolver: here 127.0.0.2 is their public address."""
    real, turns = socket.getaddrinfo, dict.fromkeys(NAMES, 0)

    def getaddrinfo(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        name = str(host).lower().rstrip(".")
        if name not in NAMES:
            return real(host, port, *arguments, **options)
        addresses = addresses_of(name, turns[name]) or []
        turns[name] += 1
        if not addresses:
            raise socket.gaierror("no such name")
        return [entry for address in addresses for entry in real(_here(address), port, type=1)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def _here(address: str) -> str:
    return "127.0.0.2" if address in (PUBLIC, OTHER_PUBLIC, PUBLIC_6) else address


async def fetch_all(public: HostileServer, urls: list[str]) -> dict[str, str]:
    """What came of each: `picture`, or the code of the refusal, whose words are always the same."""
    places = asyncio.Semaphore(AT_ONCE)
    opening = Opening(ip_network("127.0.0.2/32"), public.port)

    async def fetch(url: str) -> str:
        async with places:
            try:
                data = await Fetcher(allow=[opening]).fetch_async(url)
            except RejectedInputError as refusal:
                words = {"fetch_failed": FETCH_FAILED, "url_invalid": URL_INVALID}
                same = str(refusal) == words[refusal.code]
                return refusal.code if same else f"{refusal.code}: {refusal}"
            return "picture" if data.startswith(b"\xff\xd8\xff") else "something else"

    return dict(zip(urls, await asyncio.gather(*map(fetch, urls)), strict=True))


def outcomes(by_url: dict[str, str]) -> set[str]:
    return set(by_url.values())


async def test_no_address_leads_inside(internal: Internal, public: HostileServer) -> None:
    for port in (f":{internal.port}", ""):
        by_url = await fetch_all(public, hostile_urls(port))
        assert outcomes(by_url) == {"fetch_failed", "url_invalid"}
    await asyncio.sleep(0.1)
    assert (internal.hits, public.requests) == ([], [])


async def test_no_redirect_leads_inside(internal: Internal, public: HostileServer) -> None:
    port = f":{internal.port}"
    urls = hostile_redirects(public.base, port)
    assert outcomes(await fetch_all(public, urls)) == {"fetch_failed"}
    assert len(public.requests) == len(urls)
    paths = redirects(public.base, [path.replace("{port}", port) for path in PATHS])
    assert outcomes(await fetch_all(public, paths)) <= {"fetch_failed", "picture"}
    await asyncio.sleep(0.1)
    assert internal.hits == []


async def test_a_name_that_changes_its_mind(internal: Internal, public: HostileServer) -> None:
    """Its first answer is public, and so the picture is fetched; its second is not."""
    port = f":{internal.port}"
    for name in REBINDING:
        again = f"http://{name}.test{port}/to?url=http://{name}.test{port}/"
        assert await fetch_all(public, [again]) == {again: "fetch_failed"}
    assert len(public.requests) == len(REBINDING)
    await asyncio.sleep(0.1)
    assert internal.hits == []


async def test_no_proxy_and_no_password_of_the_environment(
    internal: Internal,
    public: HostileServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    inside = f"http://127.0.0.1:{internal.port}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, inside)
        monkeypatch.setenv(name.lower(), inside)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.2 login cat password secret\ndefault login cat password s\n")
    monkeypatch.setenv("NETRC", str(netrc))
    urls = [f"{public.base}/cat.jpg", f"{public.base}/status-401", f"{public.base}/status-407"]
    assert list((await fetch_all(public, urls)).values()) == ["picture", *["fetch_failed"] * 2]
    assert internal.hits == []
    sent = " ".join(public.requests).lower()
    assert "authorization" not in sent
    assert "cookie" not in sent


async def test_good_addresses_work(internal: Internal, public: HostileServer) -> None:
    by_url = await fetch_all(public, good_urls(public.base, f":{internal.port}"))
    assert outcomes(by_url) == {"picture"}
    assert internal.hits == []


def test_in_a_network_where_every_address_is_this_machine() -> None:
    """The policy as it is in the wild: port 80, no opening, a real name server, 70 networks."""
    namespace = _namespace()
    if not namespace:
        if os.environ.get(REQUIRED):
            raise AssertionError(f"{REQUIRED} is set, and there is no `unshare` that may be used")
        pytest.skip("no network namespaces here: run it as root, or on a Linux that allows them")
    done = subprocess.run(
        [*namespace, sys.executable, "-m", "tests.support.namespaces"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["counted"]
    assert results["hits"] == []
    assert outcomes(results["bad"]) == {"fetch_failed", "url_invalid"}
    assert outcomes(results["redirects"]) == outcomes(results["rebinding"]) == {"fetch_failed"}
    assert [url for url, outcome in results["good"].items() if outcome != "picture"] == []
    assert len(results["bad"]) + len(results["redirects"]) >= 2 * MIN_ATTACKS


def _namespace() -> tuple[str, ...] | None:
    """The command that makes a network of its own here, if one does."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        return None
    for command in NAMESPACES:
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return None
