"""Write a file whole or not at all: photos, graphs, sessions, files of a site, backups.

A file is made beside its place under a name of its own and then renamed, so that neither a killed
process nor a full disk leaves half of it under a name that anything reads. The name is made new
(mkstemp), so no link that lies there is ever followed.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

READABLE_BY_ALL = 0o644
OWNER_ONLY = 0o600


@contextmanager
def replacing(
    path: Path, *, mode: int = READABLE_BY_ALL, folder: Path | None = None, suffix: str = ".part"
) -> Iterator[Path]:
    """An empty file to fill, which takes the name `path` at the end, or is removed on an error.

    It lies beside `path`, or in `folder` of the same file system, and its name ends in `suffix`.
    The block writes and closes it; here it is flushed to the disk. Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=folder or path.parent, suffix=suffix)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as file:
            # Renamed before its bytes are on the disk, a file can be empty after a power cut.
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner reads, and a site may be served by another user.
        partial.chmod(mode)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes, *, mode: int = READABLE_BY_ALL) -> None:
    """Write a file of these bytes, with the folders above it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode=mode) as partial:
        partial.write_bytes(data)
