"""Photo files ↔ photo rows: download, check, place by content, withdraw.

A file lies at `photos/ab/SHA256.jpg`, named by what it holds: one picture is stored once, and a
half-written one never has a name that a row could point to.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from critterdb.errors import RejectedInputError
from critterdb.fetch.fetcher import Fetcher
from critterdb.imaging.decode import MAX_IMAGE_BYTES, ImageInfo, image_format
from critterdb.imaging.sandbox import shared_decoders
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.photo_store import place_photo
from critterdb.storage.timestamps import utc_now

from .rate_limit import Pace, is_inaturalist, user_agent

TRAINING_SIZE = "medium"  # 500 pixels on the longer side
WORKERS = 4
BATCH = 16
TIMEOUT_S = 30.0  # of silence
DEADLINE_S = 60.0  # for one whole photo
ATTEMPTS = 3  # in one run
MAX_RUNS = 5  # in which a photo may fail before it is left alone
REFUSED = ("status 403", "status 404")

NOT_TRIED = "not tried: the server of the photos before this one did not answer"
NO_ROOM = "not tried: there was no room to decode the photos before this one"

_SIZE_WORD = re.compile(r"/(square|thumb|small|medium|large|original)(?=\.\w+(\?|$))")
_PORTS = {"http": 80, "https": 443}


@dataclass
class DownloadReport:
    """What a download did: files placed, their bytes, and photos that could not be had."""

    photos: int = 0
    bytes: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Download:
    """One photo's outcome: its file and facts, or the reason why there is none.

    `received` counts every byte that came in for it; `silent` says that no server answered;
    `counts` whether this is one of its MAX_RUNS.
    """

    photo_id: int
    data: bytes = b""
    info: ImageInfo | None = None
    error: str | None = None
    received: int = 0
    silent: bool = False
    counts: bool = True


def photo_url(url: str, size: str = TRAINING_SIZE) -> str:
    """The address of a photo at another size; iNaturalist's differ in one word."""
    return _SIZE_WORD.sub(f"/{size}", url, count=1)


