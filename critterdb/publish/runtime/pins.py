"""Which files from which packages a site needs in the browser, by version and hash: pinned.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Literal

Group = Literal["classify", "explore"]
"""What the files are for: classification, or Datasette in the tab."""

GROUPS: tuple[Group, ...] = ("classify", "explore")
WHEELS_FOLDER = "wheels"


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry; `integrity` is its tarball's, `files` have a SHA-256 each."""

    name: str
    version: str
    group: Group
    license: str
    bytes: int
    integrity: str
    files: dict[str, str]

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"

    @property
    def kept(self) -> dict[str, str]:
        """Where each file is kept, below the folder of the runtime files, and its SHA-256."""
        return {
            f"{self.folder}/{PurePosixPath(path).name}": sha256
            for path, sha256 in self.files.items()
        }


@dataclass(frozen=True)
class PinnedWheel:
    """A wheel of the package index."""

    name: str
    version: str
    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Pins:
    """All packages; `python` is the version of Python that the wheels are for."""

    npm: tuple[NpmPackage, ...]
    python: str
    wheels: tuple[PinnedWheel, ...]

    def packages(self, group: Group) -> list[NpmPackage]:
        return [package for package in self.npm if package.group == group]

    def files(self, group: Group) -> dict[str, str]:
        """Paths below the folder of the runtime files, with the SHA-256 that each must have."""
        found: dict[str, str] = {}
        for package in self.packages(group):
            found |= package.kept
        if group == "explore":
            found |= {f"{WHEELS_FOLDER}/{wheel.file}": wheel.sha256 for wheel in self.wheels}
        return found


def parse_pins(text: str) -> Pins:
    """Parse what pinned.json holds."""
    data = json.loads(text)
    return Pins(
        tuple(NpmPackage(**package) for package in data["npm"]),
        data["python"],
        tuple(PinnedWheel(**wheel) for wheel in data["wheels"]),
    )


@cache
def pins() -> Pins:
    """Return the pins of this version of critterdb."""
    return parse_pins(files(__package__).joinpath("pinned.json").read_text("utf-8"))
