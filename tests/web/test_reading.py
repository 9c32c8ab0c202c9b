"""The limit of time for what the plugin reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.web.datasette import reading
from tests.support.datasette_site import make_site, open_datasette

if TYPE_CHECKING:
    from pathlib import Path

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


async def test_a_read_that_takes_too_long_gives_its_thread_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_LIMIT_MS", 200)
    datasette: Any = open_datasette(make_site(tmp_path / "mysite"))
    await datasette.invoke_startup()
    database = datasette.get_database("critters")
    started = time.perf_counter()
    with pytest.raises(reading.SlowReadError):
        await reading.read(database, lambda db: db.execute(ENDLESS).fetchone())
    assert time.perf_counter() - started < 10
    assert await reading.read(database, lambda db: db.execute("SELECT 1").fetchone()[0]) == 1
