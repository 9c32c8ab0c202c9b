"""The commands. `critterdb.cli:main` is the entry point."""

from .group import main

__all__ = ["main"]
