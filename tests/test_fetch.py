"""The guard: 127.0.0.2 plays the public server, 127.0.0.1 the internal one, which counts calls."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

import pytest

from critterdb.errors import CritterError, Refusal
from critterdb.fetch import (
    FETCH_FAILED,
    STRICT_TABLE,
    Fetcher,
    Opening,
    openings_from_environment,
)

PICTURE = b"\xff\xd8\xff" + b"picture" * 100


class Public(BaseHTTPRequestHandler):
    """A server that strangers name, with every bad habit that they have."""

    def do_GET(self) -> None:
        port = self.server.server_address[1]
        kind, _, rest = self.path[1:].partition("/")
        if kind == "hops" and int(rest):
            self._redirect(f"/hops/{int(rest) - 1}")
        elif kind == "to":
            self._redirect(rest.replace("PORT", str(port)))
        elif kind == "drip":
            self._drip()
        elif kind == "endless":
            self._endless()
        elif kind == "gzip":
            self._answer(gzip.compress(bytes(5_000_000)), ("Content-Encoding", "gzip"))
        elif kind == "liar":
            self._answer(PICTURE, ("Content-Length", "99999999999"))
        elif kind == "short":
            self._answer(PICTURE, ("Content-Length", str(len(PICTURE) + 10)))
        elif kind == "missing":
            self.send_error(404)
        elif kind == "silent":
            time.sleep(3)
        else:
            self.server.pictures += 1  # type: ignore[attr-defined]
            self._answer(PICTURE, ("Content-Length", str(len(PICTURE))))

    def _answer(self, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.end_headers()

    def _drip(self) -> None:
        self._answer(b"")
        for _ in range(60):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def _endless(self) -> None:
        self._answer(b"")
        for _ in range(400):
            self.wfile.write(bytes(65536))

    def handle(self) -> None:
        # The fetcher hangs up on most of these answers: that is what is tested.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def public() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.2", 0), Public)
    server.pictures = 0  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def internal() -> Iterator[tuple[int, list[object]]]:
    """A listener on 127.0.0.1 and the list of connections that reached it."""
    listener = socket.create_server(("127.0.0.1", 0))
    calls: list[object] = []

    def accept() -> None:
        while True:
            try:
                conn, peer = listener.accept()
            except OSError:
                return
            calls.append(peer)
            conn.close()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1], calls
    listener.close()


def url(server: ThreadingHTTPServer, path: str = "/cat.jpg") -> str:
    return f"http://127.0.0.2:{server.server_address[1]}{path}"


def fetcher(server: ThreadingHTTPServer, **options: object) -> Fetcher:
    opening = Opening(ip_network("127.0.0.2/32"), server.server_address[1])
    return Fetcher(allow=[opening], timeout_s=1.0, **options)  # type: ignore[arg-type]


def refusal(guard: Fetcher, address: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        guard.fetch(address)
    return caught.value


def test_a_picture_comes_back_whole(public: ThreadingHTTPServer) -> None:
    assert fetcher(public).fetch(url(public)) == PICTURE


@pytest.mark.parametrize(("hops", "works"), [(1, True), (3, True), (4, False), (9, False)])
def test_three_redirects_work(public: ThreadingHTTPServer, hops: int, works: bool) -> None:
    guard = fetcher(public)
    if works:
        assert guard.fetch(url(public, f"/hops/{hops}")) == PICTURE
    else:
        assert refusal(guard, url(public, f"/hops/{hops}")).code == "fetch_failed"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/drip", "fetch_failed"),
        ("/silent", "fetch_failed"),
        ("/gzip", "fetch_failed"),
        ("/short", "fetch_failed"),
        ("/missing", "fetch_failed"),
        ("/endless", "too_large"),
        ("/liar", "too_large"),
    ],
)
def test_hostile_servers_end_soon(public: ThreadingHTTPServer, path: str, code: str) -> None:
    started = time.monotonic()
    assert refusal(fetcher(public), url(public, path)).code == code
    assert time.monotonic() - started < 2


LEADS_INSIDE = [
    "http://127.0.0.1{port}/",
    "http://localhost{port}/",
    "http://localhost.{port}/",
    "http://[::1]{port}/",
    "http://[::ffff:127.0.0.1]{port}/",
    "http://[::ffff:7f00:1]{port}/",
    "http://[::127.0.0.1]{port}/",
    "http://[64:ff9b::127.0.0.1]{port}/",
    "http://[2002:7f00:1::]{port}/",
    "http://[2001:0:7f00:1::1]{port}/",
    "http://[fe80::5efe:127.0.0.1]{port}/",
    "http://[2001:4860::5efe:127.0.0.1]{port}/",
    "http://[2001:4860::200:5efe:7f00:1]{port}/",
    "http://2130706433{port}/",
    "http://0x7f000001{port}/",
    "http://0177.0.0.1{port}/",
    "http://127.1{port}/",
    "http://0{port}/",
    "http://0.0.0.0{port}/",
    "http://127.0.0.1.{port}/",
    "http://\u2460\u2461\u2466.0.0.1{port}/",
    "http://127\u30020\u30020\u30021{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://172.16.0.1/",
    "http://100.64.0.1/",
    "http://192.0.0.9/",
    "http://192.31.196.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[ff02::1]/",
    "http://[fc00::1]/",
    "http://[100::1]/",
    "http://[4000::1]/",
]


@pytest.mark.parametrize("form", LEADS_INSIDE)
def test_no_form_of_an_inner_address_connects(
    internal: tuple[int, list[object]], public: ThreadingHTTPServer, form: str
) -> None:
    port, calls = internal
    for address in {form.format(port=f":{port}"), form.format(port="")}:
        guard = fetcher(public)
        assert refusal(guard, address).code in ("fetch_failed", "url_invalid")
        assert str(refusal(guard, url(public, f"/to/{address}"))) == FETCH_FAILED
    # Even where port and network are open, a name or spelling must not widen the opening.
    time.sleep(0.02)
    assert calls == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "cat.jpg",
        "//example.org/cat.jpg",
        "ftp://example.org/cat.jpg",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/",
        "http://",
        "http:///cat.jpg",
        "http://user@example.org/",
        "http://user:word@example.org/",
        "http://example.org@127.0.0.1/",
        "http://example.org:8080/",
        "http://example.org:22/",
        "http://example.org:99999/",
        "http://exa mple.org/",
        "http://example.org/\r\nX: y",
        "http://[::1/",
        "http://" + "a" * 9000,
    ],
)
def test_malformed_addresses(public: ThreadingHTTPServer, address: str) -> None:
    assert refusal(fetcher(public), address).code == "url_invalid"


def test_one_sentence_whatever_the_cause(public: ThreadingHTTPServer) -> None:
    free = socket.create_server(("127.0.0.2", 0))
    closed_port = free.getsockname()[1]
    free.close()
    guard = Fetcher(allow=[Opening(ip_network("127.0.0.2/32"), closed_port)], timeout_s=1)
    said = {
        str(refusal(guard, address))
        for address in (
            f"http://127.0.0.2:{closed_port}/",
            "http://10.0.0.1/",
            "http://no-such-host.invalid/",
            "http://169.254.169.254/",
        )
    } | {str(refusal(fetcher(public), url(public, "/missing")))}
    assert said == {FETCH_FAILED}


def test_an_opening_is_for_its_port_and_network_only(public: ThreadingHTTPServer) -> None:
    other = ThreadingHTTPServer(("127.0.0.2", 0), Public)
    try:
        assert refusal(fetcher(public), url(other)).code in ("fetch_failed", "url_invalid")
        port = public.server_address[1]
        assert refusal(fetcher(public), f"http://127.0.0.1:{port}/").code == "fetch_failed"
        assert refusal(fetcher(public), "http://127.0.0.2/").code == "fetch_failed"
    finally:
        other.server_close()


def test_outcomes_are_remembered(public: ThreadingHTTPServer) -> None:
    guard = fetcher(public)
    assert guard.fetch(url(public)) == guard.fetch(url(public)) == PICTURE
    assert public.pictures == 1  # type: ignore[attr-defined]


async def test_one_fetch_at_a_time_of_an_address(public: ThreadingHTTPServer) -> None:
    import asyncio

    guard = fetcher(public)
    pictures = await asyncio.gather(*(guard.fetch_async(url(public)) for _ in range(8)))
    assert set(pictures) == {PICTURE}
    assert public.pictures == 1  # type: ignore[attr-defined]


def test_only_the_hosts_that_a_site_allows(public: ThreadingHTTPServer) -> None:
    assert fetcher(public, allow_hosts=["127.0.0.2"]).fetch(url(public)) == PICTURE
    assert refusal(fetcher(public, allow_hosts=["x.org"]), url(public)).code == "fetch_failed"


def test_never_itself(public: ThreadingHTTPServer) -> None:
    own = [("127.0.0.2", public.server_address[1])]
    assert refusal(fetcher(public, own_addresses=own), url(public)).code == "fetch_failed"


def test_the_environment_opens_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRITTERDB_FETCH_ALLOW", "127.0.0.2/32:18080, [fd00::/8]:8080")
    assert [str(o.network) for o in openings_from_environment()] == ["127.0.0.2/32", "fd00::/8"]


@pytest.mark.parametrize("text", ["127.0.0.2", "cat:80", "127.0.0.2/99:80", "127.0.0.2:http"])
def test_an_unreadable_environment_says_how_to_write_it(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("CRITTERDB_FETCH_ALLOW", text)
    with pytest.raises(CritterError, match="18080"):
        Fetcher()


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:2800:21f::1", "1.1.1.1"])
def test_ordinary_addresses_are_let_through(address: str) -> None:
    assert not STRICT_TABLE.classify(address).blocked
