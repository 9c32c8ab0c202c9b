"""`critterdb serve` under 64 slow connections, with 20 good clients and a reader of pages at once.

    python -m benchmarks.siege SITE PHOTOS [--seconds 30] [--python PATH]

Half of the slow connections send a photo in drips; the others name the address of a server that
answers in drips, again and again, each time another address. Of the good clients half send photos
of their own and half name addresses of a sound server. Nobody may be turned away, and the pages of
Datasette have to stay quick. At the end comes a body of 300 MB, once as it is and once in chunks.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchmarks.serve import ROOT, copy_site, serve_command
from benchmarks.servers import Load, Server, multipart, running

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOW = 64
GOOD = 20
DRIP_S = 0.5
PAGES = (
    "/critters/observations?_facet=taxon_id",
    "/critters/photos",
    "/critters/predictions?_sort_desc=id",
    "/critters/models",
)
PAUSE_BETWEEN_PAGES_S = 0.05
LARGE_BYTES = 300_000_000
CHUNK = bytes(1_000_000)


class PhotoHost:
    """Serves photos under /good/N, and under any other path a drip every half second."""

    def __init__(self, photos: list[bytes]) -> None:
        self.photos = photos
        self._listener = socket.create_server(("127.0.0.2", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError):
            path = connection.recv(65536).split()[1].decode()
            head = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"
            if path.startswith("/good/"):
                photo = self.photos[int(path.removeprefix("/good/"))]
                connection.sendall(head.format(len(photo)).encode() + photo)
                return
            connection.sendall(head.format(1_000_000).encode())
            while True:
                connection.sendall(b"\xff")
                time.sleep(DRIP_S)


def drip_upload(server: Server, ends: float) -> None:
    """A photo that never gets there."""
    with contextlib.suppress(OSError):
        while time.perf_counter() < ends:
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(
                    b"POST /-/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n"
                    b"Content-Type: image/jpeg\r\n\r\n"
                )
                while time.perf_counter() < ends:
                    connection.sendall(b"\xff\xd8\xff\xe0")
                    time.sleep(DRIP_S)


def name_slow_addresses(server: Server, host: PhotoHost, number: int, ends: float) -> None:
    for turn in itertools.count():
        if time.perf_counter() > ends:
            return
        url = quote(f"http://127.0.0.2:{host.port}/slow/{number}/{turn}", safe="")
        with contextlib.suppress(OSError):
            get(server, f"/-/classify.json?url={url}")


def get(server: Server, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status


class Clients:
    """Threads that do one thing until the end; keeps how long each turn took and what came."""

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.load = Load()
        self.statuses: Counter[int | str] = Counter()
        self._lock = threading.Lock()

    def time(self, ask: object) -> None:
        started = time.perf_counter()
        try:
            status: int | str = ask()  # type: ignore[operator]
        except OSError as error:
            status = type(error).__name__
        with self._lock:
            self.load.latencies.append(time.perf_counter() - started)
            self.statuses[status] += 1

    def send_photos(self, server: Server, photos: Iterator[bytes]) -> None:
        while time.perf_counter() < self.ends:
            with self._lock:
                body = multipart(next(photos))
            self.time(lambda body=body: server.post("/-/classify", body)[0])

    def name_addresses(self, server: Server, host: PhotoHost, numbers: Iterator[int]) -> None:
        while time.perf_counter() < self.ends:
            with self._lock:
                url = quote(f"http://127.0.0.2:{host.port}/good/{next(numbers)}", safe="")
            self.time(lambda url=url: get(server, f"/-/classify.json?url={url}"))

    def read_pages(self, server: Server) -> None:
        for path in itertools.cycle(PAGES):
            if time.perf_counter() > self.ends:
                return
            self.time(lambda path=path: get(server, path))
            time.sleep(PAUSE_BETWEEN_PAGES_S)


def besiege(server: Server, host: PhotoHost, photos: list[bytes], seconds: float) -> None:
    ends = time.perf_counter() + seconds
    good, pages = Clients(ends), Clients(ends)
    half = len(photos) // 2
    uploads, numbers = iter(photos[:half]), iter(range(half, len(photos)))
    slow = [threading.Thread(target=drip_upload, args=(server, ends)) for _ in range(SLOW // 2)]
    slow += [
        threading.Thread(target=name_slow_addresses, args=(server, host, number, ends))
        for number in range(SLOW // 2)
    ]
    fair = [
        threading.Thread(target=good.send_photos, args=(server, uploads)) for _ in range(GOOD // 2)
    ]
    fair += [
        threading.Thread(target=good.name_addresses, args=(server, host, numbers))
        for _ in range(GOOD // 2)
    ]
    fair.append(threading.Thread(target=pages.read_pages, args=(server,)))
    for thread in slow:
        thread.daemon = True
        thread.start()
    time.sleep(1)
    for thread in fair:
        thread.start()
    for thread in fair:
        thread.join()
    print("\n| | requests | statuses | median | p95 | slowest |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, clients in (("good clients", good), ("pages", pages)):
        times = (clients.load.percentile(share) for share in (0.5, 0.95, 1.0))
        print(
            f"| {name} | {len(clients.load.latencies)} | {dict(clients.statuses)} | "
            + " | ".join(f"{ms:.0f} ms" for ms in times)
            + " |"
        )


def send_large(server: Server, chunked: bool) -> None:
    """300 MB, until there is an answer."""
    before = server.memory_bytes()
    server.peak_bytes = 0
    watching = threading.Event()

    def watch() -> None:
        while not watching.wait(0.02):
            server.memory_bytes()

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {LARGE_BYTES}"
        head = f"POST /-/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n{size}"
        connection.sendall(head.encode() + b"\r\n\r\n")
        connection.settimeout(30)
        sent = 0
        # A server that had enough closes the connection: what it said is read all the same.
        with contextlib.suppress(ConnectionError):
            while sent < LARGE_BYTES:
                piece = b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK) if chunked else CHUNK
                connection.sendall(piece)
                sent += len(CHUNK)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = connection.recv(65536)
    took = time.perf_counter() - started
    watching.set()
    watcher.join()
    how = "in chunks" if chunked else "as it is"
    status = answer.split(b"\r\n", 1)[0].decode() or "no answer"
    grown = (server.peak_bytes - before) / 1e6
    print(f"300 MB {how}: {status} after {took:.2f} s; memory grew by {grown:.1f} MB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    chosen = parser.parse_args()
    files = sorted(chosen.folder.rglob("*.jpg"))
    random.Random(1).shuffle(files)
    photos = list(dict.fromkeys(file.read_bytes() for file in files))
    host = PhotoHost(photos)
    where = {"PYTHONPATH": ROOT, "CRITTERDB_FETCH_ALLOW": f"127.0.0.2/32:{host.port}"}
    with tempfile.TemporaryDirectory() as temporary:
        site = copy_site(chosen.site, Path(temporary) / "site")
        with running(serve_command(chosen.python), site, **where) as server:
            server.wait_for_first_answer("/-/classify", multipart(photos.pop(), "image"))
            besiege(server, host, photos, chosen.seconds)
            time.sleep(1)
            for chunked in (False, True):
                send_large(server, chunked)


if __name__ == "__main__":
    main()
