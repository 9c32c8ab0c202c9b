"""The sync of a game from iNaturalist's monthly tables instead of its API.

The tables hold all that is openly licensed, and reading them takes no request: the way to the first
ten million photos. The API is the way to what is newer, and to iNaturalist's own numbers.
"""

from __future__ import annotations

import contextlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from critterdb.errors import SourceError
from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.storage.duckdb import open_duckdb
from critterdb.storage.photo_store import tidy_photos
from critterdb.storage.timestamps import utc_now

from .open_rows import OpenOptions, OpenReport, known_uuids, lowest_id, save_members
from .open_selection import number_observations, read_photos, select_observations
from .open_tables import convert, explaining, find_downloads, name_tables
from .photo_download import PhotoSource, count_missing_photos, fetch_photos
from .photo_selection import Selection, known_photos, load_caps
from .place_boxes import boxes_of
from .rate_limit import BYTES_PER_DAY, BYTES_PER_HOUR
from .sync import SyncOptions, SyncReport, check_has_taxon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from critterdb._types import Progress
    from critterdb.games import Game

    from .client import INaturalist
    from .open_selection import Box
    from .photo_selection import Caps

# The aims of python -m benchmarks.open_data on two cores; a busy machine takes longer.
PACKED_BYTES_PER_SECOND = 45_000_000  # of the downloads, converted to Parquet
OBSERVATIONS_PER_SECOND = 40_000  # written to the database
PHOTOS_PER_SECOND = 100_000
BYTES_PER_OBSERVATION = 560  # of the database, with indexes and search
BYTES_PER_PHOTO_ROW = 330
BYTES_PER_PHOTO = 70_000  # of a file of medium size


@dataclass(frozen=True)
class OpenData:
    """Where the tables are, and the box that the game is about if not that of its place."""

    folder: Path
    box: Box | None = None


@dataclass(frozen=True)
class OpenDataPlan:
    """What a sync from the tables would do: rows to write, files to download, and its cost.

    `observations` counts those in the game's query, `new` those of them that have no row yet.
    """

    observations: int
    new: int
    photo_rows: int
    database_bytes: int
    photos: int
    bytes: int
    minutes_of_reading: float
    minutes: float


def sync_open_data(
    db: SiteDatabase,
    game: Game,
    source: OpenData,
    *,
    api: INaturalist,
    options: SyncOptions,
    progress: Progress | None = None,
) -> SyncReport:
    """Make a game's rows say what the monthly tables say, whole or not at all; then fetch files.

    The API is asked for the box of the game's place, once, and for nothing else.
    Raises SourceError if the tables cannot be read; the rows are as they were then.
    """
    check_has_taxon(game)
    report = SyncReport()
    started = {"game": game.slug, "source": source.folder.name, "started_at": utc_now()}
    sync: Any = db["syncs"].insert(started).last_pk
    error: str | None = "interrupted"
    try:
        boxes = [source.box] if source.box else boxes_of(db, api, game, remember=True)
        rows = _save_rows(db, game, source, boxes, options, progress)
        report = SyncReport(
            observations=rows.observations,
            changed=rows.changed,
            left=rows.left,
            withdrawn=rows.withdrawn,
            skipped=rows.skipped,
        )
        if options.photos:
            with PhotoSource(api.pace, api.base_url) as photo_source:
                photos = fetch_photos(db, game.slug, photo_source, progress=progress)
            report.photos, report.bytes, report.failed = photos.photos, photos.bytes, photos.failed
        tidy_photos(db)
        error = None
    except Exception as failure:
        error = str(failure)
        raise
    finally:
        report.requests = api.pace.requests
        row = {
            "requests": report.requests,
            "observations": report.observations + report.changed,
            "photos": report.photos,
            "bytes": report.bytes,
        }
        # On a full disk this row cannot be written either; the first error is the one to show.
        with contextlib.suppress(sqlite3.Error):
            db["syncs"].update(sync, row | {"finished_at": utc_now(), "error": error})
    return report


