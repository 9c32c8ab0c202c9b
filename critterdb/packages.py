"""Say how to install an extra, from wherever this critterdb itself came from."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

Extra = Literal["train", "bot", "llm", "bulk", "cluster"]


def install_command(extra: Extra) -> str:
    """Return the command that installs an extra: from a checkout, a file, or the package index."""
    checkout = Path(__file__).parents[1]
    if (checkout / "pyproject.toml").is_file():
        return f"pip install -e {shlex.quote(f'{checkout}[{extra}]')}"
    source = _installed_from()
    if source and source.exists():
        return f"pip install {shlex.quote(f'{source}[{extra}]')}"
    return f"pip install 'critterdb[{extra}]'"


def _installed_from() -> Path | None:
    """The folder or wheel that pip was given, as it notes down itself (PEP 610)."""
    try:
        noted = distribution("critterdb").read_text("direct_url.json")
        parts = urlsplit(json.loads(noted or "{}").get("url") or "")
    except (PackageNotFoundError, ValueError, AttributeError):
        return None
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
