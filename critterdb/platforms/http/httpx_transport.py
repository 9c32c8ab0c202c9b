"""An httpx transport whose calls end in time, for the client libraries that use httpx."""

from __future__ import annotations

import json
from typing import Any

import httpcore
import httpx

from critterdb.platforms.untrusted_json import parse_json

from .deadline import CALL_DEADLINE_S, Call, within


class DeadlineTransport(httpx.BaseTransport):
    """Opens a connection for each call, follows no redirects, and makes JSON parsable.

    A call that took too long raises httpx.ReadTimeout, as a server that never responds would.
    """

    def __init__(self, seconds: float = CALL_DEADLINE_S) -> None:
        self.seconds = seconds
        self._tls = httpx.create_ssl_context(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        content = request.read()

        def ask(call: Call) -> httpcore.Response:
            timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self.seconds)
            with httpcore.ConnectionPool(self._tls, network_backend=_Watched(call)) as pool:
                return pool.request(
                    request.method,
                    str(request.url),
                    headers=request.headers.raw,
                    content=content,
                    extensions={"timeout": timeouts},
                )

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
        if 300 <= response.status < 400:
            raise httpx.RemoteProtocolError("redirected to another address", request=request)
        return _parsable(
            httpx.Response(
                response.status, headers=response.headers, content=response.content, request=request
            )
        )


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
