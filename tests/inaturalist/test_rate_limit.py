"""The pace is kept in the database: short runs, and two at once, obey like one long one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from critterdb.errors import SourceError
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.inaturalist.rate_limit import (
    BYTES_PER_HOUR,
    REQUESTS_PER_DAY,
    Pace,
    requests_per_minute,
)
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database

HOST = "api.inaturalist.org"


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def most_in_a_minute(db: SiteDatabase) -> int:
    times = [
        datetime.fromisoformat(row["at"]) for row in db.query("SELECT at FROM ledger ORDER BY at")
    ]
    return max(
        sum(start <= time < start + timedelta(seconds=60) for time in times) for start in times
    )


def test_never_more_than_fifty_five_in_any_minute(db: SiteDatabase) -> None:
    clock = Clock()
    for _ in range(10):  # ten short runs
        pace = Pace(db, HOST, sleep=clock.sleep, now=clock.now)
        for _ in range(20):
            pace.take_request()
            clock.sleep(0.1)
    assert most_in_a_minute(db) == 55


def test_two_at_once_obey_like_one(site: Path) -> None:
    clock = Clock()

    def ask() -> None:
        db = open_database(site / DATABASE_NAME)
        pace = Pace(db, HOST, sleep=clock.sleep, now=clock.now)
        for _ in range(40):
            pace.take_request()
        db.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db = open_database(site / DATABASE_NAME)
    assert db["ledger"].count == 80
    assert most_in_a_minute(db) <= 55
    db.close()


@pytest.mark.slow
def test_two_processes_keep_the_pace_as_the_server_sees_it(site: Path) -> None:
    script = (
        "import sys; from critterdb.inaturalist.client import INaturalist\n"
        "from critterdb.storage.database import open_database\n"
        "api = INaturalist(open_database(sys.argv[1]), sys.argv[2])\n"
        "for _ in range(25): api.get('taxa/1')"
    )
    with StandInINaturalist([], [], {}, per_minute=40) as server:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", script, str(site / DATABASE_NAME), server.url],
                env={
                    **os.environ,
                    "PYTHONPATH": str(Path(__file__).parents[2]),
                    "CRITTERDB_REQUESTS_PER_MINUTE": "40",
                },
            )
            for _ in range(2)
        ]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
        assert len(server.requests) == 50
        asked = list(server.asked_at)
    # The stand-in keeps a minute's requests, and answers 429 beyond the pace: none was needed.
    assert len(asked) <= 40


def test_a_day_s_requests_end(db: SiteDatabase) -> None:
    clock = Clock()
    db["ledger"].insert(
        {"host": HOST, "at": "2026-11-23T02:00:00.000000Z", "requests": REQUESTS_PER_DAY}
    )
    with pytest.raises(SourceError, match="tomorrow"):
        Pace(db, HOST, sleep=clock.sleep, now=clock.now).take_request()
    clock.sleep(15 * 3600)
    Pace(db, HOST, sleep=clock.sleep, now=clock.now).take_request()


def test_an_hour_s_bytes_end(db: SiteDatabase) -> None:
    clock = Clock()
    pace = Pace(db, HOST, sleep=clock.sleep, now=clock.now)
    pace.count_bytes(BYTES_PER_HOUR - 100)
    pace.check_bytes()
    with pytest.raises(SourceError, match="GB"):
        pace.check_bytes(ahead=100)
    clock.sleep(3601)
    pace.check_bytes(ahead=100)


@pytest.mark.parametrize(
    ("host", "asked", "pace"),
    [
        (HOST, "10", 10),
        (HOST, "600", 55),
        ("static.inaturalist.org", "600", 55),
        ("127.0.0.1", "600", 600),
        ("notinaturalist.org", "600", 600),
    ],
)
def test_inaturalist_is_never_asked_faster(
    monkeypatch: pytest.MonkeyPatch, host: str, asked: str, pace: int
) -> None:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", asked)
    assert requests_per_minute(host) == pace


@pytest.mark.parametrize("asked", ["", "0", "-3", "fast", "1.5"])
def test_a_pace_that_is_not_a_number_is_rejected(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", asked)
    with pytest.raises(SourceError, match="CRITTERDB_REQUESTS_PER_MINUTE"):
        requests_per_minute(HOST)
