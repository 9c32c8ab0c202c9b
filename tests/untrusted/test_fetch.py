"""The guard's rules: what is fetched, what is refused in which words, and what is remembered."""

from __future__ import annotations

import asyncio
import datetime
import gc
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.errors import CritterError, RejectedInputError
from critterdb.fetch import fetcher as fetch_module
from critterdb.fetch import result_cache
from critterdb.fetch.address_policy import STRICT_TABLE, Opening, openings_from_environment
from critterdb.fetch.fetcher import FETCH_FAILED, Fetcher, is_own_request
from tests.fakes.hostile import PICTURE, HostileServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def public() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def fetcher(*servers: HostileServer, **options: Any) -> Fetcher:
    openings = [Opening(ip_network("127.0.0.2/32"), server.port) for server in servers]
    return Fetcher(allow=openings, **{"timeout_s": 2.0, **options})


def refusal(guard: Fetcher, address: str) -> RejectedInputError:
    with pytest.raises(RejectedInputError) as caught:
        guard.fetch(address)
    return caught.value


def test_a_picture_comes_back_whole(public: HostileServer) -> None:
    assert fetcher(public).fetch(f"{public.base}/cat.jpg") == PICTURE


def test_what_a_server_is_told(public: HostileServer) -> None:
    fetcher(public).fetch(f"{public.base}/cat.jpg?size=2#top")
    [request] = public.requests
    line, *headers = request.strip().split("\r\n")
    assert line == "GET /cat.jpg?size=2 HTTP/1.1"
    assert {name.split(":")[0] for name in headers} == {
        "Host", "User-Agent", "Accept", "Accept-Encoding", "Via", "Connection",
    }  # fmt: skip
    assert "Accept-Encoding: identity" in headers


@pytest.mark.parametrize(("hops", "works"), [(1, True), (3, True), (4, False), (9, False)])
def test_three_redirects_work(public: HostileServer, hops: int, works: bool) -> None:
    guard = fetcher(public)
    if works:
        assert guard.fetch(f"{public.base}/hops/{hops}") == PICTURE
    else:
        assert refusal(guard, f"{public.base}/hops/{hops}").code == "fetch_failed"
    assert len(public.requests) == min(hops, 3) + 1


@pytest.mark.parametrize(("size", "code"), [(10_000_000, None), (10_000_001, "too_large")])
def test_ten_megabytes_and_no_byte_more(public: HostileServer, size: int, code: str | None) -> None:
    address = f"{public.base}/bytes/{size}"
    if code:
        assert refusal(fetcher(public, timeout_s=8.0), address).code == code
    else:
        assert len(fetcher(public, timeout_s=8.0).fetch(address)) == size


@pytest.mark.parametrize(
    "address",
    [
        "",
        "cat.jpg",
        "//example.org/cat.jpg",
        "ftp://example.org/cat.jpg",
        "file:///etc/passwd",
        "http://",
        "http:///cat.jpg",
        "http://user@example.org/",
        "http://user:word@example.org/",
        "http://example.org@127.0.0.1/",
        "http://example.org:8080/",
        "http://example.org:99999/",
        "http://exa mple.org/",
        "http://example.org/\r\nX: y",
        "http://[::1/",
        "http://" + "a" * 9000,
        "http://example.org/" + "a" * 9000,
    ],
)
def test_malformed_addresses(public: HostileServer, address: str) -> None:
    refused = refusal(fetcher(public), address)
    assert refused.code == "url_invalid"
    assert "without spaces, a port, a user name or a password" in str(refused)


def test_one_sentence_at_one_time_whatever_the_cause(public: HostileServer) -> None:
    free = socket.create_server(("127.0.0.2", 0))
    closed_port = free.getsockname()[1]
    free.close()
    guard = Fetcher(
        allow=[Opening(ip_network("127.0.0.2/32"), port) for port in (closed_port, public.port)]
    )
    messages, times = set(), []
    for address in (
        f"http://127.0.0.2:{closed_port}/",
        "http://10.0.0.1/",
        "http://no-such-host.invalid/",
        "http://localhost/",
        f"{public.base}/status-500",
        f"{public.base}/to?url=http://10.0.0.1/",
        "http://10.0.0.1/",  # as it is remembered
    ):
        started = time.monotonic()
        messages.add(str(refusal(guard, address)))
        times.append(time.monotonic() - started)
    assert messages == {FETCH_FAILED}
    assert min(times) >= 0.25


def test_an_opening_is_for_its_port_and_network_only(public: HostileServer) -> None:
    with HostileServer() as other:
        guard = fetcher(public)
        assert refusal(guard, f"{other.base}/").code == "url_invalid"
        assert refusal(guard, f"http://127.0.0.1:{public.port}/").code == "fetch_failed"
        assert refusal(guard, f"http://[::ffff:127.0.0.2]:{public.port}/").code == "fetch_failed"
        assert refusal(guard, "http://127.0.0.2/").code == "fetch_failed"
        assert other.requests == []


