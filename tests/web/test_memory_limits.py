"""SQL of visitors cannot take the server's memory; what a site shows is not in its way."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.web.datasette.memory_limits import MAX_RESULT_BYTES
from tests.support.datasette_site import (
    http_get,
    make_site,
    open_datasette,
    rows,
    serving,
)
from tests.support.pages import make_furnished_site

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

MAX_GROWTH_MB = 400
GREEDY = [
    "select length(hex(zeroblob(450000000)))",
    "select length(printf('%.*c', 900000000, 'x'))",
    "select length(replace(hex(zeroblob(1000000)), '00', printf('%.*c', 900, 'x')))",
    "with recursive t(x) as (select 'x' union all select x || x from t limit 31) "
    "select max(length(x)) from t",
    "with recursive t(n) as (select 1 union all select n + 1 from t limit 900) "
    "select printf('%.*c', 9000000, 'x') from t",
    "with recursive t(n) as (select 1 union all select n + 1 from t limit 900) "
    "select zeroblob(50000000) from t",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("memory") / "mysite")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder, ["-m", "critterdb", "serve", "--port", "{port}"]) as served_at:
        yield served_at


def peak_megabytes(address: str) -> float:
    """The most memory that the process behind a port of this machine has had."""
    port = address.rpartition(":")[2]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().split("\0")
            status = (process / "status").read_text()
        except OSError:
            continue
        if port in command:
            (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
            return int(kilobytes) / 1024
    raise AssertionError("no such process")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("sql", GREEDY)
@pytest.mark.parametrize("path", ["/critters.json", "/critters"])
def test_greedy_sql_is_an_error(address: str, path: str, sql: str) -> None:
    before = peak_megabytes(address)
    with httpx.Client(base_url=address, timeout=60, follow_redirects=True) as client:
        response = client.get(path, params={"sql": sql})
        assert "needs more memory than this site allows" in response.text
        assert peak_megabytes(address) - before < MAX_GROWTH_MB
        assert client.get("/-/critters").status_code == 200
        assert client.get("/critters/photos").status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_several_at_a_time_share_the_limit(address: str) -> None:
    before = peak_megabytes(address)
    with ThreadPoolExecutor(12) as pool:
        statuses = pool.map(
            lambda sql: (
                http_get(
                    f"{address}/critters.json",
                    params={"sql": sql},
                    follow_redirects=True,
                ).status_code
            ),
            GREEDY * 4,
        )
        assert set(statuses) <= {400}
    assert peak_megabytes(address) - before < MAX_GROWTH_MB


async def test_large_rows_of_a_site_are_still_shown_and_written(folder: Path) -> None:
    with closing(open_database(folder / DATABASE_NAME)) as db:
        model = next(db.query("SELECT id FROM models"))["id"]
        db["models"].update(model, {"recipe": "x" * (MAX_RESULT_BYTES // 10)})
    datasette = open_datasette(folder)
    for path in ("/critters/models", "/critters/embeddings", "/critters/photos", "/-/critters"):
        assert (await datasette.client.get(path)).status_code == 200
    await datasette.databases["critters"].execute_write(
        "UPDATE models SET recipe = recipe || 'y' WHERE id = ?", [model]
    )
    assert rows(folder, "SELECT length(recipe) AS n FROM models")[0]["n"] > MAX_RESULT_BYTES // 10


GREEDY_PLUGIN = """
from datasette import hookimpl

def greedy():
    raise MemoryError

@hookimpl
def register_routes():
    return [(r"^/-/greedy(.json)?$", greedy)]
"""


@pytest.mark.parametrize("path", ["/-/greedy", "/-/greedy.json"])
async def test_a_lack_of_memory_is_one_line_in_the_log(
    tmp_path: Path, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    site = make_site(tmp_path / "mysite")
    (site / "plugins" / "greedy.py").write_text(GREEDY_PLUGIN)
    client = open_datasette(site).client
    assert (await client.get("/-/critters")).status_code == 200
    capfd.readouterr()
    response = await client.get(path)
    assert response.status_code == 400
    assert "needs more memory than this site allows" in response.text
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert "MemoryError" in lines[0]
