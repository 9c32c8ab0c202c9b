"""A folder of labelled photos as a game: private, grouped, and added only once."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from PIL import Image

from critterdb.cli import main
from critterdb.dataset.folder_import import import_folder
from critterdb.errors import SourceError
from critterdb.storage.database import DATABASE_NAME, open_database, site_folder
from tests.support.photos import COATS, coat, make_photo_folder

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photo_folder(tmp_path / "coats", photos=4)


def test_every_photo_becomes_rows_with_negative_ids(db: SiteDatabase, photos: Path) -> None:
    report = import_folder(db, photos, "coats")
    assert (report.photos, report.labels) == (12, 3)
    for table in ("taxa", "observers", "observations", "photos"):
        assert all(row["id"] < 0 for row in db[table].rows), table
    assert {row["name"] for row in db["taxa"].rows} == set(COATS)
    assert db["photos"].count == 12
    assert db["game_observations"].count_where("game = 'coats'") == db["observations"].count
    site = photos.parent / "site"
    for row in db["photos"].rows:
        assert (site / row["path"]).stat().st_size == row["bytes"]


def test_without_a_licence_nothing_is_published(db: SiteDatabase, photos: Path) -> None:
    import_folder(db, photos, "coats")
    assert list(db.query("SELECT * FROM photo_credits")) == []


def test_with_a_licence_each_photo_is_credited(db: SiteDatabase, photos: Path) -> None:
    import_folder(db, photos, "coats", license_code="cc-by", attribution="(c) Ann")
    credits = list(db.query("SELECT license_code, attribution FROM photo_credits"))
    assert credits == [{"license_code": "cc-by", "attribution": "(c) Ann"}] * 12


def test_a_second_import_adds_only_what_is_new(db: SiteDatabase, photos: Path) -> None:
    import_folder(db, photos, "coats")
    (photos / "plain_coat" / "new.jpg").write_bytes(coat("plain coat", 77))
    again = import_folder(db, photos, "coats")
    assert (again.photos, again.skipped) == (1, {"already there": 12})
    assert db["photos"].count == 13


def test_an_import_that_ends_while_another_runs_is_not_doubled(
    db: SiteDatabase, photos: Path
) -> None:
    def import_too(done: int, total: int) -> None:
        if done == total:
            with closing(open_database(site_folder(db) / DATABASE_NAME)) as other:
                assert import_folder(other, photos, "coats").photos == 12

    report = import_folder(db, photos, "coats", progress=import_too)
    assert (report.photos, report.skipped) == (0, {"already there": 12})
    assert db["photos"].count == 12


def test_a_photo_that_is_removed_during_an_import_gets_no_row(
    db: SiteDatabase, photos: Path
) -> None:
    def remove_one(done: int, total: int) -> None:
        if done == total:
            next((site_folder(db) / "photos").glob("*/*.jpg")).unlink()

    with pytest.raises(SourceError, match="Run the import again"):
        import_folder(db, photos, "coats", progress=remove_one)
    assert db["photos"].count == 0
    assert import_folder(db, photos, "coats").photos == 12


def test_near_duplicates_share_an_observer(db: SiteDatabase, photos: Path) -> None:
    first, copy = photos / "spotted_coat" / "000.jpg", photos / "spotted_coat" / "copy.jpg"
    with Image.open(first) as image:
        image.resize((140, 105)).save(copy, quality=60)
    import_folder(db, photos, "coats")
    observers = list(
        db.query(
            """
            SELECT observer_id FROM photos
            JOIN observations ON observations.id = photos.observation_id
            WHERE sha256 IN (?, ?)
            """,
            [hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, copy)],
        )
    )
    assert len(observers) == 2
    assert observers[0] == observers[1]
    assert db["observers"].count > 3


def test_equal_files_are_stored_once(db: SiteDatabase, photos: Path) -> None:
    shutil.copy(photos / "plain_coat" / "000.jpg", photos / "plain_coat" / "again.jpg")
    report = import_folder(db, photos, "coats")
    assert report.skipped == {"the same file twice": 1}


def test_broken_files_are_counted_and_left_out(db: SiteDatabase, photos: Path) -> None:
    whole = (photos / "plain_coat" / "000.jpg").read_bytes()
    (photos / "plain_coat" / "cut.jpg").write_bytes(whole[:-300])
    (photos / "plain_coat" / "text.jpg").write_text("not a photo")
    report = import_folder(db, photos, "coats")
    assert report.photos == 12
    assert report.skipped == {
        "not readable (image_truncated)": 1,
        "not readable (not_an_image)": 1,
    }


def test_pictures_of_nothing_known_are_not_a_label(db: SiteDatabase, photos: Path) -> None:
    (photos / "_none").mkdir()
    (photos / "_none" / "1.jpg").write_bytes(coat("plain coat", 5))
    assert import_folder(db, photos, "coats").labels == 3


@pytest.mark.parametrize("name", ["missing", "empty", "file.txt"])
def test_another_kind_of_folder_is_one_clear_error(
    db: SiteDatabase, tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("hello")
    with pytest.raises(SourceError, match="FOLDER/LABEL"):
        import_folder(db, tmp_path / name, "coats")
    assert db["games"].count == 0


def add_photo_with_gps(folder: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (44.0, 7.0, 24.0), 3: "W", 4: (110.0, 39.0, 1.0)})
    Image.new("RGB", (80, 60), "teal").save(folder / "plain_coat" / "gps.jpg", exif=exif)


@pytest.mark.parametrize("licence", [["--license", "cc-by", "--attribution", "(c) Ann"], []])
def test_photos_with_gps_are_counted_when_they_become_public(
    site: Path, photos: Path, licence: list[str]
) -> None:
    """Without a licence nobody but the site's owner sees them."""
    add_photo_with_gps(photos)
    command = ["--db", str(site / DATABASE_NAME), "import", str(photos), "--game", "coats"]
    done = CliRunner().invoke(main, [*command, *licence])
    assert done.exit_code == 0, done.output
    assert ("note: 1 photo with GPS coordinates" in done.stdout) is bool(licence)


def test_pipes_devices_and_links_to_other_files_are_not_read(
    db: SiteDatabase, photos: Path, tmp_path: Path
) -> None:
    """Whoever opened the pipe would wait for ever, and the device never ends."""
    (tmp_path / "thesis.txt").write_text("years of work")
    os.mkfifo(photos / "plain_coat" / "pipe.jpg")
    (photos / "plain_coat" / "zero.jpg").symlink_to("/dev/zero")
    (photos / "plain_coat" / "thesis.jpg").symlink_to(tmp_path / "thesis.txt")
    report = import_folder(db, photos, "coats")
    assert report.photos == 12
    assert report.skipped == {"not readable (not_an_image)": 1}


def test_a_licence_needs_an_attribution(db: SiteDatabase, photos: Path) -> None:
    with pytest.raises(SourceError, match="attribution"):
        import_folder(db, photos, "coats", license_code="cc-by")


def test_a_label_that_is_not_utf_8_is_readable_in_part(db: SiteDatabase, photos: Path) -> None:
    os.rename(photos / "plain_coat", os.fsencode(photos) + b"/bla\xff")
    import_folder(db, photos, "coats")
    assert "bla?" in {row["name"] for row in db["taxa"].rows}