def test_outcomes_are_remembered(public: HostileServer) -> None:
    guard = fetcher(public)
    for _ in range(2):
        assert guard.fetch(f"{public.base}/cat.jpg") == PICTURE
        assert refusal(guard, f"{public.base}/status-500").code == "fetch_failed"
        assert refusal(guard, f"{public.base}/huge-length").code == "too_large"
    assert len(public.requests) == 3


def test_what_is_remembered_is_bounded(
    public: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_cache, "REMEMBER_BYTES", 2500)
    guard = fetcher(public)
    for name in ("a", "b", "c", "d", "a"):
        guard.fetch(f"{public.base}/{name}")
    assert [request.split()[1] for request in public.requests] == ["/a", "/b", "/c", "/d", "/a"]
    guard.fetch(f"{public.base}/d")
    assert len(public.requests) == 5


def test_a_failure_holds_on_to_nothing_that_was_received(public: HostileServer) -> None:
    guard = fetcher(public)
    assert refusal(guard, f"{public.base}/endless").code == "too_large"
    gc.collect()
    assert not [
        item for item in gc.get_objects() if type(item) is bytearray and len(item) > 1_000_000
    ]
    held = list(vars(guard._outcomes)["_outcomes"].values())
    assert [type(outcome) for _, outcome in held] == [tuple]


def test_outcomes_are_forgotten_in_time(
    public: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_cache, "REMEMBER_S", 0.05)
    guard = fetcher(public)
    guard.fetch(f"{public.base}/cat.jpg")
    time.sleep(0.1)
    guard.fetch(f"{public.base}/cat.jpg")
    assert len(public.requests) == 2


async def test_one_fetch_at_a_time_of_an_address(public: HostileServer) -> None:
    guard = fetcher(public)
    address = f"{public.base}/cat.jpg"
    with ThreadPoolExecutor(4) as threads:
        by_threads = [threads.submit(guard.fetch, address) for _ in range(4)]
        pictures = await asyncio.gather(*(guard.fetch_async(address) for _ in range(8)))
        pictures += [future.result() for future in by_threads]
    assert set(pictures) == {PICTURE}
    assert len(public.requests) == 1


async def test_who_hangs_up_leaves_the_fetch_to_the_others(public: HostileServer) -> None:
    guard = fetcher(public)
    address = f"{public.base}/silent"
    first = asyncio.create_task(guard.fetch_async(address))
    second = asyncio.create_task(guard.fetch_async(address))
    await asyncio.sleep(0.2)
    first.cancel()
    with pytest.raises(RejectedInputError):
        await second
    assert len(public.requests) == 1


async def test_more_than_can_be_fetched_at_once_is_refused_as_busy(
    public: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "MAX_UNDER_WAY", 2)
    guard = fetcher(public)
    urls = [f"{public.base}/silent?{n}" for n in range(3)]
    results = await asyncio.gather(*map(guard.fetch_async, urls), return_exceptions=True)
    codes = [result.code for result in results if isinstance(result, RejectedInputError)]
    assert codes == ["fetch_failed", "fetch_failed", "busy"]


async def test_memory_under_way_is_bounded(
    public: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "MAX_BYTES_UNDER_WAY", 1_000_000)
    assert refusal(fetcher(public), f"{public.base}/bytes/2000000").code == "busy"
    assert fetcher(public).fetch(f"{public.base}/cat.jpg") == PICTURE


