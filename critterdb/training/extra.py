"""Say that a package of the train extra is missing, and how to install it."""

from __future__ import annotations

from critterdb.packages import install_command


def missing_package(name: str | None) -> str:
    """Return the message of the error for a package that could not be imported."""
    return f"Training needs the package {name}. Install it with: {install_command('train')}"
