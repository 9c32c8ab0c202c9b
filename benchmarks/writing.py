"""A bot, a sync and Datasette writing to one database at once; and what kills leave of it.

    python benchmarks/writing.py [--minutes 10] [--rate 50] [--kills 200]

All three are processes of their own. The bot and the sync are the writers of the real ones, a
transaction at a time (tests/support_writing.py); Datasette is `critterdb serve`, which records an
answer for each new picture that clients send. Each takes a third of the rate. What was said to be
written must be there at the end, and the counter that bot and sync share must know of each write.

For the kills all three write as fast as they can, and one of them, whichever, gets a SIGKILL. Each
time both checks of SQLite must be clean, and nothing that was acknowledged may be lost.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from serve import ROOT, serve_command
from servers import Load, Server, multipart, running
from support_models import make_tiny_model, picture
from support_writing import SHARED_COUNTER, counter

from critterdb.schema import SiteDatabase, open_database
from critterdb.sites import init_site

WRITER = Path(ROOT) / "tests" / "support_writing.py"
KINDS = ("sync", "bot")
CLIENTS = 4
SEED = 200
KILLED_RATE = 300  # a second
SECRET = secrets.token_hex()


class Writer:
    """One writing process, and what it said that it wrote."""

    def __init__(self, kind: str, path: Path, rate: float, first: int = 0) -> None:
        self.kind = kind
        self.load = Load()
        self.last = first
        self.process = subprocess.Popen(
            [sys.executable, str(WRITER), kind, str(path), str(first), str(rate)],
            env={"PYTHONPATH": ROOT, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            # A process that was killed may leave half a line.
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                self.last = said["number"]
                self.load.latencies.append(said["took"])

    def end(self) -> str:
        """Stop it; what it complained of, if anything."""
        complaint = ""
        if self.process.poll() is not None:
            assert self.process.stderr
            complaint = self.process.stderr.read()
        self.process.kill()
        self.process.wait()
        self._reader.join()
        return complaint


class Clients:
    """Send new pictures to the endpoint at a rate; keep what came."""

    def __init__(self, server: Server, rate: float) -> None:
        self.load = Load()
        self.recorded: set[int] = set()
        self.server = server
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send, args=(rate / CLIENTS,)) for _ in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, rate: float) -> None:
        due = time.perf_counter()
        while not self._stopped.is_set():
            body = multipart(picture("red", (64, 48), seed=random.getrandbits(48)))
            started = time.perf_counter()
            try:
                status, answer = self.server.post("/-/classify", body)
                found = json.loads(answer)
            except (OSError, ValueError):
                # A server that was killed answers nobody.
                status, found = 0, {}
            took = time.perf_counter() - started
            with self._lock:
                self.load.statuses[status] = self.load.statuses.get(status, 0) + 1
                if status == 200:
                    self.load.latencies.append(took)
                    self.recorded.add(found["prediction_id"])
            due = max(due + 1 / rate, time.perf_counter() - 1)
            self._stopped.wait(max(0, due - time.perf_counter()))

    def end(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def make_site(folder: Path) -> Path:
    path = init_site(folder)
    db = open_database(path)
    make_tiny_model(db)
    db.close()
    return path


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    where = {"PYTHONPATH": ROOT, "DATASETTE_SECRET": SECRET}
    with running(serve_command(Path(sys.executable)), folder, **where) as server:
        server.wait_for_first_answer("/-/classify", multipart(picture("blue", (64, 48))))
        yield server


def write_together(seconds: float, rate: float) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = make_site(Path(temporary) / "site")
        with serving(path.parent) as server:
            clients = Clients(server, rate / 3)
            writers = [Writer(kind, path, rate / 3) for kind in KINDS]
            time.sleep(seconds)
            clients.end()
            complaints = [writer.end() for writer in writers]
            writes = health(server)["writes"]
        db = open_database(path)
        print("\n| | writes | a second | median | p99 | slowest | failed |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        failed = [int(bool(complaint)) for complaint in complaints]
        failed.append(sum(n for status, n in clients.load.statuses.items() if status != 200))
        loads = [writer.load for writer in writers] + [clients.load]
        for name, found, bad in zip((*KINDS, "requests to Datasette"), loads, failed, strict=True):
            times = [f"{found.percentile(share):.0f} ms" for share in (0.5, 0.99, 1.0)]
            many = len(found.latencies)
            print(f"| {name} | {many} | {many / seconds:.1f} | {' | '.join(times)} | {bad} |")
        times = [f"{writes[name]:.0f} ms" for name in ("median_ms", "p99_ms", "slowest_ms")]
        print(f"| of these, the write | {writes['times']} | | {' | '.join(times)} | |")
        for complaint in complaints:
            print(complaint, end="")
        lost = lost_writes(db, writers, clients)
        print(f"lost: {lost}; checks: {check(db)}")


def health(server: Server) -> dict[str, Any]:
    """What root sees of the server's health."""
    from datasette.app import Datasette

    cookie = Datasette([], secret=SECRET).sign({"a": {"id": "root"}}, "actor")
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/-/critterdb/health", headers={"Cookie": f"ds_actor={cookie}"})
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return found


