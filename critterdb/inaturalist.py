"""The iNaturalist API → taxa, observers, observations and photo rows.

`fetch_*` ask the network and yield what it says; `save_*` write it. Pages are walked by ascending
id, and the cursor is committed with the rows that it covers, so a run can be killed anywhere.
"""

from __future__ import annotations

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
from .pace import Pace, user_agent
from .photos import fetch_photos
from .schema import SiteDatabase, utc_now

DEFAULT_API = "https://api.inaturalist.org/v1"
DEFAULT_LICENSES = ("cc0", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nc-sa")
PAGE_SIZE = 200
IDS_PER_REQUEST = 30
TIMEOUT_S = 30.0
ATTEMPTS = 5
MAX_RETRY_AFTER_S = 120

Json = dict[str, Any]


@dataclass
class SyncReport:
    """What a sync did: new and seen-again rows, bytes, and what was left out, counted by reason."""

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
    ) -> None:
        self.base_url = (
            base_url or os.environ.get("CRITTERDB_INATURALIST_API") or DEFAULT_API
        ).rstrip("/")
        self.client = httpx.Client(
            headers={"User-Agent": user_agent(), "Accept": "application/json"},
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
        )
        self.host = httpx.URL(self.base_url).host
        self.pace = Pace(db, self.host, sleep=sleep)
        self._sleep = sleep

    def get(self, path: str, **params: object) -> Json:
        """The JSON object at `path`. Raises SourceError where the server gives none."""
        problem = ""
        for attempt in range(ATTEMPTS):
            self.pace.take_request()
            wait_s = min(2.0**attempt, 30) * random.uniform(0.5, 1.0)
            try:
                response = self.client.get(f"{self.base_url}/{path}", params=_texts(params))
                if response.status_code == 200:
                    return _results_page(response)
                problem = f"status {response.status_code}"
                if response.status_code == 429 or response.status_code >= 500:
                    wait_s = _retry_after_s(response) or wait_s
                else:
                    break
            except httpx.InvalidURL as error:
                problem = str(error)
                break
            except (httpx.HTTPError, ValueError) as error:
                problem = str(error) or type(error).__name__
            if attempt + 1 < ATTEMPTS:
                self._sleep(wait_s)
        raise SourceError(
            f"iNaturalist at {self.base_url} did not answer as it should ({problem}). "
            "Nothing is lost: run the same command again later"
        )


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
    report = SyncReport()
    sync_id = (
        db["syncs"]
        .insert({"game": game.slug, "source": api.base_url, "started_at": utc_now()})
        .last_pk
    )
    error: str | None = "interrupted"
    try:
        save_taxa_of_game(db, api, game)
        _sync_observations(db, api, game, report, limit, licenses, photos_per_observation, progress)
        if photos:
            got = fetch_photos(
                db, game.slug, pace=api.pace, trusted=api.base_url, progress=progress
            )
            report.photos, report.bytes, report.failed = got.photos, got.bytes, got.failed
        error = None
    except SourceError as failure:
        error = str(failure)
        raise
    finally:
        report.requests = api.pace.requests
        db["syncs"].update(
            sync_id,
            {
                "finished_at": utc_now(),
                "requests": report.requests,
                "observations": report.observations,
                "photos": report.photos,
                "bytes": report.bytes,
                "error": error,
            },
        )
    return report


def _sync_observations(
    db: SiteDatabase,
    api: INaturalist,
    game: Game,
    report: SyncReport,
    limit: int | None,
    licenses: Sequence[str],
    photos_per_observation: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    cursor = f"inaturalist:{game.slug}:id_above"
    pages = fetch_observations(api, game, id_above=read_cursor(db, cursor), limit=limit)
    for total, results in pages:
        save_missing_taxa(db, api, results)
        with db.atomic():
            report.skipped += save_observations(
                db,
                game.slug,
                results,
                licenses=licenses,
                photos_per_observation=photos_per_observation,
            )
            write_cursor(db, cursor, str(results[-1]["id"]))
        report.observations += len(results)
        if progress:
            progress(report.observations, min(total, limit or total))


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
        fresh = [result for result in page["results"] if result.get("id", 0) > id_above]
        results = sorted(fresh, key=lambda result: result["id"])
        if not results:
            return
        total = total or int(page.get("total_results") or len(results))
        given += len(results)
        id_above = results[-1]["id"]
        yield total, results


def fetch_taxa(api: INaturalist, ids: Iterable[int]) -> Iterator[Json]:
    """The taxa with these ids, 30 a request, each with its `ancestors`."""
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), IDS_PER_REQUEST):
        batch = ",".join(map(str, wanted[start : start + IDS_PER_REQUEST]))
        yield from api.get(f"taxa/{batch}", per_page=IDS_PER_REQUEST)["results"]


