"""Datasette's own tables: what people look for comes first, on pages only, and photos are seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support_web import add_model, add_photo, add_post, jpeg, make_site, open_datasette
from test_plugin import Tags, page

from critterdb.schema import open_database
from critterdb.web.columns import FIRST


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site with a photo, a post, and a prediction of each."""
    folder = make_site(tmp_path / "mysite")
    add_photo(folder, 1, jpeg())
    add_post(folder, "x:1", "https://pictures.example/a.jpg")
    model_id = add_model(folder)
    db = open_database(folder / "critters.db")
    rows: list[dict[str, Any]] = [
        {"source": "evaluation", "photo_id": 1},
        {"source": "bot", "post_id": "x:1", "image_sha256": "f" * 64},
    ]
    db["images"].insert({"sha256": "f" * 64, "first_seen_at": "2026-11-25T00:00:00Z"})
    db["post_images"].update(("x:1", 0), {"image_sha256": "f" * 64})
    for row in rows:
        db["predictions"].insert(
            {
                **row,
                "model_id": model_id,
                "abstained": 1,
                "reason": "unsure",
                "scores": "{}",
                "thresholds": "{}",
                "created_at": "2026-11-25T00:00:00Z",
            }
        )
    db.close()
    return folder


def headings(tags: Tags) -> list[str]:
    return [str(heading["data-column"]) for heading in tags.all("th") if "data-column" in heading]


@pytest.mark.parametrize("table", FIRST)
async def test_what_people_look_for_comes_first(folder: Path, table: str) -> None:
    datasette = open_datasette(folder)
    database = datasette.databases["critters"]
    known = await database.table_columns(table)
    assert set(FIRST[table]) <= set(known)
    _, tags = await page(datasette, f"/critters/{table}?_size=1&_nofacet=1")
    shown = headings(tags)
    if not shown:  # Datasette draws no empty table
        assert not (await database.execute(f"SELECT 1 FROM [{table}]")).rows
        return
    shown = [name for name in shown if name in known]  # but for the link of tables without a key
    assert shown == [*FIRST[table], *(name for name in known if name not in FIRST[table])]


async def test_cells_stand_below_their_headings(folder: Path) -> None:
    _, tags = await page(open_datasette(folder), "/critters/predictions")
    cells = [str(cell["class"]).split()[0] for cell in tags.all("td") if cell.get("class")]
    names = [f"col-{name}" for name in headings(tags)]
    assert cells == names * 2


async def test_programs_get_the_columns_of_the_schema(folder: Path) -> None:
    datasette = open_datasette(folder)
    known = await datasette.databases["critters"].table_columns("photos")
    answer = await datasette.client.get("/critters/photos.csv")
    assert answer.text.splitlines()[0].split(",") == known
    answer = await datasette.client.get("/critters/photos.json?_shape=array")
    assert list(answer.json()[0]) == known


async def test_a_site_s_own_template_is_kept(folder: Path) -> None:
    templates = folder / "templates"
    templates.mkdir()
    (templates / "_table.html").write_text(
        "{% for c in display_columns %}{{ c.name }} {% endfor %}"
    )
    text, _ = await page(open_datasette(folder, template_dir=str(templates)), "/critters/photos")
    assert " ".join(FIRST["photos"]) in text


async def test_a_table_of_that_name_elsewhere_keeps_its_order(folder: Path, tmp_path: Path) -> None:
    from sqlite_utils import Database

    Database(tmp_path / "other.db")["photos"].insert({"sha256": "a", "path": "b", "id": 1})
    datasette = open_datasette(folder, tmp_path / "other.db")
    _, tags = await page(datasette, "/other/photos")
    assert [name for name in headings(tags) if name != "Link"][-3:] == ["sha256", "path", "id"]


async def test_predictions_show_what_they_are_of(folder: Path) -> None:
    _, tags = await page(open_datasette(folder), "/critters/predictions")
    posted, own = tags.all("img", "critter-thumb")
    assert str(own["src"]).startswith("/-/critterdb/photos/")
    assert posted["src"] == "https://pictures.example/a.jpg"


async def test_predictions_of_a_photo_without_a_licence_lead_to_its_row(folder: Path) -> None:
    db = open_database(folder / "critters.db")
    db["photos"].update(1, {"license_code": None})
    db.close()
    _, tags = await page(open_datasette(folder), "/critters/predictions?source=evaluation")
    assert not tags.all("img", "critter-thumb")
    assert "/critters/photos/1" in [link.get("href") for link in tags.all("a")]
