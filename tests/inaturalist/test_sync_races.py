"""Two syncs and a publishing run at the same time, as two lines of a crontab may start them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.site.folder import init_site
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.inaturalist import TAXA, jpeg, observation, photo

pytestmark = pytest.mark.slow

OBSERVATIONS = 120
ROOT = Path(__file__).parents[2]


def start(folder: Path, server: StandInINaturalist, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "critterdb", *command],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CRITTERDB_INATURALIST_API": server.url,
            "CRITTERDB_REQUESTS_PER_MINUTE": "100000",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def photo_files(folder: Path) -> dict[str, str]:
    """The files below photos/, each with its SHA-256."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (folder / "photos").rglob("*")
        if file.is_file()
    }


def test_two_syncs_and_a_publishing_run_leave_a_sound_site(tmp_path: Path) -> None:
    folder, public = tmp_path / "mysite", tmp_path / "public"
    init_site(folder)
    numbers = range(1, OBSERVATIONS + 1)
    observations = [observation(number, photos=[photo(number * 10, "cc-by")]) for number in numbers]
    photos = {number * 10: jpeg(number) for number in numbers}
    with StandInINaturalist(observations, TAXA, photos) as server:
        first = start(folder, server, "sync", "cougarornot", "--limit", "40")
        assert first.communicate()[1] == ""
        commands = [["sync", "cougarornot"], ["sync", "cougarornot"], ["publish", str(public)]]
        processes = [start(folder, server, *command) for command in commands]
        errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    with closing(open_database(folder / DATABASE_NAME)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db["observations"].count == OBSERVATIONS
        named = dict(db.execute("SELECT path, sha256 FROM photos").fetchall())
    assert photo_files(folder) == named
    assert len(named) == OBSERVATIONS
    with closing(open_database(public / DATABASE_NAME)) as copy:
        # Rows come before their files: the copy may have been made in between.
        rows = copy.execute("SELECT path, sha256 FROM photos WHERE path IS NOT NULL")
        assert photo_files(public) == dict(rows)
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []
