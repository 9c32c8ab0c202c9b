"""Read a picture that somebody names: a file, or an http(s) URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.errors import MAX_IMAGE_BYTES, RejectedInputError, too_large

if TYPE_CHECKING:
    import os
    from typing import BinaryIO


def read_source(source: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file, or of a URL: a string with `://` in it.

    Raises RejectedInputError if there are none, or too many.
    """
    if isinstance(source, str) and "://" in source:
        from critterdb.fetch.fetcher import Fetcher

        return Fetcher().fetch(source)
    try:
        with Path(source).open("rb") as file:
            return read_stream(file)
    except OSError as error:
        raise RejectedInputError(
            "missing_image", f"{source}: {error.strerror}. Check the file name"
        ) from error


def read_stream(file: BinaryIO) -> bytes:
    """Return the bytes of an open file or pipe. Raises RejectedInputError if they are too many."""
    data = file.read(MAX_IMAGE_BYTES + 1)
    if len(data) > MAX_IMAGE_BYTES:
        raise too_large()
    return data
