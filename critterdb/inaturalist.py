"""The iNaturalist API → rows: a patient client, `fetch_*` generators, and the sync of a game.

Pages are walked by ascending id, and the cursor is committed with the rows that it covers, so a run
can be killed anywhere and the next one goes on from there.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from .errors import SourceError
from .games import Game
from .observations import DEFAULT_LICENSES, ancestor_ids, save_observations, save_taxa
from .pace import Pace, user_agent
from .photos import fetch_photos
from .schema import SiteDatabase, sqlite3, utc_now

DEFAULT_API = "https://api.inaturalist.org/v1"
PAGE_SIZE = 200
IDS_PER_REQUEST = 30
TIMEOUT_S = 30.0  # of silence
DEADLINE_S = 120.0  # for one whole response, however busily it drips
MAX_RESPONSE_BYTES = 64_000_000
ATTEMPTS = 5
MAX_RETRY_AFTER_S = 120  # a longer wait is told to the person instead of sat through
KINGDOM_LEVEL = 70

Json = dict[str, Any]


@dataclass
class SyncReport:
    """What a sync did: rows, files and their bytes, and what was left out, counted by reason."""

    requests: int = 0
    observations: int = 0
    photos: int = 0
    bytes: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


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
            headers={"User-Agent": user_agent(), "Accept": "application/json"},
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )
        self.pace = Pace(db, self.host, sleep=sleep)
        # What the server does not know would otherwise be asked for with every page.
        self.asked_taxa: set[int] = set()
        self._sleep = sleep

    def get(self, path: str, **params: object) -> Json:
        """The JSON object at `path`. Raises SourceError where the server gives none."""
        problem = ""
        for attempt in range(ATTEMPTS):
            self.pace.take_request()
            wait_s = min(2.0**attempt, 30) * random.uniform(0.5, 1.0)
            try:
                status, retry_after, body = self._ask(path, params)
                if status == 200:
                    return _results_page(body)
                problem = f"status {status}"
            except (httpx.HTTPError, ValueError) as error:
                problem = str(error) or type(error).__name__
            else:
                if status != 429 and status < 500:
                    raise SourceError(
                        f"iNaturalist at {self.base_url} refused {path} ({problem}). "
                        "Check CRITTERDB_INATURALIST_API and the taxon and place of the game"
                    )
                wait_s = max(wait_s, self._asked_wait_s(retry_after))
            if attempt + 1 < ATTEMPTS:
                self._sleep(wait_s)
        raise SourceError(
            f"iNaturalist at {self.base_url} did not answer as it should ({problem}). "
            "Nothing is lost: run the same command again later"
        )

    def _ask(self, path: str, params: dict[str, object]) -> tuple[int, str, bytes]:
        """Status, Retry-After and body of one response."""
        deadline = time.monotonic() + DEADLINE_S
        address = f"{self.base_url}/{path}"
        with self.client.stream("GET", address, params=_texts(params)) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_RESPONSE_BYTES or time.monotonic() > deadline:
                    raise ValueError("its answer has no end")
        return response.status_code, response.headers.get("Retry-After", ""), bytes(body)

    def _asked_wait_s(self, retry_after: str) -> float:
        wait_s = _retry_after_s(retry_after)
        if wait_s > MAX_RETRY_AFTER_S:
            raise SourceError(
                f"iNaturalist at {self.base_url} did not answer: it asks to be left alone for "
                f"{wait_s / 60:.0f} minutes. After that, run the same command again"
            )
        return wait_s


def sync_game(
    db: SiteDatabase,
    game: Game,
    *,
    api: INaturalist,
    limit: int | None = None,
    licenses: Sequence[str] = DEFAULT_LICENSES,
    photos: bool = True,
    photos_per_observation: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SyncReport:
    """Fetch what is new of a game's observations, then the photo files that are still missing.

    Raises SourceError where the server cannot be asked; what had come until then is kept, and the
    row of `syncs` says why it ended.
    """
    if game.taxon_id is None:
        raise SourceError(
            f"{game.slug} was imported from a folder, so there is nothing to sync. "
            f"Add photos with: critterdb import FOLDER --game {game.slug}"
        )
    run = _Run(db, game, api)
    error: str | None = "interrupted"
    try:
        save_missing_taxa(db, api, {game.taxon_id, game.target_taxon_id or game.taxon_id})
        run.sync_observations(limit, licenses, photos_per_observation, progress)
        if photos:
            run.sync_photos(progress)
        error = None
    except Exception as failure:
        error = str(failure)
        raise
    finally:
        # On a full disk this row cannot be written either; the first error is the one to show.
        with contextlib.suppress(sqlite3.Error):
            run.save({"finished_at": utc_now(), "error": error})
    return run.report


class _Run:
    """One sync under way: its report, and its row in `syncs` that keeps up with it."""

    def __init__(self, db: SiteDatabase, game: Game, api: INaturalist) -> None:
        self.db = db
        self.game = game
        self.api = api
        self.report = SyncReport()
        self._requests_before = api.pace.requests
        row = {"game": game.slug, "source": api.base_url, "started_at": utc_now()}
        self._id: Any = db["syncs"].insert(row).last_pk

    def save(self, changes: Json | None = None) -> None:
        self.report.requests = self.api.pace.requests - self._requests_before
        counts = {
            name: getattr(self.report, name)
            for name in ("requests", "observations", "photos", "bytes")
        }
        self.db["syncs"].update(self._id, counts | (changes or {}))

    def sync_observations(
        self,
        limit: int | None,
        licenses: Sequence[str],
        photos_per_observation: int | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        db, report = self.db, self.report
        cursor = f"inaturalist:{self.game.slug}:id_above"
        id_above = read_cursor(db, cursor)
        pages = fetch_observations(self.api, self.game, id_above=id_above, limit=limit)
        for total, results in pages:
            taxa = [result["taxon"] for result in results if result.get("taxon")]
            lineages = {each for taxon in taxa for each in ancestor_ids(taxon)}
            save_missing_taxa(db, self.api, lineages - {taxon["id"] for taxon in taxa})
            with db.atomic():
                save_taxa(db, taxa)
                report.skipped += save_observations(
                    db,
                    self.game.slug,
                    results,
                    licenses=licenses,
                    photos_per_observation=photos_per_observation,
                )
                write_cursor(db, cursor, str(results[-1]["id"]))
                report.observations += len(results)
                self.save()
            if progress:
                progress(report.observations, min(total, limit or total))

    def sync_photos(self, progress: Callable[[int, int], None] | None) -> None:
        got = fetch_photos(
            self.db,
            self.game.slug,
            pace=self.api.pace,
            trusted=self.api.base_url,
            progress=progress,
        )
        self.report.photos, self.report.bytes, self.report.failed = (
            got.photos,
            got.bytes,
            got.failed,
        )


def fetch_observations(
    api: INaturalist, game: Game, *, id_above: int, limit: int | None = None
) -> Iterator[tuple[int, list[Json]]]:
    """Pages of a game's observations by ascending id, each with the number of all there are."""
    given, total = 0, None
    while limit is None or given < limit:
        page = api.get(
            "observations",
            taxon_id=game.taxon_id,
            place_id=game.place_id,
            identified=True,
            photos=True,
            identifications="most_agree",
            quality_grade="research",
            order_by="id",
            order="asc",
            id_above=id_above,
            per_page=min(PAGE_SIZE, limit - given) if limit else PAGE_SIZE,
        )
        # A cache may repeat an old page: ids that are not above the cursor are no news.
        fresh = {one["id"]: one for one in page["results"] if _id(one) > id_above}
        if not fresh:
            return
        results = [fresh[each] for each in sorted(fresh)]
        total = total or int(page.get("total_results") or len(results))
        given += len(results)
        id_above = results[-1]["id"]
        yield total, results


