"""One odd observation, photo, taxon or row among sound ones: it alone is left out, and counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.errors import SourceError
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.games import ensure_game
from critterdb.inaturalist.client import INaturalist
from critterdb.inaturalist.responses import MAX_LINEAGE, parse_page, read_taxa
from critterdb.inaturalist.sync import SyncOptions, SyncReport, sync_game
from critterdb.inaturalist.taxa import MAX_STEPS, save_missing_taxa
from critterdb.storage.cursors import Cursors
from critterdb.storage.database import DATABASE_NAME, SiteDatabase
from tests.support.inaturalist import TAXA, jpeg, observation, photo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from critterdb.fakes.server import Request

pytestmark = pytest.mark.slow

NESTED = 100_000
ODD_VALUES = {
    "a number": 5,
    "a text": "lion",
    "a list": [1, [2]],
    "an object": {"id": "x", "a": {}},
    "a truth": True,
    "a huge number": 10**30,
    "a surrogate": "\ud83d lost",
    "not a number": float("nan"),
    "endless": float("inf"),
    "a time before all": "0001-01-01T00:00:00+23:00",
    "a NUL": "a\0b",
}


class OddINaturalist(StandInINaturalist):
    """Puts `written` in place of the word "ODD" of each page."""

    written = b'"ODD"'
    date: str | None = None

    def _serve_page(self, request: Request, chosen: list[dict[str, Any]]) -> None:
        page = {"total_results": len(chosen), "results": chosen[:200]}
        body = json.dumps(page).encode().replace(b'"ODD"', self.written)
        if self.date is not None:
            request._handler.date_time_string = lambda *_: self.date  # type: ignore
        request.answer(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, site: Path) -> Iterator[OddINaturalist]:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    numbers = range(1, 5)
    photos = {number * 10: jpeg(number) for number in numbers}
    with OddINaturalist([observation(n) for n in numbers], TAXA, photos) as standin:
        monkeypatch.setenv("CRITTERDB_INATURALIST_API", standin.url)
        monkeypatch.setenv("CRITTERDB_DB", str(site / DATABASE_NAME))
        yield standin


def sync(db: SiteDatabase, server: StandInINaturalist, *, photos: bool = False) -> SyncReport:
    api = INaturalist(db, server.url, sleep=lambda seconds: None)
    return sync_game(
        db, ensure_game(db, "cougarornot"), api=api, options=SyncOptions(photos=photos)
    )


def stored(db: SiteDatabase) -> list[int]:
    return [row["id"] for row in db["observations"].rows_where(order_by="id")]


@pytest.mark.parametrize("odd", ODD_VALUES)
@pytest.mark.parametrize("field", ["observation", "taxon", "user", "photo"])
def test_no_odd_field_stops_a_sync(
    db: SiteDatabase, server: OddINaturalist, field: str, odd: str
) -> None:
    """Each field of the second observation in turn, its id and what the query asks for aside."""
    value = ODD_VALUES[odd]
    sound = server.observations[2]
    kept = ("id", "quality_grade", "updated_at")  # the fake itself reads these
    if field == "observation":
        changes = {k: value for k in (*sound, "private") if k not in (*kept, "photos", "taxon")}
    elif field == "taxon":
        ids = {"id": sound["taxon"]["id"], "ancestor_ids": [48460, 41944, value]}
        names = ("name", "rank", "rank_level", "parent_id", "is_active", "preferred_common_name")
        more = dict.fromkeys((*names, "ancestors", "current_synonymous_taxon_ids"), value)
        changes = {"taxon": {**more, **ids}}
    elif field == "user":
        changes = {"user": {"id": 8, "login": value, "name": value}}
    else:
        odd_photo = {**photo(20), "license_code": value, "attribution": value}
        changes = {"photos": [{**photo(21), "id": value}, odd_photo]}
    server.observations[2] = {**sound, **changes}
    report = sync(db, server)
    assert stored(db) == [1, 2, 3, 4]
    assert report.observations == 4
    assert Cursors(db, "inaturalist:cougarornot:").read("id_above") == 4
    server.requests.clear()
    assert sync(db, server).observations == 0


@pytest.mark.parametrize(
    "written",
    [b"[" * NESTED + b"]" * NESTED, b'{"a":' * NESTED + b"1" + b"}" * NESTED, b"9" * 5000],
)
def test_a_value_that_no_parser_takes_costs_itself_only(
    db: SiteDatabase, server: OddINaturalist, written: bytes
) -> None:
    server.observations[2]["place_guess"] = "ODD"
    server.written = written
    report = sync(db, server)
    assert (report.observations, stored(db)) == (4, [1, 2, 3, 4])
    assert db["observations"].get(2)["place_guess"] is None
    assert db["observations"].get(2)["taxon_id"] == 42007


def test_photos_that_cannot_be_read_are_counted(db: SiteDatabase, server: OddINaturalist) -> None:
    server.observations[2]["photos"] += [{"id": "x"}, {"id": 2**70}, {"id": True}]
    assert sync(db, server).skipped["photos that cannot be read"] == 3
    assert db["photos"].count == 4


def test_an_observation_that_the_database_refuses_is_named(
    db: SiteDatabase, server: OddINaturalist
) -> None:
    db.execute(
        """
        CREATE TRIGGER odd BEFORE INSERT ON observations WHEN new.id = 2
        BEGIN SELECT raise(ABORT, 'not this one'); END
        """
    )
    report = sync(db, server)
    assert stored(db) == [1, 3, 4]
    assert "observation 2, which cannot be stored: not this one" in report.skipped
    assert Cursors(db, "inaturalist:cougarornot:").read("id_above") == 4


@pytest.mark.parametrize("url", ["https://[bad]/x.jpg", "http://\u2100/x.jpg", "http://a b\0/x"])
def test_an_odd_photo_address_costs_that_photo_only(
    db: SiteDatabase, server: OddINaturalist, url: str
) -> None:
    sync(db, server)
    db["photos"].update(20, {"url": url})
    report = sync(db, server, photos=True)
    assert (report.photos, report.failed) == (3, 1)
    assert db["photos"].get(20)["error"]
    assert db["photos"].get(30)["path"]


@pytest.mark.parametrize(
    "value", ["[" * NESTED, "null", "5", '"x"', '{"at": 5}', '{"began": "x", "at": "soon"}', "", 7]
)
def test_cursors_of_somebody_elses_database(
    db: SiteDatabase, server: OddINaturalist, value: object
) -> None:
    for name in ("id_above", "updated_since", "changed_walk", "recheck_walk", "recheck"):
        key = f"inaturalist:cougarornot:{name}"
        db["cursors"].upsert({"name": key, "value": value, "updated_at": "x"}, pk="name")
    sync(db, server)
    assert stored(db) in ([1, 2, 3, 4], [])  # "5" is a position: nothing comes after it


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0100 00:00:00 +2359", "x, \x7f"]
)
def test_an_odd_clock_becomes_no_cursor(
    db: SiteDatabase, server: OddINaturalist, date: str
) -> None:
    server.date = date
    sync(db, server)
    since = Cursors(db, "inaturalist:cougarornot:").read("updated_since")
    assert "2025" < since < "2100"


def test_an_export_with_odd_rows(db: SiteDatabase, server: OddINaturalist, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text(
        "id,updated_at\n"
        f"1,2026-10-02 10:00:00 UTC\n{2**63},x\n{'9' * 5000},x\n-1,x\n²,x\n,\n"
        "2,0001-01-01 00:00:00 +2300\n3,9999-12-31 23:59:59 -2300\n4\n"
    )
    done = CliRunner().invoke(main, ["import", str(file), "--game", "mine"])
    assert done.exit_code == 0, done.output
    assert "left out, rows without an id: 5" in done.stdout
    assert stored(db) == [1, 2, 3, 4]


def test_what_is_not_json_is_said_so() -> None:
    for body in (b"<html>", b"[]", b'{"results": 5}', b"\xff\xfe", b"[" * NESTED):
        with pytest.raises(ValueError, match="JSON"):
            parse_page(body)


class PackedINaturalist(StandInINaturalist):
    """Packs its pages in a way that nobody asked for."""

    def _serve_page(self, request: Request, chosen: list[dict[str, Any]]) -> None:
        request.answer(b"whatever", headers={"Content-Encoding": "zstd"})


def test_a_page_that_is_packed_unasked_is_not_unpacked(
    db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    with PackedINaturalist([], [], {}) as server:
        api = INaturalist(db, server.url, sleep=lambda _: None)
        with pytest.raises(SourceError, match="an encoding that was not requested"):
            api.get("observations")


def test_a_wait_of_any_length_is_told_in_minutes(
    db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy(StandInINaturalist):
        def _serve_page(self, request: Request, chosen: list[dict[str, Any]]) -> None:
            request.answer(b"", status=429, headers={"Retry-After": "9" * 400})

    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    with Busy([], [], {}) as server, pytest.raises(SourceError, match="for 1440 minutes"):
        INaturalist(db, server.url, sleep=lambda _: None).get("observations")


class InventingINaturalist(StandInINaturalist):
    """Names an ancestor that nobody has heard of with each taxon."""

    def _taxa(self, ids: list[str], query: object) -> list[dict[str, Any]]:
        numbers = [int(number) for number in ids[0].split(",")]
        return [
            {"id": number, "name": "x", "ancestor_ids": [number * 7 + 10**6, number]}
            for number in numbers
        ]


def test_a_lineage_without_an_end_is_given_up(
    db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    with InventingINaturalist([], [], {}) as server:
        save_missing_taxa(db, INaturalist(db, server.url, sleep=lambda _: None), range(1, 4))
        assert len(server.requests) == MAX_STEPS


def test_a_lineage_of_thousands_is_cut_off() -> None:
    described = {"id": 7, "ancestor_ids": [*range(1000, 4000), 7]}
    (taxon,) = read_taxa([described])
    assert len(taxon.lineage) == MAX_LINEAGE
    assert taxon.lineage[-2:] == (3999, 7)
