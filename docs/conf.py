"""Sphinx: the documentation as a site with search. `make site` builds it.

The source folder is the whole checkout, so that the links between README.md, docs/ and the files
that they name work on the site as they do in the checkout.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HOME = "README"
# The navigation. A page that is missing here is a warning, which fails the build.
NAVIGATION = {
    "To use it": (
        "tutorial cli api python settings bot rounds calendar security deployment scale cluster"
    ),
    "To read its results": "models pages schema",
    "To judge it": "benchmarks architecture decisions",
}
OF_THE_PROJECT = "docs/README CHANGELOG CONTRIBUTING SECURITY CODE_OF_CONDUCT"

project = "critterdb"
html_title = project
copyright = "the critterdb maintainers, Apache-2.0"
extensions = ["myst_parser"]
root_doc = HOME
include_patterns = ["*.md", "docs/*.md"]
exclude_patterns = [".venv*", "build", "critterdb", "tests"]
myst_heading_anchors = 6  # named as GitHub names them
html_theme = "furo"
html_copy_source = False


def navigation() -> str:
    groups = {
        caption: [f"docs/{name}" for name in names.split()] for caption, names in NAVIGATION.items()
    }
    groups["The project"] = OF_THE_PROJECT.split()
    return "\n".join(
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```", ""])
        for caption, names in groups.items()
    )


def add_navigation(_app: Sphinx, name: str, text: list[str]) -> None:
    """Not in the file, where GitHub would show it."""
    if name == HOME:
        text[0] += "\n" + navigation()


def copy_home(app: Sphinx, error: Exception | None) -> None:
    if not error and app.builder.name == "html":
        shutil.copyfile(Path(app.outdir, f"{HOME}.html"), Path(app.outdir, "index.html"))


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_navigation)
    app.connect("build-finished", copy_home)
