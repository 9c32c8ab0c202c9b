"""The form as somebody who is signed in sends it, with a script and without; and a thief's."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.fakes.server import Request, StandIn
from tests.support.browser import closed_page, open_browser, skip_without_browser
from tests.support.datasette_site import add_model, jpeg, make_site, open_datasette, rows, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

skip_without_browser()

SERVE = ["-m", "critterdb", "serve", "--port", "{port}"]


class ThiefsPage(StandIn):
    """A page elsewhere that sends a form to the site as soon as it is opened."""

    target = ""

    def handle(self, request: Request) -> None:
        page = (
            f'<form action="{self.target}/-/classify" method="post" enctype="multipart/form-data">'
            '<input name="url" value="https://example.org/a.jpg"></form>'
            "<script>document.forms[0].submit()</script>"
        )
        request.answer(page.encode(), kind="text/html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, str]]:
    """A site for those who are signed in: its address, its folder and the cookie of one of them."""
    folder = make_site(tmp_path_factory.mktemp("forms") / "mysite", allow={"id": "ann"})
    add_model(folder)
    secret = secrets.token_hex()
    cookie = open_datasette(folder, secret=secret).sign({"a": {"id": "ann"}}, "actor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATASETTE_SECRET", secret)
        with serving(folder, SERVE) as address:
            yield address, folder, cookie


def sign_in(page: Any, address: str, cookie: str) -> None:
    page.context.add_cookies([{"name": "ds_actor", "value": cookie, "url": address}])


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
def test_who_is_signed_in_can_send_a_photo(
    browser: Any, site: tuple[str, Path, str], tmp_path: Path, script: bool
) -> None:
    address, folder, cookie = site
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("red" if script else "lime"))
    before = set(folder.rglob("*"))
    with closed_page(browser, java_script_enabled=script) as page:
        sign_in(page, address, cookie)
        page.goto(f"{address}/-/classify")
        page.set_input_files("#image", photo)
        if not script:
            page.click("form.by-file button")
        page.wait_for_selector("#result .bars", state="attached")
        headline = page.locator("#result h2").inner_text()
    assert headline == ("Cougar" if script else "Bobcat")
    assert {file for file in set(folder.rglob("*")) - before if "critters.db" not in file.name} == (
        set()
    )


def test_who_is_not_is_asked_to_sign_in(browser: Any, site: tuple[str, Path, str]) -> None:
    address, _, _ = site
    with closed_page(browser) as page:
        response = page.goto(f"{address}/-/classify")
        assert response.status == 403
        assert "Sign in" in page.locator("#result").inner_text()


def test_another_page_cannot_send_it_for_them(browser: Any, site: tuple[str, Path, str]) -> None:
    address, folder, cookie = site
    before = rows(folder, "SELECT count(*) AS n FROM predictions")
    ThiefsPage.target = address
    with ThiefsPage() as thief, closed_page(browser) as page:
        sign_in(page, address, cookie)
        page.goto(f"{address}/-/classify")
        with page.expect_response(f"{address}/-/classify") as waiting:
            page.goto(thief.base)
        assert waiting.value.status == 403
        assert "cookie" in waiting.value.request.all_headers()
    assert rows(folder, "SELECT count(*) AS n FROM predictions") == before
