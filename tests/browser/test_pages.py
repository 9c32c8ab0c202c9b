"""The pages in chromium, as people use them: asking, clicking, reviewing; and axe's word."""

from __future__ import annotations

import io
import threading
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.browser import (
    closed_page,
    drop,
    findings,
    open_browser,
    paste,
    press_tab_through,
    skip_without_browser,
)
from tests.support.datasette_site import (
    free_port,
    http_post,
    jpeg,
    open_datasette,
    rows,
    serving,
)
from tests.support.models import COUGAR, picture
from tests.support.pages import (
    MISTAKE,
    MODEL_ID,
    POSTS,
    add_candidate,
    add_rounds,
    make_furnished_site,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

skip_without_browser()

SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]
SECRET = "a secret of these tests"
WIDTHS = (390, 768, 1280)
# Colours are all that differs in the dark.
SCHEMES = {"light": (), "dark": ("color-contrast", "link-in-text-block")}
LAYOUT = """[...document.querySelectorAll('body *')].map(one => {
    const { color, backgroundColor, fontSize, fontWeight } = getComputedStyle(one);
    const scrolls = one.scrollWidth > one.clientWidth;
    return [one.checkVisibility(), scrolls, color, backgroundColor, fontSize, fontWeight];
}).join()"""
PAGES = [
    "/-/critters",
    "/-/critters/history",
    "/-/critters/posts/x:102",
    "/-/critters/calendar",
    "/-/critters/games/cougarornot",
    "/-/critters/play",
    "/-/critters/models",
    f"/-/critters/models/{MODEL_ID}",
    f"/-/critters/models/{MODEL_ID}/confusion?actual={COUGAR}&predicted={COUGAR}",
    "/-/critters/compare",
    "/-/critters/species",
    f"/-/critters/species/{COUGAR}",
    f"/-/critters/photos/{MISTAKE}",
    "/-/critters/photos/404",
    "/-/critters/review",
    "/-/critters/answers",
    "/-/critters/host",
    "/-/critters/host?photo=1",
    "/-/critters/leaderboard",
    "/-/classify",
]


class Pictures(BaseHTTPRequestHandler):
    """Serves the posts' pictures, `/101.jpg` and so on."""

    def do_GET(self) -> None:
        colours = {f"/{post_id[2:]}.jpg": colour for post_id, colour, _ in POSTS}
        data = picture(colours[self.path]) if self.path in colours else b""
        self.send_response(200 if data else 404)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Pictures)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: str) -> Path:
    folder = make_furnished_site(tmp_path_factory.mktemp("browser") / "mysite", pictures=pictures)
    add_candidate(folder, "x:104")
    add_rounds(folder)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path, pictures: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATASETTE_SECRET", SECRET)
        patch.setenv("CRITTERDB_FETCH_ALLOW", f"127.0.0.1/32:{pictures.rpartition(':')[2]}")
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


def sign_in(page: Any, folder: Path, address: str) -> None:
    cookie = open_datasette(folder, secret=SECRET).sign({"a": {"id": "root"}}, "actor")
    page.context.add_cookies([{"name": "ds_actor", "value": cookie, "url": address}])


@pytest.mark.any_line
def test_a_chosen_file_is_classified_on_the_front_page(
    page: Any, address: str, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("lime"))
    page.goto(f"{address}/-/critters")
    page.set_input_files("#image", photo)
    page.wait_for_selector("#result .bars")
    assert page.locator("#result h2").inner_text() == "Bobcat"
    assert page.url == f"{address}/-/critters"