def test_the_deadline_holds_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers of a hostile name can take their time; nothing ends a lookup from outside."""
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: done.wait(20))
    started = time.monotonic()
    assert refusal(Fetcher(allow=[], timeout_s=0.5), "http://slow.example/").code == "fetch_failed"
    assert time.monotonic() - started < 5
    done.set()


def test_the_next_address_of_a_name_is_tried(
    public: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    answers = [*real("127.0.0.3", public.port, type=1), *real("127.0.0.2", public.port, type=1)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    opening = Opening(ip_network("127.0.0.2/31"), public.port)
    address = f"http://two.example:{public.port}/cat.jpg"
    assert Fetcher(allow=[opening], timeout_s=2).fetch(address) == PICTURE


def test_only_the_hosts_that_a_site_allows(public: HostileServer) -> None:
    address = f"{public.base}/cat.jpg"
    assert fetcher(public, allow_hosts=["127.0.0.2"]).fetch(address) == PICTURE
    assert refusal(fetcher(public, allow_hosts=["x.org"]), address).code == "fetch_failed"


@pytest.mark.parametrize(
    "name", ["katzenbär.example", "Katzenbär.Example.", "xn--katzenbr-6za.example"]
)
def test_a_host_is_allowed_under_each_of_its_spellings(
    public: HostileServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: real("127.0.0.2", public.port))
    guard = fetcher(public, allow_hosts=[name])
    assert guard.fetch(f"http://katzenbär.example:{public.port}/") == PICTURE
    assert guard.fetch(f"http://xn--katzenbr-6za.example.:{public.port}/") == PICTURE
    assert refusal(guard, f"http://other.example:{public.port}/").code == "fetch_failed"


async def test_never_itself(public: HostileServer) -> None:
    own = [("127.0.0.2", public.port)]
    address = f"{public.base}/cat.jpg"
    assert refusal(fetcher(public, own_addresses=own), address).code == "fetch_failed"
    for asked in (address, "http://GOOD.example./", "http://[2606:2800:21F::1]/"):
        with pytest.raises(RejectedInputError):
            await fetcher(public).fetch_async(
                asked, own_addresses=[*own, ("good.example", 80), ("[2606:2800:21f::1]", 80)]
            )
    with pytest.raises(RejectedInputError):
        await fetcher(public).fetch_async("http://127.0.0.1/", own_addresses=[("fe80::1%25é", 80)])
    assert public.requests == []


def test_a_request_of_its_own_is_known_under_any_name(public: HostileServer) -> None:
    fetcher(public).fetch(f"{public.base}/cat.jpg")
    [via] = [line for line in public.requests[0].split("\r\n") if line.startswith("Via: ")]
    assert is_own_request({"via": via.removeprefix("Via: ")})
    assert is_own_request({"via": "1.1 critterdb, 1.1 proxy.example"})
    assert not is_own_request({"via": "1.1 proxy.example"})
    assert not is_own_request({})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.2 that vouches for itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a stand-in")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.2"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    encoding = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(encoding)
    )
    return file


class TlsServer(HostileServer):
    """The same behind TLS."""

    def __init__(self, certificate: Path) -> None:
        super().__init__()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)

    def serve(self, connection: socket.socket) -> None:
        try:
            connection = self._context.wrap_socket(connection, server_side=True)
        except OSError:
            return
        super().serve(connection)


def test_https_and_nothing_less_after_it(public: HostileServer, certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with TlsServer(certificate) as safe:
        address = f"https://127.0.0.2:{safe.port}"
        guard = fetcher(public, safe, tls=trusting, timeout_s=8.0)
        assert guard.fetch(f"{address}/hops/2") == PICTURE
        assert guard.fetch(f"{public.base}/to?url={address}/cat.jpg") == PICTURE
        before = len(public.requests)
        assert refusal(guard, f"{address}/to?url={public.base}/").code == "fetch_failed"
        assert len(public.requests) == before
        assert refusal(fetcher(safe), f"{address}/cat.jpg").code == "fetch_failed"  # unknown issuer
        assert refusal(guard, f"{address}/endless").code == "too_large"
        assert refusal(guard, f"{address}/interim-flood").code == "fetch_failed"


def test_a_server_that_speaks_no_tls(public: HostileServer) -> None:
    address = f"https://127.0.0.2:{public.port}"
    assert refusal(fetcher(public), f"{address}/cat.jpg").code == "fetch_failed"


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


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.215.14", "100.63.255.255",
        "100.128.0.0", "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0",
        "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
        "2001:200::1", "2001:4860:4860::8888", "2400:cb00::1", "2606:2800:21f::1",
        "2620:0:860::1", "2a00:1450:4001::1", "2c0f:fb50::1",
    ],
)  # fmt: skip
def test_ordinary_addresses_are_let_through(address: str) -> None:
    assert not STRICT_TABLE.classify(address).blocked


@pytest.mark.serial
async def test_a_quick_refusal_waits_for_its_step_and_none_beyond_the_deadline(
    public: HostileServer, monkeypatch: pytest.MonkeyPatch, busy: float
) -> None:
    monkeypatch.setattr(fetch_module, "REFUSAL_STEP_S", 1.0)
    started = time.monotonic()
    with pytest.raises(RejectedInputError):
        await fetcher(public, timeout_s=1.1).fetch_async(f"{public.base}/silent")
    assert 1.1 <= time.monotonic() - started < 1.1 + 0.8 * busy
    started = time.monotonic()
    with pytest.raises(RejectedInputError):
        await fetcher(public).fetch_async(f"{public.base}/status-500")
    assert time.monotonic() - started >= 1.0


def test_an_address_that_would_fill_the_database_is_invalid(public: HostileServer) -> None:
    address = f"{public.base}/cat.jpg?"
    longest = address + "a" * (fetch_module.MAX_URL_LENGTH - len(address))
    assert fetcher(public).fetch(longest) == PICTURE
    assert refusal(fetcher(public), longest + "a").code == "url_invalid"