def fetch_taxa(api: INaturalist, ids: Iterable[int]) -> Iterator[Json]:
    """The taxa with these ids, 30 a request; most come with their `ancestors`."""
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), IDS_PER_REQUEST):
        batch = ",".join(map(str, wanted[start : start + IDS_PER_REQUEST]))
        page = api.get(f"taxa/{batch}", per_page=IDS_PER_REQUEST)
        yield from (taxon for taxon in page["results"] if _id(taxon))


def save_missing_taxa(db: SiteDatabase, api: INaturalist, ids: Iterable[int]) -> None:
    """Ask for those of the taxa that are not described here yet, up to the root, and write them."""
    found: list[Json] = []
    missing = _undescribed(db, ids) - api.asked_taxa
    while missing:
        api.asked_taxa |= missing
        new = list(fetch_taxa(api, missing))
        found += new
        given = {each["id"] for taxon in new for each in [*(taxon.get("ancestors") or []), taxon]}
        lineages = {each for taxon in new for each in ancestor_ids(taxon)}
        missing = _undescribed(db, lineages - given) - api.asked_taxa
    save_taxa(db, found)


def _undescribed(db: SiteDatabase, ids: Iterable[int]) -> set[int]:
    """Those of the taxa that are missing, or only placeholders without a lineage."""
    wanted = set(ids)
    described = db.query(
        """
        SELECT id FROM taxa
        WHERE id IN (SELECT value FROM json_each(?))
            AND (parent_id IS NOT NULL OR rank_level >= ?)
        """,
        [json.dumps(sorted(wanted)), KINGDOM_LEVEL],
    )
    return wanted - {row["id"] for row in described}


def read_cursor(db: SiteDatabase, name: str) -> int:
    """Where the last run stopped; 0 at the beginning."""
    rows = list(db["cursors"].rows_where("name = ?", [name]))
    return int(rows[0]["value"]) if rows else 0


def write_cursor(db: SiteDatabase, name: str, value: str) -> None:
    """Remember where we are; to be called in the transaction of the rows that it covers."""
    db["cursors"].upsert({"name": name, "value": value, "updated_at": utc_now()}, pk="name")


def _host(base_url: str) -> str:
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise SourceError(
            f"CRITTERDB_INATURALIST_API is {base_url!r}, which is no web address. "
            f"Set it to one such as {DEFAULT_API}, or unset it"
        )
    return address.host


def _id(described: object) -> int:
    """The id of one of the API's objects; 0 where it has none, or is no object."""
    number = described.get("id") if isinstance(described, dict) else None
    return number if isinstance(number, int) else 0


def _texts(params: dict[str, object]) -> dict[str, str]:
    texts = {key: str(value) for key, value in params.items() if value is not None}
    return {
        key: value.lower() if value in ("True", "False") else value for key, value in texts.items()
    }


def _results_page(body: bytes) -> Json:
    try:
        page = json.loads(body)
    except ValueError as error:
        raise ValueError("it sent something that is no JSON") from error
    if not isinstance(page, dict) or not isinstance(page.get("results"), list):
        raise ValueError("it sent JSON without results")
    return page


def _retry_after_s(text: str) -> float:
    """The server's own word on when to come back, seconds or a date, as seconds from now."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(moment.timestamp() - time.time(), 0.0)