def lost_writes(db: SiteDatabase, writers: list[Writer], clients: Clients) -> int:
    """Writes that were acknowledged and are not there. One more than told may be there."""
    said = [len(writer.load.latencies) for writer in writers]
    lost = sum(
        max(0, n - counter(db, f"writes:{w.kind}")) for n, w in zip(said, writers, strict=True)
    )
    lost += max(0, sum(said) - counter(db, SHARED_COUNTER))
    ids = {row["id"] for row in db.query("SELECT id FROM predictions")}
    return lost + len(clients.recorded - ids)


def check(db: SiteDatabase) -> str:
    """`clean`, or what the checks found."""
    found = [row[0] for row in db.execute("PRAGMA integrity_check").fetchall() if row[0] != "ok"]
    found += [str(row) for row in db.execute("PRAGMA foreign_key_check").fetchall()]
    return "; ".join(found) or "clean"


def kill_again_and_again(kills: int) -> None:
    """Kill one of the three while all write, check, start it again; the others just go on."""
    rng = random.Random(SEED)
    unclean: list[str] = []
    lost = 0
    killed = {"sync": 0, "bot": 0, "Datasette": 0}
    recorded: set[int] = set()
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        path = make_site(Path(temporary) / "site")
        server = stack.enter_context(serving(path.parent))
        clients = Clients(server, KILLED_RATE)
        writers = {kind: Writer(kind, path, KILLED_RATE) for kind in KINDS}
        while sum(killed.values()) < kills:
            while not all(writer.load.latencies for writer in writers.values()):
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.2))
            victim = rng.choice([*KINDS, "Datasette"])
            killed[victim] += 1
            if victim == "Datasette":
                server.process.send_signal(signal.SIGKILL)
                server.process.wait()
                clients.end()
                recorded |= clients.recorded
            else:
                writers[victim].end()
            db = open_database(path)
            verdict = check(db)
            unclean += [verdict] if verdict != "clean" else []
            lost += len(recorded - {row["id"] for row in db.query("SELECT id FROM predictions")})
            if victim == "Datasette":
                server = stack.enter_context(serving(path.parent))
                clients = Clients(server, KILLED_RATE)
            else:
                newest = newest_of(db, victim)
                lost += newest < writers[victim].last
                writers[victim] = Writer(victim, path, KILLED_RATE, newest)
            db.close()
            done = sum(killed.values())
            if done % 20 == 0 or done == kills:
                told = ", ".join(f"{name} {times}" for name, times in killed.items())
                print(
                    f"{done} kills ({told}): {len(unclean)} unclean checks, {lost} lost", flush=True
                )
        clients.end()
        for writer in writers.values():
            writer.end()
    for verdict in unclean:
        print(verdict)


def newest_of(db: SiteDatabase, kind: str) -> int:
    """The number of the last write of a kind that is in the database."""
    table = {"sync": "observations", "bot": "posts"}[kind]
    sql = f"SELECT max(CAST(replace(id, 'x:', '') AS INTEGER)) FROM {table}"
    return int(db.execute(sql).fetchone()[0] or 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--kills", type=int, default=200)
    chosen = parser.parse_args()
    if chosen.minutes:
        write_together(60 * chosen.minutes, chosen.rate)
    if chosen.kills:
        kill_again_and_again(chosen.kills)


if __name__ == "__main__":
    main()
