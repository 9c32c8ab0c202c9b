"""Write `explore/` of a baked site: the page that offers the data, and Datasette for the tab."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from critterdb.publish.runtime.classifier import PACKED, packed_file
from critterdb.publish.runtime.pins import WHEELS_FOLDER, pins
from critterdb.storage.database import DATABASE_NAME
from critterdb.web.pages.layout import layout_context

from .addresses import EXPLORE, INDEX
from .shell import asset

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.publish.runtime.pins import NpmPackage

    from .crawl import Crawl
    from .folder import BakedFolder

CONTENTS = f"{EXPLORE}contents.json"
RUNTIME = "runtime"
SITE = "site"
SCRIPTS = ("explore.js", "tab.js")
# What Datasette in the tab reads of the published copy, besides the database.
SETTINGS = ("metadata.*", "datasette.*", "inspect-data.json", "plugins/*.py", "templates/*.html")


@dataclass(frozen=True)
class Tab:
    """Datasette for the tab, written to the folder: the bytes that it fetches."""

    bytes: int


def write_tab(folder: BakedFolder, copy: Path, runtime: Path, database: str) -> Tab:
    """Write scripts, Pyodide, wheels and the site's settings; `database` is its place."""
    (package,) = pins().packages("explore")
    for name in SCRIPTS:
        folder.write(EXPLORE + name, asset(name).encode())
    names = [*_write_pyodide(folder, package, runtime)]
    wheels = [f"{RUNTIME}/{WHEELS_FOLDER}/{wheel.file}" for wheel in pins().wheels]
    sources = [runtime / WHEELS_FOLDER / wheel.file for wheel in pins().wheels]
    (own,) = copy.glob("plugins/critterdb-*.whl")
    for source, name in zip([*sources, own], [*wheels, f"{RUNTIME}/{own.name}"], strict=True):
        folder.write(EXPLORE + name, source.read_bytes())
        names.append(name)
    found = sorted(file for pattern in SETTINGS for file in copy.glob(pattern))
    settings = [file.relative_to(copy).as_posix() for file in found]
    for name in settings:
        folder.write(f"{EXPLORE}{SITE}/{name}", (copy / name).read_bytes())
    contents = {
        "script": f"{RUNTIME}/{package.folder}/pyodide.mjs",
        "wheels": [*wheels, f"{RUNTIME}/{own.name}"],
        "files": [
            {"from": f"../{database}", "to": DATABASE_NAME},
            *({"from": f"{SITE}/{name}", "to": name} for name in settings),
        ],
    }
    folder.write(CONTENTS, json.dumps(contents, indent=1).encode())
    fetched = [folder.made / EXPLORE / name for name in names]
    return Tab(sum(file.stat().st_size for file in [*fetched, folder.made / DATABASE_NAME]))


def _write_pyodide(folder: BakedFolder, package: NpmPackage, runtime: Path) -> list[str]:
    names = []
    for kept in package.kept:
        name = f"{RUNTIME}/{kept}"
        data = (runtime / kept).read_bytes()
        if kept.endswith(".wasm"):
            name, data = f"{name}{PACKED}", packed_file(runtime / kept)
        folder.write(EXPLORE + name, data)
        names.append(name)
    licence = files("critterdb.publish.runtime").joinpath("licences", f"{package.name}.txt")
    folder.write(f"{EXPLORE}{RUNTIME}/{package.folder}/LICENSE.txt", licence.read_bytes())
    return names


async def write_explore(
    crawl: Crawl, database: str, rows: dict[str, int], size: int, tab: Tab | None
) -> None:
    """Write the page that leads to the data. Raises OSError."""
    from datasette.utils.asgi import Request

    context = {
        **await layout_context(Request.fake(f"/{EXPLORE}"), crawl.datasette),
        "page_title": "All the data",
        "page_description": "The database behind these pages, as one SQLite file.",
        "tables": {name: count for name, count in rows.items() if not name.startswith("_")},
        "database_file": DATABASE_NAME,
        "database_bytes": size,
        "starts": tab is not None,
        "start_bytes": tab.bytes if tab else 0,
    }
    text = await crawl.datasette.render_template("critterdb_explore.html", context)
    page = crawl.rewriter.page(text, EXPLORE, crawl.head(EXPLORE))
    # The database lies in the folder, where the server has no such address.
    page.text = page.text.replace(f'href="{DATABASE_NAME}"', f'href="../{database}"')
    crawl.folder.write(f"{EXPLORE}{INDEX}", page.text.encode())
    crawl.add_page(EXPLORE)