def plan_open_data(
    db: SiteDatabase, game: Game, source: OpenData, *, api: INaturalist, options: SyncOptions
) -> OpenDataPlan:
    """What a sync from the tables would do; nothing is written. Raises SourceError."""
    check_has_taxon(game)
    boxes = [source.box] if source.box else boxes_of(db, api, game, remember=False)
    with _opened(source.folder) as con:
        downloads = find_downloads(source.folder)
        packed = sum(d.path.stat().st_size for d in downloads if not d.is_converted)
        name_tables(con, downloads)
        select_observations(con, game, boxes)
        lowest = lowest_id(db)
        observations, new = number_observations(
            con, known_uuids(db), lowest=lowest, limit=options.limit
        )
        photo_rows = _count_photos(db, con, game, options)
    photos = photo_rows + count_missing_photos(db, game.slug) if options.photos else 0
    photo_bytes = photos * BYTES_PER_PHOTO
    reading = packed / PACKED_BYTES_PER_SECOND
    writing = new / OBSERVATIONS_PER_SECOND + photo_rows / PHOTOS_PER_SECOND
    # More than 5 GB an hour or 24 GB a day may get an address blocked permanently.
    hours = max(photo_bytes / BYTES_PER_HOUR, 24 * (photo_bytes / BYTES_PER_DAY - 1), 0)
    return OpenDataPlan(
        observations=observations,
        new=new,
        photo_rows=photo_rows,
        database_bytes=new * BYTES_PER_OBSERVATION + photo_rows * BYTES_PER_PHOTO_ROW,
        photos=photos,
        bytes=photo_bytes,
        minutes_of_reading=round(reading / 60, 1),
        minutes=round((reading + writing) / 60 + hours * 60, 1),
    )


@contextmanager
def _opened(folder: Path) -> Iterator[Any]:
    temporary = folder / ".duckdb"  # made only if memory does not do, and removed by DuckDB
    with (
        explaining(folder),
        open_duckdb("Reading the monthly tables", temporary=temporary) as con,
    ):
        yield con


def _save_rows(
    db: SiteDatabase,
    game: Game,
    source: OpenData,
    boxes: Sequence[Box],
    options: SyncOptions,
    progress: Progress | None,
) -> OpenReport:
    with _opened(source.folder) as con:
        downloads = find_downloads(source.folder)
        for download in downloads:
            convert(con, download, progress)
        name_tables(con, downloads)
        select_observations(con, game, boxes)
        lowest = lowest_id(db)
        total, new = number_observations(con, known_uuids(db), lowest=lowest, limit=options.limit)
        # What another process wrote in between would get the same ids.
        with db.atomic():
            if lowest_id(db) != lowest:
                raise SourceError(
                    "Other rows were imported meanwhile. Nothing was changed: run it again"
                )
            open_options = OpenOptions(
                game.slug, options.licenses, _caps(db, game, options), utc_now(), lowest
            )
            # Indexes are dropped and made in this transaction: a kill leaves the old ones.
            return save_members(db, con, open_options, new, _counting(progress, 2 * total))


def _count_photos(db: SiteDatabase, con: Any, game: Game, options: SyncOptions) -> int:
    """How many photos would get a row."""
    caps, number = _caps(db, game, options), 0
    for batch in read_photos(con):
        known = known_photos(db, [photo.id for photo in batch], ())
        selection = Selection(known, options.licenses, caps)
        for photo in batch:
            if photo.observation_id < 0:
                selection.offer(photo)
        number += len(selection.taken.keys() - {photo.id for photo in known})
    return number


def _caps(db: SiteDatabase, game: Game, options: SyncOptions) -> Caps:
    return load_caps(
        db,
        game.slug,
        per_observation=options.photos_per_observation,
        per_observer=options.per_observer,
        per_taxon=options.per_taxon,
    )


def _counting(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        if progress:
            progress(done, total)

    return advance
