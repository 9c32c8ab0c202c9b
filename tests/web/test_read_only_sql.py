"""Visitors' SQL reads the site and nothing else: no writes, no files, no other databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.datasette_site import add_photo, jpeg, make_site, rows, shared_datasette

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = [
    "insert into taxa (id, name) values (7, 'a')",
    "update taxa set name = 'a'",
    "delete from taxa",
    "drop table taxa",
    "with a as (select 1) delete from taxa",
    "select 1; delete from taxa",
    "create table a (b)",
    "attach database '/tmp/evil.db' as evil",
    "vacuum into '/tmp/evil.db'",
    "pragma journal_mode = delete",
    "pragma writable_schema = 1",
    "select load_extension('/tmp/evil.so')",
    "select readfile('/etc/passwd')",
    "select writefile('/tmp/evil', 'x')",
    "select edit('x')",
    "select * from sqlite_dbpage",
    "select fts3_tokenizer('simple', x'00')",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_site(tmp_path_factory.mktemp("read") / "mysite")
    add_photo(folder, 1, jpeg())
    return folder


@pytest.mark.parametrize("sql", REFUSED)
async def test_sql_that_does_more_than_read_is_refused(folder: Path, sql: str) -> None:
    before = rows(folder, "SELECT * FROM taxa")
    datasette = shared_datasette(folder)
    await datasette.invoke_startup()
    for actor in (None, "root"):
        cookies = {"ds_actor": datasette.sign({"a": {"id": actor}}, "actor")} if actor else {}
        response = await datasette.client.get(
            f"/critters.json?sql={quote(sql)}", cookies=cookies, follow_redirects=True
        )
        assert response.status_code in (400, 500), response.text  # 500: two statements, on 0.65
        assert not response.json()["ok"]
    assert rows(folder, "SELECT * FROM taxa") == before
    assert (await datasette.client.get("/critters/taxa.json")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/critters/-/create", {"table": "evil", "rows": [{"a": 1}]}),
        ("/critters/-/execute-write", {"sql": "delete from taxa"}),
        ("/critters/taxa/-/insert", {"rows": [{"id": 7, "name": "a"}]}),
        ("/critters/taxa/-/drop", {"confirm": True}),
        ("/critters/photos/1/-/delete", {}),
        ("/-/create-token", {"expire_duration": 1}),
    ],
)
async def test_strangers_cannot_write_through_datasettes_own_api(
    folder: Path, path: str, body: dict[str, Any]
) -> None:
    """1.0 has such an API and asks for permission; 0.65 has none but the page for tokens."""
    before = rows(folder, "SELECT * FROM taxa")
    response = await shared_datasette(folder).client.post(path, json=body)
    assert response.status_code in (302, 400, 403, 404, 405), response.text
    assert rows(folder, "SELECT * FROM taxa") == before
    assert len(rows(folder, "SELECT * FROM photos")) == 1
    assert rows(folder, "SELECT * FROM sqlite_master WHERE name = 'evil'") == []


async def test_a_database_that_changes_is_not_handed_out_as_a_file(folder: Path) -> None:
    response = await shared_datasette(folder).client.get("/critters.db")
    assert response.status_code in (403, 404)
    assert b"SQLite format" not in response.content


@pytest.mark.parametrize(
    "path",
    [
        "/-/static/../../../../etc/passwd",
        "/-/static/..%2F..%2F..%2Fmetadata.json",
        "/-/critterdb/static/..%2F..%2Fsettings.py",
        "/-/critterdb/static/~2e~2e~2fsettings~2epy",
        "/-/critterdb/static/%2Fetc%2Fpasswd",
        "/-/critterdb/photos/..%2F..%2Fcritters.db",
    ],
)
async def test_no_path_leads_out_of_the_static_files(folder: Path, path: str) -> None:
    response = await shared_datasette(folder).client.get(path)
    assert response.status_code in (403, 404)
    assert "root:" not in response.text


async def test_json_and_photos_run_nothing_when_they_are_opened(folder: Path) -> None:
    """They may hold markup that somebody else wrote."""
    [photo] = rows(folder, "SELECT sha256 FROM photos")
    client = shared_datasette(folder).client
    for path in ("/-/critters.json", f"/-/critterdb/photos/{photo['sha256']}", "/-/classify.json"):
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"].endswith("; sandbox"), path
        assert headers["x-content-type-options"] == "nosniff"
