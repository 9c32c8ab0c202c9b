"""Play against the bot in chromium: on a server, and on a static site without one."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.web.queries.play import day_rank
from tests.support.browser import (
    closed_page,
    findings,
    open_browser,
    press_tab_through,
    skip_without_browser,
)
from tests.support.datasette_site import serving
from tests.support.pages import GAME
from tests.support.static_server import serving_files
from tests.support.static_site import bake
from tests.web.test_play import make_playable_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.browser, pytest.mark.any_line]

skip_without_browser()

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}
WIDER = "document.documentElement.scrollWidth - innerWidth"
NO_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no') } })"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("play")
    make_playable_site(folder / "mysite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        bake(folder / "mysite", folder / "public")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


def play_one(page: Any) -> str:
    """Guess Bobcat with the keyboard; what is announced."""
    page.locator("#play-ask >> text=Bobcat").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#play-answer #reveal")
    assert page.evaluate("document.activeElement.textContent") == "Another photo"
    return str(page.locator("#play-said").inner_text())


def guess_all(page: Any) -> list[str]:
    announced = []
    for _ in range(5):
        announced.append(play_one(page))
        page.keyboard.press("Enter")
        page.wait_for_selector("#play-ask button")
    return announced


def test_a_static_site_is_played_by_keyboard_and_remembers_the_streak(
    browser: Any, folder: Path
) -> None:
    with serving_files(folder / "public") as (address, _), closed_page(browser, **PHONE) as page:
        page.goto(f"{address}critters/play/", wait_until="networkidle")
        page.wait_for_selector("#play-ask button")
        assert "Cougar" not in page.locator("#play-photo").inner_html()
        assert findings(page) == []
        assert page.evaluate(WIDER) <= 0
        stops = press_tab_through(page)
        assert len(stops.reached) == len(stops.usable)
        assert stops.unmarked == []
        announced = guess_all(page)
        assert sum(words.startswith("Right: it is a Bobcat.") for words in announced) == 1
        assert sum("No, it is a Cougar; you said Bobcat" in words for words in announced) == 3
        score = page.locator("#play-score").inner_text()
        assert re.match(r"Of 5 photos you got 1 right and the bot 4\.", score), score
        page.fill("#words", "bob cat?")
        page.keyboard.press("Enter")
        assert "is not one of the animals" in page.locator(".guess [role=alert]").inner_text()
        page.fill("#words", "lynx rufus")
        page.keyboard.press("Enter")
        page.wait_for_selector("#reveal .stage img")
        assert page.locator("#reveal .stage img").evaluate("image => image.naturalWidth") == 120
        page.check("text=Why not")
        assert page.locator("#reveal .heat.difference").is_visible()
        assert findings(page) == []
        assert page.evaluate(WIDER) <= 0
        page.reload(wait_until="networkidle")
        assert page.locator("#play-score").inner_text() == score, "seen photos count once"


def test_a_static_site_of_last_year_shows_the_photo_of_today(browser: Any, folder: Path) -> None:
    """Chosen by the script as the server would choose it."""
    data = json.loads((folder / "public/critters/play.json").read_text("utf-8"))
    with serving_files(folder / "public") as (address, _), closed_page(browser) as page:
        for day in ("2027-03-01", "2027-03-02", "2027-03-03"):
            page.clock.set_fixed_time(f"{day}T12:00:00Z")
            page.goto(f"{address}critters/play/", wait_until="networkidle")
            page.wait_for_selector("text=The photo of today")
            first = max(data["photos"], key=lambda photo: day_rank(day, GAME, photo["sha256"]))
            assert first["sha256"] in page.locator("#play-photo img").get_attribute("src")


def test_a_static_site_is_played_without_script(browser: Any, folder: Path) -> None:
    options: dict[str, Any] = {"java_script_enabled": False, "service_workers": "block"}
    with serving_files(folder / "public") as (address, _), closed_page(browser, **options) as page:
        page.goto(f"{address}critters/play/")
        page.click("text=Another photo")
        page.click("text=Show what it is")
        page.wait_for_selector("h1 >> text=It is a ")
        assert page.locator("#reveal .stage img").count() == 1


def test_a_served_site_is_played_with_script_and_without(browser: Any, folder: Path) -> None:
    command = ["-m", "datasette", ".", "-p", "{port}"]
    with serving(folder / "mysite", command, python=sys.executable) as address:
        with closed_page(browser) as page:
            page.add_init_script(NO_STORAGE)
            page.goto(f"{address}/-/critters/play", wait_until="networkidle")
            assert len(guess_all(page)) == 5
            assert page.locator("#play-score").inner_text().startswith("Of 5 photos")
            assert findings(page) == []
        with closed_page(browser, java_script_enabled=False) as page:
            page.goto(f"{address}/-/critters/play/cougarornot/3")
            page.fill("#words", "cougar")
            page.keyboard.press("Enter")
            page.wait_for_selector("h1 >> text=You are right: it is a Cougar")
            page.click("text=Another photo")
            page.click("button >> text=Domestic Cat")
            page.wait_for_selector("#reveal")
