"""An httpx transport whose calls end in time, for the client libraries that use httpx."""

from __future__ import annotations

from typing import Any

import httpcore
import httpx

from .deadline import CALL_DEADLINE_S, Call, within


class DeadlineTransport(httpx.BaseTransport):
    """Opens a connection for each call and follows no redirects.

    A call that took too long raises httpx.ReadTimeout, as a server that says nothing would.
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
            answer = within(self.seconds, ask)
        except httpcore.ConnectError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except httpcore.ConnectTimeout as error:
            raise httpx.ConnectTimeout(str(error), request=request) from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise httpx.ReadError(str(error), request=request) from error
        if 300 <= answer.status < 400:
            raise httpx.RemoteProtocolError("it leads to another address", request=request)
        return httpx.Response(
            answer.status, headers=answer.headers, content=answer.content, request=request
        )


class _Watched(httpcore.SyncBackend):
    """Makes each connection known to its call."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        stream = super().connect_tcp(*args, **options)
        self._call.watch(stream.get_extra_info("socket"))
        return stream
