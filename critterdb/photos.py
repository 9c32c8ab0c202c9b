"""Photo files ↔ photo rows: download, check, place by content.

A file lies at `photos/ab/SHA256.jpg`, named by what it holds: one picture is stored once, and a
half-written one never has a name that a row could point to.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from .errors import Refusal, SourceError
from .fetch import Fetcher
from .images import MAX_IMAGE_BYTES, ImageInfo, image_format, read_image
from .pace import Pace, is_inaturalist, user_agent
from .schema import SiteDatabase, site_folder, utc_now

TRAINING_SIZE = "medium"  # 500 pixels on the longer side
WORKERS = 4
BATCH = 16
TIMEOUT_S = 30.0

_SIZE_WORD = re.compile(r"/(square|thumb|small|medium|large|original)(?=\.\w+(\?|$))")


@dataclass
class DownloadReport:
    """What a download did: files placed, their bytes, and photos that could not be had."""

    photos: int = 0
    bytes: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Download:
    """One photo's outcome: its file and facts, or the reason why there is none."""

    photo_id: int
    data: bytes = b""
    info: ImageInfo | None = None
    error: str | None = None


def photo_url(url: str, size: str = TRAINING_SIZE) -> str:
    """The address of a photo at another size; iNaturalist's differ in one word."""
    return _SIZE_WORD.sub(f"/{size}", url, count=1)


def place_photo(site: Path, data: bytes, suffix: str) -> tuple[str, str]:
    """Keep `data` under its SHA-256 in the site; return the hash and the path relative to the site.

    Written beside its place and renamed, so that a killed process leaves no half photo there.
    Raises SourceError where the disk does not take it.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    path = f"photos/{sha256[:2]}/{sha256}.{suffix}"
    target = site / path
    if target.is_file() and target.stat().st_size == len(data):
        return sha256, path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=site / "photos", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(partial, target)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SourceError(
            f"A photo could not be kept: {error}. Make room on the disk, then run it again"
        ) from error
    return sha256, path


def remove_partial_files(site: Path) -> None:
    """Clear away what a killed download left behind; no row ever named it."""
    for partial in (site / "photos").glob("*.part"):
        partial.unlink(missing_ok=True)


def fetch_photos(
    db: SiteDatabase,
    game: str,
    *,
    pace: Pace,
    trusted: str,
    progress: Callable[[int, int], None] | None = None,
) -> DownloadReport:
    """Download the photos of a game that have no file yet, those that failed before included.

    `trusted` is the configured server: photos on its own host and port, and on iNaturalist's hosts,
    are fetched directly; every other address goes through the guard. A photo that cannot be had
    keeps its reason in `error`. Raises SourceError where the byte limits or the disk are used up.
    """
    report = DownloadReport()
    site = site_folder(db)
    remove_partial_files(site)
    wanted = _missing_photos(db, game)
    headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
    with (
        httpx.Client(timeout=TIMEOUT_S, trust_env=False, headers=headers) as client,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        source = _PhotoSource(client, Fetcher(), httpx.URL(trusted))
        for start in range(0, len(wanted), BATCH):
            pace.check_bytes()
            batch = wanted[start : start + BATCH]
            downloads = list(pool.map(source.download, batch))
            pace.count_bytes(sum(len(download.data) for download in downloads))
            _save_downloads(db, site, downloads, report)
            if progress:
                progress(start + len(batch), len(wanted))
    return report


def _missing_photos(db: SiteDatabase, game: str) -> list[dict[str, Any]]:
    return list(
        db.query(
            """
            SELECT photos.id, photos.url
            FROM photos
            JOIN game_observations USING (observation_id)
            WHERE game_observations.game = ?
                AND game_observations.left_at IS NULL
                AND photos.path IS NULL
                AND photos.url IS NOT NULL
                AND photos.withdrawn_at IS NULL
            ORDER BY photos.id
            """,
            [game],
        )
    )


def _save_downloads(
    db: SiteDatabase, site: Path, downloads: list[Download], report: DownloadReport
) -> None:
    rows: list[dict[str, Any]] = []
    for download in downloads:
        if download.info is None:
            report.failed += 1
            rows.append({"id": download.photo_id, "error": download.error})
            continue
        sha256, path = place_photo(site, download.data, image_format(download.data))
        report.photos += 1
        report.bytes += download.info.bytes
        rows.append(
            {
                "id": download.photo_id,
                "sha256": sha256,
                "path": path,
                "width": download.info.width,
                "height": download.info.height,
                "bytes": download.info.bytes,
                "fetched_at": utc_now(),
                "error": None,
            }
        )
    with db.atomic():
        for row in rows:
            db["photos"].update(row.pop("id"), row)


class _PhotoSource:
    """Where photo bytes come from; used by several threads at once."""

    def __init__(self, client: httpx.Client, fetcher: Fetcher, trusted: httpx.URL) -> None:
        self.client = client
        self.fetcher = fetcher
        self.trusted = trusted

    def download(self, photo: dict[str, Any]) -> Download:
        url = photo_url(photo["url"])
        try:
            data = self._bytes(url)
            _, info = read_image(data)
        except Refusal as refusal:
            return Download(photo["id"], error=f"{refusal.code}: {refusal}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Download(photo["id"], error=f"{url}: {error or type(error).__name__}")
        return Download(photo["id"], data, info)

    def _bytes(self, url: str) -> bytes:
        address = httpx.URL(url)
        configured = (address.host, address.port) == (self.trusted.host, self.trusted.port)
        if not configured and not (address.scheme == "https" and is_inaturalist(address.host)):
            return self.fetcher.fetch(url)
        with self.client.stream("GET", address) as response:
            response.raise_for_status()
            return b"".join(_capped(response))


def _capped(response: httpx.Response) -> Iterator[bytes]:
    received = 0
    for chunk in response.iter_raw():
        received += len(chunk)
        if received > MAX_IMAGE_BYTES:
            raise Refusal("too_large", "The photo is over 10 MB")
        yield chunk
