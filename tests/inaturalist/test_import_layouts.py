"""Folders and zips as people have them: which labels, what is left out, and what is refused."""

from __future__ import annotations

import io
import os
import stat
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from PIL import Image

from critterdb.cli import main
from critterdb.dataset.folder_import import import_folder
from critterdb.errors import SourceError
from critterdb.games import PRESETS, save_game
from critterdb.imaging.decode import prepare_heif
from critterdb.site.folder import init_site
from critterdb.storage.database import open_database
from tests.support.photos import coat, make_photo_folder

if TYPE_CHECKING:
    from click.testing import Result

    from critterdb.storage.database import SiteDatabase

pytestmark = pytest.mark.slow

prepare_heif()  # Pillow can then save HEIC too

PLAIN, SPOTTED = coat("plain coat", 1), coat("spotted coat", 2)


def lay_out(folder: Path, *names: str) -> Path:
    """A folder of these photos, all of them different."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(coat("plain coat", number))
    return folder


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return path


def labels(db: SiteDatabase) -> dict[str, int]:
    """How many photos each label has."""
    rows = db.query(
        """
        SELECT taxa.name, count(*) AS photos FROM photos
        JOIN observations ON observations.id = photos.observation_id
        JOIN taxa ON taxa.id = observations.taxon_id GROUP BY taxa.name
        """
    )
    return {row["name"]: row["photos"] for row in rows}


@pytest.mark.parametrize(
    ("names", "expected", "parts"),
    [
        (["puma/1.jpg", "puma/2024/may/2.jpg", "lynx/1.jpg"], {"puma": 2, "lynx": 1}, ()),
        (
            ["train/puma/1.jpg", "valid/puma/2.jpg", "test/lynx/a/3.jpg"],
            {"puma": 2, "lynx": 1},
            ("test", "train", "valid"),
        ),
        (["Training/puma/1.jpg", "val/lynx/2.jpg"], {"puma": 1, "lynx": 1}, ("Training", "val")),
        (["cats/train/puma/1.jpg", "cats/test/puma/2.jpg"], {"puma": 2}, ("test", "train")),
        # Labels that are called so are labels.
        (["train/1.jpg", "bus/2.jpg"], {"train": 1, "bus": 1}, ()),
        (["train/1.jpg", "test/2.jpg"], {"train": 1, "test": 1}, ()),
        (["valid/puma/1.jpg", "test/puma/2.jpg"], {"valid": 1, "test": 1}, ()),
        # A folder of one label, with folders in it, is not a wrapper.
        (["puma/2023/1.jpg", "puma/2024/2.jpg"], {"puma": 2}, ()),
        (["_none/1.jpg", "train/_none/2.jpg", "train/puma/3.jpg"], {"puma": 1}, ("train",)),
    ],
)
def test_labels_are_found_in_the_usual_layouts(
    db: SiteDatabase,
    tmp_path: Path,
    names: list[str],
    expected: dict[str, int],
    parts: tuple[str, ...],
) -> None:
    report = import_folder(db, lay_out(tmp_path / "photos", *names), "coats")
    assert labels(db) == expected
    assert report.parts == parts


def test_photos_of_a_test_folder_without_labels_are_named(db: SiteDatabase, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "photos", "train/puma/1.jpg", "test/2.jpg", "3.jpg")
    report = import_folder(db, folder, "coats")
    assert labels(db) == {"puma": 1}
    assert {(file.name, file.reason) for file in report.left_out} == {
        ("test/2.jpg", "not in the folder of a label"),
        ("3.jpg", "not in the folder of a label"),
    }


def test_every_file_that_is_left_out_is_named_with_its_reason(
    db: SiteDatabase, tmp_path: Path
) -> None:
    folder = lay_out(tmp_path / "photos", "puma/1.jpg", "lynx/2.jpg")
    for name, data in {
        "notes.txt": b"hello",
        "puma/scan.tif": b"II*\0",
        "puma/cut.jpg": PLAIN[:-300],
        "puma/text.jpg": b"hello",
        "puma/deep/again.jpg": (folder / "puma/1.jpg").read_bytes(),
        "lynx/both.jpg": SPOTTED,
        "puma/both.jpg": SPOTTED,
        "puma/huge.png": bytes(50_000_001),
        ".DS_Store": b"",
        "puma/Thumbs.db": b"",
        "puma/._1.jpg": b"",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    report = import_folder(db, folder, "coats")
    assert labels(db) == {"puma": 1, "lynx": 1}
    assert {(file.name, file.reason) for file in report.left_out} == {
        ("notes.txt", "not a photo"),
        ("puma/scan.tif", "in an unsupported format (.tif)"),
        ("puma/cut.jpg", "not readable (image_truncated)"),
        ("puma/text.jpg", "not readable (not_an_image)"),
        ("puma/deep/again.jpg", "the same file twice"),
        ("lynx/both.jpg", "under two labels"),
        ("puma/both.jpg", "under two labels"),
        ("puma/huge.png", "not readable (not_an_image)"),
    }
    # Under another label than the one that it has in the game, a photo is not taken either.
    (folder / "lynx" / "2.jpg").rename(folder / "puma" / "2.jpg")
    again = import_folder(db, folder, "coats")
    assert again.photos == 0
    assert ("puma/2.jpg", "under two labels") in {
        (file.name, file.reason) for file in again.left_out
    }


def test_links_between_folders_are_not_followed_in_circles(
    db: SiteDatabase, tmp_path: Path
) -> None:
    folder = lay_out(tmp_path / "photos", "puma/1.jpg")
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "2.jpg").write_bytes(SPOTTED)
    (folder / "lynx").symlink_to(tmp_path / "disk")
    (folder / "puma" / "more").symlink_to(folder)
    import_folder(db, folder, "coats")
    assert labels(db) == {"puma": 1, "lynx": 1}


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_heif_is_kept_as_a_jpeg_and_recognized_again(
    db: SiteDatabase, tmp_path: Path, kind: str
) -> None:
    folder = lay_out(tmp_path / "photos", "lynx/1.jpg")
    (folder / "puma").mkdir()
    image = Image.open(io.BytesIO(PLAIN))
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "behind-the-barn"
    suffix = {"HEIF": "HEIC", "AVIF": "avif"}[kind]
    image.save(folder / "puma" / f"IMG_1.{suffix}", kind, exif=exif.tobytes())
    assert import_folder(db, folder, "coats").photos == 2
    [row] = db.query("SELECT * FROM photos WHERE width < height")
    file = tmp_path / "site" / row["path"]
    assert row["path"].endswith(".jpg")
    with Image.open(file) as kept:
        assert kept.size == (row["width"], row["height"]) == (120, 160)
    assert file.stat().st_size == row["bytes"]
    assert b"barn" not in file.read_bytes()
    assert import_folder(db, folder, "coats").skipped == {"already there": 2}


def test_a_photo_over_10_mb_is_kept_smaller(db: SiteDatabase, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "photos", "lynx/1.jpg")
    (folder / "puma").mkdir()
    Image.effect_noise((5000, 3000), 40).save(folder / "puma" / "2.png", compress_level=0)
    assert (folder / "puma" / "2.png").stat().st_size > 10_000_000
    assert import_folder(db, folder, "coats").photos == 2
    [row] = db.query("SELECT * FROM photos WHERE width > 1000")
    assert (row["width"], row["height"], row["path"][-4:]) == (4096, 2458, ".jpg")
    assert row["bytes"] < 10_000_000


PHOTOS = {"./cats//puma/1.jpg": PLAIN, "cats/lynx/deep/2.jpg": SPOTTED, "cats/notes.txt": b"hello"}


def test_a_zip_is_imported_without_being_unpacked(db: SiteDatabase, tmp_path: Path) -> None:
    path = zipped(tmp_path / "cats.zip", {**PHOTOS, "__MACOSX/cats/puma/._1.jpg": b"x"})
    report = import_folder(db, path, "coats")
    assert labels(db) == {"puma": 1, "lynx": 1}
    assert [(file.name, file.reason) for file in report.left_out] == [
        ("cats/notes.txt", "not a photo")
    ]
    assert {file.name for file in tmp_path.iterdir()} == {"cats.zip", "site"}
    assert import_folder(db, path, "coats").photos == 0


def link(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as file:
        info = zipfile.ZipInfo("cats/puma/link.jpg")
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")


def encrypt(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = 0
    while (at := data.find(b"PK\1\2", at + 1)) >= 0:
        data[at + 8] |= 1
    path.write_bytes(data)


def count_many(path: Path) -> None:
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\5\6")
    # The record of 64 bits and its locator stand before the end.
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 10**7, 10**7, 500, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    path.write_bytes(data[:end] + record + locator + data[end:])


def add(name: str, data: bytes = PLAIN, **options: Any) -> Any:
    def change(path: Path) -> None:
        with zipfile.ZipFile(path, "a") as file:
            file.writestr(name, data, **options)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (add("../../evil.jpg"), "a path outside the zip"),
        (add("/evil/puma/1.jpg"), "a path outside the zip"),
        (add("cats\\..\\..\\evil.jpg"), "a path outside the zip"),
        (add("C:/evil/1.jpg"), "a path outside the zip"),
        (link, "a link or a device"),
        (encrypt, "is encrypted"),
        (count_many, "more than 200,000 entries"),
        (add("a/bomb.jpg", bytes(30_000_000), compress_type=8), "would unpack from"),
        (add("a/1.jpg", compress_type=zipfile.ZIP_LZMA), "only deflate"),
        (lambda path: path.write_bytes(b"hello"), "not a zip"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "not a zip"),
    ],
    ids=[
        "up", "absolute", "backslashes", "drive", "link", "encrypted", "many", "bomb", "lzma",
        "text", "cut",
    ],
)  # fmt: skip
def test_a_hostile_zip_is_refused_as_a_whole(
    db: SiteDatabase, tmp_path: Path, change: Any, words: str
) -> None:
    path = zipped(tmp_path / "cats.zip", PHOTOS)
    change(path)
    with pytest.raises(SourceError, match=words) as refused:
        import_folder(db, path, "coats")
    assert "\n" not in str(refused.value)
    assert (db["games"].count, db["photos"].count) == (0, 0)
    assert not list(tmp_path.glob("site/photos/*"))


def test_a_damaged_file_of_a_zip_is_left_out_and_named(db: SiteDatabase, tmp_path: Path) -> None:
    path = zipped(tmp_path / "cats.zip", PHOTOS)
    data = bytearray(path.read_bytes())
    data[data.index(PLAIN[500:520])] ^= 0xFF
    path.write_bytes(data)
    report = import_folder(db, path, "coats")
    assert labels(db) == {"lynx": 1}
    assert ("cats/puma/1.jpg", "not readable (damaged in the zip)") in {
        (file.name, file.reason) for file in report.left_out
    }


@pytest.mark.slow
def test_an_import_that_is_killed_leaves_nothing_of_it(tmp_path: Path) -> None:
    photos = {f"puma/{n}.jpg": coat("plain coat", n) for n in range(150)}
    path = zipped(tmp_path / "cats.zip", photos)
    site = init_site(tmp_path / "site").parent
    command = [sys.executable, "-m", "critterdb", "import", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    kills = 0
    for delay_s in (0.05, 0.1, 0.2, 0.3, 0.4):
        process = subprocess.Popen(command, cwd=site, env=environment, stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 60
        while process.poll() is None and not any(site.glob("photos/*")):
            assert time.monotonic() < give_up
            time.sleep(0.01)
        time.sleep(delay_s)
        kills += process.poll() is None
        process.kill()
        process.wait()
        db = open_database(site / "critters.db")
        assert (db["photos"].count, db["games"].count) in ((0, 0), (150, 1))
        db.close()
    assert kills
    subprocess.run(command, cwd=site, env=environment, check=True, stdout=subprocess.DEVNULL)
    db = open_database(site / "critters.db")
    assert db["photos"].count == 150
    assert not list(site.glob("photos/*.part"))
    db.close()


def run(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


def test_the_command_names_game_site_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_photo_folder(tmp_path / "Großkatzen & Co!", photos=2)
    for number in range(5):
        (folder / "plain_coat" / f"{number}.txt").write_text("hello")
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path / "site")
    done = run("import", folder)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines == [
        "Game: grokatzen-co (from the name Großkatzen & Co!; --game names another)",
        f"Made a site here: {tmp_path / 'site'}",
        "grokatzen-co: 6 new photos with 3 labels.",
        "  left out, not a photo: 5 (plain_coat/0.txt, plain_coat/1.txt, plain_coat/2.txt and 2 "
        "more)",
        "  To list every name, add -v",
        "  They are yours and never published. critterdb serve shows them on this machine only.",
        "Next: critterdb train grokatzen-co",
    ]
    again = run("-v", "import", folder, "--game", "grokatzen-co")
    assert "Made a site" not in again.stdout
    for number in range(5):
        assert f"    plain_coat/{number}.txt" in again.stdout.splitlines()


def test_one_label_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path / "mine", "puma/1.jpg")
    monkeypatch.chdir(tmp_path)
    done = run("import", "mine")
    assert "1 new photo with 1 label." in done.stdout
    assert "Training needs at least two labels, and mine has one: puma." in done.stdout
    assert "Next:" not in done.stdout
    lay_out(tmp_path / "others", "lynx/a.jpg", "lynx/b.jpg")
    assert "Next: critterdb train mine" in run("import", "others", "--game", "mine").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nosuch",), "There is no folder or file nosuch"),
        (("empty",), "empty has no labelled photos"),
        (("mine", "--game", "My Cats!"), "not a short name"),
        (("mine", "--license", "cc-by"), "needs its attribution"),
        (("！",), "Name one with --game"),
    ],
)
def test_a_mistake_makes_no_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    lay_out(tmp_path / "mine", "puma/1.jpg")
    lay_out(tmp_path / "！", "puma/1.jpg")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    done = run("import", *arguments)
    assert done.exit_code != 0
    assert words in done.output
    assert not (tmp_path / "critters.db").exists()


@pytest.mark.parametrize("has_row", [False, True])
def test_private_photos_go_into_a_game_of_inaturalist_only_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_row: bool
) -> None:
    lay_out(tmp_path / "mine", "puma/1.jpg")
    monkeypatch.chdir(tmp_path)
    run("init")
    db = open_database(tmp_path / "critters.db")
    if has_row:
        save_game(db, PRESETS["cougarornot"])
    refused = run("import", "mine", "--game", "cougarornot")
    assert refused.exit_code == 1
    assert "The photos of cougarornot come from iNaturalist" in refused.output
    assert "--yes" in refused.output
    assert db["photos"].count == 0
    done = run("import", "mine", "--game", "cougarornot", "--yes")
    assert done.exit_code == 0, done.output
    assert db["photos"].count == 1
    assert db["games"].get("cougarornot")["hashtag"] == "cougarOrNot"
    db.close()
