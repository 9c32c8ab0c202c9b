"""`/` leads people to the front page, and leaves Datasette's index to those who want it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.site.serving import front_page_address
from tests.support.datasette_site import (
    change_metadata,
    http_get,
    make_site,
    open_datasette,
    serving,
)

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.slow

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def ask(folder: Path, path: str = "/", **arguments: Any) -> httpx.Response:
    headers = arguments.pop("headers", BROWSER)
    datasette = open_datasette(folder, **arguments)
    await datasette.invoke_startup()
    response: httpx.Response = await datasette.client.get(path, headers=headers)
    return response


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_site(tmp_path / "mysite")
    change_metadata(folder, {"title": "Cats & co."})
    return folder


async def test_a_browser_is_led_to_it(folder: Path) -> None:
    response = await ask(folder)
    assert (response.status_code, response.headers["location"]) == (302, "/-/critters")
    assert response.headers["vary"] == "Accept"
    below = await ask(folder, "/", settings={"base_url": "/wild/"})
    assert below.headers["location"] == "/wild/-/critters"


async def test_the_index_stays_for_who_wants_it(folder: Path) -> None:
    assert "critters</a>" in (await ask(folder, "/?all")).text
    for accept in ("*/*", "application/json", ""):
        assert (await ask(folder, headers={"accept": accept})).status_code == 200
    assert (await ask(folder, "/.json")).status_code == 200
    assert (await ask(folder, "/critters")).status_code == 200


async def test_a_site_can_keep_its_index(folder: Path) -> None:
    (folder / "templates").mkdir()
    (folder / "templates/index.html").write_text("my own index")
    assert (await ask(folder)).text == "my own index"
    (folder / "templates/index.html").unlink()
    change_metadata(folder, {"plugins": {"critterdb": {"front_page": False}}})
    assert (await ask(folder)).status_code == 200


async def test_a_datasette_with_other_databases_keeps_its_index(folder: Path) -> None:
    (folder / "critters.db").with_name("birds.db").touch()
    assert (await ask(folder)).status_code == 200


async def test_datasette_s_pages_and_ours_lead_to_each_other(folder: Path) -> None:
    table = (await ask(folder, "/critters/photos")).text
    assert re.search(r'<a href="/-/critters"[^>]*>Cats &amp; co.</a>', table)
    assert 'href="/">home</a>' in table
    front = (await ask(folder, "/-/critters")).text
    assert 'href="/critters">All the data</a>' in front
    assert 'href="/"' not in front


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8001/-/critters"),
        ("0.0.0.0", "http://127.0.0.1:8001/-/critters"),
        ("::1", "http://[::1]:8001/-/critters"),
        ("::", "http://[::1]:8001/-/critters"),
        ("zoo.local", "http://zoo.local:8001/-/critters"),
    ],
)
def test_the_printed_address_is_that_of_the_front_page(
    folder: Path, host: str, expected: str
) -> None:
    assert front_page_address(folder / "critters.db", host, 8001) == expected
    (folder / "settings.json").write_text('{"base_url": "/zoo/"}')
    below = expected.replace("/-/", "/zoo/-/")
    assert front_page_address(folder / "critters.db", host, 8001) == below


def test_signing_in_as_root_ends_at_the_front_page(folder: Path) -> None:
    """Datasette prints the address that signs in, and goes to `/` afterwards."""
    with serving(folder, ["-m", "critterdb", "serve", "--port", "{port}"]) as address:
        response = http_get(f"{address}/", headers=BROWSER, follow_redirects=True)
        assert str(response.url) == f"{address}/-/critters"
