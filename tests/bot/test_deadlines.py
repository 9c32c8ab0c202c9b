"""Every call to a platform ends in time, whether its server hangs, drips, or never lets one in."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests

from critterdb.errors import TimelineError
from critterdb.fakes.x import SECRETS
from critterdb.games import Game, Host
from critterdb.platforms.base import Envelope
from critterdb.platforms.http.deadline import CALL_DEADLINE_S, Call, within
from critterdb.platforms.http.httpx_transport import DeadlineTransport
from critterdb.platforms.http.requests_session import DeadlineSession
from critterdb.platforms.registry import open_timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = Host("x", "host")


@contextmanager
def server(treat: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that treats each connection in its own way; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=treat, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    # Closing alone leaves it open for as long as the thread waits in accept().
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def wait(connection: socket.socket) -> None:
    time.sleep(5)


def drip(start: bytes) -> Callable[[socket.socket], None]:
    def treat(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(start)
        try:
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            connection.close()

    return treat


def with_requests(address: str, seconds: float = 0.4) -> int:
    return DeadlineSession(seconds).get(address).status_code


def with_httpx(address: str, seconds: float = 0.4) -> int:
    with httpx.Client(transport=DeadlineTransport(seconds)) as client:
        return client.get(address).status_code


CLIENTS = pytest.mark.parametrize(
    ("get", "errors"),
    [(with_requests, requests.RequestException), (with_httpx, httpx.HTTPError)],
    ids=["requests", "httpx"],
)


@CLIENTS
@pytest.mark.parametrize(
    "treat",
    [
        wait,
        drip(b""),
        drip(b"HTTP/1.1 200 OK\r\nX-Long: "),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    ],
    ids=["silent", "dripping status", "dripping header", "dripping body"],
)
def test_a_call_ends_however_the_server_dawdles(
    treat: Callable[[socket.socket], None],
    get: Callable[[str], int],
    errors: type[Exception],
    busy: float,
) -> None:
    with server(treat) as address:
        start = time.monotonic()
        with pytest.raises(errors):
            get(address)
        assert time.monotonic() - start < 4.5 * busy


def test_who_was_never_reached_is_told_apart() -> None:
    with server(lambda connection: None) as address:
        pass
    with pytest.raises(httpx.ConnectError):
        with_httpx(address, 5)


CALLS: dict[str, Callable[[Any], Any]] = {
    "handle": lambda x: x.handle(),
    "read": lambda x: x.read(Game("tints", hashtag="tints", hosts=[HOST]), {}),
    "read_host_messages": lambda x: x.read_host_messages(Game("tints", hosts=[HOST]), ["x:1"]),
    "find_existing": lambda x: x.find_existing(["x:1"]),
    "find_replies": lambda x: x.find_replies({"x:1": Envelope()}),
}


@pytest.fixture(params=["silent", "dripping"])
def stuck_x(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """X, as a server that accepts and never answers."""
    treat = drip(b"HTTP/1.1 200 OK\r\nX: ") if request.param == "dripping" else wait
    with server(treat) as address:
        for name, value in (SECRETS | {"CRITTERDB_X_API": address.rstrip("/")}).items():
            monkeypatch.setenv(name, value)
        timeline: Any = open_timeline("x")
        timeline.client.session.seconds = 0.3
        yield timeline


@pytest.mark.parametrize("call", CALLS)
def test_each_call_to_x_ends(stuck_x: Any, call: str, busy: float) -> None:
    if call != "handle":
        stuck_x.me = {"id": "1", "username": "bot"}
    start = time.monotonic()
    with pytest.raises(TimelineError, match="did not respond"):
        CALLS[call](stuck_x)
    assert time.monotonic() - start < 4.5 * busy


def test_a_reply_that_hangs_is_in_doubt(stuck_x: Any) -> None:
    outcome = stuck_x.send("x:1", "hello", Envelope())
    assert (outcome.status, outcome.stop) == ("unknown", True)


def test_the_deadline_of_the_bot_is_below_twenty_seconds() -> None:
    assert DeadlineSession().seconds == CALL_DEADLINE_S <= 15


def test_a_redirect_is_not_followed() -> None:
    def treat(connection: socket.socket) -> None:
        connection.recv(65536)
        head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head)
        connection.close()

    with server(treat) as address:
        assert with_requests(address, 5) == 302
        with pytest.raises(httpx.RemoteProtocolError):
            with_httpx(address, 5)


def test_what_is_too_late_can_no_longer_write() -> None:
    written: list[OSError | str] = []
    done = threading.Event()
    ours, theirs = socket.socketpair()

    def work(call: Call) -> None:
        call.watch(ours)
        time.sleep(0.4)
        try:
            ours.sendall(b"too late")
            written.append("sent")
        except OSError as error:
            written.append(error)
        with pytest.raises(TimeoutError):
            call.watch(socket.socket())
        done.set()

    with pytest.raises(TimeoutError):
        within(0.1, work)
    assert done.wait(5)
    assert isinstance(written[0], OSError)
    assert theirs.recv(100) == b""


def test_what_work_gives_or_raises_comes_through() -> None:
    assert within(5, lambda call: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda call: 1 / 0)
