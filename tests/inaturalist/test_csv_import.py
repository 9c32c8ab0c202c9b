"""An export CSV of iNaturalist's as a source: its ids, and what the site says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.storage.database import DATABASE_NAME, SiteDatabase
from tests.support.inaturalist import TAXA, jpeg, observation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER = "id,uuid,observed_on,updated_at,quality_grade,license,image_url,scientific_name\n"
OBSERVATIONS = 70


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, site: Path) -> Iterator[StandInINaturalist]:
    numbers = range(1, OBSERVATIONS + 1)
    photos = {number * 10: jpeg(number) for number in numbers}
    with StandInINaturalist([observation(n) for n in numbers], TAXA, photos) as standin:
        monkeypatch.setenv("CRITTERDB_INATURALIST_API", standin.url)
        monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
        monkeypatch.setenv("CRITTERDB_DB", str(site / DATABASE_NAME))
        yield standin


def line(number: object, updated_at: str = "2026-10-02 10:00:00 UTC") -> str:
    photo = f"https://static.inaturalist.org/photos/{number}0/medium.jpg"
    return (
        f'{number},uuid-{number},2026-10-01,{updated_at},research,CC-BY,{photo},"Puma, concolor"\n'
    )


def write(folder: Path, *lines: str, header: str = HEADER, encoding: str = "utf-8") -> str:
    file = folder / "observations-1.csv"
    file.write_text(header + "".join(lines), encoding)
    return str(file)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["import", *arguments])


def test_an_export_becomes_a_game_with_photos_and_credits(
    db: SiteDatabase, server: StandInINaturalist, tmp_path: Path
) -> None:
    file = write(tmp_path, *(line(number) for number in range(1, 41)))
    done = run(file, "--game", "mine")
    assert done.exit_code == 0, done.output
    assert "mine: 40 observations and 40 photos" in done.stdout
    assert db["game_observations"].count_where("game = 'mine'") == 40
    credits = list(db.query("SELECT license_code, attribution FROM photo_credits"))
    assert len(credits) == 40
    assert {row["license_code"] for row in credits} == {"cc-by-nc"}
    assert db["taxa"].get(42007)["parent_id"] == 41944
    [row] = db["syncs"].rows
    assert (row["source"], row["observations"], row["error"]) == ("observations-1.csv", 40, None)


def test_a_second_import_asks_for_nothing(
    db: SiteDatabase, server: StandInINaturalist, tmp_path: Path
) -> None:
    file = write(tmp_path, *(line(number) for number in range(1, 41)))
    run(file, "--game", "mine")
    before = {name: list(db[name].rows) for name in ("observations", "photos", "game_observations")}
    server.requests.clear()
    assert "left out, already there: 40" in run(file, "--game", "mine").stdout
    assert server.requests == []
    assert before == {name: list(db[name].rows) for name in before}


def test_a_newer_export_brings_what_changed(
    db: SiteDatabase, server: StandInINaturalist, tmp_path: Path
) -> None:
    run(write(tmp_path, line(1), line(2)), "--game", "mine")
    server.edit(2, taxon=TAXA[3])
    run(write(tmp_path, line(1), line(2, "2030-01-01 00:00:00 UTC")), "--game", "mine")
    assert db["observations"].get(2)["taxon_id"] == 41976


def test_a_preset_takes_an_export_too(
    db: SiteDatabase, server: StandInINaturalist, tmp_path: Path
) -> None:
    assert run(write(tmp_path, line(1)), "--game", "cougarornot").exit_code == 0
    assert db["games"].get("cougarornot")["hashtag"] == "cougarOrNot"


def test_what_the_site_does_not_show_is_counted(
    db: SiteDatabase, server: StandInINaturalist, tmp_path: Path
) -> None:
    lines = [line(1), line(9999), line(1), line("x"), line(""), line("-3")]
    done = run(write(tmp_path, *lines), "--game", "mine")
    assert "mine: 1 observation and 1 photo" in done.stdout
    assert "observations that iNaturalist does not show: 1" in done.stdout
    assert "rows without an id: 3" in done.stdout
    assert "already there: 1" in done.stdout


def test_a_server_that_goes_away_loses_nothing(
    db: SiteDatabase, server: StandInINaturalist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("critterdb.inaturalist.client.ATTEMPTS", 1)
    file = write(tmp_path, *(line(number) for number in range(1, OBSERVATIONS + 1)))
    server.faults.extend(["", "", "500"])  # the lineages and one batch come through
    stopped = run(file, "--game", "mine")
    assert stopped.exit_code == 1
    assert len(stopped.stderr.splitlines()) == 1
    assert 0 < db["observations"].count < OBSERVATIONS
    assert run(file, "--game", "mine").exit_code == 0
    assert db["observations"].count == OBSERVATIONS
    assert [bool(row["error"]) for row in db["syncs"].rows] == [True, False]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-8"])
def test_encodings_of_spreadsheets_pass(
    db: SiteDatabase, server: StandInINaturalist, tmp_path: Path, encoding: str
) -> None:
    row = line(1).replace("Puma, concolor", "Puma für alle")
    assert run(write(tmp_path, row, encoding=encoding), "--game", "mine").exit_code == 0
    assert db["observations"].count == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column"),
        (b"name,date\nfox,2026\n", "no column"),
        (bytes(range(256)) * 20, "export"),
        (None, "could not be read"),
    ],
    ids=["empty", "another csv", "binary", "missing"],
)
def test_a_file_that_is_not_an_export_is_one_clear_error(
    db: SiteDatabase, server: StandInINaturalist, tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "odd.csv"
    if content is not None:
        file.write_bytes(content)
    done = run(str(file), "--game", "mine")
    assert done.exit_code == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert db["games"].count == 0


def test_an_export_takes_no_licence(server: StandInINaturalist, tmp_path: Path) -> None:
    arguments = ["--game", "mine", "--license", "cc0", "--attribution", "me"]
    assert run(write(tmp_path, line(1)), *arguments).exit_code == 2
