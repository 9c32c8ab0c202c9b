"""Sync against a stand-in server over real sockets, and odd responses through the same writers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from critterdb.errors import SourceError
from critterdb.fakes.inaturalist import FAULTS, StandInINaturalist
from critterdb.games import Game, ensure_game
from critterdb.inaturalist.client import INaturalist
from critterdb.inaturalist.observations import save_observations
from critterdb.inaturalist.photo_selection import Caps
from critterdb.inaturalist.responses import read_observations, read_taxa
from critterdb.inaturalist.sync import SyncOptions, sync_game
from critterdb.inaturalist.taxa import save_taxa
from critterdb.storage.database import SiteDatabase, site_folder
from tests.support.inaturalist import TAXA, Json, jpeg, observation

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[StandInINaturalist]:
    observations = [observation(number) for number in range(1, 451)]
    photos = {number * 10: jpeg(number) for number in range(1, 451)}
    with StandInINaturalist(observations, TAXA, photos) as standin:
        standin.silence_s = 0.8
        yield standin


@pytest.fixture
def game(db: SiteDatabase, monkeypatch: pytest.MonkeyPatch) -> Game:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    return ensure_game(db, "cougarornot")


def client(db: SiteDatabase, server: StandInINaturalist) -> INaturalist:
    return INaturalist(db, server.url, sleep=lambda _: None, timeout_s=0.5)


def rows(db: SiteDatabase, table: str) -> list[Json]:
    return list(db[table].rows_where(order_by="id"))


def test_a_sync_fills_every_table(db: SiteDatabase, game: Game, server: StandInINaturalist) -> None:
    report = sync_game(db, game, api=client(db, server), options=SyncOptions(limit=12))
    assert (report.observations, report.photos, report.failed) == (12, 12, 0)
    assert rows(db, "observations")[0] == {
        "id": 1,
        "uuid": "uuid-1",
        "taxon_id": 41976,
        "observer_id": 8,
        "observed_on": "2026-10-01",
        "updated_at": "2026-10-02T10:00:00Z",
        "quality_grade": "research",
        "captive": 0,
        "place_guess": "Yellowstone",
        "latitude": 44.5,
        "longitude": -110.25,
        "positional_accuracy": 12,
        "obscured": 0,
        "license_code": "cc-by",
        "url": "https://www.inaturalist.org/observations/1",
        "withdrawn_at": None,
    }
    cougar = db["taxa"].get(42007)
    assert cougar["common_name"] == "Cougar"
    assert (cougar["parent_id"], json.loads(cougar["ancestor_ids"])) == (
        41944,
        [48460, 41944, 42007],
    )
    assert {row["login"] for row in rows(db, "observers")} == {"user0", "user1", "user2"}
    photo = rows(db, "photos")[0]
    assert (photo["license_code"], photo["error"]) == ("cc-by-nc", None)
    assert (site_folder(db) / photo["path"]).read_bytes() == jpeg(1)
    assert (photo["width"], photo["height"]) == (64, 48)
    sync = rows(db, "syncs")[0]
    assert (sync["observations"], sync["photos"], sync["error"]) == (12, 12, None)
    assert db.conn.execute("PRAGMA foreign_key_check").fetchall() == []
    medium = [asked for asked in server.requests if "/photos/" in asked]
    assert all(asked.endswith("/medium.jpg") for asked in medium)


def test_a_second_run_goes_on_where_the_first_stopped(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    sync_game(db, game, api=client(db, server), options=SyncOptions(limit=205))
    server.requests.clear()
    report = sync_game(db, game, api=client(db, server))
    assert report.observations == 245
    assert db["observations"].count == db["photos"].count == 450
    walked = [asked for asked in server.requests if "/observations?" in asked]
    assert "id_above=205" in walked[0]
    server.requests.clear()
    assert sync_game(db, game, api=client(db, server)).observations == 0
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_tried_again(
    db: SiteDatabase, game: Game, server: StandInINaturalist, fault: str
) -> None:
    server.faults.extend([fault] * 2)
    assert (
        sync_game(db, game, api=client(db, server), options=SyncOptions(limit=3)).observations == 3
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lasting_fault_is_one_clear_error_and_loses_nothing(
    db: SiteDatabase, game: Game, server: StandInINaturalist, fault: str
) -> None:
    sync_game(db, game, api=client(db, server), options=SyncOptions(limit=3))
    server.faults.extend([fault] * 50)
    with pytest.raises(SourceError, match="Run the same command again"):
        sync_game(db, game, api=client(db, server))
    assert db["observations"].count == 3
    assert "did not respond" in rows(db, "syncs")[-1]["error"]
    server.faults.clear()
    assert (
        sync_game(db, game, api=client(db, server), options=SyncOptions(limit=2)).observations == 2
    )
    assert [row["id"] for row in rows(db, "observations")] == [1, 2, 3, 4, 5]


def test_a_server_that_is_down(db: SiteDatabase, game: Game) -> None:
    api = INaturalist(db, "http://127.0.0.1:9", sleep=lambda _: None)
    with pytest.raises(SourceError, match=r"did not respond.*Check your network connection"):
        sync_game(db, game, api=api)


def test_photos_that_cannot_be_had_keep_their_reason(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    good = server.photos[20]
    server.photos[20] = b"<html>not a photo</html>"
    server.photos[30] = server.photos[30][:-20]
    del server.photos[40]
    report = sync_game(db, game, api=client(db, server), options=SyncOptions(limit=5))
    assert (report.photos, report.failed) == (2, 3)
    errors = {row["id"]: row["error"] for row in rows(db, "photos") if row["error"]}
    assert set(errors) == {20, 30, 40}
    assert "not_an_image" in errors[20]
    assert "image_truncated" in errors[30]
    assert "403" in errors[40]
    server.photos[20] = good
    assert sync_game(db, game, api=client(db, server), options=SyncOptions(limit=1)).photos == 2
    assert db["photos"].get(20)["error"] is None


def test_photos_of_other_hosts_go_through_the_guard(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    sync_game(db, game, api=client(db, server), options=SyncOptions(limit=1, photos=False))
    db["photos"].update(10, {"url": "http://127.0.0.1:9/photos/10/square.jpg"})
    assert sync_game(db, game, api=client(db, server), options=SyncOptions(limit=1)).failed == 1
    assert "url_invalid" in db["photos"].get(10)["error"]


def test_the_same_picture_is_stored_once(
    db: SiteDatabase, game: Game, server: StandInINaturalist
) -> None:
    server.photos[20] = server.photos[10]
    sync_game(db, game, api=client(db, server), options=SyncOptions(limit=2))
    assert len({row["path"] for row in rows(db, "photos")}) == 1


ODD = [
    pytest.param({"photos": [{"id": 5, "license_code": None, "url": "u"}]}, 0, id="null licence"),
    pytest.param({"photos": []}, 0, id="no photo"),
    pytest.param({"photos": None, "sounds": [{"id": 3}]}, 0, id="a sound"),
    pytest.param({"taxon": None}, 1, id="no taxon"),
    pytest.param({"user": None}, 1, id="no observer"),
    pytest.param({"location": None, "obscured": True}, 1, id="no point"),
    pytest.param({"uuid": None, "uri": None, "captive": None, "observed_on": None}, 1, id="bare"),
]


@pytest.mark.parametrize(("changes", "photos"), ODD)
def test_odd_observations_pass(db: SiteDatabase, game: Game, changes: Json, photos: int) -> None:
    save_taxa(db, read_taxa(TAXA))
    save_observations(db, game.slug, read_observations([observation(2, **changes)]))
    assert db["observations"].count == 1
    assert db["photos"].count == photos


def test_nothing_private_is_stored(db: SiteDatabase, game: Game) -> None:
    save_taxa(db, read_taxa(TAXA))
    hidden = observation(1, location="44.4,-110.3", obscured=True)
    save_observations(db, game.slug, read_observations([hidden]))
    everything = json.dumps([list(db[name].rows) for name in db.table_names()], default=str)
    assert "44.123456" not in everything
    assert "behind the barn" not in everything
    assert db["observations"].get(1)["obscured"] == 1


def test_only_wanted_licences_and_so_many_photos(db: SiteDatabase, game: Game) -> None:
    save_taxa(db, read_taxa(TAXA))
    codes = ["cc0", "CC-BY", None, "cc-by-nd", "cc-by-sa"]
    photos = [{"id": 90 + n, "license_code": code, "url": "u"} for n, code in enumerate(codes)]
    skipped = save_observations(
        db,
        game.slug,
        read_observations([observation(1, photos=photos)]),
        caps=Caps(per_observation=2),
    )
    assert [row["license_code"] for row in rows(db, "photos")] == ["cc0", "cc-by"]
    assert sum(skipped.values()) == 3


def test_a_photo_of_two_observations_is_remembered(db: SiteDatabase, game: Game) -> None:
    save_taxa(db, read_taxa(TAXA))
    first, second = observation(1), observation(2)
    second["photos"] = first["photos"]
    save_observations(db, game.slug, read_observations([first, second]))
    save_observations(db, game.slug, read_observations([first, second]))
    assert list(db["shared_photos"].rows) == [{"photo_id": 10, "observation_id": 2}]


def test_an_imported_game_has_nothing_to_sync(db: SiteDatabase, server: StandInINaturalist) -> None:
    with pytest.raises(SourceError, match="critterdb import"):
        sync_game(db, Game("mine"), api=client(db, server))


def test_a_child_may_be_named_before_its_parent(db: SiteDatabase) -> None:
    child = {"id": 42007, "name": "Puma concolor", "rank": "species", "parent_id": 41944}
    save_taxa(db, read_taxa([child, {"id": 41944, "name": "Felidae", "rank": "family"}]))
    parents = {row["id"]: row["parent_id"] for row in db["taxa"].rows}
    assert parents == {42007: 41944, 41944: None}
