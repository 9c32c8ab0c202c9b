"""Maps of the evidence in chromium: they lie on the photo, with a script and without one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.browser import closed_page, findings, open_browser, skip_without_browser
from tests.support.datasette_site import serving
from tests.support.models import picture
from tests.support.pages import make_furnished_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

skip_without_browser()

# Nothing answers there: a page then says that a picture is gone.
NO_PICTURES = "http://127.0.0.1:9"
SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]
PHONE = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = make_furnished_site(tmp_path_factory.mktemp("maps") / "mysite", pictures=NO_PICTURES)
    with closing(open_database(folder / DATABASE_NAME)) as db, db.atomic():
        db.execute("UPDATE splits SET part = 'train'")
        db.execute("UPDATE predictions SET crop = '[0.5, 0.25, 0.5, 0.5]' WHERE post_id = 'x:101'")
    with serving(folder, SERVE) as served_at:
        yield served_at


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photos") / "red.jpg"
    file.write_bytes(picture("red", (240, 90), seed=70))
    return file


def visible_maps(page: Any) -> list[str]:
    maps = page.locator(".stage .heat")
    return [
        maps.nth(n).get_attribute("class") for n in range(maps.count()) if maps.nth(n).is_visible()
    ]


@pytest.mark.any_line
@pytest.mark.parametrize("look", [{}, PHONE], ids=["desktop", "phone in the dark"])
def test_a_switch_shows_a_map_over_the_chosen_photo(
    browser: Any, address: str, photo: Path, look: dict[str, Any]
) -> None:
    with closed_page(browser, **look) as page:
        page.goto(f"{address}/-/classify")
        page.set_input_files("#image", photo)
        page.wait_for_selector("#result .layers")
        page.wait_for_selector("#result .stage img")
        page.wait_for_function("!document.querySelector('.stage .blank')")
        assert visible_maps(page) == []
        page.get_by_label("Why Cougar").check()
        assert visible_maps(page) == ["heat top"]
        page.get_by_label("Why not").check()
        assert visible_maps(page) == ["heat difference"]
        image = page.locator(".stage img").bounding_box()
        drawn = page.locator(".stage .heat.difference").bounding_box()
        assert drawn == pytest.approx(image, abs=1)
        assert page.locator(".alike .shot").count() == 3
        assert findings(page) == []
        page.get_by_label("Photo only").check()
        assert visible_maps(page) == []


@pytest.mark.any_line
def test_without_a_script_a_map_lies_on_a_rectangle(
    browser: Any, address: str, photo: Path
) -> None:
    with closed_page(browser, java_script_enabled=False) as page:
        page.goto(f"{address}/-/classify")
        page.set_input_files("#image", photo)
        page.locator("form.by-file button").click()
        page.wait_for_selector("#result .layers")
        page.get_by_label("Why Cougar").check()
        assert visible_maps(page) == ["heat top"]
        blank = page.locator(".stage .blank").bounding_box()
        assert page.locator(".stage .heat.top").bounding_box() == pytest.approx(blank, abs=1)


def test_the_pages_of_photos_and_posts_have_maps_too(browser: Any, address: str) -> None:
    with closed_page(browser) as page:
        page.goto(f"{address}/-/critters/photos/1")
        page.get_by_role("link", name="Show where the model finds its evidence").click()
        page.get_by_label("Why Cougar").check()
        image = page.locator(".stage img").bounding_box()
        assert page.locator(".stage .heat.top").bounding_box() == pytest.approx(image, abs=1)
        assert findings(page) == []
        page.goto(f"{address}/-/critters/posts/x:101")
        page.get_by_label("Why not").check()
        assert visible_maps(page) == ["heat difference"]
        assert page.locator(".stage .frame").is_visible()
        assert "second time" in page.locator("article").last.inner_text()
        assert findings(page) == []
