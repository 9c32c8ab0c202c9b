"""The service worker of a baked site, with the version of the edition that it keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .addresses import INDEX
from .shell import MANIFEST, SCRIPT, STATIC, STYLE, asset

if TYPE_CHECKING:
    from .folder import BakedFolder

WORKER = "sw.js"
# Kept from the first visit on: what leads to everything else.
PAGES = ("critters/", "critters/history/", "critters/species/", "critters/models/", "explore/")


def write_worker(folder: BakedFolder) -> str:
    """Write the list of files and the service worker; return the edition's version."""
    pages = [page for page in PAGES if f"{page}{INDEX}" in folder.digests]
    files = [folder.with_version(path) for path in (f"{STATIC}/{STYLE}", SCRIPT)]
    version = folder.write_list()
    text = asset(WORKER).replace("{{ version }}", version)
    text = text.replace("{{ core }}", json.dumps([*pages, *files, MANIFEST]))
    folder.write(WORKER, text.encode())
    return version
