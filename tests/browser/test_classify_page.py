"""The pages in Debian's chromium: choose a photo, see the bars."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.fakes.heif import saved
from tests.support.browser import closed_page, open_browser, skip_without_browser
from tests.support.datasette_site import (
    add_model,
    add_photo,
    add_post,
    jpeg,
    make_site,
    rows,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

skip_without_browser()

SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_site(tmp_path_factory.mktemp("browser") / "mysite")
    add_model(folder)
    add_photo(folder, 1, jpeg("peru"))
    add_post(folder, "x:1", "http://127.0.0.1:9/posted.jpg")
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder, SERVE) as served_at:
        yield served_at


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    with closed_page(browser) as page:
        yield page


@pytest.mark.any_line
@pytest.mark.parametrize(
    ("colour", "headline"),
    [("red", "Cougar"), ("lime", "Bobcat"), ("grey", "Not a critter that I know")],
)
def test_a_chosen_photo_gets_its_bars(
    page: Any, address: str, tmp_path: Path, colour: str, headline: str
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(colour))
    page.goto(f"{address}/-/classify")
    page.set_input_files("#image", photo)
    page.wait_for_selector("#result .bars", state="attached")
    assert page.locator("#result h2").inner_text() == headline
    assert page.locator("#result .bars li").count() == 3
    widths = [
        float(bar.get_attribute("width"))
        for bar in page.locator("#result .bars .fill").element_handles()
    ]
    assert widths == sorted(widths, reverse=True)
    assert page.locator("#result .picture img").get_attribute("alt") == "The photo that you chose"


@pytest.mark.any_line
def test_a_file_that_is_not_a_photo_gets_a_friendly_error(
    page: Any, address: str, tmp_path: Path
) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("dear diary")
    page.goto(f"{address}/-/classify")
    page.set_input_files("#image", text)
    page.wait_for_selector("#result .problem")
    assert "That did not work" in page.locator("#result").inner_text()


@pytest.mark.any_line
def test_a_photo_over_10_mb_is_made_smaller_before_it_is_sent(
    page: Any, address: str, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (6000, 900), "red").save(photo, compress_level=0)
    assert photo.stat().st_size > 10_000_000
    page.goto(f"{address}/-/classify")
    with page.expect_request("**/-/classify") as sent:
        page.set_input_files("#image", photo)
    page.wait_for_selector("#result .bars", state="attached")
    assert page.locator("#result h2").inner_text() == "Cougar"
    assert int(sent.value.all_headers()["content-length"]) < 1_000_000


@pytest.mark.any_line
@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_dropped_heif_is_sent_as_it_is(page: Any, address: str, kind: str) -> None:
    """Chromium shows no HEIC, and has no type for one on Linux."""
    page.goto(f"{address}/-/classify")
    drop(page, saved(Image.new("RGB", (320, 240), "lime"), kind), f"IMG_1.{kind}".lower())
    page.wait_for_selector("#result .bars", state="attached")
    assert page.locator("#result h2").inner_text() == "Bobcat"


@pytest.mark.any_line
def test_a_large_photo_that_the_browser_cannot_decode_gets_one_sentence(
    page: Any, address: str
) -> None:
    page.goto(f"{address}/-/classify")
    drop(page, saved(Image.new("RGB", (64, 64)), "HEIF") + bytes(10_000_000), "IMG_1.heic")
    page.wait_for_selector("#result .problem")
    assert page.locator("#result .problem p").inner_text() == (
        "That photo is larger than 10 MB, and this browser cannot make it smaller. "
        "Choose a smaller version of it."
    )
    assert page.locator("form.by-file button").is_enabled()


def drop(page: Any, data: bytes, name: str) -> None:
    """Drop a file on the page."""
    carrier = page.evaluate_handle(
        """([encoded, name]) => {
            const bytes = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
            const carrier = new DataTransfer();
            carrier.items.add(new File([bytes], name));
            return carrier;
        }""",
        [base64.b64encode(data).decode(), name],
    )
    page.dispatch_event("body", "drop", {"dataTransfer": carrier})


@pytest.mark.any_line
def test_each_photo_that_was_sent_before_has_a_row(folder: Path) -> None:
    assert len(rows(folder, "SELECT * FROM predictions")) == 6


def test_tables_show_photos_with_their_credit(page: Any, address: str) -> None:
    page.goto(f"{address}/critters/photos")
    thumb = page.locator("img.critter-thumb").first
    thumb.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('img.critter-thumb').naturalWidth > 0")
    assert "some rights reserved" in page.locator(".critter-credit").first.inner_text()


def test_the_bot_s_history_shows_the_picture_beside_the_post(page: Any, address: str) -> None:
    page.goto(f"{address}/critters/bot_history")
    picture = page.locator("img.critter-thumb").first
    assert picture.get_attribute("src") == "http://127.0.0.1:9/posted.jpg"
    assert picture.get_attribute("referrerpolicy") == "no-referrer"
