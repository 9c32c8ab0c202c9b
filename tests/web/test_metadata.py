"""metadata.json describes the live schema, all of it and nothing else; its queries run."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from critterdb.storage.database import SiteDatabase
from critterdb.web.settings import Settings, load_settings

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
