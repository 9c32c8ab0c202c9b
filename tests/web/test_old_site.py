"""A site made at commit b670562 is served by its own copy of the plugin, on both Datasettes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import serving
from tests.support.old_site import OldSite, unpack_old_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def old(tmp_path: Path) -> OldSite:
    old = unpack_old_site(tmp_path)
    open_database(old.folder / DATABASE_NAME).close()  # migrates, as any command would
    return old


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "datasette", ".", "--port", "{port}"],
        ["-m", "critterdb", "serve", "--port", "{port}"],
    ],
    ids=["datasette", "serve"],
)
def test_pages_and_endpoint_work(old: OldSite, arguments: list[str]) -> None:
    """Pages open, and the endpoint gives each picture the answer that the old program gave."""
    models = old.expected["models"]
    with serving(old.folder, arguments) as address, httpx.Client(base_url=address) as client:
        for path in (
            "/",
            "/-/critters",
            f"/-/critters/models/{models['float32']}",
            "/-/critters/history",
            "/critters/observations",
            "/critters/bot_history",
        ):
            page = client.get(path, follow_redirects=True)
            assert page.status_code == 200, (path, page.text[-500:])
        assert "/-/classify" in client.get("/").text
        for kind, expected in old.expected["answers"].items():
            for wanted in expected:
                answer = client.post(
                    "/-/classify",
                    params={"model": models[kind]},
                    content=(old.pictures / wanted["source"]).read_bytes(),
                    headers={"Content-Type": "image/png", "Accept": "application/json"},
                ).json()
                assert answer["answer"] == wanted["answer"] or answer["answer"][
                    "score"
                ] == pytest.approx(wanted["answer"]["score"], abs=1e-3)
                assert answer["reason"] == wanted["reason"]