def fetch_photos(
    db: SiteDatabase,
    game: str,
    *,
    pace: Pace,
    trusted: str,
    look_again: Callable[[list[int]], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> DownloadReport:
    """Download the photos of a game that have no file yet, those that failed before included.

    `trusted` is the configured server: photos on its own host and port, and on iNaturalist's hosts,
    are fetched directly; every other address goes through the guard. A photo that cannot be had
    keeps its reason in `error`, and is left alone after MAX_RUNS; a run does not count where this
    machine had no room to decode it. Once a whole batch meets silence, or no room, the rest is left
    for a later run. Where an address is refused (403, 404), `look_again` is called with the
    observations, and photos that have another address by then are tried once more.
    Raises SourceError where the byte limits or the disk are used up.
    """
    report = DownloadReport()
    headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
    with (
        httpx.Client(timeout=TIMEOUT_S, trust_env=False, headers=headers) as client,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        source = _PhotoSource(client, Fetcher(), httpx.URL(trusted), sleep)

        def download(photos: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return _download_batches(db, photos, source, pool, pace, report, progress)

        refused = download(_missing_photos(db, game))
        if refused and look_again:
            look_again(sorted({photo["observation_id"] for photo in refused}))
            known = {photo["id"]: photo["url"] for photo in refused}
            moved = [
                photo
                for photo in _missing_photos(db, game)
                if known.get(photo["id"], photo["url"]) != photo["url"]
            ]
            report.failed -= len(moved)
            download(moved)
    return report


def _download_batches(
    db: SiteDatabase,
    wanted: list[dict[str, Any]],
    source: _PhotoSource,
    pool: ThreadPoolExecutor,
    pace: Pace,
    report: DownloadReport,
    progress: Callable[[int, int], None] | None,
) -> list[dict[str, Any]]:
    """Download photos, a batch a transaction; those whose address was refused."""
    refused: list[dict[str, Any]] = []
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        pace.check_bytes(ahead=len(batch) * MAX_IMAGE_BYTES)
        downloads = list(pool.map(source.download, batch))
        pace.count_bytes(sum(download.received for download in downloads))
        _save_downloads(db, downloads, report)
        refused += [
            photo
            for photo, download in zip(batch, downloads, strict=True)
            if download.error in REFUSED
        ]
        reason = _reason_to_stop(downloads)
        if reason and len(batch) == BATCH:
            rest = wanted[start + BATCH :]
            left = [Download(photo["id"], error=reason, counts=False) for photo in rest]
            _save_downloads(db, left, report)
            break
        if progress:
            progress(start + len(batch), len(wanted))
    return refused


def _reason_to_stop(downloads: list[Download]) -> str | None:
    if all(download.silent for download in downloads):
        return NOT_TRIED
    if not any(download.counts for download in downloads):
        return NO_ROOM
    return None


_MISSING = """
FROM photos
JOIN game_observations USING (observation_id)
WHERE game_observations.game = ?
    AND game_observations.left_at IS NULL
    AND photos.path IS NULL
    AND photos.url IS NOT NULL
    AND photos.withdrawn_at IS NULL
    AND photos.attempts < ?
"""


def count_missing_photos(db: SiteDatabase, game: str) -> int:
    """How many photos of a game have no file yet and will be asked for."""
    row = db.execute(f"SELECT count(*) {_MISSING}", [game, MAX_RUNS]).fetchone()
    return int(row[0])


def _missing_photos(db: SiteDatabase, game: str) -> list[dict[str, Any]]:
    sql = f"SELECT photos.id, photos.observation_id, photos.url {_MISSING} ORDER BY photos.id"
    return list(db.query(sql, [game, MAX_RUNS]))


def _save_downloads(db: SiteDatabase, downloads: list[Download], report: DownloadReport) -> None:
    site = site_folder(db)
    changes: list[tuple[int, dict[str, Any]]] = []
    failed: list[tuple[str | None, int, int]] = []
    for download in downloads:
        if download.info is None:
            report.failed += 1
            failed.append((download.error, int(download.counts), download.photo_id))
            continue
        sha256, path = place_photo(site, download.data, image_format(download.data))
        report.photos += 1
        report.bytes += download.info.bytes
        row = {
            "sha256": sha256,
            "path": path,
            "width": download.info.width,
            "height": download.info.height,
            "bytes": download.info.bytes,
            "fetched_at": utc_now(),
            "error": None,
            "attempts": 0,
        }
        changes.append((download.photo_id, row))
    with db.atomic():
        for photo_id, row in changes:
            db["photos"].update(photo_id, row)
        db.conn.executemany(
            "UPDATE photos SET error = ?, attempts = attempts + ? WHERE id = ?", failed
        )


class _PhotoSource:
    """Where photo bytes come from; used by several threads at once."""

    def __init__(
        self,
        client: httpx.Client,
        fetcher: Fetcher,
        trusted: httpx.URL,
        sleep: Callable[[float], None],
    ) -> None:
        self.client = client
        self.fetcher = fetcher
        self.trusted = trusted
        self.sleep = sleep

    def download(self, photo: dict[str, Any]) -> Download:
        """One photo or the reason why not; a busy or faltering server is asked again."""
        for attempt in range(ATTEMPTS):
            outcome, again = self._try(photo["id"], photo_url(photo["url"]))
            if not again or attempt + 1 == ATTEMPTS:
                break
            self._wait(attempt)
        return outcome

    def _wait(self, attempt: int) -> None:
        self.sleep(2.0**attempt * random.uniform(0.5, 1.0))

    def _try(self, photo_id: int, url: str) -> tuple[Download, bool]:
        received = bytearray()
        try:
            self._receive(url, received)
            data = bytes(received)
            info = self._check(data)
        except RejectedInputError as refusal:
            reason, counts = f"{refusal.code}: {refusal}", refusal.code != "busy"
            return Download(photo_id, error=reason, received=len(received), counts=counts), False
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            return Download(photo_id, error=f"status {status}"), status == 429 or status >= 500
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = f"fetch_failed: {error or type(error).__name__}"
            outcome = Download(photo_id, error=reason, received=len(received), silent=not received)
            return outcome, not isinstance(error, httpx.InvalidURL)
        return Download(photo_id, data, info, received=len(received)), False

    def _check(self, data: bytes) -> ImageInfo:
        """As Decoders.check(); tried again, without another download, while there is no room."""
        for attempt in range(ATTEMPTS - 1):
            try:
                return shared_decoders().check(data)
            except RejectedInputError as refusal:
                if refusal.code != "busy":
                    raise
            self._wait(attempt)
        return shared_decoders().check(data)

    def _receive(self, url: str, received: bytearray) -> None:
        address = httpx.URL(url)
        if not self._is_trusted(address):
            received += self.fetcher.fetch(url)
            return
        deadline = time.monotonic() + DEADLINE_S
        with self.client.stream("GET", address) as response:
            if response.status_code != 200:
                raise httpx.HTTPStatusError(
                    "not a photo", request=response.request, response=response
                )
            for chunk in response.iter_raw():
                received += chunk
                if len(received) > MAX_IMAGE_BYTES:
                    raise RejectedInputError("too_large", "The photo is over 10 MB")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the photo came too slowly", request=response.request)

    def _is_trusted(self, address: httpx.URL) -> bool:
        if _server(address) == _server(self.trusted):
            return True
        return _server(address)[1] == _PORTS["https"] and is_inaturalist(address.host)


def _server(address: httpx.URL) -> tuple[str, int | None]:
    return address.host, address.port or _PORTS.get(address.scheme)
