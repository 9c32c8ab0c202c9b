"""Open the engine that a person named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .engine import LocalEngine
from .ray_engine import RayEngine

if TYPE_CHECKING:
    from .engine import Engine


def open_engine(name: str) -> Engine:
    """Return the engine called `local` or `ray`; Ray itself is imported when it has work."""
    return RayEngine() if name == "ray" else LocalEngine()
