"""Sites that many tests begin with: each is made once in a process, and copied."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.storage.database import DATABASE_NAME, open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_made: dict[Hashable, Path] = {}


@cache
def _templates() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="critterdb-templates-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def copy_of(key: Hashable, make: Callable[[Path], object], folder: Path) -> Path:
    """Copy to `folder` what `make` puts into a folder; it runs once for each key."""
    if key not in _made:
        template = _templates() / str(len(_made))
        make(template)
        _made[key] = template
    return Path(shutil.copytree(_made[key], folder, dirs_exist_ok=True))


def put_empty_database(folder: Path) -> None:
    """Write a database with every table and no row to `folder`, as open_database creates it."""
    (folder / DATABASE_NAME).write_bytes(_empty_database())


@cache
def _empty_database() -> bytes:
    file = _templates() / DATABASE_NAME
    open_database(file, create=True).close()
    return file.read_bytes()
