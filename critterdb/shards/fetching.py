"""Fetch photos from the bucket of iNaturalist's open data: what a worker does, on any machine.

The bucket is the only host that a worker may ask, and the worker itself sees to that: several
machines that ask iNaturalist's own hosts would get all of them blocked.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import httpx

from critterdb.errors import RejectedInputError, SourceError, too_large
from critterdb.fetch.fetcher import tls_context
from critterdb.imaging.decode import MAX_IMAGE_BYTES, image_format
from critterdb.imaging.sandbox import as_kept, shared_decoders
from critterdb.inaturalist.photo_download import photo_url
from critterdb.inaturalist.rate_limit import user_agent
from critterdb.storage.photo_store import place_photo

from .leases import Throttle

if TYPE_CHECKING:
    from pathlib import Path

    from .plan import Shard, ShardPhoto

BUCKET = "https://inaturalist-open-data.s3.amazonaws.com"
THREADS = 8
ATTEMPTS = 4
TIMEOUT_S = 30.0  # of silence
DEADLINE_S = 60.0  # for one whole photo
BYTES_PER_PHOTO = 70_000.0  # expected until the first ones came
GAVE_UP = "fetch_failed: three workers ended over this photo"


class FetchedPhoto(NamedTuple):
    """A photo that has its file in the site's folder now, or the reason why not."""

    photo_id: int
    sha256: str | None = None
    path: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Fetched:
    """What became of a shard's photos; `refusals` says how often the bucket was busy."""

    name: str
    photos: list[FetchedPhoto] = field(default_factory=list)
    refusals: int = 0


@dataclass(frozen=True)
class FetchWork:
    """Addresses in the bucket → photo files of a site.

    `base` is the bucket, or a server that is asked in its place.
    """

    site: Path
    base: str = BUCKET

    def do(self, shard: Shard) -> Fetched:
        """Fetch a shard's photos at the rate of its lease; without one, nothing is fetched."""
        if not shard.rate:
            raise SourceError("A worker has no lease for this shard. Run it with --bucket-rate")
        with BucketReader(self.base, shard.rate) as reader:
            pool = ThreadPoolExecutor(THREADS)
            try:
                photos = list(pool.map(lambda photo: self._fetch(reader, photo), shard.photos))
            finally:
                pool.shutdown(cancel_futures=True)
            return Fetched(shard.name, photos, reader.refusals)

    def give_up(self, shard: Shard) -> Fetched:
        photos = [FetchedPhoto(photo.photo_id, error=GAVE_UP) for photo in shard.photos]
        return Fetched(shard.name, photos)

    def _fetch(self, reader: BucketReader, photo: ShardPhoto) -> FetchedPhoto:
        try:
            # A site holds four formats: HEIC and AVIF become JPEG here as in a sync.
            data = as_kept(reader.read(photo_url(photo.path)))
            info = shared_decoders().check(data)
        except RejectedInputError as refusal:
            return FetchedPhoto(photo.photo_id, error=f"{refusal.code}: {refusal}")
        sha256, path = place_photo(self.site, data, image_format(data))
        return FetchedPhoto(photo.photo_id, sha256, path, info.width, info.height, info.bytes)


class BucketReader:
    """Reads photos of the bucket at a rate, and of no other host."""

    def __init__(self, base: str, bytes_per_second: float) -> None:
        self.refusals = 0
        self._base = base.rstrip("/")
        self._throttle = Throttle(bytes_per_second)
        self._expected = BYTES_PER_PHOTO
        self._client = httpx.Client(
            timeout=TIMEOUT_S,
            trust_env=False,  # a proxy would be another host
            follow_redirects=False,  # and so could be what a redirect names
            verify=tls_context(),
            headers={"User-Agent": user_agent(), "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> BucketReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def read(self, url: str) -> bytes:
        """Return a photo's bytes. Raises RejectedInputError for any other host, and on failure."""
        address = self._base + path_in_bucket(url)
        reason = ""
        for attempt in range(ATTEMPTS):
            try:
                status, data = self._get(address)
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            else:
                if status == 200:
                    return data
                reason = f"status {status}"
                # A photo moves with its licence: no further attempt helps a 403 or 404.
                if status != 429 and status < 500:
                    break
                self.refusals += 1
                self._throttle.slow_down()
            time.sleep(2.0**attempt * random.uniform(0.1, 0.2))
        raise RejectedInputError("fetch_failed", reason)

    def _get(self, address: str) -> tuple[int, bytes]:
        expected = self._expected
        self._throttle.take(expected)
        received = bytearray()
        # A timeout for each read never ends if a server drips bytes.
        deadline = time.monotonic() + DEADLINE_S
        try:
            with self._client.stream("GET", address) as response:
                for chunk in response.iter_raw():
                    received += chunk
                    if len(received) > MAX_IMAGE_BYTES:
                        raise too_large()
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the download was too slow")
        finally:
            self._throttle.settle(len(received) - expected)
        if response.status_code == 200:
            self._expected = 0.9 * self._expected + 0.1 * len(received)
        return response.status_code, bytes(received)


def path_in_bucket(url: str) -> str:
    """Return the path of an address in the bucket. Raises RejectedInputError for other hosts."""
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        address = httpx.URL("")
    is_bucket = f"{address.scheme}://{address.host}" == BUCKET and address.port in (None, 443)
    if not is_bucket or address.userinfo:
        raise RejectedInputError(
            "url_invalid", "A worker fetches from the open-data bucket only, and this is not in it"
        )
    return address.raw_path.decode("ascii")
