"""Import sqlite-utils without numpy and pandas, in a process that runs one command and no more."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAVY = ("numpy", "pandas")
PLUGIN_NAME = "critterdb_plugin.py"

_claims: set[str] = set()


def has_other_plugins(folder: Path) -> bool:
    """Whether a Datasette on this folder has plugins of others, which share its process."""
    # Datasette imports it anyway, and `critterdb --help` need not.
    from importlib.metadata import entry_points

    if os.environ.get("DATASETTE_LOAD_PLUGINS") != "" and entry_points(group="datasette"):
        return True
    return any(file.name != PLUGIN_NAME for file in (folder / "plugins").glob("*.py"))


def claim_process(command: str) -> None:
    """Record that nothing but `command` uses this process, so that HEAVY may be left out."""
    _claims.add(command)


@contextmanager
def without_heavy_packages() -> Iterator[None]:
    """Within the block, importing HEAVY fails as if they were not installed.

    Only in a claimed process. In others, such as a program that imports critterdb or a Datasette
    with more plugins, sqlite-utils has to keep the types of numpy's and pandas' values: without
    them it raises KeyError when somebody makes a table from such values.
    """
    # Another thread might import numpy at the same moment, which would fail.
    if not _claims or threading.active_count() > 1:
        yield
        return
    hidden = [name for name in HEAVY if name not in sys.modules]
    # A None there is Python's own sign for a module that must not be imported.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
