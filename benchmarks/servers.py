"""What the benchmarks of serving share: a server as a process of its own, and clients that load it.

Clients speak HTTP/1.1 over plain sockets with bodies made beforehand, so that they take little of
the machine that they share with the server.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
BOUNDARY = "critterdb-benchmark"
ASK_AGAIN_S = 0.01
START_S = 120


def multipart(photo: bytes, name: str = "image") -> bytes:
    """A form with one file, as browsers send it."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


HEADERS = {
    "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
    "Accept": "application/json",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A running server and all processes that it started."""

    process: subprocess.Popen[bytes]
    port: int
    started_at: float
    peak_bytes: int = 0

    def post(self, path: str, body: bytes, headers: dict[str, str] = HEADERS) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())

    def wait_for_first_answer(self, path: str, body: bytes) -> float:
        """Seconds from the start of the process to its first answer with status 200."""
        while time.perf_counter() - self.started_at < START_S:
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended: {self.process.args!r}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, _ = self.post(path, body)
                if status == 200:
                    return time.perf_counter() - self.started_at
            time.sleep(ASK_AGAIN_S)
        raise SystemExit("the server gave no answer")

    def processes(self) -> list[int]:
        return [self.process.pid, *descendants(self.process.pid)]

    def cpu_seconds(self) -> float:
        """What the processes used so far, those included that ended and were waited for."""
        return sum(cpu_seconds_of(pid) for pid in self.processes())

    def memory_bytes(self) -> int:
        """Proportional set size of all processes together: what they would free by ending."""
        used = sum(_pss_bytes(pid) for pid in self.processes())
        self.peak_bytes = max(self.peak_bytes, used)
        return used


@contextlib.contextmanager
def running(command: Sequence[str], folder: Path, **environment: str) -> Iterator[Server]:
    """A server started by `command`, in which {port} stands for a free port."""
    port = free_port()
    started_at = time.perf_counter()
    process = subprocess.Popen(
        [part.format(port=port) for part in command],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Server(process, port, started_at)
    finally:
        process.terminate()
        process.wait()


@dataclass
class Load:
    """What came of many requests."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def a_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def load(server: Server, path: str, bodies: Sequence[bytes], clients: int) -> Load:
    """Each body sent once, by so many clients at a time, each over a connection of its own."""
    result = Load()
    waiting = iter(bodies)
    lock = threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                connection.close()
                return
            asked = time.perf_counter()
            connection.request("POST", path, body, HEADERS)
            response = connection.getresponse()
            answer = response.read()
            took = time.perf_counter() - asked
            with lock:
                result.latencies.append(took)
                result.statuses[response.status] = result.statuses.get(response.status, 0) + 1
                result.bodies.append(answer)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.5)
            server.memory_bytes()
    result.seconds = time.perf_counter() - started
    return result


def answers(result: Load) -> list[Any]:
    """The bodies as JSON."""
    return [json.loads(body) for body in result.bodies]


def descendants(pid: int) -> list[int]:
    """All processes that a process started, and those that they did."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                children += [int(child), *descendants(int(child))]
    return children


def cpu_seconds_of(pid: int) -> float:
    """What a process used, and those that it waited for; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # utime, stime, and those of children that were waited for
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def resident_bytes(pid: int) -> int:
    """What a process has in memory; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def _pss_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(
        (1024 * int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0
    )
