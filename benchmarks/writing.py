"""A bot, a sync and Datasette writing to one database at once; and what kills leave of it.

    python -m benchmarks.writing [--minutes 10] [--rate 50] [--kills 200]

All three are processes of their own. The bot and the sync are the writers of the real ones, a
transaction at a time (tests/support/writing.py); Datasette is `critterdb serve`, which records an
answer for each new picture that clients send. Each takes a third of the rate. What was said to be
written must be there at the end, and the counter that bot and sync share must know of each write.

For the kills all three write as fast as they can, and one of them, whichever, or all three at once
get a SIGKILL, which counts as one. Each time both checks of SQLite must be clean, and nothing that
was acknowledged may be lost. The one that follows is started beforehand and waits, without writing,
so that the time goes into writing and killing.
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
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from benchmarks.serve import ROOT, serve_command
from benchmarks.servers import Load, Server, multipart, running
from critterdb.site.folder import init_site
from critterdb.storage.database import SiteDatabase, open_database
from tests.support.datasette_site import change_metadata
from tests.support.models import make_tiny_model, picture
from tests.support.writing import SHARED_COUNTER, counter

WRITER = Path(ROOT) / "tests" / "support/writing.py"
KINDS = ("sync", "bot")
DATASETTE = "Datasette"
ALL = "all three"
TOLD_S = 60
CLIENTS = 4
SEED = 200
KILLED_RATE = 300  # a second
SECRET = secrets.token_hex()


class Writer:
    """One writing process, and what it said that it wrote."""

    def __init__(self, kind: str, path: Path, rate: float) -> None:
        self.kind = kind
        self.load = Load()
        self.last = 0
        self.process = subprocess.Popen(
            [sys.executable, str(WRITER), kind, str(path), "-", str(rate)],
            env={"PYTHONPATH": ROOT, "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def begin(self, first: int = 0) -> None:
        """Write from the number after `first` on."""
        self.last = first
        assert self.process.stdin
        self.process.stdin.write(f"{first}\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            # A process that was killed may leave half a line.
            with contextlib.suppress(ValueError):
                report = json.loads(line)
                self.last = report["number"]
                self.load.latencies.append(report["took"])

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
        self.failed = 0  # answers that were none, or were not recorded
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
                payload = json.loads(answer)
            except (OSError, HTTPException, ValueError):
                # A server that was killed answers nobody.
                status, payload = 0, {}
            took = time.perf_counter() - started
            with self._lock:
                if status == 200 and payload.get("prediction_id"):
                    self.load.latencies.append(took)
                    self.recorded.add(payload["prediction_id"])
                else:
                    self.failed += 1
            due = max(due + 1 / rate, time.perf_counter() - 1)
            self._stopped.wait(max(0, due - time.perf_counter()))

    def end(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def make_site(folder: Path) -> Path:
    path = init_site(folder)
    # Ten minutes bring more answers than a site records in a day.
    change_metadata(folder, {"plugins": {"critterdb": {"record_per_day": 10**6}}})
    db = open_database(path)
    make_tiny_model(db)
    db.close()
    return path


def starting(folder: Path) -> contextlib.AbstractContextManager[Server]:
    where = {"PYTHONPATH": ROOT, "DATASETTE_SECRET": SECRET}
    return running(serve_command(Path(sys.executable)), folder, **where)


def wait_for(server: Server) -> Server:
    server.wait_for_first_answer("/-/classify", multipart(picture("blue", (64, 48))))
    return server


def write_together(seconds: float, rate: float) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = make_site(Path(temporary) / "site")
        with starting(path.parent) as server:
            clients = Clients(wait_for(server), rate / 3)
            writers = [Writer(kind, path, rate / 3) for kind in KINDS]
            for writer in writers:
                writer.begin()
            ends = time.monotonic() + seconds
            while (left := ends - time.monotonic()) > 0:
                time.sleep(min(TOLD_S, left))
                print_progress(seconds - max(0, ends - time.monotonic()), writers, clients)
            clients.end()
            complaints = [writer.end() for writer in writers]
            details = health(server)
        db = open_database(path)
        print("\n| | writes | a second | median | p99 | slowest | failed |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        failed = [int(bool(complaint)) for complaint in complaints] + [clients.failed]
        loads = [writer.load for writer in writers] + [clients.load]
        for name, load, bad in zip((*KINDS, "requests to Datasette"), loads, failed, strict=True):
            times = [f"{load.percentile(share):.0f} ms" for share in (0.5, 0.99, 1.0)]
            many = len(load.latencies)
            print(f"| {name} | {many} | {many / seconds:.1f} | {' | '.join(times)} | {bad} |")
        writes = details["writes"]
        times = [f"{writes[name]:.0f} ms" for name in ("median_ms", "p99_ms", "slowest_ms")]
        print(f"| of these, the write | {writes['times']} | | {' | '.join(times)} | |")
        for complaint in complaints:
            print(complaint, end="")
        if details["errors"]:
            print(f"errors of the endpoint: {details['errors']}")
        lost = lost_writes(db, writers, clients)
        print(f"lost: {lost}; checks: {check(db)}", flush=True)


def print_progress(seconds: float, writers: list[Writer], clients: Clients) -> None:
    """Say how it goes: writes and p99 until now."""
    loads = {writer.kind: writer.load for writer in writers} | {"requests": clients.load}
    parts = [
        f"{name} {len(load.latencies)} (p99 {load.percentile(0.99):.0f} ms)"
        for name, load in loads.items()
        if load.latencies
    ]
    print(f"{seconds:.0f} s: {', '.join(parts)}; {clients.failed} failed", flush=True)


def health(server: Server) -> dict[str, Any]:
    """What root sees of the server's health."""
    from datasette.app import Datasette

    cookie = Datasette([], secret=SECRET).sign({"a": {"id": "root"}}, "actor")
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/-/critterdb/health", headers={"Cookie": f"ds_actor={cookie}"})
    details: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return details


