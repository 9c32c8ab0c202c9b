"""Photo files ↔ photo rows: download, check, place by content, withdraw.

A file lies at `photos/ab/SHA256.jpg`, named by what it holds: one picture is stored once, and a
half-written one never has a name that a row could point to.
"""

from __future__ import annotations

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from critterdb.errors import RejectedInputError, too_large
from critterdb.fetch.fetcher import Fetcher, tls_context
from critterdb.imaging.decode import MAX_IMAGE_BYTES, ImageInfo, image_format
from critterdb.imaging.sandbox import as_kept, shared_decoders
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.photo_store import is_placed, place_photo
from critterdb.storage.timestamps import utc_now

from .rate_limit import Pace, is_inaturalist, user_agent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from critterdb._types import Json, Progress

# Networks see 288 pixels or fewer: originals would be ten times the bytes for the same answer.
TRAINING_SIZE = "medium"  # 500 pixels on the longer side
# Enough to fill a line while others wait; the pace is set by bytes an hour and not by them.
WORKERS = 4
BATCH = 16
TIMEOUT_S = 30.0  # of silence
DEADLINE_S = 60.0  # for one whole photo
ATTEMPTS = 3  # in one run
MAX_REASON_LENGTH = 200  # characters; an address can be long
# A broken address must not be tried for ever. The count restarts when the address changes, and a
# run without room to decode does not count: it says nothing about the photo.
MAX_RUNS = 5  # in which a photo may fail before it is left alone
# A photo's address changes with its licence, so these cause one fresh look at the observation.
REFUSED = ("status 403", "status 404")

NOT_TRIED = "not tried: the server did not respond for earlier photos"
NO_ROOM = "not tried: the machine could not decode earlier photos"

_SIZE_WORD = re.compile(r"/(square|thumb|small|medium|large|original)(?=\.\w+(\?|$))")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class MissingPhoto:
    """A photo's row that has no file yet."""

    id: int
    observation_id: int
    url: str


@dataclass(frozen=True)
class DownloadReport:
    """What a download did: files placed, their bytes, and photos that could not be had.

    `refused` are those whose address the server refused (403, 404); they are among the failed.
    """

    photos: int = 0
    bytes: int = 0
    failed: int = 0
    refused: tuple[MissingPhoto, ...] = ()

    def __add__(self, other: DownloadReport) -> DownloadReport:
        return DownloadReport(
            self.photos + other.photos,
            self.bytes + other.bytes,
            self.failed + other.failed,
            self.refused + other.refused,
        )


@dataclass(frozen=True)
class Download:
    """One photo's outcome: its file and facts, or the reason why there is none.

    `received` counts every byte that came in for it; `silent` says that no server answered;
    `counts` whether this is one of its MAX_RUNS.
    """

    photo: MissingPhoto
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
    source: PhotoSource,
    *,
    refused_before: Sequence[MissingPhoto] = (),
    progress: Progress | None = None,
) -> DownloadReport:
    """Download the photos of a game that have no file yet, those that failed before included.

    With `refused_before`, only those of these photos whose address has changed since. A photo that
    cannot be had keeps its reason in `error`, and is left alone after MAX_RUNS; a run does not
    count if this machine had no room to decode it. Once a whole batch meets silence, or no room,
    the rest is left for a later run.
    Raises SourceError if the byte limits or the disk are used up.
    """
    wanted = _missing_photos(db, game)
    if refused_before:
        urls = {photo.id: photo.url for photo in refused_before}
        wanted = [photo for photo in wanted if urls.get(photo.id, photo.url) != photo.url]
    report = DownloadReport()
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        downloads = source.download_batch(batch)
        report += _save_downloads(db, downloads)
        reason = _reason_to_stop(downloads)
        if reason and len(batch) == BATCH:
            rest = wanted[start + BATCH :]
            return report + _save_downloads(
                db, [Download(photo, error=reason, counts=False) for photo in rest]
            )
        if progress:
            progress(start + len(batch), len(wanted))
    return report


def _reason_to_stop(downloads: list[Download]) -> str | None:
    if all(download.silent for download in downloads):
        return NOT_TRIED
    # No room on this machine says nothing about the photos, so it is none of their MAX_RUNS.
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


def _missing_photos(db: SiteDatabase, game: str) -> list[MissingPhoto]:
    sql = f"SELECT photos.id, photos.observation_id, photos.url {_MISSING} ORDER BY photos.id"
    return [MissingPhoto(**row) for row in db.query(sql, [game, MAX_RUNS])]


