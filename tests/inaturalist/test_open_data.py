"""A game from iNaturalist's monthly tables: the same rows as from the API, whole or not at all."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.errors import SourceError
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.games import Game, save_game
from critterdb.inaturalist.client import INaturalist
from critterdb.inaturalist.open_data import OpenData, plan_open_data, sync_open_data
from critterdb.inaturalist.open_selection import Box
from critterdb.inaturalist.sync import SyncOptions, SyncReport, sync_game
from critterdb.site.folder import init_site
from critterdb.storage.database import SiteDatabase, open_database
from tests.support.inaturalist import COUGAR, TAXA, Json, jpeg, observation, photo
from tests.support.open_data import HEADERS, table, uuid_of, write_table, write_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

pytest.importorskip("duckdb")

OBSERVATIONS = 40
FELIDAE = 41944
CATS_GAME = Game("cats", "cats", "Which cat?", FELIDAE)
TABLES = ("taxa", "observers", "observations", "photos", "game_observations", "shared_photos")
# What the monthly tables do not have, and when and under which number a row came.
NOT_IN_TABLES = {
    *("id", "observation_id", "seen_at", "common_name", "updated_at", "captive", "place_guess"),
    *("obscured", "license_code", "url", "attribution"),
}


def seen(number: int, **changes: Any) -> Json:
    """An observation with a real uuid, and two photos if its number is even."""
    photos = [photo(number * 10), photo(number * 10 + 1, "cc0")][: 2 - number % 2]
    return observation(number, **{"uuid": uuid_of(number), "photos": photos, **changes})


@pytest.fixture
def observations() -> list[Json]:
    return [seen(number) for number in range(1, OBSERVATIONS + 1)]


@pytest.fixture
def server(
    observations: list[Json], monkeypatch: pytest.MonkeyPatch
) -> Iterator[StandInINaturalist]:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    photos = {p["id"]: jpeg(p["id"]) for o in observations for p in o["photos"]}
    with StandInINaturalist(observations, TAXA, photos) as standin:
        monkeypatch.setenv("CRITTERDB_INATURALIST_API", standin.url)
        yield standin


@pytest.fixture
def game(db: SiteDatabase) -> Game:
    save_game(db, CATS_GAME)
    return CATS_GAME


@pytest.fixture
def tables(tmp_path: Path, observations: list[Json]) -> Path:
    return write_tables(tmp_path / "tables", observations)


def load(
    db: SiteDatabase, game: Game, folder: Path, box: Box | None = None, **options: Any
) -> SyncReport:
    wanted = SyncOptions(photos=False, **options)
    return sync_open_data(db, game, OpenData(folder, box), api=INaturalist(db), options=wanted)


def contents(db: SiteDatabase, *leave_out: str) -> dict[str, list[Json]]:
    return {
        name: [{k: v for k, v in row.items() if k not in leave_out} for row in db[name].rows]
        for name in TABLES
    }


def found(db: SiteDatabase, words: str) -> set[int]:
    sql = "SELECT rowid FROM observations_fts WHERE observations_fts MATCH ?"
    return {row[0] for row in db.execute(sql, [words])}


def schema(db: SiteDatabase) -> list[tuple[str, ...]]:
    return sorted(db.execute("SELECT type, name, sql FROM sqlite_master").fetchall(), key=str)


def test_the_rows_are_those_of_a_sync_from_the_api(
    db: SiteDatabase, game: Game, tables: Path, server: StandInINaturalist, tmp_path: Path
) -> None:
    before = schema(db)
    report = load(db, game, tables)
    assert report.observations == OBSERVATIONS
    init_site(tmp_path / "other")
    other = open_database(tmp_path / "other" / "critters.db")
    save_game(other, game)
    sync_game(other, game, api=INaturalist(other), options=SyncOptions(photos=False))
    ours, theirs = contents(db, *NOT_IN_TABLES), contents(other, *NOT_IN_TABLES)
    for name in TABLES:
        assert sorted(map(str, ours[name])) == sorted(map(str, theirs[name])), name
    assert schema(db) == before
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    cougars = db.execute("SELECT id FROM observations WHERE taxon_id = ?", [COUGAR["id"]])
    assert found(db, "Puma") == {row[0] for row in cougars}


def test_a_photo_has_its_credit_and_an_address(db: SiteDatabase, game: Game, tables: Path) -> None:
    load(db, game, tables)
    by_id = {row["id"]: row for row in db["photos"].rows}
    assert by_id[10]["attribution"] == "(c) user1, some rights reserved (CC BY-NC)"
    assert by_id[21]["attribution"] == "user2, no rights reserved (CC0)"
    bucket = "https://inaturalist-open-data.s3.amazonaws.com"
    assert by_id[10]["url"] == f"{bucket}/photos/10/square.jpg"


def test_a_second_time_changes_nothing(db: SiteDatabase, game: Game, tables: Path) -> None:
    load(db, game, tables)
    before = contents(db)
    again = load(db, game, tables)
    assert contents(db) == before
    assert (again.observations, again.changed, again.left, again.withdrawn) == (0, 0, 0, 0)


def test_a_new_month_brings_what_is_new_changed_and_gone(
    db: SiteDatabase, game: Game, tables: Path, observations: list[Json]
) -> None:
    load(db, game, tables)
    observations[0]["taxon"] = TAXA[1]
    observations[1]["quality_grade"] = "needs_id"
    gone = observations.pop(2)
    observations[3]["photos"][0]["license_code"] = "cc-by-nd"
    observations.append(seen(99))
    report = load(db, game, write_tables(tables, observations))
    assert (report.observations, report.changed, report.left, report.withdrawn) == (1, 1, 1, 1)
    rows = {row["uuid"]: row for row in db["observations"].rows}
    assert rows[uuid_of(1)]["taxon_id"] == FELIDAE
    assert rows[gone["uuid"]]["withdrawn_at"]
    assert db["photos"].get(observations[3]["photos"][0]["id"])["withdrawn_at"]
    assert db["photos"].get(gone["photos"][0]["id"])["withdrawn_at"]
    assert found(db, "Felidae") == {rows[uuid_of(1)]["id"]}
    left = db["game_observations"].rows_where("left_at IS NOT NULL")
    ids = {rows[uuid_of(2)]["id"], rows[gone["uuid"]]["id"]}
    assert {row["observation_id"] for row in left} == ids


def test_a_sync_gives_rows_their_numbers_and_all_that_names_them(
    db: SiteDatabase,
    game: Game,
    tables: Path,
    server: StandInINaturalist,
    observations: list[Json],
) -> None:
    load(db, game, tables)
    negative = {row["uuid"]: row["id"] for row in db["observations"].rows}
    db["splits"].insert_all(
        {"game": "cats", "observation_id": number, "part": "train"} for number in negative.values()
    )
    db["shared_photos"].insert({"photo_id": 10, "observation_id": negative[uuid_of(2)]})
    server.delete(7)
    report = sync_game(db, game, api=INaturalist(db), options=SyncOptions(photos=False))
    numbers = {row["id"] for row in db["observations"].rows}
    assert numbers == {o["id"] for o in observations if o["id"] != 7} | {negative[uuid_of(7)]}
    assert report.left == 1
    assert {row["observation_id"] for row in db["splits"].rows} == numbers
    assert list(db["shared_photos"].rows) == [{"photo_id": 10, "observation_id": 2}]
    assert {row["observation_id"] for row in db["photos"].rows} == numbers
    assert found(db, "Puma OR Lynx") == numbers
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    # Afterwards the tables have nothing to say of what the API said.
    before = contents(db)
    again = load(db, game, tables)
    assert (again.observations, again.changed) == (0, 0)
    left = [row for row in before["game_observations"] if row["left_at"]]
    assert [row["observation_id"] for row in left] == [negative[uuid_of(7)]]
    for row in left:
        row["left_at"] = None  # the tables still have it
    assert contents(db) == before


def test_a_photo_of_the_tables_that_is_gone_does_not_stop_a_sync(
    db: SiteDatabase, game: Game, tables: Path, server: StandInINaturalist
) -> None:
    load(db, game, tables)
    db.execute("UPDATE photos SET url = ?", [f"{server.base}/photos/999/square.jpg"])
    report = sync_game(db, game, api=INaturalist(db), options=SyncOptions(limit=1))
    assert report.observations == 1
    assert db["photos"].count_where("error = 'status 403'") == report.failed > 0


@pytest.mark.parametrize(
    "caps",
    [{"per_taxon": 5}, {"per_observer": 4}, {"photos_per_observation": 1, "per_taxon": 7}],
)
def test_caps_choose_as_a_sync_from_the_api_does(
    db: SiteDatabase,
    game: Game,
    tables: Path,
    server: StandInINaturalist,
    tmp_path: Path,
    caps: dict[str, Any],
) -> None:
    report = load(db, game, tables, **caps)
    init_site(tmp_path / "other")
    other = open_database(tmp_path / "other" / "critters.db")
    save_game(other, game)
    options = SyncOptions(photos=False, **caps)
    expected = sync_game(other, game, api=INaturalist(other), options=options)
    assert [row["id"] for row in db["photos"].rows] == [row["id"] for row in other["photos"].rows]
    assert report.skipped == expected.skipped


def test_a_box_may_hold_the_meridian_of_180_degrees(
    db: SiteDatabase, game: Game, tmp_path: Path
) -> None:
    places = {1: "52,179.5", 2: "52,-179.5", 3: "52,0", 4: "80,179.5"}
    seen_there = [seen(number, location=place) for number, place in places.items()]
    tables = write_tables(tmp_path / "tables", seen_there)
    load(db, game, tables, Box(50, 170, 60, -170))
    assert {row["uuid"] for row in db["observations"].rows} == {uuid_of(1), uuid_of(2)}


def test_the_box_of_a_games_place_is_asked_for_once(
    db: SiteDatabase, game: Game, tables: Path, server: StandInINaturalist
) -> None:
    ring = [[-120, 40], [-120, 41], [-119, 41], [-119, 40], [-120, 40]]
    box = {"type": "Polygon", "coordinates": [ring]}
    server.places = [{"id": 14, "name": "Nevada", "bounding_box_geojson": box}]
    game = Game("cats", "cats", "Which cat?", FELIDAE, 14)
    save_game(db, game)
    assert load(db, game, tables).observations == 0
    assert load(db, game, tables).requests == 0
    assert len(server.requests) == 1


def test_a_plan_counts_and_writes_nothing(
    db: SiteDatabase, game: Game, tables: Path, server: StandInINaturalist
) -> None:
    before, files = contents(db), set(tables.iterdir())
    options = SyncOptions(per_taxon=8)
    source = OpenData(tables)
    plan = plan_open_data(db, game, source, api=INaturalist(db), options=options)
    assert (plan.observations, plan.new, plan.photos) == (OBSERVATIONS, OBSERVATIONS, 16)
    assert (contents(db), set(tables.iterdir())) == (before, files)
    load(db, game, tables, per_taxon=8)
    assert db["photos"].count == plan.photo_rows
    again = plan_open_data(db, game, source, api=INaturalist(db), options=options)
    assert (again.new, again.photo_rows, again.photos) == (0, 0, 16)


def test_a_table_is_converted_once_for_each_download(
    db: SiteDatabase, game: Game, tables: Path, observations: list[Json]
) -> None:
    load(db, game, tables)
    made = {file.name: file.stat().st_mtime_ns for file in tables.glob("*.parquet")}
    load(db, game, tables)
    assert {f.name: f.stat().st_mtime_ns for f in tables.glob("*.parquet")} == made
    write_tables(tables, [*observations, seen(99)])
    load(db, game, tables)
    assert len(list(tables.glob("*.parquet"))) == len(HEADERS)
    assert not made.keys() & {file.name for file in tables.glob("observations-*.parquet")}


def damaged(name: str, data: bytes) -> bytes:
    """A table as a person or a network spoils it."""
    lines = data.splitlines(keepends=True)
    if name == "other separator":
        return data.replace(b"\t", b",")
    if name == "changed column":
        return data.replace(b"taxon_id", b"taxon", 1)
    if name == "quoted":
        return b"".join(b'"' + line[:-1].replace(b"\t", b'"\t"') + b'"\n' for line in lines)
    if name == "stray quote":
        return data.replace(b"\t505\t", b'\t"505\t').replace(b"\t8\t", b'\t"8\t')
    if name == "NUL":
        return data.replace(b"research", b"rese\0rch", 1)
    if name == "half a line":
        return data[: -len(lines[-1]) // 2]
    if name == "not UTF-8":
        return data.replace(b"research", b"rese\xffrch", 1)
    return b""


@pytest.mark.parametrize(
    "damage",
    [
        *("truncated", "not gzip", "other separator", "changed column", "quoted", "stray quote"),
        *("NUL", "half a line", "not UTF-8", "empty", "missing"),
    ],
)
def test_a_damaged_table_is_one_clear_line_and_loads_nothing(
    db: SiteDatabase, game: Game, tables: Path, damage: str
) -> None:
    path = tables / "observations.csv.gz"
    packed = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(packed[: len(packed) // 2])
    elif damage == "not gzip":
        path.write_bytes(b"<html>Sign in</html>")
    elif damage == "missing":
        path.unlink()
    else:
        write_table(tables, "observations", damaged(damage, gzip.decompress(packed)))
    before = contents(db)
    with pytest.raises(SourceError) as caught:
        load(db, game, tables)
    message = str(caught.value)
    assert "observations.csv.gz" in message
    assert "\n" not in message
    assert "download" in message.lower()
    assert contents(db) == before
    assert not [*tables.glob("*.part"), *tables.glob("observations-*.parquet")]
    [sync] = db["syncs"].rows
    assert sync["error"] == message


def test_quotes_in_a_name_are_a_part_of_it(
    db: SiteDatabase, game: Game, tables: Path, observations: list[Json]
) -> None:
    observations[0]["user"] = {"id": 99, "login": "ann", "name": '"Ann" O\'Hara "'}
    load(db, game, write_tables(tables, observations))
    assert db["observers"].get(99)["name"] == '"Ann" O\'Hara "'


def test_tables_without_the_games_taxon_are_refused(
    db: SiteDatabase, game: Game, tables: Path
) -> None:
    write_table(tables, "taxa", table("taxa", [(1, "", 70, "kingdom", "Animalia", "true")]))
    with pytest.raises(SourceError, match="no taxon 41944"):
        load(db, game, tables)
    assert db["observations"].count == 0


def test_the_command_syncs_photos_too(
    tmp_path: Path, tables: Path, server: StandInINaturalist
) -> None:
    folder = tmp_path / "new-site"
    init_site(folder)
    db = open_database(folder / "critters.db")
    save_game(db, CATS_GAME)
    command = ["--db", str(folder / "critters.db"), "sync", "cats", "--open-data", str(tables)]
    planned = CliRunner().invoke(main, [*command, "--plan"])
    assert "40 observations in the tables, 40 new, and 60 new photo rows" in planned.output
    result = CliRunner().invoke(main, [*command, "--no-photos", "--json"], catch_exceptions=False)
    assert json.loads(result.output)["observations"] == OBSERVATIONS
    assert db["photos"].count == 60
