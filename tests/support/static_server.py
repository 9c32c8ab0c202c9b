"""A plain server of files below a path, as any static host is one, with a log of what it sent."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


POLL_S = 0.02  # how often the server looks whether it is to stop


class Sent(list[tuple[str, int, int]]):
    """Path, status and bytes of each response, and whether the server has gone."""

    is_over = False

    @property
    def bytes(self) -> int:
        return sum(size for _, _, size in self)


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {  # noqa: RUF012 - as the base class has it
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".gz": "application/gzip",
    }

    def __init__(
        self, *arguments: Any, sent: Sent, prefix: str, readable_by_others: bool, **options: Any
    ) -> None:
        self.sent, self.prefix, self.status = sent, prefix, 0
        self.readable_by_others = readable_by_others
        super().__init__(*arguments, **options)

    def parse_request(self) -> bool:
        # A browser keeps connections, whose threads outlive the server.
        if self.sent.is_over:
            self.close_connection = True
            return False
        return super().parse_request()

    def translate_path(self, path: str) -> str:
        if not path.startswith(self.prefix):
            return f"{self.directory}/nothing-here"
        return super().translate_path("/" + path.removeprefix(self.prefix))

    def send_response(self, code: int, message: str | None = None) -> None:
        self.status = code
        super().send_response(code, message)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword.lower() == "content-length":
            self.sent.append((self.path, self.status, int(value)))
        super().send_header(keyword, value)

    def end_headers(self) -> None:
        if self.readable_by_others:
            self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving_files(
    folder: Path, prefix: str = "/some/where/", *, readable_by_others: bool = False
) -> Iterator[tuple[str, Sent]]:
    """Serve a folder below a path on loopback; its URL, which ends in a slash, and the log.

    Pages of other sites may read the files if `readable_by_others`, as on most static hosts.
    """
    sent = Sent()
    handler = partial(
        _Handler,
        directory=str(folder),
        sent=sent,
        prefix=prefix,
        readable_by_others=readable_by_others,
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{prefix}", sent
        finally:
            sent.is_over = True
            server.shutdown()
