"""`critterdb backup` and `restore`: what a backup holds; a restore is whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from critterdb.cli import main
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import MODEL_ID, add_model, add_photo, jpeg, make_site, rows
from tests.support.old_site import unpack_old_site

if TYPE_CHECKING:
    from pathlib import Path

RED = jpeg("red")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def on(folder: Path, *arguments: str) -> Result:
    return run("--db", str(folder / DATABASE_NAME), *arguments)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A site with a photo, a model, and words of its own."""
    folder = make_site(tmp_path / "home")
    add_photo(folder, 1, RED)
    add_model(folder)
    (folder / "words.toml").write_text('[games.cougarornot]\nname = "x"\n')
    (folder / ".bluesky-session.json").write_text("secret")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_backup_of_the_database_says_what_is_not_in_it(home: Path, tmp_path: Path) -> None:
    done = on(home, "backup", str(tmp_path / "copy.db"))
    assert done.exit_code == 0, done.output
    assert "It contains only the database" in done.stdout
    assert (
        f"Not in it: 1 photo in {home / 'photos'} and 1 model in {home / 'models'}" in done.stdout
    )
    assert "critterdb backup --files FOLDER" in done.stdout


def test_a_backup_with_files_is_a_whole_site_without_secrets(home: Path, tmp_path: Path) -> None:
    done = on(home, "backup", "--files", str(tmp_path / "saved"))
    assert done.exit_code == 0, done.output
    assert "1 photo and 1 model" in done.stdout
    saved, original = files(tmp_path / "saved"), files(home)
    [photo] = [name for name in original if name.startswith("photos/")]
    for name in (photo, f"models/{MODEL_ID}.onnx", "words.toml", "metadata.json"):
        assert saved[name] == original[name]
    assert ".bluesky-session.json" not in saved
    (tmp_path / "red.jpg").write_bytes(RED)
    assert "Cougar" in on(tmp_path / "saved", "classify", str(tmp_path / "red.jpg")).stdout


def test_a_damaged_file_is_named_and_not_taken_for_the_photo(home: Path, tmp_path: Path) -> None:
    [photo] = (home / "photos").glob("*/*")
    photo.write_bytes(b"x" * len(RED))
    done = on(home, "backup", "--files", str(tmp_path / "saved"))
    assert "0 photos and 1 model" in done.stdout
    assert f"1 file, such as {photo.relative_to(home)}" in done.stdout


@pytest.mark.parametrize("target", ["inside", "there"])
def test_a_backup_goes_to_a_new_folder_outside_the_site(home: Path, target: str) -> None:
    (home.parent / "there").mkdir()
    folder = home / "inside" if target == "inside" else home.parent / "there"
    done = on(home, "backup", "--files", str(folder))
    assert done.exit_code == 1
    assert "Choose" in done.stderr
    assert not list((home.parent / "there").iterdir())
    assert not list(home.parent.glob(".*.part"))


def test_a_folder_is_restored_as_a_site_that_works(home: Path, tmp_path: Path) -> None:
    on(home, "backup", "--files", str(tmp_path / "saved"))
    shutil.rmtree(home)
    done = run("restore", str(tmp_path / "saved"), str(tmp_path / "new"))
    assert done.exit_code == 0, done.output
    assert "with 1 photo and 1 model" in done.stdout
    (tmp_path / "red.jpg").write_bytes(RED)
    assert "Cougar" in on(tmp_path / "new", "classify", str(tmp_path / "red.jpg")).stdout
    assert (tmp_path / "new/words.toml").is_file()


def test_a_site_is_never_overwritten_without_force(home: Path, tmp_path: Path) -> None:
    on(home, "backup", str(tmp_path / "copy.db"))
    with closing(open_database(home / DATABASE_NAME)) as db:
        db["games"].insert({"slug": "later"})
    before = rows(home, "SELECT slug FROM games")
    refused = on(home, "restore", str(tmp_path / "copy.db"))
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert rows(home, "SELECT slug FROM games") == before
    done = on(home, "restore", str(tmp_path / "copy.db"), "--force")
    assert done.exit_code == 0, done.output
    assert {"slug": "later"} not in rows(home, "SELECT slug FROM games")
    assert "with 1 photo and 1 model" in done.stdout  # which the site had kept


def test_who_has_the_database_open_sees_the_restored_rows(home: Path, tmp_path: Path) -> None:
    """A rename would leave the open write-ahead log to be applied to other pages."""
    on(home, "backup", str(tmp_path / "copy.db"))
    with closing(open_database(home / DATABASE_NAME)) as db:
        db["games"].insert({"slug": "later"})
        assert on(home, "restore", str(tmp_path / "copy.db"), "--force").exit_code == 0
        assert [row["slug"] for row in db["games"].rows] == ["cougarornot"]
        db["games"].insert({"slug": "after"})
    with closing(sqlite3.connect(home / DATABASE_NAME)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("damage", ["cut", "noise", "other"])
def test_a_bad_backup_changes_nothing(home: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "copy.db"
    on(home, "backup", str(copy))
    data = copy.read_bytes()
    if damage == "cut":
        copy.write_bytes(data[: len(data) // 2])
    elif damage == "noise":
        copy.write_bytes(RED * 100)
    else:
        copy.unlink()
        with closing(sqlite3.connect(copy)) as conn:
            conn.execute("CREATE TABLE notes (text)")
    before = files(home)
    done = on(home, "restore", str(copy), "--force")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert {name: data for name, data in files(home).items() if "critters.db-" not in name} == {
        name: data for name, data in before.items() if "critters.db-" not in name
    }
    assert run("restore", str(copy), str(tmp_path / "new")).exit_code == 1
    assert not (tmp_path / "new").exists()


def test_a_broken_database_can_be_replaced(home: Path, tmp_path: Path) -> None:
    on(home, "backup", str(tmp_path / "copy.db"))
    (home / DATABASE_NAME).write_bytes(b"no database at all" * 100)
    done = on(home, "restore", str(tmp_path / "copy.db"), "--force")
    assert done.exit_code == 0, done.output
    assert rows(home, "SELECT slug FROM games") == [{"slug": "cougarornot"}]


def test_an_older_backup_is_migrated(tmp_path: Path) -> None:
    old = unpack_old_site(tmp_path / "old")
    done = run("restore", str(old.folder), str(tmp_path / "new"))
    assert done.exit_code == 0, done.output
    assert on(tmp_path / "new", "status").exit_code == 0
