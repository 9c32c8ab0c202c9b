"""The sync of a game: what is new, what changed, what is gone, and then the photo files.

New observations are walked by ascending id, changed ones by what the site says of its clock, and
each cursor is committed with the rows that it covers: a run can be killed anywhere, and the next
one goes on from there. Nothing is deleted; what left or is gone says since when.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from critterdb.errors import SourceError
from critterdb.licences import DEFAULT_LICENSES
from critterdb.storage.cursors import Cursors
from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.storage.photo_store import tidy_photos
from critterdb.storage.timestamps import utc_now, utc_text, utc_text_of

from .client import (
    IDS_PER_REQUEST,
    PAGE_SIZE,
    INaturalist,
    count_observations,
    cursor_prefix,
    fetch_by_id,
    fetch_observations,
    query_of,
)
from .observations import mark_left, mark_unmet, mark_withdrawn, save_page
from .photo_download import DownloadReport, PhotoSource, count_missing_photos, fetch_photos
from .photo_selection import load_caps
from .rate_limit import BYTES_PER_HOUR
from .taxa import save_lineages, save_missing_taxa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from critterdb._types import Json, Progress
    from critterdb.games import Game

    from .responses import ApiObservation

# What is seen twice is written twice, with the same result.
# docs/decisions.md#the-cursor-of-changes-uses-the-sites-clock
OVERLAP = timedelta(minutes=15)  # results come through a cache and can be minutes old
# A re-check reads every id of the game, 30 a request; observations that leave a game are few.
RECHECK_AFTER = timedelta(days=7)
# Before anything is known of a game: what cats of the USA have.
PHOTOS_PER_OBSERVATION = 1.6
BYTES_PER_PHOTO = 80_000


@dataclass(frozen=True)
class SyncOptions:
    """What a sync is to fetch; `limit` applies to new observations, null means no limit."""

    limit: int | None = None
    licenses: Sequence[str] = DEFAULT_LICENSES
    photos: bool = True
    photos_per_observation: int | None = None
    per_observer: int | None = None
    per_taxon: int | None = None
    recheck: bool = False


@dataclass
class SyncReport:
    """What a sync did: observations, files and their bytes; `skipped` photos by reason."""

    requests: int = 0
    observations: int = 0
    changed: int = 0
    left: int = 0
    withdrawn: int = 0
    photos: int = 0
    bytes: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class SyncPlan:
    """What a sync would do: numbers of observations to fetch and to look at again, and its cost."""

    new: int
    changed: int
    to_recheck: int
    requests: int
    photos: int
    bytes: int
    minutes: float


def sync_game(
    db: SiteDatabase,
    game: Game,
    *,
    api: INaturalist,
    options: SyncOptions | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """Make a game's rows and photo files say what the site says today.

    Raises SourceError if the server cannot be asked; what had come until then is kept, and the row
    of `syncs` says why it ended.
    """
    check_has_taxon(game)
    run = SyncRun(db, game, api, options or SyncOptions(), progress)
    error: str | None = "interrupted"
    try:
        run.sync()
        error = None
    except Exception as failure:
        error = str(failure)
        raise
    finally:
        # On a full disk this row cannot be written either; the first error is the one to show.
        with contextlib.suppress(sqlite3.Error):
            run.save({"finished_at": utc_now(), "error": error})
    return run.report


def plan_sync(db: SiteDatabase, game: Game, *, api: INaturalist, photos: bool = True) -> SyncPlan:
    """What a sync would do, by asking for counts only. Raises SourceError."""
    check_has_taxon(game)
    cursors = Cursors(db, cursor_prefix(game.slug))
    query = query_of(game)
    new = count_observations(api, {**query, "id_above": cursors.read_number("id_above")})
    since = _since(cursors)
    changed = count_observations(api, {**query, "updated_since": since}) if since else 0
    ours = _count_ours(db, game)
    due = _recheck_is_due(cursors, count_observations(api, query), ours + new)
    to_recheck = ours + new if due else 0
    requests = math.ceil((new + changed) / PAGE_SIZE) + math.ceil(to_recheck / IDS_PER_REQUEST) + 3
    photo_count, photo_bytes = _expected_photos(db, game, new) if photos else (0, 0)
    minutes = requests / api.pace.per_minute + 60 * photo_bytes / BYTES_PER_HOUR
    return SyncPlan(new, changed, to_recheck, requests, photo_count, photo_bytes, round(minutes, 1))


class SyncRun:
    """One sync under way: its report, and its row in `syncs` that keeps up with it."""

    def __init__(
        self,
        db: SiteDatabase,
        game: Game,
        api: INaturalist,
        options: SyncOptions,
        progress: Progress | None,
    ) -> None:
        self.db = db
        self.game = game
        self.api = api
        self.options = options
        self.caps = load_caps(
            db,
            game.slug,
            per_observation=options.photos_per_observation,
            per_observer=options.per_observer,
            per_taxon=options.per_taxon,
        )
        self.progress = progress
        self.query = query_of(game)
        self.cursors = Cursors(db, cursor_prefix(game.slug))
        self.report = SyncReport()
        self._requests_before = api.pace.requests
        row = {"game": game.slug, "source": api.base_url, "started_at": utc_now()}
        self._id: Any = db["syncs"].insert(row).last_pk

    def sync(self) -> None:
        """Every step in order: taxa, what is new, what changed, what is gone, photo files."""
        taxa = filter(None, (self.game.taxon_id, self.game.target_taxon_id))
        save_missing_taxa(self.db, self.api, taxa)
        # With a limit there is more to come, and a count that differs would say nothing.
        complete = self.walk_new(self.options.limit)
        self.walk_changed()
        if complete:
            self.recheck_where_due(force=self.options.recheck)
            with self.db.atomic():
                self.report.left += mark_unmet(self.db, self.game.slug)
        if self.options.photos:
            self.fetch_photo_files()
        # Last, so that a run which is killed leaves what the next one removes.
        tidy_photos(self.db)

    def save(self, changes: Json | None = None) -> None:
        """Bring the row of `syncs` up to date."""
        report = self.report
        report.requests = self.api.pace.requests - self._requests_before
        row = {
            "requests": report.requests,
            "observations": report.observations + report.changed,
            "photos": report.photos,
            "bytes": report.bytes,
        }
        self.db["syncs"].update(self._id, row | (changes or {}))

    def walk_new(self, limit: int | None) -> bool:
        """Save what came after the last id; whether the walk reached its end."""
        report = self.report
        id_above = self.cursors.read_number("id_above")
        pages = fetch_observations(self.api, self.query, id_above=id_above, limit=limit)
        for total, results in pages:
            # Outside the transaction: it may ask the server, and a lock of minutes would stop the
            # bot.
            save_lineages(self.db, self.api, results)
            with self.db.atomic():
                self._save_page(results)
                self.cursors.write("id_above", results[-1].id)
                # What changes while the first walk is under way is found by the other one.
                if _since(self.cursors) is None:
                    self.cursors.write("updated_since", self._site_time())
                report.observations += len(results)
                self.save()
            if self.progress:
                self.progress(report.observations, min(total, limit or total))
        return limit is None or report.observations < limit

    def walk_changed(self) -> None:
        """Save what the site changed since the last walk of this kind began."""
        since = _since(self.cursors)
        if since is None:
            return
        walk = self.cursors.read_object("changed_walk", began=str, id_above=int)
        walk = walk or {"began": self._site_time(), "id_above": 0}
        # By ascending id within one stretch of time: pages by `updated_at` would lose rows that
        # share a second.
        query = {**self.query, "updated_since": since}
        for _, results in fetch_observations(self.api, query, id_above=walk["id_above"]):
            save_lineages(self.db, self.api, results)
            walk["id_above"] = results[-1].id
            with self.db.atomic():
                self._save_page(results)
                self.cursors.write("changed_walk", walk)
                self.report.changed += len(results)
                self.save()
        with self.db.atomic():
            self.cursors.write("updated_since", walk["began"])
            self.cursors.forget("changed_walk")

    def recheck_where_due(self, *, force: bool) -> None:
        """Look for what left the query or is gone, where the counts or the time say so.

        A walk that was cut short is gone on with; `force` begins at the first id. What it compares
        with is how many the site had when it began: whatever went meanwhile makes the next one due.
        """
        site, ours = count_observations(self.api, self.query), _count_ours(self.db, self.game)
        walk = self.cursors.read_object("recheck_walk", began=str, site=int, above=int)
        walk = None if force else walk
        if force or walk or _recheck_is_due(self.cursors, site, ours):
            walk = walk or {"began": utc_now(), "site": site, "above": 0}
            self._recheck(walk)
            self._note_recheck(walk["began"], walk["site"], _count_ours(self.db, self.game))
        elif self.cursors.read_object("recheck", at=str, site=int, ours=int) is None:
            self._note_recheck(utc_now(), site, ours)

    def _note_recheck(self, at: str, site: int, ours: int) -> None:
        with self.db.atomic():
            self.cursors.write("recheck", {"at": at, "site": site, "ours": ours})
            self.cursors.forget("recheck_walk")

    def _recheck(self, walk: Json) -> None:
        total, done = _count_ours(self.db, self.game, walk["above"]), 0
        while ids := _ids_of_game(self.db, self.game, walk["above"]):
            in_query = self._look(ids, self.query)
            others = self._look(sorted(set(ids) - set(in_query)), None)
            # Not in the query is one question, gone is another: missing here too means withdrawn.
            gone = set(ids) - set(in_query) - set(others)
            save_lineages(self.db, self.api, [*in_query.values(), *others.values()])
            walk["above"] = ids[-1]
            with self.db.atomic():
                self._save_page(in_query.values())
                self._save_page(others.values(), in_query=False)
                mark_withdrawn(self.db, sorted(gone))
                self.cursors.write("recheck_walk", walk)
                self.report.left += len(others)
                self.report.withdrawn += len(gone)
                self.save()
            done += len(ids)
            if self.progress:
                self.progress(done, total)

    def _look(self, ids: Sequence[int], query: Json | None) -> dict[int, ApiObservation]:
        """Those of the observations that the site shows; what it does not is asked for twice.

        One odd answer (an empty page of a cache) must not withdraw anything.
        """
        shown: dict[int, ApiObservation] = {}
        # Only what seems to be gone costs a second request.
        for _ in range(2):
            missing = [number for number in ids if number not in shown]
            if missing:
                shown |= {result.id: result for result in fetch_by_id(self.api, missing, query)}
        return shown

    def fetch_photo_files(self) -> None:
        """Download what is missing; where an address was refused, look for a new one and try it.

        A photo's address changes with its licence: iNaturalist keeps open ones on another host.
        """
        with PhotoSource(self.api.pace, self.api.base_url) as source:
            photos = fetch_photos(self.db, self.game.slug, source, progress=self.progress)
            self._note_photos(photos)
            if refused := photos.refused:
                # Rows of the monthly tables have no number to ask for yet.
                ids = {photo.observation_id for photo in refused}
                self._look_again(sorted(number for number in ids if number > 0))
                again = fetch_photos(
                    self.db,
                    self.game.slug,
                    source,
                    refused_before=refused,
                    progress=self.progress,
                )
                tried = again.photos + again.failed
                self._note_photos(photos + again, failed=photos.failed - tried + again.failed)

    def _note_photos(self, photos: DownloadReport, failed: int | None = None) -> None:
        report = self.report
        report.photos, report.bytes = photos.photos, photos.bytes
        report.failed = photos.failed if failed is None else failed

    def _look_again(self, observation_ids: Sequence[int]) -> None:
        for start in range(0, len(observation_ids), IDS_PER_REQUEST):
            ids = observation_ids[start : start + IDS_PER_REQUEST]
            results = fetch_by_id(self.api, ids, self.query)
            save_lineages(self.db, self.api, results)
            self._save_page(results)

    def _save_page(self, results: Iterable[ApiObservation], *, in_query: bool = True) -> None:
        results = list(results)
        with self.db.atomic():
            self.report.skipped += save_page(
                self.db, self.game.slug, results, licenses=self.options.licenses, caps=self.caps
            )
            if not in_query:
                mark_left(self.db, self.game.slug, [result.id for result in results])

    def _site_time(self) -> str:
        """The site's clock, not ours, somewhat before its last answer."""
        # Our clock may be wrong. Some changes are seen twice so, and written twice with the same
        # result.
        moment = (self.api.server_time or datetime.now(UTC)) - OVERLAP
        return utc_text(moment)


