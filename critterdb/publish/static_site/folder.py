"""The files of a baked site: what did not change is linked from the folder that it replaces."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

# Each file by its path, with a digest: for the service worker, and for the next run.
FILES = "files.json"
DIGEST_DIGITS = 16
# As many as web/files/static.py has in the addresses of style sheets and scripts.
VERSION_DIGITS = 12


def short_digest(data: bytes) -> str:
    """Return 64 bits of a SHA-256: enough to tell versions of a file apart."""
    return hashlib.sha256(data).hexdigest()[:DIGEST_DIGITS]


class Taken(NamedTuple):
    """Files that one process put into the folder, by their paths: their digests, and the new."""

    digests: dict[str, str]
    written: set[str]


class BakedFolder:
    """The new folder `made` of a site whose earlier edition lies at `before`.

    A file that did not change keeps its inode, and so the time at which it was written: programs
    that upload a folder go by that.
    """

    def __init__(self, made: Path, before: Path) -> None:
        self.made = made
        self.before = before
        self.digests: dict[str, str] = {}
        self.versioned: set[str] = set()
        self._written: set[str] = set()
        self._known = _read_digests(before)
        # Plain strings, and each folder made once: a site has ten thousand files to link.
        self._made, self._before = str(made), str(before)
        self._folders: set[str] = set()

    @property
    def written(self) -> int:
        """How many files are not the earlier edition's."""
        return len(self._written)

    def write(self, path: str, data: bytes) -> None:
        """Write a file, or link the earlier one if it has the same bytes. Raises OSError."""
        self.digests[path] = short_digest(data)
        with suppress(OSError):
            if (self.before / path).read_bytes() == data and self._link_earlier(path):
                return
        target = Path(self._target(path))
        # A page that was kept and is made again after all is the earlier edition's file so far.
        target.unlink(missing_ok=True)
        target.write_bytes(data)
        self._written.add(path)

    def write_versioned(self, path: str, data: bytes) -> str:
        """Write a file that pages ask for with its version; return its place with that."""
        self.write(path, data)
        return self.with_version(path)

    def with_version(self, path: str) -> str:
        """Return the place of a file that is here with its version, for pages to link to."""
        self.versioned.add(path)
        return f"{path}?v={self.digests[path][:VERSION_DIGITS]}"

    def keep(self, path: str) -> bool:
        """Take the earlier edition's file as it is; False if there is none."""
        digest = self._known.get(path)
        if digest is None or not self._link_earlier(path):
            return False
        self.digests[path] = digest
        return True

    def place(self, source: Path, path: str, digest: str) -> None:
        """Put the file `source` at `path`, whose name or `digest` changes with its content."""
        self.digests[path] = digest[:DIGEST_DIGITS]
        is_known = self._known.get(path) == self.digests[path]
        if is_known and self._is_as_large(source, path) and self._link_earlier(path):
            return
        self._written.add(path)
        if not self._link(str(source), path):
            shutil.copyfile(source, self._target(path))

    def take(self) -> Taken:
        """Return what was put here since the last time, and forget it."""
        taken = Taken(self.digests, self._written)
        self.digests, self._written = {}, set()
        return taken

    def add(self, taken: Taken) -> None:
        """Take files into the list that another process put here."""
        self.digests |= taken.digests
        self._written |= taken.written

    def adopt(self, path: str) -> None:
        """Take files that others wrote below a folder of the new edition."""
        for file in sorted((self.made / path).rglob("*")):
            if file.is_file():
                data, name = file.read_bytes(), file.relative_to(self.made).as_posix()
                file.unlink()
                self.write(name, data)

    def _is_as_large(self, source: Path, path: str) -> bool:
        """Whether the earlier edition's file was not cut short, by an upload tool for example."""
        with suppress(OSError):
            return (self.before / path).stat().st_size == source.stat().st_size
        return False

    def _link_earlier(self, path: str) -> bool:
        return self._link(f"{self._before}/{path}", path)

    def _target(self, path: str) -> str:
        """Where a file of the new edition goes, in a folder that is there."""
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            (self.made / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        return f"{self._made}/{path}"

    def _link(self, source: str, path: str) -> bool:
        target = self._target(path)
        try:
            os.link(source, target, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError:
            # Some file systems have no links, and some allow few of one file.
            if Path(source).is_symlink() or not Path(source).is_file():
                return False
            shutil.copy2(source, target)
        return True

    def write_list(self) -> str:
        """Write the list of files; return the edition's version, which changes with any of them."""
        listed = dict(sorted(self.digests.items()))
        version = short_digest(json.dumps(listed).encode())
        payload = {
            "version": version,
            "bytes": sum((self.made / path).stat().st_size for path in listed),
            "versioned": sorted(self.versioned),
            "files": listed,
        }
        self.write(FILES, (json.dumps(payload, separators=(",", ":")) + "\n").encode())
        return version


def _read_digests(folder: Path) -> dict[str, str]:
    try:
        files = json.loads((folder / FILES).read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    if not isinstance(files, dict):
        return {}
    return {path: digest for path, digest in files.items() if isinstance(digest, str)}
