"""Download one file of known size and hash, and go on where an earlier attempt stopped."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from critterdb.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from critterdb._types import Progress

ATTEMPTS = 5
FIRST_WAIT_S = 1.0  # doubled from attempt to attempt
TIMEOUT_S = 30.0
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
# A mirror that has another file than the original, or a proxy that answers with its own page.
OTHER_FILE = "returned another file than the one that critterdb expects"


@dataclass(frozen=True)
class Source:
    """A file on the web: its size in bytes, and its hash as npm writes it (`sha512-BASE64`)."""

    url: str
    bytes: int
    integrity: str


def integrity_of(path: Path) -> str:
    """Return a file's SHA-512 as npm writes it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    return f"sha512-{base64.b64encode(digest).decode()}"


def download(
    source: Source,
    partial: Path,
    *,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Fill `partial` with the file, after the bytes that it has from an earlier attempt.

    Raises SourceError if the file does not come, or is another one, which is then removed.
    """
    reason = ""
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client:
        for attempt in range(ATTEMPTS):
            if attempt:
                sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
            try:
                reason = _append(client, source, partial, progress)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason = str(error) or type(error).__name__
            if not reason:
                break
        else:
            raise SourceError(
                f"{source.url} could not be downloaded ({reason}). Check the network and run this "
                "again: it goes on where it stopped"
            )
    if integrity_of(partial) != source.integrity:
        partial.unlink()
        raise _other_file(source)


def _append(client: httpx.Client, source: Source, partial: Path, progress: Progress | None) -> str:
    """Ask for the missing bytes; return why they did not all come, or an empty string."""
    have = partial.stat().st_size if partial.exists() else 0
    if have == source.bytes:
        return ""
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with client.stream("GET", source.url, headers=headers) as response:
        if response.status_code in RETRIED:
            return f"status {response.status_code}"
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink()
            return "the file has another size"
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise SourceError(
                f"{source.url} returned status {response.status_code}. Check the address of the "
                "registry: npm config get registry"
            )
        goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT
        have = have if goes_on else 0
        with partial.open("ab" if goes_on else "wb") as file:
            # Without a size for blocks: what arrived before a connection broke is kept.
            for block in response.iter_raw():
                have += len(block)
                if have > source.bytes:
                    file.close()
                    partial.unlink()
                    raise _other_file(source)
                file.write(block)
                if progress:
                    progress(have, source.bytes)
    return "" if have == source.bytes else f"only {have:,} of {source.bytes:,} bytes came"


def _other_file(source: Source) -> SourceError:
    return SourceError(f"{source.url} {OTHER_FILE}. Use another registry, or --runtime FOLDER")
