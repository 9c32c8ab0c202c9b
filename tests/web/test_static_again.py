"""A static site that is published again equals a new one, and only what changed is written."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest

from critterdb.publish import photos_and_models
from critterdb.publish.copy import PublishOptions
from critterdb.publish.rules import table_rules
from critterdb.storage.database import DATABASE_NAME, open_database, sqlite3
from critterdb.storage.stored_files import photo_path
from tests.support.datasette_site import add_photo, jpeg
from tests.support.models import COUGAR
from tests.support.pages import make_furnished_site
from tests.support.publishing import gps_photo
from tests.support.static_site import bake, contents, problems

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_cache")]


@pytest.mark.any_line
def test_only_what_changed_is_written_again(tmp_path: Path) -> None:
    site, folder = make_furnished_site(tmp_path / "mysite"), tmp_path / "public"
    bake(site, folder)
    assert bake(site, folder).written == 0
    times = {file: file.stat().st_mtime_ns for file in folder.rglob("*.html")}
    add_photo(site, 77, jpeg("olive"))
    bake(site, folder)
    changed = {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*.html")
        if file.stat().st_mtime_ns != times.get(file)
    }
    assert {"critters/photos/77/index.html", f"critters/species/{COUGAR}/index.html"} <= changed
    assert changed.isdisjoint({"critters/photos/1/index.html", "critters/models/index.html"})
    assert problems(folder) == []
    fresh = tmp_path / "fresh"
    bake(site, fresh)
    assert contents(folder) == contents(fresh)


@pytest.mark.any_line
@pytest.mark.parametrize("seed", range(2))
def test_after_any_change_the_site_equals_a_new_one(tmp_path: Path, seed: int) -> None:
    """A value of a row goes to another row, or a row goes away: whatever the pages show of it."""
    site, folder = make_furnished_site(tmp_path / "mysite"), tmp_path / "public"
    chance = Random(seed)
    bake(site, folder)
    for round_number in range(2):
        changes = [change_something(site, chance) for _ in range(4)]
        bake(site, folder)
        fresh = tmp_path / f"fresh-{round_number}"
        bake(site, fresh)
        assert contents(folder) == contents(fresh), changes


def change_something(site: Path, chance: Random) -> str:
    with closing(open_database(site / DATABASE_NAME)) as db:
        while True:
            table = db[chance.choice(sorted(table_rules()))]
            rows = [row[0] for row in db.execute(f"SELECT rowid FROM {table.name}").fetchall()]
            columns = [column.name for column in table.columns if not column.is_pk]
            if not rows or not columns:
                continue
            column = chance.choice(columns)
            changed, other = chance.choice(rows), chance.choice(rows)
            change = (
                f"UPDATE {table.name} SET {column} = (SELECT {column} FROM {table.name} "
                f"WHERE rowid = {other}) WHERE rowid = {changed} AND {column} IS NOT "
                f"(SELECT {column} FROM {table.name} WHERE rowid = {other})"
            )
            if chance.random() < 0.1:
                change = f"DELETE FROM {table.name} WHERE rowid = {changed}"
            # Some changes are not possible, and some change nothing.
            with suppress(sqlite3.IntegrityError), db.atomic():
                if db.execute(change).rowcount:
                    return change


@dataclass(frozen=True)
class Again:
    """A site that was published, with a photo that has coordinates: its file, and the copy's."""

    site: Path
    folder: Path
    photo: Path
    stripped: Path


@pytest.fixture
def again(tmp_path: Path) -> Again:
    site, folder = make_furnished_site(tmp_path / "mysite"), tmp_path / "public"
    bake(site, folder)
    before = contents(folder)
    sha256 = add_photo(site, 77, gps_photo())
    bake(site, folder)
    [stripped] = [path for path in contents(folder) if path[:7] == "photos/" and path not in before]
    return Again(site, folder, site / photo_path(sha256, "jpg"), folder / stripped)


@pytest.mark.any_line
def test_photos_that_did_not_change_are_not_read_again(
    again: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, number = contents(again.folder), again.stripped.stat().st_ino

    def not_allowed(*_: object, **__: object) -> None:
        raise AssertionError("a photo was read")

    monkeypatch.setattr(photos_and_models, "_copy_data", not_allowed)
    report = bake(again.site, again.folder)
    assert report.written == 0
    assert any("GPS" in note for note in report.published.notes)
    assert contents(again.folder) == before
    assert again.stripped.stat().st_ino == number


@pytest.mark.any_line
def test_a_photo_file_that_changed_is_read_again(again: Again) -> None:
    """By its time or its size; what it is now is not what its row says."""
    data = again.photo.read_bytes()
    again.photo.write_bytes(data[:-2] + b"xx")
    assert bake(again.site, again.folder).published.missing
    assert not again.stripped.exists()
    again.photo.write_bytes(data)
    assert bake(again.site, again.folder).published.missing == []
    assert again.stripped.exists()


@pytest.mark.any_line
@pytest.mark.parametrize("left", [None, b"cut short"])
def test_a_photo_that_the_earlier_edition_lacks_is_made_again(
    again: Again, left: bytes | None
) -> None:
    before = contents(again.folder)
    again.stripped.unlink()
    if left is not None:
        again.stripped.write_bytes(left)
    bake(again.site, again.folder)
    assert contents(again.folder) == before


@pytest.mark.any_line
def test_a_photo_is_made_again_if_its_metadata_is_to_be_kept(again: Again) -> None:
    before = contents(again.folder)
    bake(again.site, again.folder, publish=PublishOptions(keep_exif=True))
    assert not again.stripped.exists()
    assert (again.folder / again.photo.relative_to(again.site)).read_bytes() == gps_photo()
    bake(again.site, again.folder)
    assert contents(again.folder) == before
