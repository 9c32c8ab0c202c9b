"""What the stand-in servers share: a real HTTP server on loopback."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

    from critterdb._types import Json

# By default the standard library polls twice a second, and stopping a server waits for a poll.
POLL_S = 0.02


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Tests kill bots while they ask: that is no error of the server.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class StandIn:
    """A server on 127.0.0.1; subclasses answer in `handle`, and `requests` keeps what was asked."""

    def __init__(self) -> None:
        standin = self

        class Handler(_Handler):
            owner = standin

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.requests: list[str] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def handle(self, request: Request) -> None:
        """Answer one request. May be called in several threads at once."""
        raise NotImplementedError

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Request:
    """One request as a stand-in sees it, and the ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self.method = handler.command
        self.target = handler.path
        parts = urlsplit(handler.path)
        self.path = parts.path
        self.query = dict(parse_qsl(parts.query))
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))

    def json(self) -> Json:
        body: Json = json.loads(self.body or b"{}")
        return body

    def answer(
        self,
        body: bytes,
        *,
        kind: str = "application/json",
        status: int = 200,
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        """Send `body`; a `length` that is not its own makes the response a cut-off one."""
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", kind)
        self._handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (headers or {}).items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def answer_json(
        self, value: object, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.answer(json.dumps(value).encode(), status=status, headers=headers)

    def hang_up(self) -> None:
        """Close the connection without a word."""
        self._handler.close_connection = True
        with contextlib.suppress(OSError):
            self._handler.connection.shutdown(2)


class _Handler(BaseHTTPRequestHandler):
    owner: StandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        request = Request(self)
        with self.owner.lock:
            self.owner.requests.append(f"{self.command} {self.path}")
        # A client that hangs up in the middle is its own affair.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.owner.handle(request)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass
