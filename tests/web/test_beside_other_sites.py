"""critterdb installed beside somebody's own Datasette, and how to use it there."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
from contextlib import closing
from importlib.metadata import distributions, entry_points
from pathlib import Path

import pytest

from tests.support.datasette_site import (
    add_model,
    http_get,
    http_post,
    jpeg,
    listed,
    make_site,
    serving,
)

pytestmark = pytest.mark.slow

DEPLOYMENT = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text("utf-8")
DATASETTE = ["-m", "datasette", "serve", "my.db", "--port", "{port}"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "my.db")) as db:
        db.execute("CREATE TABLE birds (id INTEGER PRIMARY KEY, observed_on TEXT)")
        db.commit()
    return tmp_path


def test_nothing_registers_critterdb_with_datasette() -> None:
    assert [point for point in entry_points(group="datasette") if "critterdb" in point.value] == []
    names = [point.group for one in distributions(name="critterdb") for point in one.entry_points]
    assert "datasette" not in names


def test_somebody_s_own_datasette_stays_as_it_is(folder: Path) -> None:
    with serving(folder, DATASETTE) as address:
        assert "critterdb" not in http_get(f"{address}/-/plugins.json?all=1").text
        assert "Classify a photo" not in http_get(address).text
        assert "cells.css" not in http_get(f"{address}/my/birds").text
        for path in ("/-/critters", "/-/classify", "/-/critterdb/health"):
            assert http_get(f"{address}{path}").is_error, path


def test_the_page_says_how_to_use_it_there(folder: Path) -> None:
    """The command of docs/deployment.md, run as it stands."""
    add_model(make_site(folder / "mysite"))
    [command] = re.findall(r"^datasette my\.db mysite/.+?(?=\n\n|\n```)", DEPLOYMENT, re.M | re.S)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "datasette"
    with serving(folder, ["-m", "datasette", "serve", *words[1:], "--port", "{port}"]) as address:
        plugins = listed(f"{address}/-/plugins.json", "plugins")
        assert "critterdb_plugin.py" in [plugin["name"] for plugin in plugins]
        assert http_get(f"{address}/my/birds").status_code == 200
        assert http_get(f"{address}/critters/bot_history").status_code == 200
        assert http_get(f"{address}/-/critters").status_code == 200
        answer = http_post(f"{address}/-/classify", files={"image": jpeg("red")}).json()
        assert answer["answer"]["common_name"] == "Cougar"


def test_a_copied_plugin_does_the_same(folder: Path) -> None:
    add_model(make_site(folder / "mysite"))
    shutil.copytree(folder / "mysite" / "plugins", folder / "my-plugins")
    command = ["-m", "datasette", "serve", "my.db", "mysite/critters.db", "--plugins-dir"]
    with serving(folder, [*command, "my-plugins", "--port", "{port}"]) as address:
        answer = http_post(f"{address}/-/classify", files={"image": jpeg("red")}).json()
        assert answer["answer"]["common_name"] == "Cougar"
