"""The iNaturalist API: a patient client, and what it is asked for."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx

from critterdb.errors import SourceError
from critterdb.fetch.fetcher import tls_context
from critterdb.storage.timestamps import EARLIEST_POST

from .rate_limit import Pace, user_agent
from .responses import ApiObservation, id_of, parse_page, read_observations, total_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from critterdb._types import Json
    from critterdb.games import Game
    from critterdb.storage.database import SiteDatabase

DEFAULT_API = "https://api.inaturalist.org/v1"
# The most that the API gives, so that 100,000 observations take 500 requests.
PAGE_SIZE = 200
# A list of ids is one request however many it holds, and the API takes 30 of them.
# docs/decisions.md#left-and-withdrawn-are-two-questions
IDS_PER_REQUEST = 30
TIMEOUT_S = 30.0  # of silence
DEADLINE_S = 120.0  # for one whole response, however busily it drips
# Far more than a page of 200 observations, which has 1 MB at 5 kB each (as in docs/benchmarks.md),
# and little enough that a broken server cannot fill the memory.
MAX_RESPONSE_BYTES = 64_000_000
ENCODINGS = ("gzip", "deflate", "identity", "")
ATTEMPTS = 5
MAX_RETRY_AFTER_S = 120  # a longer wait is told to the person instead of sat through
MAX_TOLD_WAIT_S = 86_400.0  # a server may say any number of digits
MAX_CLOCK_AHEAD = timedelta(days=1)  # of the server's clock before ours
ODD_PAGES = 3  # that say there is more and show nothing new, before a walk gives up


class INaturalist:
    """A patient client of the API: paced by the ledger, and trying again where that can help."""

    def __init__(
        self,
        db: SiteDatabase,
        base_url: str | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.base_url = (
            base_url or os.environ.get("CRITTERDB_INATURALIST_API") or DEFAULT_API
        ).rstrip("/")
        self.host = _host(self.base_url)
        self.client = httpx.Client(
            headers={
                "User-Agent": user_agent(),
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            },
            timeout=timeout_s,
            # A redirect could lead off the host whose pace is counted.
            follow_redirects=False,
            # A proxy or a .netrc of the machine must not see or change what is asked.
            trust_env=False,
            verify=tls_context(),
        )
        self.pace = Pace(db, self.host, sleep=sleep)
        # By its own clock, when it last answered.
        self.server_time: datetime | None = None
        # What the server does not know would otherwise be asked for with every page.
        self.asked_taxa: set[int] = set()
        self._sleep = sleep

    def get(self, path: str, **params: object) -> Json:
        """The JSON object at `path`. Raises SourceError where the server gives none."""
        problem, advice = "", ""
        for attempt in range(ATTEMPTS):
            self.pace.take_request()
            # Doubling, with chance in it, so that runs which failed together do not come back
            # together.
            wait_s = min(2.0**attempt, 30) * random.uniform(0.5, 1.0)
            try:
                status, retry_after, body = self._ask(path, params)
                if status == 200:
                    return parse_page(body)
                problem = f"status {status}"
            except (httpx.HTTPError, ValueError) as error:
                problem = str(error) or type(error).__name__
                is_away = isinstance(error, httpx.ConnectError)
                advice = "Check your network connection. " if is_away else ""
            else:
                if status != 429 and status < 500:
                    raise SourceError(
                        f"iNaturalist at {self.base_url} rejected {path} ({problem}). "
                        "Check CRITTERDB_INATURALIST_API and the taxon and place of the game"
                    )
                wait_s = max(wait_s, self._asked_wait_s(retry_after))
            if attempt + 1 < ATTEMPTS:
                self._sleep(wait_s)
        raise SourceError(
            f"iNaturalist at {self.base_url} did not respond as expected ({problem}). "
            f"{advice}No data is lost. Run the same command again later"
        )

    def _ask(self, path: str, params: dict[str, object]) -> tuple[int, str, bytes]:
        """Status, Retry-After and body of one response."""
        deadline = time.monotonic() + DEADLINE_S
        address = f"{self.base_url}/{path}"
        with self.client.stream("GET", address, params=_texts(params)) as response:
            # Others unpack a kilobyte to a gigabyte in one step, before anything can be counted.
            if response.headers.get("Content-Encoding", "gzip").lower() not in ENCODINGS:
                raise ValueError("its response has an encoding that was not requested")
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_RESPONSE_BYTES or time.monotonic() > deadline:
                    raise ValueError("its response is too long")
        self.server_time = _moment(response.headers.get("Date", "")) or self.server_time
        return response.status_code, response.headers.get("Retry-After", ""), bytes(body)

    def _asked_wait_s(self, retry_after: str) -> float:
        wait_s = _retry_after_s(retry_after)
        if wait_s > MAX_RETRY_AFTER_S:
            raise SourceError(
                f"iNaturalist at {self.base_url} is rate-limiting requests for "
                f"{wait_s / 60:.0f} minutes. After that, run the same command again"
            )
        return wait_s


def query_of(game: Game) -> dict[str, object]:
    """What a game asks for: research-grade observations with photos of its taxon, in its place."""
    return {
        "taxon_id": game.taxon_id,
        "place_id": game.place_id,
        "identified": True,
        "photos": True,
        "identifications": "most_agree",
        "quality_grade": "research",
    }


def cursor_prefix(slug: str) -> str:
    """What the names of a game's cursors begin with."""
    return f"inaturalist:{slug}:"


