"""metadata.json describes the live schema, all of it and nothing else; its queries run."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.games import ensure_game
from critterdb.inaturalist.client import INaturalist
from critterdb.inaturalist.csv_import import import_export
from critterdb.inaturalist.sync import SyncOptions, sync_game
from critterdb.web.settings import Settings, load_settings
from tests.support.inaturalist import TAXA, observation

if TYPE_CHECKING:
    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.any_line

ROOT = Path(__file__).parents[2]
METADATA = json.loads((ROOT / "metadata.json").read_text("utf-8"))
TABLES: dict[str, dict[str, Any]] = METADATA["databases"]["critters"]["tables"]
QUERIES: dict[str, dict[str, Any]] = METADATA["databases"]["critters"]["queries"]


def live_columns(db: SiteDatabase) -> dict[str, list[str]]:
    # The tables in which an index for searching keeps its own things are SQLite's, not ours.
    shadows = tuple(f"_fts_{part}" for part in ("data", "idx", "docsize", "config", "content"))
    names = [n for n in db.table_names() + db.view_names() if not n.endswith(shadows)]
    return {name: [column.name for column in db[name].columns] for name in names}


def test_every_table_view_and_column_is_described_and_no_other(db: SiteDatabase) -> None:
    described = {name: list(table["columns"]) for name, table in TABLES.items()}
    live = live_columns(db)
    assert described.keys() == live.keys()
    for name, columns in live.items():
        assert sorted(described[name]) == sorted(columns), name
    for name, table in TABLES.items():
        texts = [table["description"], *table["columns"].values()]
        assert all(text.strip() for text in texts), name


def test_facets_sorts_and_labels_name_real_columns(db: SiteDatabase) -> None:
    live = live_columns(db)
    for name, table in TABLES.items():
        named = [*table.get("facets", [])]
        named += [table[key] for key in ("sort", "sort_desc", "label_column") if key in table]
        assert set(named) <= set(live[name]), name


@pytest.mark.parametrize("name", QUERIES)
def test_each_canned_query_runs_and_reads_only(db: SiteDatabase, name: str) -> None:
    query = QUERIES[name]
    assert query["title"]
    assert query["description"]
    assert name not in live_columns(db)
    parameters = set(re.findall(r":(\w+)", query["sql"]))
    assert parameters == set(query.get("params", []))
    db.conn.execute("PRAGMA query_only = ON")
    rows = list(db.query(query["sql"], dict.fromkeys(parameters, "")))
    assert rows == []


def test_settings_in_metadata_are_the_defaults_and_complete() -> None:
    config = METADATA["plugins"]["critterdb"]
    assert set(config) == {field.name for field in fields(Settings)}
    assert load_settings(config) == Settings()


def test_what_is_said_of_first_times_and_sources_is_what_is_written(
    db: SiteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`game_observations.seen_at` is the first time; `syncs.source` the API or the CSV's name."""
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    file = tmp_path / "export.csv"
    file.write_text("id\n1\n")
    with StandInINaturalist([observation(1)], TAXA, {}) as server:
        api = INaturalist(db, server.url, sleep=lambda seconds: None)
        game = ensure_game(db, "cougarornot")
        options = SyncOptions(photos=False)
        sync_game(db, game, api=api, options=options)
        db.execute("UPDATE game_observations SET seen_at = '2020-01-01T00:00:00Z'")
        server.edit(1, place_guess="Elsewhere")
        sync_game(db, game, api=api, options=options)
        import_export(db, file, "mine", api=api)
    [seen_at] = [
        row["seen_at"] for row in db["game_observations"].rows_where("game = 'cougarornot'")
    ]
    assert seen_at == "2020-01-01T00:00:00Z"
    assert "first" in TABLES["game_observations"]["columns"]["seen_at"]
    sources = [row["source"] for row in db["syncs"].rows]
    assert sources == [server.url, server.url, "export.csv"]
    described = TABLES["syncs"]["columns"]["source"]
    assert "API" in described
    assert "CSV" in described
    assert "folder" not in described
