"""JSON of a database that somebody else made: whatever it is, pages and commands stay well."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.storage.stored_json import read_ids, read_json, read_object, read_scores
from tests.support.datasette_site import open_datasette
from tests.support.models import COUGAR, picture
from tests.support.pages import MODEL_ID, make_furnished_site

if TYPE_CHECKING:
    from collections.abc import Iterable

# The JSON is read by our own code, on either line of Datasette.
pytestmark = [pytest.mark.any_line, pytest.mark.slow]

DEEP = "[" * 900 + "]" * 900
ODD = {
    "not JSON": "{",
    "empty": "",
    "another type": '"words"',
    "a number": "7",
    "a list of anything": '[null, "x", [], {}, 1.5, true, 1e999, -3]',
    "an object of anything": '{"splits": "many", "photos_by_license": [1], "epochs": {}}',
    "odd values": '{"splits": {"train": "x"}, "photos_by_license": {"": "y", "cc-by": null}, '
    '"observers": [], "limits": {}, "intended_use": 5, "near_duplicates_by": [], "epochs": "<b>"}',
    "NaN": '{"splits": {"train": NaN, "valid": Infinity, "test": 1}, "epochs": -Infinity}',
    "huge numbers": json.dumps({"splits": {"train": 10**400, "valid": 1, "test": 2}}).replace(
        "}}", '}, "epochs": 1e999, "observers": 1' + "0" * 5000 + "}"
    ),
    "huge ids": f"[{2**70}, {-(2**70)}, 1{'0' * 5000}]",
    "deep": DEEP,
    "deep in an object": f'{{"card": {DEEP}, "limits": {DEEP}}}',
    "deeper than any parser": "[" * 200_000,
    "half a surrogate pair": r'{"limits": "\ud800", "\udc00": "\ud800"}',
}
PLACES = (("models", "card"), ("models", "recipe"), ("taxa", "ancestor_ids"))
MODEL = f"/-/critters/models/{MODEL_ID}"
PAGES = (
    *("/-/critters", "/-/critters.json", "/-/critters/history", "/-/critters/history.json"),
    *("/-/critters/history?outcome=right", "/-/critters/history.atom"),
    *("/-/critters/models", MODEL, f"{MODEL}.json", "/-/critters/compare"),
    *(f"{MODEL}/confusion?actual={COUGAR}&predicted={COUGAR}", "/-/critters/posts/x:102.json"),
    *(f"/-/critters/species/{COUGAR}", f"/-/critters/species/{COUGAR}.json"),
    *("/-/critters/species", "/-/critters/photos/3", "/-/critters/photos/3.json"),
    *("/-/critters/review", "/-/critters/answers", "/-/critterdb/health", "/-/classify"),
    *("/critters/bot_history", "/critters/scoreboard", "/critters/mistakes", "/critters/truths"),
    *("/critters/models", "/critters/taxa", "/critters/score_against_baseline"),
    *("/critters/what_people_corrected", "/critters/bot_history_round"),
)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("odd") / "mysite")


def spoiled(site: Path, to: Path, odd: str, places: Iterable[tuple[str, str]] = PLACES) -> Path:
    """A copy in which each row of these columns holds the odd text."""
    folder = Path(shutil.copytree(site, to))
    with closing(open_database(folder / DATABASE_NAME)) as db:
        for table, column in places:
            db.execute(f"UPDATE {table} SET {column} = ?", [ODD[odd]])
    return folder


@pytest.fixture
def odd_site(furnished: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return spoiled(furnished, tmp_path / "mysite", request.param)


def run(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["--db", str(folder / DATABASE_NAME), *arguments])
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.output


each = pytest.mark.parametrize("odd_site", ODD, indirect=True)


@each
async def test_every_page_is_shown(odd_site: Path) -> None:
    datasette = open_datasette(odd_site)
    cookies = {"ds_actor": datasette.sign({"a": {"id": "root"}}, "actor")}
    for path in PAGES:
        headers = {"accept": "text/html"}
        response = await datasette.client.get(path, cookies=cookies, headers=headers)
        assert response.status_code == 200, (path, response.text[:300])
        if "json" in response.headers["content-type"]:
            json.loads(response.text, parse_constant=pytest.fail)
    response = await datasette.client.post("/-/classify.json", content=picture("red", seed=9))
    assert response.status_code == 200, response.text


@each
def test_every_command_runs(odd_site: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture("red", seed=9))
    posts = tmp_path / "posts.jsonl"
    posts.write_text("")
    run(odd_site, "status")
    run(odd_site, "models")
    assert json.loads(run(odd_site, "models", "show", MODEL_ID))["id"] == MODEL_ID
    run(odd_site, "classify", str(photo))
    run(odd_site, "similar", str(photo))
    run(odd_site, "duplicates")
    run(odd_site, "bot", "cougarornot", "--on", f"jsonl:{posts}")
    run(odd_site, "publish", str(tmp_path / "public"))
    with closing(open_database(tmp_path / "public" / DATABASE_NAME)) as db:
        for table, column in PLACES:
            sql = f"SELECT count(*) FROM {table} WHERE NOT json_valid({column})"
            assert db.execute(sql).fetchone() == (0,)


@pytest.mark.parametrize("odd", ODD)
def test_a_model_with_an_odd_card_is_evaluated(furnished: Path, tmp_path: Path, odd: str) -> None:
    folder = spoiled(furnished, tmp_path / "mysite", odd, PLACES[:1])
    assert "measured on 6 photos" in run(folder, "evaluate", MODEL_ID)


def test_what_can_be_read_is_read() -> None:
    assert read_object('{"a": [1, {"b": 2.5}]}') == {"a": [1, {"b": 2.5}]}
    assert read_ids(f'[1, -2, true, "3", 4.0, null, {2**70}]') == [1, -2]
    assert read_scores('{"1": 0.75, "-2": 1, "x": 0.5, "3": "0.5", "4": 1e9, "5": NaN}') == {
        1: 0.75,
        -2: 1.0,
    }
    assert read_json('{"a": NaN, "b": 1e999, "c": "\\ud800"}') == {"a": None, "b": None, "c": "?"}
    assert read_json(None) is read_json(b"{}") is None


def test_a_database_error_names_its_own_reason(furnished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(furnished, tmp_path / "mysite"))
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db.execute(
            "CREATE TRIGGER odd BEFORE INSERT ON cursors BEGIN SELECT json_extract('{', '$'); END"
        )
    posts = tmp_path / "posts.jsonl"
    line = {"id": "1", "author": "ann", "posted_at": "2026-11-23T10:00:00Z"}
    posts.write_text(json.dumps(line) + "\n")
    command = ["--db", str(folder / DATABASE_NAME), "bot", "cougarornot", "--on", f"jsonl:{posts}"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "malformed JSON" in done.stderr
    assert "disk" not in done.stderr, done.stderr
