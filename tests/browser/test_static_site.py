"""A baked site in chromium, below a path of a plain static server: read, classified, offline."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import critterdb
from critterdb.publish.runtime.fetching import cache_folder, problem_files
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.browser import closed_page, findings, open_browser, skip_without_browser
from tests.support.models import COUGAR, picture
from tests.support.pages import MISTAKE, MODEL_ID, make_furnished_site
from tests.support.static_server import serving_files
from tests.support.static_site import bake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.static_server import Sent

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_line,
    pytest.mark.usefixtures("own_cache"),
]

skip_without_browser()

# Of the user's own cache: the tests set another one.
RUNTIME = None if problem_files(cache_folder(), "classify") else cache_folder()
TAB = None if problem_files(cache_folder(), "explore") else cache_folder()
START_MS = 60_000
VISITS, VISIT_MS = 60, 250
HTML = "text/html; charset=utf-8"
PAGES = [
    "",
    "critters/",
    "critters/history/",
    "critters/posts/x~3a102/",
    "critters/calendar/",
    "critters/games/cougarornot/",
    "critters/models/",
    f"critters/models/{MODEL_ID}/",
    "critters/species/",
    f"critters/species/{COUGAR}/",
    f"critters/photos/{MISTAKE}/",
    "explore/",
]
LOOKS: dict[str, dict[str, Any]] = {
    "desktop": {},
    "phone in the dark": {
        "viewport": {"width": 390, "height": 800},
        "color_scheme": "dark",
        "has_touch": True,
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    site = make_furnished_site(folder / "mysite")
    with closing(open_database(site / DATABASE_NAME)) as db, db.atomic():
        db.execute("UPDATE splits SET part = 'train' WHERE observation_id <> ?", [1000 + MISTAKE])
    bake(folder / "mysite", folder / "public", runtime=RUNTIME, tab=TAB)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[tuple[str, Sent]]:
    with serving_files(folder / "public") as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_loads_whole_and_axe_finds_nothing(
    browser: Any, served: tuple[str, Sent], look: str
) -> None:
    address, sent = served
    sent.clear()
    problems = {}
    with closed_page(browser, **LOOKS[look]) as page:
        for path in PAGES + (["classify/"] if RUNTIME else []):
            page.goto(address + path, wait_until="networkidle")
            problems[path] = findings(page)
            width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if width > 0:
                problems[path].append(f"{width} pixels wider than the screen")
    assert {path: words for path, words in problems.items() if words} == {}
    assert [entry for entry in sent if entry[1] >= 400] == []


def test_links_lead_from_page_to_page(browser: Any, served: tuple[str, Sent]) -> None:
    address, _ = served
    with closed_page(browser, service_workers="block", java_script_enabled=False) as page:
        page.goto(address)
        page.click("nav >> text=Critters")
        page.click(".shot a >> nth=0")
        page.click(".shot a >> nth=0")
        assert page.url.startswith(f"{address}critters/photos/")
        image = page.locator(".photo img").first
        assert image.evaluate("image => image.naturalWidth") == 120
        page.click("text=This page as JSON")
        assert '"ok": true' in page.content()


def test_the_page_for_what_does_not_exist_finds_its_site(
    browser: Any, folder: Path, served: tuple[str, Sent]
) -> None:
    """Without a base URL, at any depth, on a host that sends it for everything that is missing."""
    address, _ = served
    text = (folder / "public" / "404.html").read_text("utf-8")
    with closed_page(browser, complaint="blocked", service_workers="block") as page:
        page.route(
            "**/no/such/**", lambda route: route.fulfill(status=404, body=text, content_type=HTML)
        )
        page.goto(f"{address}critters/no/such/page")
        page.click("nav a[href]:has-text('Critters')")
        assert page.url == f"{address}critters/species/"
        page.goto(f"{address}no/such/")
        page.click("nav a.home[href]")
        assert page.url == f"{address}critters/"


def test_what_was_visited_works_offline(browser: Any, folder: Path) -> None:
    """After one visit with a server, and then without one."""
    visited = ["critters/", f"critters/species/{COUGAR}/", f"critters/photos/{MISTAKE}/"]
    context = browser.new_context()
    page = context.new_page()
    with serving_files(folder / "public") as (address, _):
        for path in visited:
            page.goto(address + path, wait_until="networkidle")
            page.evaluate("navigator.serviceWorker.ready")
        wait_for_kept(page, f"{address}{visited[0]}")
    for path in [*visited, "critters/history/"]:  # which is kept from the first visit on
        page.goto(address + path)
        assert page.locator("h1").count() == 1
        assert page.locator("h1").inner_text() != "This page is not kept here"
        assert page.locator("nav").evaluate("nav => getComputedStyle(nav).maxWidth") != "none"
    page.goto(f"{address}{visited[2]}")
    assert page.locator(".photo img").first.evaluate("image => image.naturalWidth") == 120
    page.goto(f"{address}critters/models/")
    page.goto(f"{address}critters/photos/1/")
    assert page.locator("h1").inner_text() == "This page is not kept here"
    context.close()


def test_all_of_it_can_be_kept(browser: Any, folder: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    with serving_files(folder / "public") as (address, _):
        page.goto(address, wait_until="networkidle")
        page.click("text=Keep for offline use")
        page.click("text=/^Fetch .* MB$/")
        page.wait_for_selector("text=The whole site works offline now.")
    page.goto(f"{address}critters/photos/1/")
    assert page.locator(".photo img").first.evaluate("image => image.naturalWidth") == 120
    if RUNTIME:
        page.goto(f"{address}classify/")
        photo = {"name": "a.png", "mimeType": "image/png", "buffer": picture("red", seed=1)}
        page.set_input_files("#image", photo)
        page.wait_for_selector("#result .bars", state="attached")
        assert page.locator("#result .verdict h2").inner_text() == "Cougar"
    context.close()


@pytest.mark.skipif(not RUNTIME, reason="the runtime files are not here (critterdb runtime)")
def test_training_photos_like_the_visitor_s_come_after_the_answer(
    browser: Any, folder: Path, served: tuple[str, Sent]
) -> None:
    """Photo 5 has no licence and photo 3 is a test photo."""
    address, sent = served
    red = picture("red", seed=91)
    with closed_page(browser, complaint="blocked", service_workers="block") as page:
        page.goto(f"{address}classify/", wait_until="networkidle")
        assert not any(path.endswith(".similar.gz") for path, _, _ in sent)
        page.set_input_files("#image", {"name": "a", "mimeType": "image/jpeg", "buffer": red})
        page.wait_for_selector("#result .alike")
        shown = page.locator("#result .alike .shot")
        links = [link.get_attribute("href") for link in shown.locator("a").all()]
        assert sorted(links[:2]) == [f"{address}critters/photos/{number}/" for number in (1, 2)]
        assert links[2:] == [f"{address}critters/photos/4/"]
        assert "The nearest of Cougar and Bobcat." in page.locator("#result .alike").inner_text()
        assert shown.locator("small").all_inner_texts() == ["(c) Ann <b>Onymous</b> (CC BY)"] * 3
        shown.last.scroll_into_view_if_needed()
        page.wait_for_function(
            "[...document.querySelectorAll('.alike img')].every((one) => one.naturalWidth === 240)"
        )
        assert findings(page) == []
        answer = page.evaluate(
            "async (bytes) => critterdb.classify(new Blob([new Uint8Array(bytes)]), {similar: 10})",
            list(red),
        )
    similar = critterdb.load_model(folder / "mysite").classify(red, similar=10).similar
    assert similar
    ours: list[dict[str, Any]] = [{**photo} for photo in similar if photo["license_code"]]
    keys = [key for key in ours[0] if key not in ("distance", "image", "page")]
    assert [[photo[key] for key in keys] for photo in answer["similar"]] == [
        [photo[key] for key in keys] for photo in ours
    ]
    # Three numbers for each photo, in 8 bits.
    distances = [photo["distance"] for photo in answer["similar"]]
    assert distances == pytest.approx([photo["distance"] for photo in ours], abs=0.005)


def test_a_new_edition_takes_over_whole(browser: Any, tmp_path: Path) -> None:
    site, public = make_furnished_site(tmp_path / "mysite"), tmp_path / "public"
    bake(site, public)
    context = browser.new_context()
    page = context.new_page()
    with serving_files(public) as (address, _):
        photo = f"{address}critters/photos/1/"
        page.goto(photo, wait_until="networkidle")
        page.evaluate("navigator.serviceWorker.ready")
        wait_for_kept(page, photo)
        with closing(open_database(site / DATABASE_NAME)) as db:
            db["taxa"].update(COUGAR, {"common_name": "Mountain Lion"})
        bake(site, public)
        page.goto(photo)
        assert page.locator("h1").inner_text() == "Cougar"
        for _ in range(VISITS):  # until the new edition is there, of which nothing is said
            page.goto(photo)
            if page.locator("h1").inner_text() == "Mountain Lion":
                break
            page.wait_for_timeout(VISIT_MS)
    # What was kept of the old edition was fetched anew, before the new one took over.
    page.goto(photo)
    assert page.locator("h1").inner_text() == "Mountain Lion"
    context.close()


@pytest.mark.slow
@pytest.mark.skipif(not TAB, reason="the runtime files are not here (critterdb runtime)")
def test_datasette_answers_in_the_tab_and_then_offline(browser: Any, folder: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    with serving_files(folder / "public") as (address, sent):
        page.goto(f"{address}critters/photos/1/", wait_until="networkidle")
        page.click("text=Database row")
        page.click("#start")
        tab = page.frame_locator("#tab")
        tab.locator("text=Onymous").first.wait_for(timeout=START_MS)
        assert page.url.endswith("explore/#/critters/photos/1")
        assert [entry for entry in sent if "/explore/tab/" in entry[0]] == []
        page.evaluate("location.hash = '#/critters/photos?_facet=license_code'")
        tab.locator(".facet-info-name", has_text="license_code").first.wait_for()
        page.evaluate("location.hash = '#/-/critters/species'")
        tab.locator("h1:has-text('Critters')").wait_for()
    page.goto(f"{address}critters/photos/1/")
    page.goto(f"{address}explore/#/critters?sql=select+6*7+as+answer")
    page.click("#start")
    page.frame_locator("#tab").locator("td:has-text('42')").wait_for(timeout=START_MS)
    context.close()


def wait_for_kept(page: Any, address: str) -> None:
    for _ in range(VISITS):
        if page.evaluate("address => caches.match(address).then(Boolean)", address):
            return
        page.wait_for_timeout(VISIT_MS)
    raise AssertionError(f"{address} is not kept")


def test_a_list_of_photos_is_light(browser: Any, served: tuple[str, Sent]) -> None:
    """Of drawn pictures; benchmarks/static_site.py measures real ones."""
    address, sent = served
    sent.clear()
    with closed_page(browser, complaint="blocked", service_workers="block") as page:
        page.goto(f"{address}critters/species/{COUGAR}/", wait_until="networkidle")
    thumbnails = [size for path, _, size in sent if path.endswith("-240.webp")]
    assert thumbnails
    assert max(thumbnails) <= 10_000
    assert not [path for path, _, _ in sent if "/photos/" in path and path.endswith(".jpg")]
