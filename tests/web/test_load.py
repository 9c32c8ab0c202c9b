"""A served site under slow and greedy senders: the others do not notice."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.datasette_site import (
    add_model,
    http_post,
    make_site,
    serving,
)
from tests.support.models import picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.any_line]

SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]
DATASETTE = ["-m", "datasette", "serve", ".", "--port", "{port}"]
SLOW = 64
LARGE_BYTES = 300_000_000
CHUNK = bytes(1_000_000)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = make_site(tmp_path_factory.mktemp("load") / "mysite")
    add_model(folder)
    with serving(folder, SERVE) as served_at:
        yield served_at


def connect(address: str, *headers: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", urlsplit(address).port or 80), timeout=30)
    lines = ("POST /-/classify HTTP/1.1", "Host: localhost", "Content-Type: image/jpeg", *headers)
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    return connection


def test_slow_senders_take_nobody_s_place(address: str) -> None:
    with ExitStack() as stack:
        for _ in range(SLOW):
            slow = stack.enter_context(connect(address, "Content-Length: 900000"))
            slow.sendall(b"\xff\xd8\xff")
        client = stack.enter_context(httpx.Client(base_url=address, timeout=30))
        for seed in range(8):
            photo = {"image": picture("red", seed=seed)}
            assert client.post("/-/classify", files=photo).json()["ok"]
            assert client.get("/critters/predictions").status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_told_so_early(
    address: str, chunked: bool, busy: float
) -> None:
    size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {LARGE_BYTES}"
    sent = 0
    started = time.monotonic()
    with connect(address, size) as connection:
        with suppress(ConnectionError):
            while sent < LARGE_BYTES:
                piece = b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK) if chunked else CHUNK
                connection.sendall(piece)
                sent += len(CHUNK)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()
    assert sent < LARGE_BYTES
    assert time.monotonic() - started < 20 * busy


def test_usual_clients_get_to_read_the_refusal(address: str) -> None:
    response = http_post(f"{address}/-/classify", content=bytes(LARGE_BYTES // 10), timeout=30)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("command", "proxies", "statuses"),
    [
        (SERVE, [], [200, 200, 429]),
        (DATASETTE, [], [200, 200, 429]),
        (SERVE, ["127.0.0.0/8"], [200, 200, 200]),
    ],
    ids=["critterdb serve", "datasette .", "behind a proxy"],
)
def test_only_a_trusted_proxy_says_who_is_counted(
    tmp_path: Path, command: list[str], proxies: list[str], statuses: list[int]
) -> None:
    folder = make_site(tmp_path / "mysite", rate=2, trusted_proxies=proxies)
    add_model(folder)
    with serving(folder, command) as address:
        if (late := time.time() % 60 - 45) > 0:
            time.sleep(15 - late)  # until all of them fit into one minute
        answered = [
            http_post(
                f"{address}/-/classify",
                content=picture("red"),
                headers={
                    "X-Forwarded-For": f"198.51.100.{number}",
                    "Forwarded": f"for=198.51.100.{number}",
                },
            ).status_code
            for number in range(3)
        ]
    assert answered == statuses
