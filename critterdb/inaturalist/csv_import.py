"""A CSV that somebody exported from iNaturalist → a game's observations and photos.

The CSV is taken as a list of ids. Its one licence column is the observation's and not the photos',
and it names only the first photo; so the API is asked for each observation, and what it says is
written as a sync would write it. What is here already is asked for again only where the CSV is
newer.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from critterdb.errors import GameError, SourceError
from critterdb.games import Game, check_slug, ensure_game, get_game, save_game
from critterdb.storage.database import SiteDatabase
from critterdb.storage.timestamps import utc_now, utc_text

from .client import IDS_PER_REQUEST, INaturalist, fetch_by_id
from .observations import save_observations
from .photo_download import fetch_photos
from .taxa import save_lineages, save_taxa

csv.field_size_limit(10_000_000)  # bytes; descriptions can be long

TIME_FORMATS = ("%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S %z")


@dataclass
class ExportReport:
    """What an import of an export did; `skipped` rows of the CSV by reason."""

    observations: int = 0
    photos: int = 0
    bytes: int = 0
    failed: int = 0
    requests: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


def import_export(
    db: SiteDatabase,
    file: Path,
    game_slug: str,
    *,
    api: INaturalist,
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Take every observation that an export names into the game; a second run changes nothing.

    Raises SourceError where the file is no export of iNaturalist, or the API cannot be asked; what
    had come until then is kept, and the next run goes on.
    """
    total = sum(1 for _ in read_export(file))
    game = _ensure_game(db, game_slug)
    report = ExportReport()
    sync: Any = (
        db["syncs"]
        .insert({"game": game.slug, "source": file.name, "started_at": utc_now()})
        .last_pk
    )
    error: str | None = "interrupted"
    try:
        for done, ids in _wanted_batches(db, game, file, report):
            _save_batch(db, game, api, ids, report)
            if progress:
                progress(done, total)
        got = fetch_photos(db, game.slug, pace=api.pace, trusted=api.base_url, progress=progress)
        report.photos, report.bytes, report.failed = got.photos, got.bytes, got.failed
        error = None
    except SourceError as failure:
        error = str(failure)
        raise
    finally:
        report.requests = api.pace.requests
        row = {
            name: getattr(report, name) for name in ("requests", "observations", "photos", "bytes")
        }
        db["syncs"].update(sync, {**row, "finished_at": utc_now(), "error": error})
    return report


def read_export(file: Path) -> Iterator[tuple[int, str | None]]:
    """The id and the time of the last change (UTC, as the database writes it) of each row.

    A row without a readable id gives 0. Raises SourceError where the file is no such CSV.
    """
    try:
        # A stray byte in somebody's remark is no reason to refuse the ids.
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            rows = csv.DictReader(lines)
            if "id" not in (rows.fieldnames or []):
                raise SourceError(
                    f"{file} is no export of iNaturalist's: it has no column “id”. "
                    "Make one at https://www.inaturalist.org/observations/export"
                )
            for row in rows:
                text = (row["id"] or "").strip()
                number = int(text) if text.isascii() and text.isdigit() else 0
                yield number, _utc(row.get("updated_at"))
    except OSError as error:
        raise SourceError(f"{file} could not be read: {error.strerror}. Check its name") from error
    except csv.Error as error:
        raise SourceError(f"{file} is no CSV: {error}. Export it anew") from error


def _ensure_game(db: SiteDatabase, slug: str) -> Game:
    try:
        return ensure_game(db, slug)
    except GameError:
        save_game(db, Game(check_slug(slug), question="What is it?"))
        return get_game(db, slug)


def _wanted_batches(
    db: SiteDatabase, game: Game, file: Path, report: ExportReport
) -> Iterator[tuple[int, list[int]]]:
    """Ids that are not here yet or have changed, at most 30 at a time; and how far the file is."""
    batch: list[int] = []
    done = 0
    for done, (number, updated_at) in enumerate(read_export(file), start=1):
        if not number:
            report.skipped["rows without an id"] += 1
        elif number in batch or _is_here(db, game, number, updated_at):
            report.skipped["already there"] += 1
        else:
            batch.append(number)
        if len(batch) == IDS_PER_REQUEST:
            yield done, batch
            batch = []
    if batch:
        yield done, batch


def _is_here(db: SiteDatabase, game: Game, number: int, updated_at: str | None) -> bool:
    row = db.execute(
        """
        SELECT observations.updated_at FROM game_observations
        JOIN observations ON observations.id = game_observations.observation_id
        WHERE game_observations.game = ? AND observations.id = ?
        """,
        [game.slug, number],
    ).fetchone()
    return row is not None and (updated_at or "") <= (row[0] or "")


def _save_batch(
    db: SiteDatabase, game: Game, api: INaturalist, ids: list[int], report: ExportReport
) -> None:
    results = fetch_by_id(api, ids)
    save_lineages(db, api, results)
    with db.atomic():
        save_taxa(db, [result["taxon"] for result in results if result.get("taxon")])
        report.skipped += save_observations(db, game.slug, results)
    report.observations += len(results)
    report.skipped["observations that iNaturalist does not show"] += len(ids) - len(results)
    report.skipped += Counter()  # drops the zeros


def _utc(text: str | None) -> str | None:
    """A time as exports write it (`2026-10-02 10:00:00 UTC`); null where it cannot be read."""
    for form in TIME_FORMATS:
        try:
            moment = datetime.strptime((text or "").strip(), form)
        except ValueError:
            continue
        with suppress(OverflowError):
            return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return None