def count_observations(api: INaturalist, query: Mapping[str, object]) -> int:
    """How many observations the site has for a query."""
    return total_of(api.get("observations", **{**query, "per_page": 0}))


def fetch_observations(
    api: INaturalist, query: Mapping[str, object], *, id_above: int, limit: int | None = None
) -> Iterator[tuple[int, list[ApiObservation]]]:
    """Pages of a query's observations by ascending id, each with the number of all there are."""
    fetched, odd, total = 0, 0, None
    while limit is None or fetched < limit:
        per_page = min(PAGE_SIZE, limit - fetched) if limit else PAGE_SIZE
        order = {"order_by": "id", "order": "asc", "id_above": id_above, "per_page": per_page}
        page = api.get("observations", **{**query, **order})
        remaining = total_of(page)
        # A cache may repeat an old page: ids that are not above the cursor are not new.
        new = {result.id: result for result in read_observations(page["results"])}
        new = {number: result for number, result in new.items() if number > id_above}
        if not new:
            odd += 1
            if (remaining or page["results"]) and odd < ODD_PAGES:
                continue
            return
        results = [new[number] for number in sorted(new)]
        total = total or max(remaining, len(results))
        fetched += len(results)
        id_above = results[-1].id
        yield total, results


def fetch_by_id(
    api: INaturalist, ids: Sequence[int], query: Mapping[str, object] | None = None
) -> list[ApiObservation]:
    """Those of at most 30 observations that the site still has, or still has for a query."""
    wanted = ",".join(map(str, ids))
    page = api.get("observations", **{**(query or {}), "id": wanted, "per_page": PAGE_SIZE})
    return [result for result in read_observations(page["results"]) if result.id in set(ids)]


def fetch_taxa(api: INaturalist, ids: Iterable[int]) -> Iterator[Json]:
    """The taxa with these ids as the API gives them, 30 a request; most have their `ancestors`."""
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), IDS_PER_REQUEST):
        batch = ",".join(map(str, wanted[start : start + IDS_PER_REQUEST]))
        page = api.get(f"taxa/{batch}", per_page=IDS_PER_REQUEST)
        yield from (taxon for taxon in page["results"] if id_of(taxon))


def _host(base_url: str) -> str:
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise SourceError(
            f"CRITTERDB_INATURALIST_API is {base_url!r}, which is not a URL. "
            f"Set it to one such as {DEFAULT_API}, or unset it"
        )
    return address.host


def _texts(params: dict[str, object]) -> dict[str, str]:
    texts = {key: str(value) for key, value in params.items() if value is not None}
    return {
        key: value.lower() if value in ("True", "False") else value for key, value in texts.items()
    }


def _retry_after_s(text: str) -> float:
    """The server's own word on when to come back, seconds or a date, as seconds from now."""
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_TOLD_WAIT_S)
    moment = _moment(text)
    return max(moment.timestamp() - time.time(), 0.0) if moment else 0.0


def _moment(text: str) -> datetime | None:
    """A time as HTTP's headers write it, in UTC; null if it cannot be read, or no clock says it."""
    try:
        moment = parsedate_to_datetime(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    # It becomes a cursor: one from the far future would hide every later change.
    return moment if EARLIEST_POST < moment < datetime.now(UTC) + MAX_CLOCK_AHEAD else None
