"""An httpx transport whose calls end in time, for the client libraries that use httpx."""

from __future__ import annotations

import json
import zlib
from typing import Any

import httpcore
import httpx

from critterdb.fetch.fetcher import tls_context
from critterdb.platforms.untrusted_json import parse_json

from .deadline import CALL_DEADLINE_S, MAX_RESPONSE_BYTES, TOO_LARGE, Call, within

GZIP_OR_ZLIB = 47  # zlib's number for either, with the largest window


class DeadlineTransport(httpx.BaseTransport):
    """Opens a connection for each call, follows no redirects, and makes JSON parsable.

    A call that took too long raises httpx.ReadTimeout, as a server that never responds would, and
    one whose response is too large or packed in an odd way httpx.ReadError.
    """

    def __init__(self, seconds: float = CALL_DEADLINE_S) -> None:
        self.seconds = seconds
        self._tls = tls_context()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        # Others unpack a kilobyte to a gigabyte in one step.
        request.headers["Accept-Encoding"] = "gzip"

        def ask(call: Call) -> httpx.Response:
            timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self.seconds)
            with (
                httpcore.ConnectionPool(self._tls, network_backend=_Watched(call)) as pool,
                pool.stream(
                    request.method,
                    str(request.url),
                    headers=request.headers.raw,
                    content=content,
                    extensions={"timeout": timeouts},
                ) as response,
            ):
                return _read(response, request)

        try:
            response = within(self.seconds, ask)
        except httpcore.ConnectError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except httpcore.ConnectTimeout as error:
            raise httpx.ConnectTimeout(str(error), request=request) from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise httpx.ReadError(str(error), request=request) from error
        if 300 <= response.status_code < 400:
            raise httpx.RemoteProtocolError("redirected to another address", request=request)
        return _parsable(response)


def _read(response: httpcore.Response, request: httpx.Request) -> httpx.Response:
    """The response with its content, unpacked. Raises httpx.ReadError if that is too large."""
    packed = bytearray()
    for chunk in response.iter_stream():
        packed += chunk
        if len(packed) > MAX_RESPONSE_BYTES:
            raise httpx.ReadError(TOO_LARGE, request=request)
    headers = httpx.Headers(response.headers)
    encoding = headers.pop("content-encoding", "identity").lower()
    content = _unpacked(bytes(packed), encoding, request)
    return httpx.Response(response.status, headers=headers, content=content, request=request)


def _unpacked(packed: bytes, encoding: str, request: httpx.Request) -> bytes:
    if encoding in ("", "identity"):
        return packed
    if encoding not in ("gzip", "deflate"):
        raise httpx.ReadError(f"the response is encoded as {encoding[:20]}", request=request)
    try:
        content = zlib.decompressobj(GZIP_OR_ZLIB).decompress(packed, MAX_RESPONSE_BYTES + 1)
    except zlib.error as error:
        raise httpx.ReadError("the response could not be unpacked", request=request) from error
    if len(content) > MAX_RESPONSE_BYTES:
        raise httpx.ReadError(TOO_LARGE, request=request)
    return content


def _parsable(response: httpx.Response) -> httpx.Response:
    """The response with its JSON written again, without what only some parsers accept."""
    try:
        value = parse_json(response.content)
    except ValueError:
        return response
    content = json.dumps(value, ensure_ascii=False).encode()
    kept = {
        name: text
        for name, text in response.headers.items()
        if name not in ("content-length", "content-encoding", "transfer-encoding")
    }
    return httpx.Response(
        response.status_code, headers=kept, content=content, request=response.request
    )


class _Watched(httpcore.SyncBackend):
    """Makes each connection known to its call."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        stream = super().connect_tcp(*args, **options)
        self._call.watch(stream.get_extra_info("socket"))
        return stream
