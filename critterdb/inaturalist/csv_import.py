"""A CSV that somebody exported from iNaturalist → a game's observations and photos.

The CSV is taken as a list of ids. Its one licence column is the observation's and not the photos',
and it names only the first photo; so the API is asked for each observation, and its answer is
written as a sync would write it. What is here already is asked for again only if the CSV is newer.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from critterdb.errors import GameError, SourceError
from critterdb.games import Game, check_slug, ensure_game, get_game, save_game
from critterdb.storage.timestamps import utc_now, utc_text_in_form

from .client import IDS_PER_REQUEST, INaturalist, fetch_by_id
from .observations import save_page
from .photo_download import PhotoSource, fetch_photos
from .responses import MAX_ID
from .taxa import save_lineages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb._types import Progress
    from critterdb.storage.database import SiteDatabase

csv.field_size_limit(10_000_000)  # bytes; descriptions can be long

TIME_FORMATS = ("%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S %z")
# Only the ids of an export are used: its licence is the observation's and not the photos', and it
# names one photo of several. The API is asked for the rest, 30 at a time.
NO_ID = "rows without an id"


@dataclass
class ExportReport:
    """What an import of an export did; `skipped` rows of the CSV by reason."""

    observations: int = 0
    photos: int = 0
    bytes: int = 0
    failed: int = 0
    requests: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass
class Batch:
    """Ids to ask for, after `rows` of the file; `skipped` counts the rows that need no asking."""

    rows: int = 0
    ids: list[int] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def import_export(
    db: SiteDatabase,
    file: Path,
    game_slug: str,
    *,
    api: INaturalist,
    progress: Progress | None = None,
) -> ExportReport:
    """Take every observation that an export names into the game; a second run changes nothing.

    Raises SourceError if the file is not an export of iNaturalist, or the API cannot be asked; what
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
        for batch in _batches(db, game, file):
            saved, skipped = _save_batch(db, game, api, batch.ids)
            report.observations += saved
            report.skipped += skipped + batch.skipped
            if progress:
                progress(batch.rows, total)
        with PhotoSource(api.pace, api.base_url) as source:
            photos = fetch_photos(db, game.slug, source, progress=progress)
        report.photos, report.bytes, report.failed = photos.photos, photos.bytes, photos.failed
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

    A row without a readable id gives 0. Raises SourceError if the file is not such a CSV.
    """
    try:
        # A stray byte in somebody's remark must not make the ids unreadable.
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            rows = csv.DictReader(lines)
            if "id" not in (rows.fieldnames or []):
                raise SourceError(
                    f"{file} is not an iNaturalist export: it has no column “id”. "
                    "Make one at https://www.inaturalist.org/observations/export"
                )
            for row in rows:
                updated_at = utc_text_in_form(row.get("updated_at") or "", TIME_FORMATS)
                yield _id(row["id"] or ""), updated_at
    except OSError as error:
        raise SourceError(f"{file} could not be read: {error.strerror}. Check its name") from error
    except csv.Error as error:
        raise SourceError(f"{file} is not a CSV: {error}. Export it again") from error


def _id(text: str) -> int:
    """An id that can be one of iNaturalist's; 0 for anything else."""
    text = text.strip()
    # The length first: Python refuses to turn more than 4,300 digits into a number.
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_ID)):
        return 0
    return int(text) if int(text) <= MAX_ID else 0


def _ensure_game(db: SiteDatabase, slug: str) -> Game:
    try:
        return ensure_game(db, slug)
    except GameError:
        save_game(db, Game(check_slug(slug), question="What is it?"))
        return get_game(db, slug)


def _batches(db: SiteDatabase, game: Game, file: Path) -> Iterator[Batch]:
    """Ids that are not here yet or have changed, at most 30 at a time."""
    batch = Batch()
    for row, (number, updated_at) in enumerate(read_export(file), start=1):
        batch.rows = row
        if not number:
            batch.skipped[NO_ID] += 1
        elif number in batch.ids or _is_here(db, game, number, updated_at):
            batch.skipped["already there"] += 1
        else:
            batch.ids.append(number)
        if len(batch.ids) == IDS_PER_REQUEST:
            yield batch
            batch = Batch()
    if batch.rows:
        yield batch


def _is_here(db: SiteDatabase, game: Game, number: int, updated_at: str | None) -> bool:
    row = db.execute(
        """
        SELECT observations.updated_at FROM game_observations
        JOIN observations ON observations.id = game_observations.observation_id
        WHERE game_observations.game = ? AND observations.id = ?
        """,
        [game.slug, number],
    ).fetchone()
    return row is not None and (updated_at or "") <= str(row[0] or "")


def _save_batch(
    db: SiteDatabase, game: Game, api: INaturalist, ids: list[int]
) -> tuple[int, Counter[str]]:
    """Ask for observations and write them; how many came, and what was left out by reason."""
    if not ids:
        return 0, Counter()
    # The licence column of the CSV is the observation's, not the photos', so the API is asked.
    results = fetch_by_id(api, ids)
    save_lineages(db, api, results)
    skipped = save_page(db, game.slug, results)
    skipped["observations that iNaturalist does not show"] += len(ids) - len(results)
    return len(results), skipped
