"""Sync, bot and Datasette write to one database at once: nobody is locked out, nothing is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from critterdb.storage.database import open_database
from tests.support.datasette_site import add_model, make_site, open_datasette, rows, serving
from tests.support.models import picture
from tests.support.writing import SHARED_COUNTER

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.any_line]

ROOT = Path(__file__).parents[2]
WRITER = ROOT / "tests/support/writing.py"
SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]
SECONDS = 2.0


@contextmanager
def writing(kind: str, folder: Path, rate: float, first: int = 0) -> Iterator[list[str]]:
    """A process that writes until it is killed; the list fills, at the end, with what it said."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), kind, str(folder / "critters.db"), str(first), str(rate)],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    reported: list[str] = []
    try:
        assert process.stdout
        reported.append(process.stdout.readline())
        yield reported
        assert process.poll() is None, process.communicate()[1]
    finally:
        process.kill()
        output, _ = process.communicate()
        reported += [line for line in output.splitlines() if line.endswith("}")]


def counters(folder: Path) -> dict[str, int]:
    cursors = rows(folder, "SELECT name, value FROM cursors WHERE name LIKE 'writes:%'")
    return {row["name"]: int(row["value"]) for row in cursors}


def is_sound(folder: Path) -> bool:
    db = open_database(folder / "critters.db")
    verdict = db.execute("PRAGMA integrity_check").fetchall()
    strays = db.execute("PRAGMA foreign_key_check").fetchall()
    db.close()
    return verdict == [("ok",)] and strays == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    return folder


def test_nobody_is_locked_out_and_nothing_is_lost(folder: Path) -> None:
    answers: list[httpx.Response] = []
    with (
        serving(folder, SERVE) as address,
        writing("sync", folder, 20) as synced,
        writing("bot", folder, 20) as posted,
        httpx.Client(timeout=30) as client,
    ):
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            body = {"image": picture("red", (64, 48), seed=len(answers))}
            answers.append(client.post(f"{address}/-/classify", files=body))
    assert {answer.status_code for answer in answers} == {200}
    recorded = {row["id"] for row in rows(folder, "SELECT id FROM predictions")}
    assert {answer.json()["prediction_id"] for answer in answers} <= recorded
    assert len(synced) > 1
    assert len(posted) > 1
    counts = counters(folder)
    assert counts["writes:sync"] >= len(synced)
    assert counts["writes:bot"] >= len(posted)
    assert counts[SHARED_COUNTER] == counts["writes:sync"] + counts["writes:bot"]
    assert is_sound(folder)


def test_kills_leave_a_sound_database(folder: Path) -> None:
    last = 0
    for kill in range(3):
        with writing("sync", folder, 1000, last) as synced, writing("bot", folder, 1000, last):
            time.sleep(random.Random(kill).uniform(0, 0.1))
        last = json.loads(synced[-1])["number"]
        assert is_sound(folder)
        [newest] = rows(folder, "SELECT max(id) AS id FROM observations")
        assert newest["id"] >= last
        last = newest["id"] + 100


async def test_who_waits_for_a_long_transaction_is_answered(folder: Path) -> None:
    datasette = open_datasette(folder)
    await datasette.invoke_startup()
    begun = threading.Event()

    def hold() -> None:
        db = open_database(folder / "critters.db")
        with db.atomic():
            begun.set()
            time.sleep(0.7)
        db.close()

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait()
    response = await datasette.client.post("/-/classify", files={"image": picture("red")})
    holder.join()
    assert (response.status_code, response.json()["prediction_id"]) == (200, 1)
    assert response.json()["took_ms"] > 500


@pytest.mark.parametrize("path", ["/-/critters", "/-/critterdb/health", "/critters/photos"])
async def test_a_page_does_not_wait_for_another_writer(
    folder: Path, path: str, busy: float
) -> None:
    client = open_datasette(folder).client
    await client.get(path)  # opens the connection
    with closing(open_database(folder / "critters.db")) as db, db.atomic():
        started = time.monotonic()
        assert (await client.get(path)).status_code == 200
        # 0.02 s on an idle machine; who waits for the writer waits 15 s.
        assert time.monotonic() - started < min(10, 2 * busy)


async def test_who_cannot_be_recorded_is_answered_all_the_same(folder: Path) -> None:
    """As on a disk that is full; the page of health tells."""
    db = open_database(folder / "critters.db")
    db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON predictions BEGIN "
        "SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    db.close()
    datasette = open_datasette(folder)
    await datasette.invoke_startup()
    response = await datasette.client.post("/-/classify", files={"image": picture("red")})
    answer = response.json()
    assert (response.status_code, answer["prediction_id"]) == (200, None)
    assert answer["answer"]["common_name"] == "Cougar"
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    health = await datasette.client.get("/-/critterdb/health", cookies=cookies)
    assert health.json()["errors"]["not_recorded"]["times"] == 1
    assert rows(folder, "SELECT * FROM images") == []
