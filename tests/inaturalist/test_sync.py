"""A second sync and all later ones: what changed, what left, what is gone, and what it costs."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.games import Game, ensure_game
from critterdb.imaging import sandbox_process
from critterdb.imaging.sandbox import shared_decoders
from critterdb.inaturalist.client import INaturalist
from critterdb.inaturalist.photo_download import (
    ATTEMPTS,
    BATCH,
    MAX_RUNS,
    NO_ROOM,
    DownloadReport,
    PhotoSource,
    fetch_photos,
)
from critterdb.inaturalist.sync import SyncOptions, SyncReport, plan_sync, sync_game
from critterdb.storage.database import SiteDatabase, site_folder
from tests.support.inaturalist import COUGAR, TAXA, Json, jpeg, observation, photo, taxon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from critterdb._types import Progress

pytestmark = pytest.mark.slow

OBSERVATIONS = 90


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInINaturalist]:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    numbers = range(1, OBSERVATIONS + 1)
    photos = {number * 10: jpeg(number) for number in numbers}
    with StandInINaturalist([observation(n) for n in numbers], TAXA, photos) as standin:
        yield standin


@pytest.fixture
def game(db: SiteDatabase) -> Game:
    return ensure_game(db, "cougarornot")


@pytest.fixture
def synced(db: SiteDatabase, game: Game, server: StandInINaturalist) -> SyncReport:
    return sync(db, game, server)


def sync(
    db: SiteDatabase,
    game: Game,
    server: StandInINaturalist,
    progress: Progress | None = None,
    **options: Any,
) -> SyncReport:
    api = INaturalist(db, server.url, sleep=lambda seconds: None)
    return sync_game(db, game, api=api, options=SyncOptions(**options), progress=progress)


def contents(db: SiteDatabase, *leave_out: str) -> dict[str, list[Json]]:
    tables = ("taxa", "observers", "observations", "photos", "game_observations", "shared_photos")
    return {
        name: [{k: v for k, v in row.items() if k not in leave_out} for row in db[name].rows]
        for name in tables
    }


def test_nothing_new_takes_three_requests_and_changes_nothing(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    assert (synced.observations, synced.photos) == (OBSERVATIONS, OBSERVATIONS)
    before = contents(db)
    server.requests.clear()
    again = sync(db, game, server)
    assert len(server.requests) == again.requests == 3
    assert contents(db) == before
    assert (again.observations, again.changed, again.left, again.withdrawn) == (0, 0, 0, 0)


def test_a_new_identification_moves_the_label(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    server.edit(5, taxon=TAXA[2])
    report = sync(db, game, server)
    assert (report.changed, db["observations"].get(5)["taxon_id"]) == (1, COUGAR["id"])


def test_what_a_killed_process_left_is_tidied_when_it_is_old(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    photos = site_folder(db) / "photos"
    files = {file for file in photos.rglob("*") if file.is_file()}
    (photos / "ab").mkdir(exist_ok=True)
    old, young = (photos / "ab" / f"ab{digit * 62}.jpg" for digit in "01")
    for file in (old, young):
        file.write_bytes(b"half of a photo")
    for file in [*files, old]:
        os.utime(file, (time.time() - 2 * 3600,) * 2)
    sync(db, game, server)
    assert {file for file in photos.rglob("*") if file.is_file()} == files | {young}


def test_a_photo_that_another_process_removed_is_downloaded_by_the_next_sync(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    removed: list[Path] = []
    photos = site_folder(db) / "photos"

    def remove_placed(statement: str) -> None:
        files = list(photos.glob("??/*"))
        if statement.startswith("BEGIN") and files and not removed:
            removed.append(files[0])
            files[0].unlink()

    db.conn.set_trace_callback(remove_placed)
    sync(db, game, server)
    db.conn.set_trace_callback(None)
    assert removed
    assert db["photos"].count_where("path IS NULL") == 1
    assert all((site_folder(db) / row["path"]).is_file() for row in _with_files(db))
    sync(db, game, server)
    assert db["photos"].count_where("path IS NULL") == 0
    assert removed[0].is_file()


def _with_files(db: SiteDatabase) -> list[Json]:
    return list(db["photos"].rows_where("path IS NOT NULL"))


def test_a_withdrawn_licence_withdraws_the_photo(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    file = site_folder(db) / db["photos"].get(70)["path"]
    assert file.is_file()
    server.edit(7, photos=[photo(70, license_code=None)])
    sync(db, game, server)
    row = db["photos"].get(70)
    assert row["withdrawn_at"]
    assert (row["path"], row["license_code"]) == (None, None)
    assert not file.exists()
    server.edit(7, photos=[photo(70)])
    sync(db, game, server)
    assert db["photos"].get(70)["withdrawn_at"] is None
    assert file.is_file()


def test_a_photo_that_was_taken_away_is_withdrawn(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    server.edit(8, photos=[photo(81)])
    server.photos[81] = jpeg(4000)
    sync(db, game, server)
    assert db["photos"].get(80)["withdrawn_at"]
    assert db["photos"].get(81)["path"]


def test_what_is_gone_is_marked_and_never_deleted(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    for number in (11, 12):
        server.delete(number)
    server.edit(13, quality_grade="needs_id")
    report = sync(db, game, server)
    assert (report.left, report.withdrawn) == (1, 2)
    gone = db.query("SELECT id FROM observations WHERE withdrawn_at IS NOT NULL ORDER BY id")
    assert [row["id"] for row in gone] == [11, 12]
    assert db["observations"].count == OBSERVATIONS
    left = db.query("SELECT observation_id FROM game_observations WHERE left_at IS NOT NULL")
    assert sorted(row["observation_id"] for row in left) == [11, 12, 13]
    assert db["photos"].get(110)["withdrawn_at"]
    assert db["photos"].get(130)["withdrawn_at"] is None
    server.edit(13, quality_grade="research")
    sync(db, game, server)
    assert db["game_observations"].get(("cougarornot", 13))["left_at"] is None


def test_a_difference_that_was_looked_into_is_not_looked_into_again(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    server.delete(3)
    assert sync(db, game, server).withdrawn == 1
    assert sync(db, game, server).requests == 3
    assert sync(db, game, server, recheck=True).requests == 3 + 3  # 89 ids, 30 a request


@pytest.mark.parametrize("force", [False, True])
def test_what_goes_behind_a_half_done_recheck_is_found(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport, force: bool
) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(db, game, server, recheck=True, progress=stop)
    server.delete(5)  # among those looked at
    first = sync(db, game, server, recheck=force)
    second = sync(db, game, server)
    assert (first.withdrawn, second.withdrawn) == ((1, 0) if force else (0, 1))
    assert sync(db, game, server).requests == 3


@pytest.mark.parametrize("option", ["week", "recheck"])
def test_a_deletion_and_an_addition_at_once_are_found_by_time_or_by_asking(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport, option: str
) -> None:
    server.delete(3)
    server.observations[500] = observation(500)
    server.photos[5000] = jpeg(500)
    if option == "week":
        row = {"at": "2026-01-01T00:00:00Z", "site": OBSERVATIONS, "ours": OBSERVATIONS}
        db["cursors"].update("inaturalist:cougarornot:recheck", {"value": json.dumps(row)})
    report = sync(db, game, server, recheck=option == "recheck")
    assert (report.observations, report.withdrawn) == (1, 1)


def test_one_empty_answer_of_a_cache_withdraws_nothing(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    server.odd_pages = 1
    report = sync(db, game, server, recheck=True)
    assert (report.left, report.withdrawn) == (0, 0)


@pytest.mark.parametrize("repeats_pages", [False, True])
def test_an_odd_page_in_the_middle_does_not_end_the_walk(
    db: SiteDatabase, game: Game, server: StandInINaturalist, repeats_pages: bool
) -> None:
    sync(db, game, server, limit=30, photos=False)
    server.odd_pages, server.repeats_pages = 2, repeats_pages
    assert sync(db, game, server).observations == OBSERVATIONS - 30
    assert db["observations"].count == OBSERVATIONS


def test_a_refused_photo_gets_a_fresh_look_at_its_observation(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    sync(db, game, server, photos=False)
    db["photos"].update(10, {"url": f"{server.base}/photos/999999/square.jpg"})
    db["photos"].update(20, {"url": f"{server.base}/photos/999998/square.jpg"})
    server.delete(2)
    report = sync(db, game, server)
    assert db["photos"].get(10)["path"]
    assert db["photos"].get(20)["withdrawn_at"]
    assert report.failed == 0


def test_a_photo_that_cannot_be_had_is_left_alone_in_the_end(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    del server.photos[30]
    for _ in range(MAX_RUNS):
        assert sync(db, game, server).failed == 1
    server.requests.clear()
    assert sync(db, game, server).failed == 0
    assert not [asked for asked in server.requests if "/photos/30/" in asked]
    row = db["photos"].get(30)
    assert (row["error"], row["attempts"]) == ("status 403", MAX_RUNS)


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where the program of new decoding processes has to lie; nothing is there yet."""
    program = tmp_path / "decoder"
    monkeypatch.setattr(sandbox_process, "COMMAND", (str(program), *sandbox_process.COMMAND[1:]))
    shared_decoders().close()
    yield program
    shared_decoders().close()