def _since(cursors: Cursors) -> str | None:
    """Since when to ask for changes; null before the first walk."""
    since = cursors.read("updated_since")
    return since if isinstance(since, str) and utc_text_of(since) else None


def _recheck_is_due(cursors: Cursors, site: int, ours: int) -> bool:
    """Whether the counts differ in a way not looked into yet, or the last look is a week old."""
    last = cursors.read_object("recheck", at=str, site=int, ours=int)
    if last is None or not utc_text_of(last["at"]):
        return site != ours
    age = datetime.now(UTC) - datetime.fromisoformat(last["at"])
    # A pair of counts is looked into once: a count that differs for ever must not lead to a recheck
    # of 30 ids a request in every run.
    return age > RECHECK_AFTER or (site != ours and (site, ours) != (last["site"], last["ours"]))


def _count_ours(db: SiteDatabase, game: Game, above: int = 0) -> int:
    return int(
        db["game_observations"].count_where(
            "game = ? AND left_at IS NULL AND observation_id > ?", [game.slug, above]
        )
    )


def _ids_of_game(db: SiteDatabase, game: Game, above: int) -> list[int]:
    rows = db["game_observations"].rows_where(
        "game = ? AND left_at IS NULL AND observation_id > ?",
        [game.slug, above],
        order_by="observation_id",
        limit=IDS_PER_REQUEST,
    )
    return [row["observation_id"] for row in rows]


def _expected_photos(db: SiteDatabase, game: Game, new: int) -> tuple[int, int]:
    """How many photo files and bytes are to come, by what the game's photos were like so far."""
    known = db.execute(
        """
        SELECT count(photos.id), count(DISTINCT seen.observation_id), avg(photos.bytes)
        FROM game_observations AS seen
        LEFT JOIN photos USING (observation_id)
        WHERE seen.game = ? AND seen.left_at IS NULL
        """,
        [game.slug],
    ).fetchone()
    photos_per_observation = known[0] / known[1] if known[1] else PHOTOS_PER_OBSERVATION
    photos = count_missing_photos(db, game.slug) + round(new * photos_per_observation)
    return photos, round(photos * (known[2] or BYTES_PER_PHOTO))


def check_has_taxon(game: Game) -> None:
    """Raise SourceError if a game has no query, because its photos came from a folder."""
    if game.taxon_id is None:
        raise SourceError(
            f"{game.slug} was imported from a folder, so there is nothing to sync. "
            f"Add photos with: critterdb import FOLDER --game {game.slug}"
        )
