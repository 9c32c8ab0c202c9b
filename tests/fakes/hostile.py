"""A stranger's web server with every bad habit that is known of them, for tests and benchmarks.

The path of a request says how it is answered. What its clients really received is counted by the
kernel: what was sent into a connection that is closed meanwhile does not count.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

PICTURE = b"\xff\xd8\xff" + b"picture" * 100
PIECE = bytes(65536)
LONG_S = 60.0
_TCP_INFO_BYTES = 256
_BYTES_ACKED_AT = 120  # tcpi_bytes_acked of Linux's struct tcp_info

Answer = Iterator[bytes]


def head(*lines: str, status: str = "200 OK") -> bytes:
    """The head of a response."""
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode("latin-1")


def _wait(seconds: float) -> None:
    time.sleep(seconds)


def _forever(piece: bytes, every_s: float = 0) -> Answer:
    while True:
        yield piece
        if every_s:
            _wait(every_s)


def _picture(body: bytes = PICTURE) -> Answer:
    yield head(f"Content-Length: {len(body)}", "Content-Type: image/jpeg") + body


def _endless() -> Answer:
    yield head("Content-Type: image/jpeg")
    yield from _forever(PIECE)


def _endless_chunks() -> Answer:
    yield head("Transfer-Encoding: chunked")
    yield from _forever(b"10000\r\n" + PIECE + b"\r\n")


def _crumbs() -> Answer:
    yield head("Transfer-Encoding: chunked")
    yield from _forever(b"1\r\nx\r\n" * 10_000)


def _mixed_replace() -> Answer:
    yield head("Content-Type: multipart/x-mixed-replace; boundary=frame")
    yield from _forever(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + PIECE)


def _drip() -> Answer:
    yield head("Content-Length: 1000000")
    yield from _forever(b"x", 0.1)


def _drip_head() -> Answer:
    yield b"HTTP/1.1 200 OK\r\nX-Slow: "
    yield from _forever(b"x", 0.1)


def _silent() -> Answer:
    _wait(LONG_S)
    yield b""


def _silent_after_head() -> Answer:
    yield head("Content-Length: 1000")
    _wait(LONG_S)


def _shorter_than_said() -> Answer:
    yield head(f"Content-Length: {len(PICTURE) + 10}") + PICTURE


def _huge_length() -> Answer:
    yield head("Content-Length: 999999999999")
    yield from _forever(PIECE)


def _negative_length() -> Answer:
    yield head("Content-Length: -1")
    yield from _forever(PIECE)


def _two_lengths() -> Answer:
    yield head("Content-Length: 10", "Content-Length: 700") + PICTURE


def _giant_chunk() -> Answer:
    yield head("Transfer-Encoding: chunked") + b"ffffffffffffffff\r\n"
    yield from _forever(PIECE)


def _chunk_extensions() -> Answer:
    yield head("Transfer-Encoding: chunked") + b"5;"
    yield from _forever(b"x" * 65536)


def _trailers() -> Answer:
    yield head("Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n"
    yield from _forever(b"X-Trailer: more\r\n" * 4000)


def _bomb(encoding: str) -> Callable[[], Answer]:
    def answer() -> Answer:
        packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
        packed = packer.compress(bytes(100_000_000)) + packer.flush()
        yield head(f"Content-Encoding: {encoding}", f"Content-Length: {len(packed)}") + packed

    return answer


def _encoded(*lines: str) -> Callable[[], Answer]:
    def answer() -> Answer:
        yield head(*lines) + gzip.compress(PICTURE)

    return answer


def _header_flood() -> Answer:
    yield b"HTTP/1.1 200 OK\r\n"
    yield from _forever(b"X-Flood: more and more\r\n" * 2000)


def _endless_header() -> Answer:
    yield b"HTTP/1.1 200 OK\r\nX-Flood: "
    yield from _forever(b"x" * 65536)


def _interim_flood() -> Answer:
    yield from _forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)


def _hints_flood() -> Answer:
    yield from _forever(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" * 1000)


def _endless_redirect() -> Answer:
    yield head("Location: /picture", status="302 Found")
    yield from _forever(PIECE)


def _upgrade() -> Answer:
    yield head("Upgrade: websocket", "Connection: Upgrade", status="101 Switching Protocols")
    yield from _forever(PIECE)


def _noise() -> Answer:
    yield from _forever(b"\x16\x03\x03\x40\x00" + b"\x00" * 0x4000)


def _says(*parts: bytes) -> Callable[[], Answer]:
    def answer() -> Answer:
        yield b"".join(parts)

    return answer


ANSWERS: dict[str, Callable[[], Answer]] = {
    "picture": _picture,
    "endless": _endless,
    "endless-chunks": _endless_chunks,
    "crumbs": _crumbs,
    "mixed-replace": _mixed_replace,
    "drip": _drip,
    "drip-head": _drip_head,
    "silent": _silent,
    "silent-after-head": _silent_after_head,
    "shorter-than-said": _shorter_than_said,
    "huge-length": _huge_length,
    "negative-length": _negative_length,
    "two-lengths": _two_lengths,
    "giant-chunk": _giant_chunk,
    "chunk-extensions": _chunk_extensions,
    "trailers": _trailers,
    "gzip-bomb": _bomb("gzip"),
    "deflate-bomb": _bomb("deflate"),
    "gzip": _encoded("Content-Encoding: gzip"),
    "gzip-twice": _encoded("Content-Encoding: identity", "Content-Encoding: gzip"),
    "gzip-transfer": _encoded("Transfer-Encoding: gzip, chunked"),
    "br": _encoded("Content-Encoding: br"),
    "zstd": _encoded("Content-Encoding: zstd"),
    "header-flood": _header_flood,
    "endless-header": _endless_header,
    "interim-flood": _interim_flood,
    "hints-flood": _hints_flood,
    "endless-redirect": _endless_redirect,
    "upgrade": _upgrade,
    "noise": _noise,
    "no-http": _says(PICTURE),
    "nul-header": _says(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 3\r\n\r\nabc"),
    "bad-status": _says(b"HTTP/1.1 nine OK\r\n\r\n"),
    "status-204": _says(head(status="204 No Content")),
    "status-206": _says(head(f"Content-Length: {len(PICTURE)}", status="206 Part"), PICTURE),
    "status-304": _says(head(status="304 Not Modified")),
    "status-401": _says(head('WWW-Authenticate: Basic realm="x"', status="401 Unauthorized")),
    "status-407": _says(head('Proxy-Authenticate: Basic realm="x"', status="407 Proxy")),
    "status-500": _says(head("Content-Length: 0", status="500 Oh")),
    "status-999": _says(head("Content-Length: 0", status="999 No")),
    "nothing": _says(b""),
}


class HostileServer:
    """Listens on `host`; keeps each request's head, and how many bytes a path's clients received.

    Besides ANSWERS it knows `/hops/N` (N redirects, then a picture), `/to?url=…&status=…` (a
    redirect there) and `/bytes/N` (a body of N bytes).
    """

    def __init__(self, host: str = "127.0.0.2", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=256)
        self.host, self.port = self._listener.getsockname()[:2]
        self.requests: list[str] = []
        self.received: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def base(self) -> str:
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        """Answer one request and close."""
        with connection, contextlib.suppress(OSError):
            connection.settimeout(LONG_S)
            request = self._read_head(connection)
            if not request:
                return
            path = request.split(" ", 2)[1]
            with self._lock:
                self.requests.append(request)
            try:
                for piece in self._answer(path):
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)
            finally:
                with self._lock:
                    self.received[path] = self.received.get(path, 0) + _acknowledged(connection)

    def _read_head(self, connection: socket.socket) -> str:
        request = b""
        while b"\r\n\r\n" not in request:
            received = connection.recv(65536)
            if not received:
                return ""
            request += received
        return request.decode("latin-1")

    def _answer(self, path: str) -> Answer:
        parts = urlsplit(path)
        kind, _, rest = parts.path.strip("/").partition("/")
        if kind == "hops" and int(rest):
            yield head(f"Location: /hops/{int(rest) - 1}", status="302 Found")
        elif kind == "to":
            query = parse_qs(parts.query, keep_blank_values=True, encoding="latin-1")
            status = query.get("status", ["302"])[0]
            yield head(f"Location: {query['url'][0]}", status=f"{status} There")
        elif kind == "bytes":
            yield from _picture(b"\xff\xd8\xff" + bytes(int(rest) - 3))
        else:
            yield from ANSWERS.get(kind, _picture)()


def _acknowledged(connection: socket.socket) -> int:
    """How many bytes the other side's kernel has taken; where that is not told (no Linux), 0."""
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        return int(struct.unpack_from("=Q", info, _BYTES_ACKED_AT)[0])
    except (OSError, AttributeError, struct.error):
        return 0