def fetch(
    db: SiteDatabase, game: Game, server: StandInINaturalist, sleep: Callable[[float], None]
) -> DownloadReport:
    pace = INaturalist(db, server.url).pace
    with PhotoSource(pace, server.url, sleep=sleep) as source:
        return fetch_photos(db, game.slug, source)


def test_a_photo_waits_for_room_to_be_decoded_and_is_not_fetched_again(
    db: SiteDatabase, game: Game, server: StandInINaturalist, decoder: Path
) -> None:
    sync(db, game, server, photos=False)
    server.requests.clear()

    def make_room(seconds: float) -> None:
        with suppress(FileExistsError):
            decoder.symlink_to(sys.executable)

    report = fetch(db, game, server, make_room)
    assert (report.photos, report.failed) == (OBSERVATIONS, 0)
    assert len(server.requests) == OBSERVATIONS


@pytest.mark.parametrize("trouble", ["none starts", "stopped"])
def test_what_there_is_no_room_to_decode_is_left_for_the_next_run(
    db: SiteDatabase, game: Game, server: StandInINaturalist, decoder: Path, trouble: str
) -> None:
    sync(db, game, server, photos=False)
    server.requests.clear()
    if trouble == "stopped":
        decoder.write_text("#!/bin/sh\nkill $$\n")
        decoder.chmod(0o755)
    waits: list[float] = []
    for _ in range(MAX_RUNS):
        assert fetch(db, game, server, waits.append).failed == OBSERVATIONS
    assert len(server.requests) == BATCH * MAX_RUNS
    assert len(waits) == BATCH * MAX_RUNS * (ATTEMPTS - 1)
    rows = list(db["photos"].rows_where(order_by="id"))
    assert {row["attempts"] for row in rows} == {0}
    assert all(row["error"].startswith("busy: ") for row in rows[:BATCH])
    assert {row["error"] for row in rows[BATCH:]} == {NO_ROOM}
    decoder.unlink(missing_ok=True)
    decoder.symlink_to(sys.executable)
    assert fetch(db, game, server, waits.append).photos == OBSERVATIONS
    assert not db["photos"].count_where("error IS NOT NULL")