def save_taxa_of_game(db: SiteDatabase, api: INaturalist, game: Game) -> None:
    """Fetch the taxa that the game names, where iNaturalist has not described them here yet."""
    ids = {game.taxon_id, game.target_taxon_id} - {None}
    unknown = _undescribed(db, [taxon_id for taxon_id in ids if taxon_id is not None])
    taxa = list(fetch_taxa(api, unknown))
    with db.atomic():
        save_taxa(db, taxa)


def save_missing_taxa(db: SiteDatabase, api: INaturalist, results: Sequence[Json]) -> None:
    """Write the taxa of a page of observations, asking for ancestors that are not here yet."""
    taxa = [result["taxon"] for result in results if result.get("taxon")]
    ids = {taxon_id for taxon in taxa for taxon_id in _ancestor_ids(taxon)}
    fetched = list(fetch_taxa(api, _undescribed(db, ids) - {taxon["id"] for taxon in taxa}))
    with db.atomic():
        save_taxa(db, [*fetched, *taxa])


def save_taxa(db: SiteDatabase, taxa: Iterable[Json]) -> None:
    """Write taxa and the ancestors that they carry, parents before children."""
    every = {}
    for taxon in taxa:
        for each in [*(taxon.get("ancestors") or []), taxon]:
            if each.get("id") and each.get("name"):
                every[each["id"]] = each
    known = {row["id"] for row in db.query("SELECT id FROM taxa")}
    for taxon in sorted(every.values(), key=lambda taxon: len(_ancestor_ids(taxon))):
        ancestors = _ancestor_ids(taxon)
        parent = taxon.get("parent_id") or (ancestors[-2] if len(ancestors) > 1 else None)
        db["taxa"].upsert(
            {
                "id": taxon["id"],
                "name": taxon["name"],
                "common_name": taxon.get("preferred_common_name")
                or taxon.get("english_common_name"),
                "rank": taxon.get("rank"),
                "rank_level": taxon.get("rank_level"),
                "parent_id": parent if parent in known else None,
                "ancestor_ids": json.dumps(ancestors),
                "is_active": int(taxon.get("is_active") is not False),
            },
            pk="id",
        )
        known.add(taxon["id"])


def save_observations(
    db: SiteDatabase,
    game: str,
    results: Sequence[Json],
    *,
    licenses: Sequence[str] = DEFAULT_LICENSES,
    photos_per_observation: int | None = None,
) -> Counter[str]:
    """Write observations with observers and photo rows; return what was left out, by reason.

    Their taxa must be there already. No `private_*` field is ever read.
    """
    skipped: Counter[str] = Counter()
    now = utc_now()
    for result in results:
        user = result.get("user") or {}
        if user.get("id"):
            observer = {"id": user["id"], "login": user.get("login") or str(user["id"])}
            db["observers"].upsert({**observer, "name": user.get("name") or None}, pk="id")
        db["observations"].upsert(_observation_row(result), pk="id")
        db["game_observations"].upsert(
            {"game": game, "observation_id": result["id"], "seen_at": now, "left_at": None},
            pk=("game", "observation_id"),
        )
        if not result.get("taxon"):
            skipped["observations without a taxon"] += 1
        skipped += _save_photos(db, result, licenses, photos_per_observation)
    return skipped


def _save_photos(
    db: SiteDatabase, result: Json, licenses: Sequence[str], at_most: int | None
) -> Counter[str]:
    skipped: Counter[str] = Counter()
    kept = 0
    for position, photo in enumerate(result.get("photos") or []):
        license_code = (photo.get("license_code") or "").lower() or None
        if license_code not in licenses:
            skipped[f"photos with licence {license_code or 'all rights reserved'}"] += 1
        elif not photo.get("id") or not photo.get("url"):
            skipped["photos without an address"] += 1
        elif at_most is not None and kept >= at_most:
            skipped[f"photos beyond {at_most} an observation"] += 1
        else:
            kept += 1
            _save_photo(db, result["id"], position, photo, license_code)
    return skipped


