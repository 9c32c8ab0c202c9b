"""What all pages of a site are made from besides its rows, as one digest."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE_VARIABLE = "XDG_CACHE_HOME"
MADE_FROM = (".py", ".html", ".css", ".js", ".mjs", ".json", ".toml", ".sql")
FOLDERS = ("templates", "plugins", "static", "pictures")


def recipe_of(copy: Path, base_url: str | None) -> str:
    """Return a digest of the code and of a copy's settings, templates and kept pictures."""
    versions = code_digest(), base_url, version("datasette"), version("jinja2")
    digest = hashlib.sha256(repr(versions).encode())
    settings = sorted(
        [*copy.glob("metadata.*"), *copy.glob("datasette.*"), *copy.glob("catalogue.toml")]
    )
    for file in [*settings, *(path for name in FOLDERS for path in _files(copy / name))]:
        # The wheel in plugins/ is rebuilt each time, from the code that is counted above.
        if file.suffix != ".whl":
            digest.update(str(file.relative_to(copy)).encode() + file.read_bytes())
    return digest.hexdigest()


@cache
def code_digest() -> str:
    """Return a digest of critterdb's own files."""
    digest = hashlib.sha256()
    package = Path(str(files("critterdb")))
    for file in _files(package, MADE_FROM):
        digest.update(str(file.relative_to(package)).encode() + file.read_bytes())
    return digest.hexdigest()


def _files(folder: Path, suffixes: tuple[str, ...] | None = None) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and (suffixes is None or file.suffix in suffixes):
            yield file


def cache_file(folder: Path, kind: str) -> Path:
    """Return where what is known of a baked folder's pages, or photos, is kept between two runs."""
    home = Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache")
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
    return home / "critterdb" / "static" / f"{name}.{kind}.gz"