@pytest.mark.parametrize(
    ("options", "photos", "reason"),
    [
        ({"per_observer": 4}, 12, "photos beyond 4 per observer"),
        ({"per_taxon": 5}, 10, "photos beyond 5 per taxon"),
        ({"per_observer": 4, "per_taxon": 5}, 10, "photos beyond 5 per taxon"),
    ],
)
def test_caps_keep_the_keen_and_the_common_from_drowning_the_rest(
    db: SiteDatabase,
    game: Game,
    server: StandInINaturalist,
    options: dict[str, Any],
    photos: int,
    reason: str,
) -> None:
    report = sync(db, game, server, **options)
    assert report.observations == db["observations"].count == OBSERVATIONS
    assert report.photos == db["photos"].count == photos
    assert report.skipped[reason] > 0
    assert sync(db, game, server, **options).photos == 0


def test_a_plan_asks_for_counts_only_and_comes_true(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    plan = plan_sync(db, game, api=INaturalist(db, server.url))
    assert all("per_page=0" in asked for asked in server.requests)
    assert db["observations"].count == 0
    assert (plan.new, plan.changed, plan.to_recheck) == (OBSERVATIONS, 0, 0)
    report = sync(db, game, server)
    assert report.requests <= plan.requests + 2
    server.edit(4, place_guess="Elsewhere")
    again = plan_sync(db, game, api=INaturalist(db, server.url))
    assert (again.new, again.changed, again.photos) == (0, 1, 0)


def test_the_plan_is_told_in_words(
    db: SiteDatabase, game: Game, server: StandInINaturalist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_INATURALIST_API", server.url)
    monkeypatch.setenv("CRITTERDB_DB", str(site_folder(db) / "critters.db"))
    result = CliRunner().invoke(main, ["sync", "--plan"])
    assert result.exit_code == 0, result.output
    assert f"{OBSERVATIONS} new observations" in result.stdout
    plan = json.loads(CliRunner().invoke(main, ["sync", "--plan", "--json"]).stdout)
    assert plan["new"] == OBSERVATIONS


def test_a_plan_writes_nothing_but_its_requests(
    db: SiteDatabase, server: StandInINaturalist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requests count in the ledger, from which iNaturalist's limits are kept."""
    monkeypatch.setenv("CRITTERDB_INATURALIST_API", server.url)
    monkeypatch.setenv("CRITTERDB_DB", str(site_folder(db) / "critters.db"))
    before = {table: list(db[table].rows) for table in db.table_names() if table != "ledger"}
    said = CliRunner().invoke(main, ["sync", "cougarornot", "--plan"])
    assert said.exit_code == 0, said.output
    assert {table: list(db[table].rows) for table in before} == before
    assert db["ledger"].count > 0


def test_an_inactive_taxon_leads_to_the_one_that_took_its_place(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    old_id = 999_001
    old = {"id": old_id, "name": "Felis concolor", "rank": "species", "rank_level": 10}
    inactive = {
        **taxon(old, TAXA[0], TAXA[1]),
        "is_active": False,
        "current_synonymous_taxon_ids": [COUGAR["id"]],
    }
    server.taxa[old_id] = inactive
    server.edit(6, taxon=inactive)
    sync(db, game, server)
    row = db["taxa"].get(old_id)
    assert (row["is_active"], row["synonym_id"]) == (0, COUGAR["id"])
    from critterdb.dataset.taxonomy import Taxonomy

    assert Taxonomy(db, "species").label(old_id) == COUGAR["id"]


def test_every_published_photo_is_credited(
    db: SiteDatabase, game: Game, server: StandInINaturalist, synced: SyncReport
) -> None:
    server.edit(9, photos=[photo(90, license_code=None)])
    server.delete(10)
    sync(db, game, server)
    with_file = db.query("SELECT id FROM photos WHERE path IS NOT NULL ORDER BY id")
    credited = list(db.query("SELECT * FROM photo_credits ORDER BY photo_id"))
    assert [row["photo_id"] for row in credited] == [row["id"] for row in with_file]
    assert len(credited) == OBSERVATIONS - 2
    needed = ("photo", "taxon", "license_code", "attribution", "observer", "observation_url")
    assert all(row[name] for row in credited for name in needed)
