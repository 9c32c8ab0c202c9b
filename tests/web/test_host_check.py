"""Host names under which a site on loopback answers: its own ones and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from critterdb.web.datasette.host_check import is_own_host
from tests.support.datasette_site import make_site, serving, shared_datasette

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]
DATASETTE = ["-m", "datasette", "serve", ".", "--port", "{port}"]
PATHS = ["/", "/critters/observations.json", "/-/critters", "/-/critterdb/health"]
CLIENT = httpx.Client(trust_env=False)
REBOUND = ["evil.example", "evil.example:8001", "127.0.0.1.evil.example", "[zz]", "8.8.8.8"]

OWN_NAMES = ["localhost:1", "127.1.2.3:80", "[::1]:8001", "0.0.0.0:80", "critters.example"]


def statuses(address: str, host: str) -> set[int]:
    # One client for all: each new one reads the certificates of all authorities.
    return {CLIENT.get(address + path, headers={"host": host}).status_code for path in PATHS}


@pytest.mark.parametrize("command", [SERVE, DATASETTE], ids=["critterdb serve", "datasette ."])
def test_a_rebound_host_name_reads_nothing_of_a_loopback_site(
    tmp_path: Path, command: list[str]
) -> None:
    """A web page whose name is rebound to 127.0.0.1 gets 421 from our pages and Datasette's."""
    with serving(make_site(tmp_path / "mysite", hosts=["Critters.example."]), command) as address:
        for host in REBOUND:
            assert statuses(address, host) == {421}, host
        assert "evil" not in CLIENT.get(address, headers={"host": "evil.example"}).text
        assert "plugins.critterdb.hosts" in CLIENT.get(address, headers={"host": "evil"}).text
        for host in OWN_NAMES:
            assert statuses(address, host) == {200}, host


def test_a_site_behind_a_proxy_of_its_own_answers_under_any_name(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "mysite", trusted_proxies=["127.0.0.1/32"])
    with serving(folder, SERVE) as address:
        assert statuses(address, "critters.example") == {200}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(tmp_path_factory.mktemp("hosts") / "mysite")


@pytest.mark.parametrize(
    ("socket", "status"),
    [
        ("127.0.0.1", 421),
        ("::1", 421),
        ("::ffff:127.0.0.1", 421),
        ("192.0.2.7", 200),
        ("localhost", 200),
        ("/run/critters.sock", 200),
        (None, 200),
    ],
)
async def test_only_sockets_on_loopback_are_checked(
    folder: Path, socket: str | None, status: int
) -> None:
    datasette = shared_datasette(folder)
    await datasette.invoke_startup()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "path": "/-/versions.json",
        "raw_path": b"/-/versions.json",
        "query_string": b"",
        "headers": [(b"host", b"evil.example")],
        "client": ("127.0.0.1", 1),
        "server": socket and (socket, 8001),
    }
    await datasette.app()(scope, receive, send)
    assert sent[0]["status"] == status


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("LOCALHOST.", True),
        ("", True),
        ("user@localhost", True),
        ("localhost@evil.example", False),
        ("localhost.evil.example", False),
        ("[::1", False),
        ("127.0.0.1#", True),
        ("2130706433", False),
    ],
)
def test_odd_spellings_of_a_host(host: str, is_own: bool) -> None:
    assert is_own_host(host, frozenset()) is is_own