def lost_writes(db: SiteDatabase, writers: list[Writer], clients: Clients) -> int:
    """Writes that were acknowledged and are not there. One more than acknowledged may be there."""
    acknowledged = [len(writer.load.latencies) for writer in writers]
    lost = sum(
        max(0, n - counter(db, f"writes:{w.kind}"))
        for n, w in zip(acknowledged, writers, strict=True)
    )
    lost += max(0, sum(acknowledged) - counter(db, SHARED_COUNTER))
    ids = {row["id"] for row in db.query("SELECT id FROM predictions")}
    return lost + len(clients.recorded - ids)


def check(db: SiteDatabase) -> str:
    """`clean`, or what the checks found."""
    complaints = [
        row[0] for row in db.execute("PRAGMA integrity_check").fetchall() if row[0] != "ok"
    ]
    complaints += [str(row) for row in db.execute("PRAGMA foreign_key_check").fetchall()]
    return "; ".join(complaints) or "clean"


def kill_again_and_again(kills: int) -> None:
    """Kill one of the three, or all, while all write; check; let others go on in their places."""
    rng = random.Random(SEED)
    unclean: list[str] = []
    lost = 0
    killed = dict.fromkeys((*KINDS, DATASETTE, ALL), 0)
    recorded: set[int] = set()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        path = make_site(Path(temporary) / "site")
        server = stack.enter_context(starting(path.parent))
        clients = Clients(wait_for(server), KILLED_RATE)
        writers = {kind: Writer(kind, path, KILLED_RATE) for kind in KINDS}
        for writer in writers.values():
            writer.begin()
        next_server = stack.enter_context(starting(path.parent))
        next_writers = {kind: Writer(kind, path, KILLED_RATE) for kind in KINDS}
        for done in range(1, kills + 1):
            wait_until_all_wrote(clients, list(writers.values()))
            time.sleep(rng.uniform(0, 0.2))
            victim = rng.choice(list(killed))
            killed[victim] += 1
            victims = (*KINDS, DATASETTE) if victim == ALL else (victim,)
            processes: list[subprocess.Popen[Any]] = [
                writers[kind].process for kind in KINDS if kind in victims
            ]
            processes += [server.process] if DATASETTE in victims else []
            for process in processes:
                process.send_signal(signal.SIGKILL)
            for kind in set(victims) - {DATASETTE}:
                writers[kind].end()
            if DATASETTE in victims:
                server.process.wait()
                clients.end()
            acknowledged = {kind: writer.last for kind, writer in writers.items()}
            recorded |= set(clients.recorded)
            db = open_database(path)
            verdict = check(db)
            unclean += [verdict] if verdict != "clean" else []
            lost += lost_to_kills(db, acknowledged, recorded)
            for kind in set(victims) - {DATASETTE}:
                next_writers[kind].begin(newest_of(db, kind))
                writers[kind] = next_writers[kind]
                next_writers[kind] = Writer(kind, path, KILLED_RATE)
            db.close()
            if DATASETTE in victims:
                server = next_server
                clients = Clients(wait_for(server), KILLED_RATE)
                next_server = stack.enter_context(starting(path.parent))
            if done % 20 == 0 or done == kills:
                times = ", ".join(f"{name} {times}" for name, times in killed.items())
                print(
                    f"{done} kills ({times}) in {time.monotonic() - began:.0f} s: "
                    f"{len(unclean)} unclean checks, {lost} lost",
                    flush=True,
                )
        clients.end()
        for writer in (*writers.values(), *next_writers.values()):
            writer.end()
        db = open_database(path)
        acknowledged = {kind: writer.last for kind, writer in writers.items()}
        lost = lost_to_kills(db, acknowledged, recorded | clients.recorded)
        # Each write has a number of its own, and is counted once by itself and once by both.
        numbers = {kind: newest_of(db, kind) for kind in KINDS}
        lost += sum(abs(n - counter(db, f"writes:{kind}")) for kind, n in numbers.items())
        lost += abs(sum(numbers.values()) - counter(db, SHARED_COUNTER))
        print(f"at the end, of {numbers} and {len(recorded)} answers: {lost} lost; {check(db)}")
        db.close()
    for verdict in unclean:
        print(verdict)


def wait_until_all_wrote(clients: Clients, writers: list[Writer]) -> None:
    """Wait until each has written once; end with what a writer said that ended by itself."""
    while not (clients.recorded and all(writer.load.latencies for writer in writers)):
        for writer in writers:
            if writer.process.poll() is not None:
                raise SystemExit(f"a writer ended by itself: {writer.end()}")
        time.sleep(0.01)


def lost_to_kills(db: SiteDatabase, acknowledged: dict[str, int], recorded: set[int]) -> int:
    """Writes that were acknowledged and are not there."""
    ids = {row["id"] for row in db.query("SELECT id FROM predictions")}
    return len(recorded - ids) + sum(
        max(0, n - newest_of(db, kind)) for kind, n in acknowledged.items()
    )


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