@pytest.mark.any_line
def test_on_a_phone_the_answer_comes_into_view(browser: Any, address: str, tmp_path: Path) -> None:
    """Below the two forms nobody would see that anything happened."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("red"))
    with closed_page(browser, viewport={"width": 390, "height": 844}) as page:
        page.goto(f"{address}/-/critters")
        page.set_input_files("#image", photo)
        headline = page.wait_for_selector("#result .verdict:not(.busy) h2")
        box = headline.bounding_box()
        assert 0 <= box["y"] < 844 - box["height"]


@pytest.mark.any_line
def test_a_sure_answer_is_the_boldest_thing_on_the_page(
    page: Any, address: str, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("red"))
    page.goto(f"{address}/-/classify")
    page.set_input_files("#image", photo)
    page.wait_for_selector("#result .sure .bars")
    size, weight, colour = page.locator("#result h2").evaluate(
        "h => { const s = getComputedStyle(h); return [s.fontSize, s.fontWeight, s.color] }"
    )
    others = page.evaluate(
        "[...document.querySelectorAll('main *:not(h1)')]"
        ".map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert float(size.removesuffix("px")) == max(others)
    assert int(weight) >= 700
    soft = page.locator(".lead").evaluate("one => getComputedStyle(one).color")
    assert colour != soft


@pytest.mark.any_line
def test_labels_lead_on_and_a_stored_answer_can_be_opened_again(
    page: Any, address: str, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("lime"))
    page.goto(f"{address}/-/critters")
    page.set_input_files("#image", photo)
    page.click("#result >> text=Link to this answer")
    page.wait_for_url("**/-/critters/predictions/*")
    assert page.locator(".verdict h2").inner_text() == "Bobcat"
    image = page.locator(".bars .reference img").first
    page.wait_for_function("document.querySelector('.bars .reference img').naturalWidth > 0")
    assert image.get_attribute("alt") == "A photo of Bobcat"
    page.click(".bars .name a >> nth=0")
    assert page.locator("h1").inner_text() == "Bobcat"


def test_the_bare_address_leads_to_the_front_page_and_back(page: Any, address: str) -> None:
    page.goto(address)
    assert page.url == f"{address}/-/critters"
    page.click("text=All the data")
    assert page.url == f"{address}/critters"
    page.click("text=home")
    assert page.url == f"{address}/-/critters"


@pytest.mark.any_line
def test_a_picture_that_is_gone_leaves_a_box_that_says_so(
    browser: Any, address: str, folder: Path
) -> None:
    """Without a script, and without the browser's sign for a broken image."""
    with closing(open_database(folder / DATABASE_NAME)) as db:
        before = db["post_images"].get(("x:104", 0))["url"]
        db["post_images"].update(("x:104", 0), {"url": before.replace("104", "gone")})
    try:
        with closed_page(browser, java_script_enabled=False) as page:
            page.goto(f"{address}/-/critters/history", wait_until="networkidle")
            picture = page.locator("article[id='x:104'] img")
            data = Image.open(io.BytesIO(picture.screenshot())).convert("RGB")
    finally:
        with closing(open_database(folder / DATABASE_NAME)) as db:
            db["post_images"].update(("x:104", 0), {"url": before})
    # The browser's own sign is at the top left, where ours is plain inside the round corner.
    corner = data.crop((15, 15, data.width - 15, data.height // 4))
    assert len(corner.getcolors() or range(99)) == 1
    assert len(data.getcolors() or range(99)) > 1


def test_an_address_is_classified_from_the_front_page(
    page: Any, address: str, pictures: str
) -> None:
    page.goto(f"{address}/-/critters")
    page.fill("#url", f"{pictures}/101.jpg")
    page.press("#url", "Enter")
    page.wait_for_selector("#result .bars")
    assert page.locator("#result h2").inner_text() == "Cougar"


@pytest.mark.any_line
def test_a_pasted_picture_is_classified(page: Any, address: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "blue").save(file, "PNG")
    page.goto(f"{address}/-/critters")
    paste(page, file.getvalue())
    page.wait_for_selector("#result .bars")
    assert page.locator("#result h2").inner_text() == "Domestic Cat"


@pytest.mark.any_line
def test_a_dropped_picture_is_classified(page: Any, address: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("red"))
    page.goto(f"{address}/-/critters")
    drop(page, photo)
    page.wait_for_selector("#result .bars")
    assert page.locator("#result h2").inner_text() == "Cougar"


@pytest.mark.any_line
def test_from_the_matrix_to_a_photo(page: Any, address: str) -> None:
    page.goto(f"{address}/-/critters")
    page.click('a:has-text("Its model")')
    page.click('a[aria-label="Cougar mistaken for Domestic Cat: 1 photo"]')
    assert page.locator("h1").inner_text() == "Cougar, mistaken for Domestic Cat"
    page.click(".shot a")
    assert page.url.endswith(f"/-/critters/photos/{MISTAKE}")
    assert page.locator(".photo img").first.evaluate("image => image.naturalWidth") == 120
    assert "Domestic Cat" in page.locator(".beside").inner_text()


@pytest.mark.any_line
def test_the_matrix_is_reached_by_keyboard(page: Any, address: str) -> None:
    page.goto(f"{address}/-/critters/models/{MODEL_ID}")
    page.focus(".matrix a >> nth=1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/confusion?*")


def test_three_predictions_are_reviewed_by_keyboard(page: Any, address: str, folder: Path) -> None:
    sign_in(page, folder, address)
    page.goto(f"{address}/-/critters/review?source=evaluation")
    before = rows(folder, "SELECT * FROM predictions WHERE source = 'evaluation' ORDER BY id")
    for key in ("r", "2", "w"):
        number = page.locator("input[name=prediction_id]").first.input_value()
        with page.expect_navigation():
            page.keyboard.press(key)
        assert page.locator("input[name=prediction_id]").first.input_value() != number
    reviews = rows(folder, "SELECT verdict, taxon_id, actor FROM reviews ORDER BY id")
    # The newest test photos: a cat (6), two bobcats (5, 4); the second key names the runner-up.
    assert [review["verdict"] for review in reviews] == ["right", "wrong", "wrong"]
    assert {review["actor"] for review in reviews} == {"root"}
    assert reviews[1]["taxon_id"] is not None
    after = rows(folder, "SELECT * FROM predictions WHERE source = 'evaluation' ORDER BY id")
    assert after == before
    assert "3 of 6" in page.locator("main table").inner_text()


@pytest.mark.any_line
def test_a_name_can_be_written_and_keys_do_nothing_meanwhile(
    page: Any, address: str, folder: Path
) -> None:
    sign_in(page, folder, address)
    page.goto(f"{address}/-/critters/review?source=bot")
    count = len(rows(folder, "SELECT * FROM reviews"))
    page.keyboard.press("e")
    page.keyboard.type("Puma concolor")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    (review,) = rows(folder, f"SELECT * FROM reviews ORDER BY id LIMIT 1 OFFSET {count}")
    assert review["taxon_id"] == COUGAR


@pytest.mark.any_line
def test_a_visitor_s_picture_is_loaded_when_the_reviewer_asks_for_it(
    page: Any, address: str, folder: Path, pictures: str
) -> None:
    """What a visitor's URL shows now may be anything, and its server would see the reviewer."""
    url = f"{pictures}/102.jpg"
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db["images"].insert({"sha256": "ab", "url": url, "first_seen_at": ""})
        db.execute(
            "INSERT INTO predictions (model_id, source, image_sha256, abstained, scores, "
            "thresholds, created_at) SELECT model_id, 'endpoint', 'ab', 0, scores, thresholds, '' "
            "FROM predictions LIMIT 1"
        )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, folder, address)
    page.goto(f"{address}/-/critters/review?source=endpoint", wait_until="networkidle")
    assert url not in asked
    with page.expect_request(url):
        page.click("details.on-demand summary")


def test_without_javascript_it_works_too(
    browser: Any, address: str, folder: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("red"))
    with closed_page(browser, java_script_enabled=False) as page:
        page.goto(f"{address}/-/critters")
        assert page.locator(".with-script:visible").count() == 0
        page.set_input_files("#image", photo)
        page.click("form.by-file button")
        assert page.locator("#result h2").inner_text() == "Cougar"
        sign_in(page, folder, address)
        page.goto(f"{address}/-/critters/review?source=evaluation")
        count = len(rows(folder, "SELECT * FROM reviews"))
        page.click("button[value=right]")
        assert len(rows(folder, "SELECT * FROM reviews")) == count + 1


@pytest.fixture(scope="module")
def every_page(address: str) -> list[str]:
    """A path of each kind of page; one of them belongs to an answer."""
    answer = http_post(
        f"{address}/-/classify",
        files={"image": jpeg("red")},
        headers={"accept": "application/json"},
    ).json()
    return [*PAGES, f"/-/critters/predictions/{answer['prediction_id']}"]


def test_every_page_can_be_used_with_tab_alone_and_axe_finds_nothing(
    browser: Any, address: str, folder: Path, every_page: list[str]
) -> None:
    problems: dict[str, list[Any]] = {}
    with closed_page(browser, viewport={"width": max(WIDTHS), "height": 900}) as page:
        sign_in(page, folder, address)
        for path in every_page:
            page.goto(f"{address}{path}")
            stops = press_tab_through(page)
            assert stops.reached == stops.usable, path
            assert stops.unmarked == [], path
            page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            problems[path] = problems_at_each_width(page)
    assert {path: found for path, found in problems.items() if found} == {}


def problems_at_each_width(page: Any) -> list[Any]:
    """What axe finds, and what is wider than the screen; the page is left as it was."""
    problems: list[Any] = []
    known = set()
    for (scheme, rules), width in product(SCHEMES.items(), WIDTHS):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if excess > 0:
            problems.append((width, scheme, f"{excess} pixels wider than the screen"))
        # Axe finds the same where the same things show and scroll, in the same colours.
        layout = scheme, page.evaluate(LAYOUT)
        if layout not in known:
            known.add(layout)
            problems += [(width, scheme, found) for found in findings(page, *rules)]
    page.emulate_media(color_scheme="light")
    return problems


@pytest.mark.any_line
def test_a_photo_is_classified_by_keyboard_alone(page: Any, address: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("lime"))
    page.goto(f"{address}/-/critters")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # “Skip to the content”
    tab_to(page, "document.activeElement.id === 'image'")
    # A busy browser can miss the first key.
    chooser = next(filter(None, (opened_chooser(page) for _ in range(5))))
    chooser.set_files(photo)
    page.wait_for_selector("#result .bars")
    tab_to(page, "document.activeElement.innerText === 'Link to this answer'")
    page.keyboard.press("Enter")
    page.wait_for_url("**/-/critters/predictions/*")
    assert page.locator(".verdict h2").inner_text() == "Bobcat"


def opened_chooser(page: Any) -> Any:
    """The file chooser that Enter opens, or None."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

    with suppress(PlaywrightTimeoutError):
        with page.expect_file_chooser(timeout=6000) as chooser:
            page.keyboard.press("Enter")
        return chooser.value
    return None


def tab_to(page: Any, is_there: str) -> None:
    for _ in range(50):
        page.keyboard.press("Tab")
        if page.evaluate(is_there):
            return
    raise AssertionError(f"Tab never led to where {is_there}")


@pytest.mark.any_line
def test_two_models_fit_a_phone(browser: Any, tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        for table, key in (("models", "id"), ("model_labels", "model_id")):
            columns = [column.name for column in db[table].columns]
            chosen = ", ".join("'another'" if c == key else f'"{c}"' for c in columns)
            db.execute(f"INSERT INTO {table} SELECT {chosen} FROM {table}")
    with (
        serving(folder, SERVE) as address,
        closed_page(browser, viewport={"width": 390, "height": 844}) as page,
    ):
        for path in ("/-/critters/models", f"/-/critters/compare?a={MODEL_ID}&b=another"):
            page.goto(f"{address}{path}")
            page.evaluate("scrollTo(500, 0)")
            assert page.evaluate("scrollX") == 0, path
            assert findings(page) == []
