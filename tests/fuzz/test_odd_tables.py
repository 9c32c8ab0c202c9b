"""Odd rows in the monthly tables: whatever they hold, all is loaded or one line says why not."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from critterdb.errors import SourceError
from critterdb.games import Game, save_game
from critterdb.inaturalist.client import INaturalist
from critterdb.inaturalist.open_data import OpenData, plan_open_data, sync_open_data
from critterdb.inaturalist.sync import SyncOptions
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.inaturalist import TAXA
from tests.support.open_data import table, uuid_of, write_table, write_tables
from tests.support.site_templates import put_empty_database

if TYPE_CHECKING:
    from collections.abc import Sequence

pytest.importorskip("duckdb")
pytestmark = pytest.mark.slow

FELIDAE = 41944
GAME = Game("cats", "cats", "Which cat?", FELIDAE)
TABLES = ("taxa", "observers", "observations", "photos", "game_observations", "shared_photos")

odd = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["", "\0", '"', "'", "\\N", "NULL", "nan", "1e400", "é", "\u202e", "0x1", "∞"]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\n\r"), max_size=8),
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A usual value, and one time in ten something odd."""
    return st.integers(0, 9).flatmap(lambda chance: odd if chance == 0 else usual)


numbers = st.integers(1, 6)
taxa = st.sampled_from([taxon["id"] for taxon in TAXA])
observations = st.tuples(
    mostly(numbers.map(uuid_of)),
    mostly(numbers),
    mostly(st.floats(-90, 90)),
    mostly(st.floats(-180, 180)),
    mostly(numbers),
    mostly(taxa),
    mostly(st.just("research")),
    mostly(st.just("2026-10-01")),
    st.none(),
)
photos = st.tuples(
    st.just("x"),
    mostly(st.integers(1, 12)),
    mostly(numbers.map(uuid_of)),
    mostly(numbers),
    mostly(st.sampled_from(["jpg", "jpeg", "png"])),
    mostly(st.sampled_from(["CC-BY", "CC0", "CC-BY-ND", "PD"])),
    st.just(10),
    st.just(10),
    mostly(st.integers(0, 3)),
)
observers = st.tuples(mostly(numbers), mostly(st.just("ann")), mostly(st.just("Ann")))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(observations, max_size=5),
    st.lists(photos, max_size=8),
    st.lists(observers, max_size=4),
    st.sampled_from([{}, {"per_taxon": 2}, {"per_observer": 1}, {"limit": 2}]),
)
def test_odd_rows_load_whole_or_not_at_all(
    observations: Sequence[Sequence[object]],
    photos: Sequence[Sequence[object]],
    observers: Sequence[Sequence[object]],
    options: dict[str, Any],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        site, folder = Path(name, "site"), Path(name, "tables")
        site.mkdir()
        put_empty_database(site)
        db = open_database(site / DATABASE_NAME)
        save_game(db, GAME)
        write_tables(folder, [])
        write_table(folder, "observations", table("observations", observations))
        write_table(folder, "photos", table("photos", photos))
        write_table(folder, "observers", table("observers", observers))
        before = {table: list(db[table].rows) for table in TABLES}
        wanted = SyncOptions(photos=False, **options)
        api = INaturalist(db)
        message, report = None, None
        try:
            report = sync_open_data(db, GAME, OpenData(folder), api=api, options=wanted)
        except SourceError as error:
            message = str(error)
        if report is None:
            assert message
            assert "\n" not in message
            assert {table: list(db[table].rows) for table in TABLES} == before
            return
        assert report.observations == db["observations"].count
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        again = plan_open_data(db, GAME, OpenData(folder), api=api, options=wanted)
        assert again.new == 0 or "limit" in options
