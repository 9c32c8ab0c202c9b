"""Datasette's own pages show what people ask for first; files keep the order of the schema."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from datasette.database import Database

from critterdb.storage.database import DATABASE_NAME, open_database, sqlite3
from tests.support.datasette_site import (
    change_metadata,
    describe_columns,
    open_datasette,
    shared_datasette,
)
from tests.support.pages import MODEL_ID, make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return describe_columns(make_furnished_site(tmp_path_factory.mktemp("columns") / "mysite"))


async def page(datasette: Any, path: str) -> str:
    response = await datasette.client.get(path)
    assert response.status_code == 200, response.text
    return str(response.text)


def headings(html: str) -> list[str]:
    return re.findall(r'<th [^>]*data-column="([^"]+)"', html)


def cells(html: str) -> list[str]:
    """What the cells of the first row are, by Datasette's class of each."""
    return re.findall(r'<td class="col-([\w-]+)', html.split("<tbody>")[1].split("</tr>")[0])


def phone_labels(html: str) -> list[str]:
    """What stands before each cell where the table is too wide: CSS that counts them."""
    matches = re.findall(r'td:nth-of-type\((\d+)\):before { content: "([^"]+)"', html)
    assert [int(number) for number, _ in matches] == list(range(1, len(matches) + 1))
    return [name for _, name in matches]


@pytest.mark.parametrize(
    ("table", "first", "last"),
    [
        ("photos", ["path", "observation_id", "license_code", "attribution"], "sha256"),
        ("observations", ["url", "taxon_id", "observer_id", "observed_on"], "uuid"),
        ("predictions", ["photo_id", "image_sha256", "taxon_id", "score"], "thresholds"),
        ("taxa", ["common_name", "name", "rank"], "ancestor_ids"),
        ("splits", ["observation_id", "part", "game"], "Link"),
        ("bot_history", ["image", "answer", "score", "truth", "right"], "image_sha256"),
        ("replies", ["post_id", "text", "status"], "send_record"),
    ],
)
async def test_what_people_ask_for_stands_first(
    folder: Path, table: str, first: list[str], last: str
) -> None:
    html = await page(shared_datasette(folder), f"/critters/{table}")
    shown = headings(html)
    assert shown[: len(first)] == first
    assert shown[-1] == last
    assert phone_labels(html) == shown
    assert cells(html) == shown


@pytest.mark.parametrize("path", ["photos/3", "predictions/1", f"models/{MODEL_ID}"])
async def test_a_row_has_the_order_of_its_table(folder: Path, path: str) -> None:
    datasette = shared_datasette(folder)
    html = await page(datasette, f"/critters/{path}")
    assert headings(html) == phone_labels(html) == cells(html)
    assert headings(html) == headings(await page(datasette, f"/critters/{path.split('/')[0]}"))


async def test_every_table_is_complete_and_in_step(folder: Path) -> None:
    datasette = shared_datasette(folder)
    with open_database(folder / DATABASE_NAME) as db:
        live = {n: [c.name for c in db[n].columns] for n in db.table_names() + db.view_names()}
    for table in ("models", "games", "posts", "mistakes", "scoreboard", "photo_credits", "answers"):
        html = await page(datasette, f"/critters/{table}")
        assert sorted(set(headings(html)) - {"Link"}) == sorted(live[table]), table
        assert cells(html) == headings(html), table


async def test_files_for_programs_keep_the_order_of_the_schema(folder: Path) -> None:
    client = shared_datasette(folder).client
    with open_database(folder / DATABASE_NAME) as db:
        schema = [column.name for column in db["photos"].columns]
    rows = (await client.get("/critters/photos.json?_shape=array")).json()
    assert list(rows[0]) == schema
    csv = (await client.get("/critters/photos.csv")).text
    assert csv.splitlines()[0].split(",") == schema


async def test_columns_asked_for_by_name_stay_as_asked(folder: Path) -> None:
    html = await page(shared_datasette(folder), "/critters/predictions?_col=source&_col=photo_id")
    assert headings(html) == ["id", "source", "photo_id"]


async def test_a_site_changes_the_order_in_its_metadata(tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    tables = {"taxa": {"columns": {"rank": "How wide", "name": "Name"}}}
    change_metadata(folder, {"databases": {"critters": {"tables": tables}}})
    datasette = shared_datasette(folder)
    assert headings(await page(datasette, "/critters/taxa"))[:3] == ["rank", "name", "id"]
    # What is not described stays as it is.
    assert headings(await page(datasette, "/critters/photos"))[:2] == ["id", "observation_id"]


async def test_a_template_of_the_sites_own_goes_first(tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    (folder / "templates").mkdir()
    (folder / "templates" / "table-critters-photos.html").write_text("Mine alone", "utf-8")
    assert await page(shared_datasette(folder), "/critters/photos") == "Mine alone"


async def test_tables_of_other_databases_are_left_alone(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as conn:
        conn.execute("CREATE TABLE taxa (id INTEGER PRIMARY KEY, rank TEXT, name TEXT)")
        conn.execute("INSERT INTO taxa VALUES (1, 'species', 'Puma')")
        conn.commit()
    datasette = open_datasette(folder)
    datasette.add_database(Database(datasette, path=str(tmp_path / "other.db")), name="other")
    assert headings(await page(datasette, "/other/taxa")) == ["id", "rank", "name"]
