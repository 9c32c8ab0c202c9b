"""Debian's chromium, kept from everything but loopback, and what the tests do with it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The shell is the same browser without its own windows, and takes half of the processor time.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
# Names lead nowhere; what has no name to look up is caught by `closed_page`.
CLOSED = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
# A field for a date has a stop for each of its parts, and one for its calendar.
STOPS_OF_A_DATE = 4
WATCH_FOCUS = """(stopsOfDate) => {
    const usable = [...document.querySelectorAll(
        'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
    )].filter(one => one.checkVisibility() && !one.disabled)
      // Of radio buttons, Tab stops at the one that is chosen; arrow keys choose another.
      .filter(one => one.type !== 'radio' || one.checked);
    const reached = new Map();
    document.addEventListener('focusin', ({ target }) => {
        const style = getComputedStyle(target);
        const isMarked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
        if (!reached.has(target)) reached.set(target, isMarked);
    });
    const html = one => one.outerHTML.slice(0, 160);
    window.tabStops = () => ({
        usable: usable.map(html),
        reached: [...reached.keys()].map(html),
        unmarked: [...reached].filter(([, isMarked]) => !isMarked).map(([one]) => html(one)),
    });
    const dates = usable.filter(one => one.type === 'date').length;
    return usable.length + dates * (stopsOfDate - 1);
}"""


def skip_without_browser() -> None:
    if not CHROMIUM and os.environ.get("CRITTERDB_REQUIRE_BROWSER") != "1":
        pytest.skip(
            "the browser tests are left out: there is no chromium here (apt install chromium)",
            allow_module_level=True,
        )


@contextmanager
def open_browser(program: str | None = CHROMIUM) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    assert program, "CRITTERDB_REQUIRE_BROWSER=1, and there is no chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CLOSED)
        yield browser
        browser.close()


@contextmanager
def closed_page(browser: Any, *, complaint: str | None = None, **options: Any) -> Iterator[Any]:
    """A page of its own that may ask loopback only, and has nothing to complain of at the end.

    Complaints that have `complaint` in them are expected.
    """
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **options})
    page = context.new_page()
    problems: list[str] = []
    elsewhere: list[str] = []

    def note(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and parts.hostname != "127.0.0.1":
            elsewhere.append(request.url)

    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", note)
    yield page
    context.close()
    expected = ["Failed to load resource", *([complaint] if complaint else [])]
    left = [text for text in problems if not any(words in text for words in expected)]
    assert left == [], left
    assert elsewhere == []


def findings(page: Any, *rules: str) -> list[str]:
    """What axe finds on the page, by these rules or by all, each with its place.

    The script is loaded once for each page.
    """
    from axe_playwright_python.base import AXE_SCRIPT

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = {"resultTypes": ["violations"], **({"runOnly": [*rules]} if rules else {})}
    found = page.evaluate("options => axe.run(options)", options)
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:160]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@dataclass(frozen=True)
class TabStops:
    """The HTML of what can be used on a page, and of what the Tab key reaches, in their order."""

    usable: list[str]
    reached: list[str]
    unmarked: list[str]  # reached, and nothing shows it


def press_tab_through(page: Any) -> TabStops:
    """Press Tab until everything on the page had its turn."""
    for _ in range(page.evaluate(WATCH_FOCUS, STOPS_OF_A_DATE)):
        page.keyboard.press("Tab")
    return TabStops(**page.evaluate("tabStops()"))


def drop(page: Any, file: Path) -> None:
    """Drop a file onto the page, as a hand does."""
    data = list(file.read_bytes())
    carrier = page.evaluate_handle(
        """([name, bytes]) => {
            const carrier = new DataTransfer();
            carrier.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
            return carrier;
        }""",
        [file.name, data],
    )
    for event in ("dragover", "drop"):
        page.dispatch_event("main", event, {"dataTransfer": carrier})


def paste(page: Any, png: bytes) -> None:
    """Put a picture on the clipboard and press Control and V."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (bytes) => {
            const blob = new Blob([new Uint8Array(bytes)], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        list(png),
    )
    page.keyboard.press("Control+V")
