"""Start Datasette 0.65 without its table of physical units, which takes half of a start.

It reads some thousand units at import, through pint and numpy, for tables whose metadata names
units. Later lines of Datasette have no units.
"""

from __future__ import annotations

import importlib
import sys
import threading
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS_MODULE = "datasette.vendored.pint"


class LazyRegistry:
    """A registry of units that is read when somebody first uses one."""

    def __init__(self) -> None:
        self._registry: Any = None

    def _read(self) -> Any:
        if self._registry is None:
            self._registry = importlib.import_module(UNITS_MODULE).UnitRegistry()
        return self._registry

    def __call__(self, text: Any) -> Any:
        return self._read()(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._read(), name)


@contextmanager
def units_read_later() -> Iterator[None]:
    """Within the block, let Datasette import without reading its units.

    Only where this comes before the first import of Datasette, and no other thread could meet the
    stand-in; elsewhere the block changes nothing.
    """
    if "datasette.app" in sys.modules or threading.active_count() > 1 or not has_units():
        yield
        return
    stand_in = ModuleType(UNITS_MODULE)
    stand_in.UnitRegistry = LazyRegistry  # type: ignore[attr-defined]
    sys.modules[UNITS_MODULE] = stand_in
    try:
        yield
    finally:
        del sys.modules[UNITS_MODULE]


def has_units() -> bool:
    """Whether this line of Datasette has units."""
    try:
        return find_spec(UNITS_MODULE) is not None
    except ModuleNotFoundError:
        return False
