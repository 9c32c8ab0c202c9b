"""The page of a static site that classifies in the browser, as a visitor uses it."""

from __future__ import annotations

import asyncio
import io
import re
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from critterdb.web.state import plugin_state
from tests.support.browser import (
    closed_page,
    drop,
    findings,
    open_browser,
    paste,
    skip_without_browser,
)
from tests.support.classifier_site import POLICY, skip_without_runtime, write_classifier_site
from tests.support.datasette_site import add_model, make_site, open_datasette
from tests.support.models import picture
from tests.support.static_server import serving_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.static_server import Sent

pytestmark = [pytest.mark.browser, pytest.mark.any_line]

skip_without_browser()
skip_without_runtime()

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 800},
    "has_touch": True,
    "is_mobile": True,
}


def served_page(folder: Path) -> str:
    """The page that Datasette makes for a static site, with links that work below `classify/`."""

    async def ask() -> str:
        datasette = open_datasette(folder)
        await datasette.invoke_startup()
        plugin_state(datasette).in_browser = True
        response = await datasette.client.get("/-/classify", headers={"Accept": "text/html"})
        assert response.status_code == 200
        return str(response.text)

    # In a thread of its own: playwright has a running event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        text = thread.submit(lambda: asyncio.run(ask())).result()
    text = text.replace('"/-/critterdb/', '"../critterdb/')
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return re.sub(r"(<meta charset[^>]*>)", rf"\1{policy}", text, count=1)


@pytest.fixture(scope="module")
def static_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Sent]]:
    home = make_site(tmp_path_factory.mktemp("here") / "mysite")
    add_model(home)
    (model,) = (home / "models").glob("*.onnx")
    folder = tmp_path_factory.mktemp("static")
    write_classifier_site(folder, model)
    (folder / "classify").mkdir()
    (folder / "classify" / "index.html").write_text(served_page(home), "utf-8")
    for name in ("critterdb.css", "incoming.js"):
        data = files("critterdb.web").joinpath("static", name).read_bytes()
        (folder / "critterdb" / "static" / name).write_bytes(data)
    (folder / "red.jpg").write_bytes(picture("red"))
    with serving_files(folder) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Any, static_site: tuple[str, Sent]) -> Iterator[Any]:
    with closed_page(browser) as page:
        page.goto(f"{static_site[0]}classify/")
        yield page


def answer(page: Any) -> str:
    page.wait_for_selector("#result .bars, #result .problem", state="attached")
    return str(page.locator("#result h2").first.inner_text())


@pytest.mark.parametrize(
    ("colour", "headline", "words"),
    [
        ("red", "Cougar", "I am over 99% sure."),
        ("yellow", "I am not sure", "It may be Cougar or Bobcat, but"),
        ("grey", "Not a critter that I know", "The ones I know: Cougar, Bobcat, Domestic Cat."),
    ],
)
def test_a_chosen_photo_is_answered_without_sending_it(
    page: Any, static_site: tuple[str, Sent], tmp_path: Path, colour: str, headline: str, words: str
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(colour))
    page.evaluate("critterdb.ready")
    static_site[1].clear()
    page.set_input_files("#image", photo)
    assert answer(page) == headline
    assert words in page.locator("#result .explanation").inner_text()
    assert page.locator("#result .picture img").get_attribute("alt") == "The photo that you chose"
    assert static_site[1] == []
    assert "never leaves your device" in page.locator("#ask").inner_text()


def test_a_dropped_and_a_pasted_photo_are_answered(page: Any, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture("blue"))
    drop(page, photo)
    assert answer(page) == "Domestic Cat"
    png = io.BytesIO()
    Image.open(io.BytesIO(picture("green"))).save(png, "PNG")
    paste(page, png.getvalue())
    page.locator("#result h2", has_text="Bobcat").wait_for()


def test_a_broken_file_gets_the_sentence_that_the_endpoint_gives(page: Any, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture("red")[:900])
    page.set_input_files("#image", photo)
    assert answer(page) == "That did not work"
    said = page.locator("#result .problem p").inner_text()
    assert said == "The picture is cut off before its end. Save or download it again."


def test_progress_is_shown_in_bytes_and_ends(page: Any) -> None:
    page.evaluate("critterdb.ready")
    page.wait_for_selector("#loading", state="hidden")
    bar = page.locator("#loading-bar")
    assert bar.get_attribute("value") == bar.get_attribute("max")
    assert int(bar.get_attribute("max")) > 3_000_000
    assert page.locator("#loading-status").inner_text() == "The model is ready."


@pytest.mark.parametrize("lets_others_read", [True, False])
def test_an_address_is_fetched_if_its_site_lets_other_pages_read(
    browser: Any, static_site: tuple[str, Sent], tmp_path: Path, lets_others_read: bool
) -> None:
    (tmp_path / "green.jpg").write_bytes(picture("green"))
    with (
        serving_files(tmp_path, readable_by_others=lets_others_read) as (url, _),
        closed_page(browser, complaint=None if lets_others_read else "CORS policy") as page,
    ):
        page.goto(f"{static_site[0]}classify/")
        page.fill("#url", f"{url}green.jpg")
        page.press("#url", "Enter")
        assert answer(page) == ("Bobcat" if lets_others_read else "That did not work")
        if not lets_others_read:
            assert "Save the picture and choose the file" in page.locator(".problem").inner_text()


def test_the_page_that_sees_photos_cannot_ask_other_hosts(
    browser: Any, static_site: tuple[str, Sent], tmp_path: Path
) -> None:
    with (
        serving_files(tmp_path, readable_by_others=True) as (url, sent),
        closed_page(browser, complaint="Content Security Policy") as page,
    ):
        page.goto(f"{static_site[0]}classify/")
        assert page.evaluate("url => fetch(url).then(() => false, () => true)", url)
        assert sent == []


def test_a_phone_sees_all_of_it_and_may_take_a_photo(
    browser: Any, static_site: tuple[str, Sent], tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture("red"))
    with closed_page(browser, **PHONE) as page:
        page.goto(f"{static_site[0]}classify/")
        assert page.locator("#camera").get_attribute("capture") == "environment"
        assert page.locator("#camera").is_visible()
        page.set_input_files("#camera", photo)
        assert answer(page) == "Cougar"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert findings(page) == []


def test_without_javascript_the_page_says_so(browser: Any, static_site: tuple[str, Sent]) -> None:
    with closed_page(browser, java_script_enabled=False) as page:
        page.goto(f"{static_site[0]}classify/")
        assert "needs JavaScript" in page.locator("noscript").inner_text()
        assert not page.locator("#image").is_visible()


def test_a_script_puts_it_into_somebody_s_own_page(
    browser: Any, static_site: tuple[str, Sent], tmp_path: Path
) -> None:
    with closed_page(browser) as page:
        page.goto(f"{static_site[0]}classify/")
        script = page.locator("#embed").inner_text()
    (tmp_path / "index.html").write_text(
        f'<!DOCTYPE html><html lang="en"><title>My page</title><main><h1>Mine</h1>{script}</main>'
    )
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture("red"))
    with serving_files(tmp_path) as (url, _), closed_page(browser) as page:
        page.goto(url)
        frame = page.frame_locator("iframe")
        frame.locator("#image").set_input_files(photo)
        frame.locator("#result .bars").wait_for()
        assert frame.locator("#result h2").inner_text() == "Cougar"
        assert not frame.locator("header.top").is_visible()
        page.wait_for_function("parseInt(document.querySelector('iframe').style.height) > 600")