def _save_photo(
    db: SiteDatabase, observation_id: int, position: int, photo: Json, license_code: str | None
) -> None:
    earlier = list(db["photos"].rows_where("id = ?", [photo["id"]]))
    if earlier and earlier[0]["observation_id"] != observation_id:
        db["shared_photos"].insert(
            {"photo_id": photo["id"], "observation_id": observation_id}, ignore=True
        )
        return
    row = {
        "id": photo["id"],
        "observation_id": observation_id,
        "position": position,
        "url": photo["url"],
        "license_code": license_code,
        "attribution": photo.get("attribution"),
    }
    if not earlier:
        dimensions = photo.get("original_dimensions") or {}
        row |= {"width": dimensions.get("width"), "height": dimensions.get("height")}
    db["photos"].upsert(row, pk="id")


def _observation_row(result: Json) -> Json:
    latitude, longitude = _point(result)
    taxon = result.get("taxon") or {}
    user = result.get("user") or {}
    return {
        "id": result["id"],
        "uuid": result.get("uuid"),
        "taxon_id": taxon.get("id"),
        "observer_id": user.get("id"),
        "observed_on": result.get("observed_on"),
        "updated_at": result.get("updated_at"),
        "quality_grade": result.get("quality_grade"),
        "captive": _flag(result.get("captive")),
        "place_guess": result.get("place_guess"),
        "latitude": latitude,
        "longitude": longitude,
        "positional_accuracy": result.get("public_positional_accuracy"),
        "obscured": _flag(result.get("obscured")),
        "license_code": result.get("license_code"),
        "url": result.get("uri") or f"https://www.inaturalist.org/observations/{result['id']}",
    }


def _point(result: Json) -> tuple[float | None, float | None]:
    """The public point: `location` is "latitude,longitude", or missing where it is private."""
    latitude, _, longitude = (result.get("location") or "").partition(",")
    try:
        return float(latitude), float(longitude)
    except ValueError:
        return None, None


def _flag(value: object) -> int | None:
    return None if value is None else int(bool(value))


def _ancestor_ids(taxon: Json) -> list[int]:
    """From the root down to the taxon itself; some responses leave the taxon itself out."""
    ids = [int(i) for i in taxon.get("ancestor_ids") or []]
    if not ids and taxon.get("ancestry"):
        ids = [int(i) for i in str(taxon["ancestry"]).split("/") if i.isdigit()]
    return ids if ids and ids[-1] == taxon["id"] else [*ids, taxon["id"]]


def _undescribed(db: SiteDatabase, ids: Iterable[int]) -> set[int]:
    """Those of the taxa that are missing, or only placeholders without a lineage."""
    wanted = set(ids)
    described = db.query(
        """
        SELECT id FROM taxa
        WHERE id IN (SELECT value FROM json_each(?))
            AND (parent_id IS NOT NULL OR rank_level >= 70 OR rank = 'stateofmatter')
        """,
        [json.dumps(sorted(wanted))],
    )
    return wanted - {row["id"] for row in described}


def read_cursor(db: SiteDatabase, name: str) -> int:
    """Where the last run stopped; 0 at the beginning."""
    rows = list(db["cursors"].rows_where("name = ?", [name]))
    return int(rows[0]["value"]) if rows else 0


def write_cursor(db: SiteDatabase, name: str, value: str) -> None:
    """Remember where we are; to be called in the transaction of the rows that it covers."""
    db["cursors"].upsert({"name": name, "value": value, "updated_at": utc_now()}, pk="name")


def _texts(params: dict[str, object]) -> dict[str, str]:
    texts = {key: str(value) for key, value in params.items() if value is not None}
    return {
        key: value.lower() if value in ("True", "False") else value for key, value in texts.items()
    }


def _results_page(response: httpx.Response) -> Json:
    try:
        page = response.json()
    except ValueError as error:
        raise ValueError("it sent something that is no JSON") from error
    if not isinstance(page, dict) or not isinstance(page.get("results"), list):
        raise ValueError("it sent JSON without results")
    return page


def _retry_after_s(response: httpx.Response) -> float | None:
    """The server's own word on when to come back, as seconds; capped, and None without one."""
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return min(max(moment.timestamp() - time.time(), 0.0), MAX_RETRY_AFTER_S)
