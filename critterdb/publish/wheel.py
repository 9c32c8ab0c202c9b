"""The running critterdb as a wheel, so that a container gets the version that made its site.

A published folder must not depend on where its critterdb once came from: a checkout, a private
index, or a version that nobody else has.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from critterdb._version import __version__
from critterdb.errors import SiteError
from critterdb.site.folder import DOCKERFILE, SITE_FILES, site_source

from .site_files import PAGE_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = (
    "Wheel-Version: 1.0\nGenerator: critterdb {version}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
)
# The files beside *.py: what setup.py's package_data names, path by path below the package.
PACKAGE_DATA = (
    "py.typed",
    "storage/migrations/*.sql",
    "bot/words.toml",
    "bot/calendar/catalogue.toml",
    "bot/reading/weights.json",
    "publish/rules.sql",
    "publish/README.template.md",
    "publish/static_site/assets/*.js",
    "publish/runtime/pinned.json",
    "publish/runtime/licences/*.txt",
    "web/templates/*.html",
    *(f"web/static/*{suffix}" for suffix in PAGE_FILES),
    *(f"web/static/classifier/*{suffix}" for suffix in PAGE_FILES),
    "web/charts/*.json",
)
# The earliest time that a zip file can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same program gives the same bytes


def write_wheel(folder: Path) -> Path:
    """Write `critterdb-VERSION-py3-none-any.whl` into `folder`; return its path.

    Raises SiteError where critterdb was never installed, so that nobody knows what it depends on.
    """
    # A checkout that is on the path has an egg-info beside the code, which is not an installation.
    everywhere = distributions(name="critterdb")
    installed = next(
        (distribution for distribution in everywhere if distribution.read_text("METADATA")), None
    )
    if installed is None:
        raise SiteError(
            "critterdb is not installed, so it cannot make a wheel of itself. "
            "Install it with: pip install -e ."
        )
    path = folder / f"critterdb-{__version__}-py3-none-any.whl"
    info = f"critterdb-{__version__}.dist-info"
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:

        def add(name: str, data: bytes) -> None:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            record.append(f"{name},sha256={digest.decode()},{len(data)}\n")

        for name, file in package_files():
            add(name, file.read_bytes())
        for name, text in _metadata(installed):
            add(f"{info}/{name}", text.encode())
        wheel.writestr(f"{info}/RECORD", "".join([*record, f"{info}/RECORD,,\n"]))
    return path


def package_files() -> Iterator[tuple[str, Path]]:
    """What a wheel of critterdb holds: names inside it, and the files.

    Files of the kinds that belong to the package only: a note, a key or a database that somebody
    left in the folder must not go public in a container.
    """
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*")):
        name = file.relative_to(package)
        hidden = any(part.startswith((".", "__pycache__")) for part in name.parts)
        # A link could lead anywhere on this machine.
        plain = file.is_file() and not file.is_symlink()
        if plain and not hidden and name.parts[:2] != ("site", "files") and _belongs(name):
            yield f"critterdb/{name.as_posix()}", file
    for site_file in (*SITE_FILES, DOCKERFILE):
        yield f"critterdb/site/files/{site_file}", site_source() / site_file


def _belongs(name: PurePath) -> bool:
    """Whether a path below the package is code or data of it; a `*` stands for no slash."""
    if name.suffix == ".py":
        return True
    return any(
        name.match(pattern) and len(name.parts) == len(PurePath(pattern).parts)
        for pattern in PACKAGE_DATA
    )


def _metadata(installed: Distribution) -> Iterator[tuple[str, str]]:
    yield "METADATA", installed.read_text("METADATA") or ""
    yield "WHEEL", WHEEL.format(version=__version__)
    yield "entry_points.txt", installed.read_text("entry_points.txt") or ""
    yield "top_level.txt", "critterdb\n"
