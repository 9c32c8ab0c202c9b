"""The place of each address of the served site in the folder, and the relative links to it.

`/-/critters/species/42?before=7` becomes `critters/species/42/before-7/`, and its JSON
`critters/species/42/before-7.json`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from critterdb.web import urls

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPLORE = "explore/"
HOME = "critters/"
CLASSIFY = "classify/"
INDEX = "index.html"
STATIC = "/-/critterdb/static/"
PHOTOS = "/-/critterdb/photos/"
PICTURES = "/-/critterdb/pictures/"
# File systems allow 255 bytes in a name, and a suffix follows.
MAX_NAME_BYTES = 200
# Every page links to the same few dozen others, and each link is looked at several times.
REMEMBERED = 100_000

_PAGE = re.compile(r"^/-/(critters(?:/.*?[^/])?|classify)(\.json|\.atom|\.ics)?$")
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.-]")
# Queries that a page links to and that have finitely many answers.
_QUERIES: Mapping[str, frozenset[str]] = {
    urls.HISTORY: frozenset({"game", "before"}),
    urls.COMPARE: frozenset({"a", "b"}),
}
_SPECIES = re.compile(rf"^{urls.SPECIES}/-?\d+$")
_CONFUSION = re.compile(rf"^{urls.MODELS}/[^/]+/confusion$")
_MODEL = re.compile(rf"^{urls.MODELS}/[^/]+$")
# A person has to sign in for these, or their rows are not published.
_ELSEWHERE = re.compile(rf"^{urls.HOME}/(review|answers|host|predictions(/.*)?)$")


@dataclass(frozen=True)
class Addresses:
    """The folder's files by the address that the server has for them.

    `photos` and `pictures` give the path of a file by its SHA-256; `tables` is the address below
    which Datasette lists the tables, and `other_files` are paths below the site's own `/static/`.
    """

    photos: Mapping[str, str]
    pictures: Mapping[str, str]
    tables: str
    other_files: frozenset[str] = field(default_factory=frozenset)

    def place(self, address: str) -> str | None:
        """Return the place of an address, relative to the folder; None if it has none there.

        The place of a page ends in a slash. A query of a file's version and a fragment are kept.
        """
        parts = urlsplit(address)
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        version = f"?{parts.query}" if parts.query else ""
        path = parts.path
        if path.startswith(STATIC):
            return path.removeprefix("/-/") + version
        if path.startswith(PHOTOS):
            return self.photos.get(path.removeprefix(PHOTOS))
        if path.startswith(PICTURES):
            return self.pictures.get(path.removeprefix(PICTURES))
        if path.startswith("/static/"):
            name = path.removeprefix("/")
            return name + version if name in self.other_files else None
        if path in ("", "/"):
            return HOME + fragment
        if is_page(address):
            return page_place(address) + fragment
        if path == self.tables or path.startswith(f"{self.tables}/"):
            return f"{EXPLORE}#{path}{version}"
        return None


@lru_cache(REMEMBERED)
def is_page(address: str) -> bool:
    """Whether an address is one of our pages (or its JSON or feed) that a folder can hold."""
    parts = urlsplit(address)
    match = _PAGE.match(parts.path)
    if not match:
        return False
    path, suffix = parts.path.removesuffix(match[2] or ""), match[2]
    if _ELSEWHERE.match(path) or (path == urls.CLASSIFY and suffix):
        return False
    return {name for name, _ in parse_qsl(parts.query)} <= _names(path, suffix)


def _names(path: str, suffix: str | None) -> frozenset[str]:
    if _SPECIES.match(path):
        return frozenset({"before"})
    if _CONFUSION.match(path):
        return frozenset({"actual", "predicted"})
    if _MODEL.match(path) and suffix == ".json":
        return frozenset({"part"})
    return _QUERIES.get(path, frozenset())


@lru_cache(REMEMBERED)
def page_place(address: str) -> str:
    """Return the place of one of our pages, of its JSON or of its feed."""
    parts = urlsplit(address)
    match = _PAGE.match(parts.path)
    assert match, address
    names = [file_name(unquote(name)) for name in match[1].split("/")]
    names += [file_name(f"{name}-{value}") for name, value in sorted(parse_qsl(parts.query))]
    return "/".join(names) + (match[2] or "/")


def file_name(text: str) -> str:
    """Return a name that every file system and every static host takes as it is.

    Different texts have different names: what is not plain is written as `~` and its code.
    """
    name = _UNSAFE.sub(lambda match: b"~%02x" % match[0][0], text.encode()).decode()
    if name.startswith("."):
        name = f"~2e{name[1:]}"
    if len(name) > MAX_NAME_BYTES:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        name = f"{name[:MAX_NAME_BYTES]}~{digest}"
    return name


def file_of(place: str) -> str:
    """Return the file that a static server sends for a place."""
    path = place.partition("#")[0].partition("?")[0]
    return f"{path}{INDEX}" if path.endswith("/") or not path else path


def relative(target: str, place: str) -> str:
    """Return the link from the page or file at `place` to `target`, both relative to the folder."""
    path, mark, rest = _split(target)
    folder = place.partition("?")[0].split("/")[:-1]
    names = [name for name in path.split("/") if name]
    shared = 0
    while shared < min(len(folder), len(names)) and folder[shared] == names[shared]:
        shared += 1
    link = "/".join([".."] * (len(folder) - shared) + names[shared:]) or "."
    slash = "/" if (not path or path.endswith("/")) and not link.endswith("/") else ""
    # A name with a colon would be read as a scheme; ours have none, the site's own may.
    first = "./" if ":" in link.partition("/")[0] else ""
    return f"{first}{link}{slash}{mark}{rest}"


def _split(target: str) -> tuple[str, str, str]:
    match = re.search(r"[?#]", target)
    if not match:
        return target, "", ""
    return target[: match.start()], match[0], target[match.end() :]
