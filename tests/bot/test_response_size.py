"""A platform's response has an end in memory, however little of it comes over the wire."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import httpx
import pytest
import requests

from critterdb.fakes.server import Request, StandIn
from critterdb.platforms.http.deadline import MAX_RESPONSE_BYTES
from critterdb.platforms.http.httpx_transport import DeadlineTransport
from critterdb.platforms.http.requests_session import DeadlineSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Packing(StandIn):
    """Answers everything with the same bytes, packed as `encoding`."""

    body = b""
    encoding = "gzip"

    def handle(self, request: Request) -> None:
        request.answer(self.body, headers={"Content-Encoding": self.encoding})


@pytest.fixture
def server() -> Iterator[Packing]:
    with Packing() as server:
        yield server


def with_requests(address: str) -> object:
    return DeadlineSession().get(address).json()


def with_httpx(address: str) -> object:
    with httpx.Client(transport=DeadlineTransport()) as client:
        return client.get(address).json()


CLIENTS = pytest.mark.parametrize("get", [with_requests, with_httpx])


@CLIENTS
def test_a_packed_response_is_read(server: Packing, get: Callable[[str], object]) -> None:
    server.body = gzip.compress(b'{"id": 1}')
    assert get(server.base) == {"id": 1}


@CLIENTS
def test_a_small_response_that_unpacks_to_much_is_an_error(
    server: Packing, get: Callable[[str], object]
) -> None:
    server.body = gzip.compress(b"[" + b" " * MAX_RESPONSE_BYTES + b"]")
    assert len(server.body) < MAX_RESPONSE_BYTES / 500
    with pytest.raises((requests.RequestException, httpx.HTTPError), match="larger than 64 MB"):
        get(server.base)


@CLIENTS
def test_a_large_response_is_an_error(server: Packing, get: Callable[[str], object]) -> None:
    server.encoding = "identity"
    server.body = b"[" + b" " * MAX_RESPONSE_BYTES + b"]"
    with pytest.raises((requests.RequestException, httpx.HTTPError), match="larger than 64 MB"):
        get(server.base)


def test_a_response_that_is_packed_unasked_is_an_error(server: Packing) -> None:
    server.encoding = "zstd"
    with pytest.raises(httpx.ReadError, match="encoded as zstd"):
        with_httpx(server.base)
