"""`/-/critterdb/health`: a word for everybody, details for those who may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import sqlite3
from tests.support.datasette_site import (
    MODEL_ID,
    add_model,
    change_metadata,
    jpeg,
    make_site,
    open_datasette,
    rows,
)

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/-/critterdb/health"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    return folder


async def ask(datasette: Any, actor: str | None = None, **arguments: Any) -> Any:
    await datasette.invoke_startup()
    cookies = {"ds_actor": datasette.sign({"a": {"id": actor}}, "actor")} if actor else {}
    return await datasette.client.get(PATH, cookies=cookies, **arguments)


async def test_a_stranger_learns_that_it_works_and_no_more(folder: Path) -> None:
    response = await ask(open_datasette(folder))
    assert (response.status_code, response.json()) == (200, {"ok": True})
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_root_sees_the_details(folder: Path) -> None:
    datasette = open_datasette(folder)
    await datasette.client.post("/-/classify", files={"image": b"hello"})
    await datasette.client.post("/-/classify", files={"image": jpeg("red")})
    details = (await ask(datasette, "root")).json()
    [row] = rows(folder, "SELECT sha256 FROM models")
    assert details["ok"] is True
    assert details["model"] == {
        "id": MODEL_ID,
        "game": "cougarornot",
        "backbone": "colours@32",
        "sha256": row["sha256"],
    }
    assert details["sqlite"] == {"version": sqlite3.sqlite_version, "wal_reset_bug": False}
    assert (details["queue"]["taken"], details["queue"]["upload_bytes"]) == (0, 0)
    assert details["queue"]["places"] > details["queue"]["workers"] >= 1
    assert [(code, error["times"]) for code, error in details["errors"].items()] == [
        ("not_an_image", 1)
    ]
    assert details["work"]["photos"] >= 0
    assert details["work"]["decoding_cpu_s"] > 0  # of the picture that is none, too
    assert details["recording"] is True


async def test_a_rule_may_let_others_see_them(folder: Path) -> None:
    change_metadata(folder, {"permissions": {"critterdb-health": {"id": "ann"}}})
    datasette = open_datasette(folder)
    assert "model" in (await ask(datasette, "ann")).json()
    assert "model" not in (await ask(datasette, "bob")).json()
    assert "model" not in (await ask(datasette)).json()


async def test_a_site_without_a_model_yet_is_healthy(tmp_path: Path) -> None:
    datasette = open_datasette(make_site(tmp_path / "fresh"))
    response = await ask(datasette, "root")
    assert (response.status_code, response.json()["model"]) == (200, None)


async def test_a_model_that_is_not_to_be_trusted_is_told_by_the_status(folder: Path) -> None:
    (folder / "models" / f"{MODEL_ID}.onnx").write_bytes(b"swapped")
    datasette = open_datasette(folder)
    stranger = await ask(datasette)
    assert (stranger.status_code, stranger.json()) == (503, {"ok": False})
    assert "SHA-256" in (await ask(datasette, "root")).json()["problem"]


async def test_without_a_site_it_is_unwell(tmp_path: Path) -> None:
    folder = make_site(tmp_path / "empty")
    (folder / "critters.db").unlink()
    response = await ask(open_datasette(folder, memory=True))
    assert (response.status_code, response.json()) == (503, {"ok": False})


async def test_it_can_only_be_read(folder: Path) -> None:
    client = open_datasette(folder, cors=True).client
    head = await client.head(PATH)
    assert (head.status_code, head.content) == (200, b"")
    options = await client.options(PATH)
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert options.headers["access-control-allow-origin"] == "*"
    post = await client.post(PATH)
    assert (post.status_code, post.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
