"""The site that commit b670562 made; tests/support/make_old_site.py says how."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ARCHIVE = Path(__file__).parents[1] / "data" / "old_site.zip"


@dataclass(frozen=True)
class OldSite:
    """The folder of the site, pictures that no model has seen, and what the old program said."""

    folder: Path
    pictures: Path
    expected: dict[str, Any]


def unpack_old_site(target: Path) -> OldSite:
    """A fresh copy of the old site below `target`."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(target)
    expected = json.loads((target / "expected.json").read_text("utf-8"))
    return OldSite(target / "site", target / "pictures", expected)