def _save_downloads(db: SiteDatabase, downloads: list[Download]) -> DownloadReport:
    """Place the files of a batch and write its rows in one transaction."""
    site = site_folder(db)
    changes: list[tuple[int, Json]] = []
    failed: list[tuple[str | None, int, int]] = []
    for download in downloads:
        if download.info is None:
            failed.append((download.error, int(download.counts), download.photo.id))
            continue
        sha256, path = place_photo(site, download.data, image_format(download.data))
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
        changes.append((download.photo.id, row))
    with db.atomic():
        # What was removed in the meantime is downloaded again by the next run.
        changes = [(photo_id, row) for photo_id, row in changes if is_placed(site, row["path"])]
        for photo_id, row in changes:
            db["photos"].update(photo_id, row)
        db.conn.executemany(
            "UPDATE photos SET error = ?, attempts = attempts + ? WHERE id = ?", failed
        )
    return DownloadReport(
        len(changes),
        sum(row["bytes"] for _, row in changes),
        len(failed),
        tuple(download.photo for download in downloads if download.error in REFUSED),
    )


class PhotoSource:
    """Where photo bytes come from; as a context manager, it holds connections and threads.

    `trusted` is the configured server: photos on its own host and port, and on iNaturalist's hosts,
    are fetched directly; every other address goes through the guard.
    """

    def __init__(
        self, pace: Pace, trusted: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.pace = pace
        self.trusted = httpx.URL(trusted)
        self._sleep = sleep
        self._fetcher = Fetcher()
        headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
        self._client = httpx.Client(
            timeout=TIMEOUT_S, trust_env=False, verify=tls_context(), headers=headers
        )
        self._pool = ThreadPoolExecutor(WORKERS)

    def __enter__(self) -> PhotoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._client.close()

    def download_batch(self, photos: list[MissingPhoto]) -> list[Download]:
        """Photos, or the reasons why not, several at a time, counted in the ledger.

        Raises SourceError if the hour or the day has no room for that many.
        """
        # Before the download, at the most that it can take: a day's limit that was passed may mean
        # a lasting block.
        self.pace.check_bytes(ahead=len(photos) * MAX_IMAGE_BYTES)
        downloads = list(self._pool.map(self.download, photos))
        # Bytes that came count, also those of a photo that was refused.
        self.pace.count_bytes(sum(download.received for download in downloads))
        return downloads

    def download(self, photo: MissingPhoto) -> Download:
        """One photo or the reason why not; a busy or faltering server is asked again."""
        for attempt in range(ATTEMPTS):
            download, again = self._try(photo)
            if not again or attempt + 1 == ATTEMPTS:
                break
            self._wait(attempt)
        return download

    def _wait(self, attempt: int) -> None:
        self._sleep(2.0**attempt * random.uniform(0.5, 1.0))

    def _try(self, photo: MissingPhoto) -> tuple[Download, bool]:
        received = bytearray()
        try:
            self._receive(photo_url(photo.url), received)
            data = as_kept(bytes(received))
            info = self._check(data)
        except RejectedInputError as refusal:
            reason, counts = f"{refusal.code}: {refusal}", refusal.code != "busy"
            return Download(photo, error=reason, received=len(received), counts=counts), False
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            return Download(photo, error=f"status {status}"), status == 429 or status >= 500
        except httpx.HTTPError as error:
            reason = f"fetch_failed: {error or type(error).__name__}"
            failed = Download(photo, error=reason, received=len(received), silent=not received)
            return failed, True
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            # An address that is not one. It says nothing about the server, and spoils one photo.
            return Download(photo, error=f"url_invalid: {error}"[:MAX_REASON_LENGTH]), False
        return Download(photo, data, info, received=len(received)), False

    def _check(self, data: bytes) -> ImageInfo:
        """As Decoders.check(); tried again, without another download, while there is no room."""
        # The photo is here already: what is short is memory, and only for now.
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
        # An address comes from a server's JSON, so elsewhere it is fetched like a stranger's.
        if not self._is_trusted(address):
            received += self._fetcher.fetch(url)
            return
        deadline = time.monotonic() + DEADLINE_S
        with self._client.stream("GET", address) as response:
            if response.status_code != 200:
                raise httpx.HTTPStatusError(
                    "not a photo", request=response.request, response=response
                )
            for chunk in response.iter_raw():
                received += chunk
                if len(received) > MAX_IMAGE_BYTES:
                    raise too_large()
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the download was too slow", request=response.request)

    def _is_trusted(self, address: httpx.URL) -> bool:
        if _server(address) == _server(self.trusted):
            return True
        return _server(address)[1] == _PORTS["https"] and is_inaturalist(address.host)


def _server(address: httpx.URL) -> tuple[str, int | None]:
    return address.host, address.port or _PORTS.get(address.scheme)
