"""A folder with the classifier of a static site in it, and what a browser says in it."""

from __future__ import annotations

import base64
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.publish.runtime.classifier import OfferedModel, write_classifier
from critterdb.publish.runtime.fetching import cache_folder, problem_files
from tests.support.static_server import serving_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.static_server import Sent

CLASSIFIER = "critterdb/static/classifier"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; frame-src 'self'; base-uri 'none'"
)
BARE_PAGE = f"""<!DOCTYPE html><title>classifier</title>
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<script type="module" src="{CLASSIFIER}/classifier.js"></script>"""
_CLASSIFY = """async (encoded) => {
    const answers = [];
    for (const text of encoded) {
        const data = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
        answers.push(await critterdb.classify(new Blob([data])));
    }
    return answers;
}"""


def skip_without_runtime() -> None:
    required = os.environ.get("CRITTERDB_REQUIRE_BROWSER") == "1"
    if problem_files(cache_folder(), "classify") and not required:
        pytest.skip(
            "the tests of the classifier are left out: the runtime files are not here "
            "(critterdb runtime)",
            allow_module_level=True,
        )


def write_classifier_site(folder: Path, *files: Path, runtime: Path | None = None) -> None:
    """Write a page that loads the classifier with these model files."""
    models = [OfferedModel(file.stem, "tints", file.stem, "Which?", file) for file in files]
    write_classifier(folder / CLASSIFIER, models, runtime or cache_folder())
    (folder / "index.html").write_text(BARE_PAGE, "utf-8")


@contextmanager
def classifier_site(folder: Path, *files: Path) -> Iterator[tuple[str, Sent]]:
    """The URL of such a page on a plain static server below a path, and the server's log."""
    write_classifier_site(folder, *files)
    with serving_files(folder) as served:
        yield served


def classify_in_browser(page: Any, photos: list[bytes]) -> list[dict[str, Any]]:
    """What the browser says of each of these files."""
    encoded = [base64.b64encode(data).decode() for data in photos]
    answers: list[dict[str, Any]] = page.evaluate(_CLASSIFY, encoded)
    return answers
