"""A baked site, and a reading of all its pages as a crawler has it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from critterdb.publish.static_site.bake import StaticOptions, StaticSite, publish_static
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import share_compiled_templates

if TYPE_CHECKING:
    from pathlib import Path

LOADED = {"img", "script", "link", "iframe", "source", "use"}
LINKS = {"href", "src", "srcset", "action", "poster", "data-root"}
# Below this path the folder is read: the links have to be right at any.
ROOT = "http://127.0.0.1/some/where/"


def bake(site: Path, folder: Path, **options: object) -> StaticSite:
    """Publish a site as static files, as the command does."""
    share_compiled_templates()  # a sixth of the time
    db = open_database(site / DATABASE_NAME)
    try:
        return publish_static(db, folder, StaticOptions(**options))  # type: ignore[arg-type]
    finally:
        db.close()


@dataclass
class Reading(HTMLParser):
    """The links of a page: what it loads, where it leads, and the ids that it has."""

    loaded: list[str] = field(default_factory=list)
    leads_to: list[str] = field(default_factory=list)
    policy: str = ""
    tags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if values.get("rel") == "canonical":
            return
        for name in LINKS & values.keys():
            addresses = [values[name]]
            if name == "srcset":
                addresses = [part.split()[0] for part in values[name].split(",")]
            (self.loaded if tag in LOADED else self.leads_to).extend(addresses)


def read_page(file: Path) -> Reading:
    reading = Reading()
    reading.feed(file.read_text("utf-8"))
    return reading


def pages(folder: Path) -> dict[str, Path]:
    """Every page by its path below the folder, as a visitor has it; without 404.html."""
    return {
        re.sub(r"index\.html$", "", file.relative_to(folder).as_posix()): file
        for file in sorted(folder.rglob("index.html"))
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def problems(folder: Path) -> list[str]:
    """What a crawler finds wrong with the links of all pages."""
    found = []
    for path, file in pages(folder).items():
        reading = read_page(file)
        for address in reading.loaded + reading.leads_to:
            wrong = _wrong(folder, path, address, is_loaded=address in reading.loaded)
            if wrong:
                found.append(f"{path}: {address} {wrong}")
    return found


def _wrong(folder: Path, path: str, address: str, *, is_loaded: bool) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return "is loaded from another host" if is_loaded else ""
    if address.startswith("/"):
        return "is absolute"
    target = urljoin(ROOT + path, address)
    if not target.startswith(ROOT):
        return "leads out of the folder"
    name = unquote(urlsplit(target).path.removeprefix(urlsplit(ROOT).path))
    file = folder / name / "index.html" if name.endswith("/") or not name else folder / name
    return "" if file.is_file() else "leads nowhere"
