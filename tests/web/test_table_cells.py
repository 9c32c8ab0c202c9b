"""What the cells of Datasette's own tables keep from those who may not see it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import change_metadata, shared_datasette
from tests.support.pages import make_furnished_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TABLES = ("predictions", "post_predictions")
PICTURE = "https://pictures.example/101.jpg"
PERSON, CREDIT = "@host", "Ann &lt;b&gt;Onymous"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_furnished_site(tmp_path / "mysite")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same site before anything changes in it."""
    return make_furnished_site(tmp_path_factory.mktemp("before") / "mysite")


async def html(folder: Path, path: str, actor: str | None = None) -> str:
    datasette = shared_datasette(folder)
    await datasette.invoke_startup()
    cookies = {"ds_actor": datasette.sign({"a": {"id": actor}}, "actor")} if actor else {}
    response = await datasette.client.get(
        f"/critters/{path}", cookies=cookies, follow_redirects=True
    )
    assert response.status_code == 200
    # The site's own words on the page name people too.
    return str(re.sub(r"(?s)<footer.*", "", response.text))


def change(folder: Path, sql: str) -> None:
    db = open_database(folder / DATABASE_NAME)
    with db.atomic():
        db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    ("closed", "path", "kept"),
    [
        (["photos"], "predictions?source=evaluation", "critter-thumb"),
        (["observations"], "predictions?source=evaluation", CREDIT),
        (["taxa"], "predictions?source=evaluation", "Cougar over 99%"),
        (["posts"], "predictions?post_id__notblank=1", "critter-thumb"),
        (["posts"], "post_predictions", PERSON),
        (["post_images"], "post_predictions", "pictures.example"),
    ],
)
async def test_a_cell_asks_the_permission_of_the_table_that_it_shows(
    before: Path, folder: Path, closed: list[str], path: str, kept: str
) -> None:
    assert kept in await html(before, path)
    tables = {table: {"allow": {"id": "ann"}} for table in closed}
    change_metadata(folder, {"databases": {"critters": {"tables": tables}}})
    assert kept not in await html(folder, path)
    assert kept not in await html(folder, path, "bob")
    assert kept in await html(folder, path, "ann")


@pytest.mark.parametrize("path", ["predictions?post_id=x:101", "post_predictions?post_id=x:101"])
@pytest.mark.parametrize(
    "withdrawal",
    [
        "UPDATE posts SET deleted_at = '2026-11-01T00:00:00Z' WHERE id = 'x:101'",
        "INSERT INTO opt_outs (platform, author, at) VALUES ('x', 'HOST', '2026-11-01T00:00:00Z')",
    ],
    ids=["deleted", "opted out"],
)
async def test_a_withdrawn_post_is_neither_shown_nor_named(
    folder: Path, path: str, withdrawal: str
) -> None:
    text = await html(folder, path)
    assert PICTURE in text
    assert PERSON in text
    change(folder, withdrawal)
    text = await html(folder, path)
    assert "pictures.example" not in text
    assert PERSON not in text


@pytest.mark.parametrize(
    "path",
    [
        "bot_history?post_id=x:101",
        "post_images?post_id=x:101",
        "?sql=select+url+as+image+from+post_images+where+post_id='x:101'",
        "?sql=select+post_id,+url+as+image+from+post_images+where+post_id='x:101'",
    ],
)
async def test_the_picture_of_a_withdrawn_post_is_not_loaded(folder: Path, path: str) -> None:
    assert f'src="{PICTURE}"' in await html(folder, path)
    change(folder, "UPDATE posts SET deleted_at = '2026-11-01T00:00:00Z' WHERE id = 'x:101'")
    text = await html(folder, path)
    assert f'src="{PICTURE}"' not in text
    # bot_history has no address to hide; tables and queries say why the picture is missing.
    assert ("withdrawn by its author" in text) != path.startswith("bot_history")


@pytest.mark.parametrize(
    "withdrawal",
    [
        "UPDATE posts SET photos_deleted_at = '2026-11-01T00:00:00Z'",
        "UPDATE posts SET photos_author = 'Ann'",
        "UPDATE posts SET photos_author_id = 'id-7'",
        "UPDATE posts SET author_id = 'id-7'",
    ],
)
async def test_a_picture_that_another_person_took_is_theirs_to_withdraw(
    folder: Path, withdrawal: str
) -> None:
    """Somebody asked about the photo of another post, whose author deleted it or opted out."""
    db = open_database(folder / DATABASE_NAME)
    have = {column.name for column in db["posts"].columns}
    for name in {"author_id", "photos_author", "photos_author_id", "photos_deleted_at"} - have:
        db.execute(f"ALTER TABLE posts ADD COLUMN {name} TEXT")
    with db.atomic():
        db["opt_outs"].insert(
            {"platform": "x", "author": "ann", "author_id": "id-7", "at": "2026-11-01T00:00:00Z"}
        )
    db.close()
    assert PICTURE in await html(folder, "post_predictions?post_id=x:101")
    change(folder, withdrawal)
    assert PICTURE not in await html(folder, "post_predictions?post_id=x:101")


async def test_a_withdrawn_photo_leaves_no_credit_behind(folder: Path) -> None:
    path = "predictions?source=evaluation&photo_id=1"
    assert CREDIT in await html(folder, path)
    change(folder, "UPDATE photos SET withdrawn_at = '2026-11-01T00:00:00Z' WHERE id = 1")
    assert CREDIT not in await html(folder, path)
