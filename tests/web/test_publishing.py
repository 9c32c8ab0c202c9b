"""`critterdb publish`: what is published and what is not; a folder that is whole or absent."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from datasette.utils import parse_metadata
from PIL import Image

from critterdb.cli import main
from critterdb.publish.rules import (
    WITHHELD,
    WITHHELD_COLUMNS,
    published_columns,
    table_rules,
)
from critterdb.site.folder import COPY_MARKER as MARKER
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database, sqlite3
from critterdb.web.state import plugin_state
from tests.support.datasette_site import (
    MODEL_ID,
    add_photo,
    change_metadata,
    http_get,
    http_post,
    jpeg,
    listed,
    open_datasette,
    serving,
)
from tests.support.publishing import SECRETS, gps_photo, make_full_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

Publish = Callable[..., dict[str, Any]]


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return make_full_site(tmp_path / "mysite")


@pytest.fixture
def publish(full: Path, tmp_path: Path) -> Publish:
    """Run the command on the full site, into `tmp_path/public`."""

    def run(*options: str) -> dict[str, Any]:
        command = ["--db", str(full / DATABASE_NAME), "publish", str(tmp_path / "public")]
        done = CliRunner().invoke(main, [*command, "--json", *options])
        assert done.exit_code == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return run


def values(folder: Path, sql: str) -> list[Any]:
    """First column of a query, the file opened as one that never changes."""
    address = f"{(folder / DATABASE_NAME).as_uri()}?mode=ro&immutable=1"
    conn = sqlite3.connect(address, uri=True)
    column = [row[0] for row in conn.execute(sql)]
    conn.close()
    return column


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Whole rows of a query, the file opened as one that never changes."""
    address = f"{(folder / DATABASE_NAME).as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as conn:
        return list(conn.execute(sql))


def change(folder: Path, write: Callable[[SiteDatabase], object]) -> None:
    with closing(open_database(folder / DATABASE_NAME)) as db, db.atomic():
        write(db)


def add_embedding(folder: Path, sha256: str) -> None:
    row = {"sha256": sha256, "backbone": "b", "vector": b"\0\0", "dimensions": 1}
    change(folder, lambda db: db["embeddings"].insert(row))


def files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.mark.any_line
def test_every_table_and_column_is_decided_upon(db: SiteDatabase) -> None:
    goes = published_columns()
    virtual = {name for name in db.table_names() if "VIRTUAL TABLE" in db[name].schema}
    shadows = {f"{name}_{part}" for name in virtual
               for part in ("data", "idx", "content", "docsize", "config")}  # fmt: skip
    live = set(db.table_names()) - virtual - shadows
    assert set(goes) | set(WITHHELD) == live
    assert not set(goes) & set(WITHHELD)
    for table, columns in goes.items():
        decided = [*columns, *WITHHELD_COLUMNS.get(table, {})]
        assert sorted(decided) == sorted(column.name for column in db[table].columns), table
    assert all(reason for reason in table_rules().values())


@pytest.mark.any_line
def test_photos_go_by_their_own_licence(publish: Publish, tmp_path: Path) -> None:
    report = publish()
    public = tmp_path / "public"
    assert values(public, "SELECT id FROM photos ORDER BY id") == [1, 6]
    files = {file.stem for file in (public / "photos").rglob("*.jpg")}
    assert files == {hashlib.sha256(jpeg(colour)).hexdigest() for colour in ("red", "navy")}
    assert values(public, "SELECT photo_id FROM photo_credits ORDER BY 1") == [1, 6]
    assert len(values(public, "SELECT sha256 FROM embeddings")) == 2
    assert report["licenses"] == {"cc-by": 1, "cc0": 1}
    assert report["withheld"]["photos"] == 4


@pytest.mark.any_line
def test_an_observation_without_a_licence_keeps_time_and_place(
    publish: Publish, tmp_path: Path
) -> None:
    publish()
    public = tmp_path / "public"
    assert values(public, "SELECT id FROM observations ORDER BY id") == [1, 6]
    assert values(public, "SELECT place_guess FROM observations ORDER BY id") == ["Boulder", None]
    blank = "SELECT coalesce(latitude, longitude, observed_on, uuid) FROM observations WHERE id = 6"
    assert values(public, blank) == [None]
    assert values(public, "SELECT observer_id FROM observations WHERE id = 6") == [7]


@pytest.mark.any_line
def test_only_what_the_bot_made_public(publish: Publish, tmp_path: Path) -> None:
    publish()
    public = tmp_path / "public"
    assert values(public, "SELECT id FROM posts ORDER BY id") == ["x:1", "x:2"]
    assert values(public, "SELECT text FROM replies ORDER BY post_id") == [
        "I say cougar to x:1.",
        None,
    ]
    assert values(public, "SELECT post_id FROM bot_history ORDER BY 1") == ["x:1", "x:2"]
    assert values(public, "SELECT source FROM predictions ORDER BY id") == [
        "evaluation",
        "bot",
        "bot",
    ]


@pytest.mark.any_line
@pytest.mark.parametrize("way", ["opted out", "opted out under another handle", "deleted"])
def test_no_photo_of_somebody_who_did_not_ask_and_opted_out(
    publish: Publish, full: Path, tmp_path: Path, way: str
) -> None:
    """Post x:1 asks about Carl's photo, and Carl opts out or deletes it: the photo stays away."""
    with closing(open_database(full / DATABASE_NAME)) as db:
        pictures = list(db["post_images"].rows_where("post_id = 'x:1'"))
        owner = {"photos_post_id": "x:77", "photos_author": "carl", "photos_author_id": "7"}
        db["posts"].update("x:1", owner)
        if way == "deleted":
            db["posts"].update("x:1", {"photos_deleted_at": "2026-11-26T00:00:00Z"})
        else:
            name = "Carl" if way == "opted out" else "carla"
            row = {"platform": "x", "author": name, "author_id": "7", "at": "2026-11-26T00:00:00Z"}
            db["opt_outs"].insert(row)
    publish()
    public = tmp_path / "public"
    assert pictures
    assert values(public, "SELECT id FROM posts ORDER BY id") == ["x:1", "x:2"]
    assert "x:1" not in values(public, "SELECT post_id FROM post_images")
    for picture in pictures:
        assert str(picture["url"]).encode() not in all_bytes(public)


@pytest.mark.any_line
def test_no_private_word_is_anywhere_in_the_folder(publish: Publish, tmp_path: Path) -> None:
    publish()
    held = all_bytes(tmp_path / "public")
    assert [word for word in SECRETS if word.encode() in held] == []
    assert b"I say cougar" in held


@pytest.mark.any_line
def test_the_copy_is_one_file_with_sound_foreign_keys(publish: Publish, tmp_path: Path) -> None:
    publish()
    public = tmp_path / "public"
    assert values(public, "PRAGMA journal_mode") == ["delete"]
    assert values(public, "PRAGMA foreign_key_check") == []
    assert [file.name for file in public.glob("critters.db*")] == ["critters.db"]
    names = {file.name for file in public.iterdir()}
    assert names == {
        MARKER, "critters.db", "inspect-data.json", "metadata.json", "plugins", "photos", "models",
        "Dockerfile", "README.md",
    }  # fmt: skip
    settings = json.loads((public / "metadata.json").read_text())["plugins"]["critterdb"]
    assert settings["local_photos"] is False


@pytest.mark.any_line
def test_search_and_counts_are_of_what_is_published(publish: Publish, tmp_path: Path) -> None:
    publish()
    public = tmp_path / "public"
    find = "SELECT rowid FROM observations_fts WHERE observations_fts MATCH"
    assert values(public, f"{find} 'cougar' ORDER BY 1") == [1, 6]
    assert values(public, f"{find} 'boulder'") == [1]
    assert values(public, "SELECT rowid FROM taxa_fts WHERE taxa_fts MATCH 'bobcat'") == [41976]
    counted = "SELECT source || predictions || reviewed FROM prediction_counts ORDER BY 1"
    assert values(public, counted) == ["bot20", "evaluation11"]


@pytest.mark.any_line
def test_without_photos_the_rows_stay(publish: Publish, tmp_path: Path) -> None:
    report = publish("--no-photos")
    public = tmp_path / "public"
    assert not (public / "photos").exists()
    assert values(public, "SELECT coalesce(path, license_code) FROM photos ORDER BY id") == [
        "cc-by",
        "cc0",
    ]
    assert report["photo_files"] == 0
    assert report["missing"] == []


@pytest.mark.any_line
def test_other_licences_on_request(publish: Publish, tmp_path: Path) -> None:
    publish("--license", "cc-by-nc-nd", "--license", "cc0")
    assert values(tmp_path / "public", "SELECT id FROM photos ORDER BY id") == [4, 6]


@pytest.mark.any_line
def test_a_changed_or_missing_file_is_told_and_not_published(
    publish: Publish, full: Path, tmp_path: Path
) -> None:
    red, navy = (hashlib.sha256(jpeg(colour)).hexdigest() for colour in ("red", "navy"))
    (full / f"photos/{red[:2]}/{red}.jpg").write_bytes(b"something else")
    (full / f"photos/{navy[:2]}/{navy}.jpg").unlink()
    report = publish()
    assert len(report["missing"]) == 2
    assert values(tmp_path / "public", "SELECT path FROM photos") == [None, None]
    assert b"something else" not in all_bytes(tmp_path / "public")


@pytest.mark.any_line
def test_an_earlier_copy_is_replaced_and_anything_else_left_alone(
    publish: Publish, full: Path, tmp_path: Path
) -> None:
    publish()
    (tmp_path / "public" / "stale.txt").write_text("old")
    publish()
    assert not (tmp_path / "public" / "stale.txt").exists()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "thesis.txt").write_text("years of work")
    for target, words in ((thesis, "was not made by critterdb publish"), (full, "the site itself")):
        done = CliRunner().invoke(main, ["--db", str(full / DATABASE_NAME), "publish", str(target)])
        assert done.exit_code == 1
        assert words in done.stderr
    assert (thesis / "thesis.txt").read_text() == "years of work"


@pytest.mark.any_line
def test_a_killed_run_leaves_the_earlier_copy(full: Path, tmp_path: Path) -> None:
    """Killed when the database is under way, it leaves what was there, and the next run works."""
    public = tmp_path / "public"
    command = [
        sys.executable,
        "-m",
        "critterdb",
        "--db",
        str(full / DATABASE_NAME),
        "publish",
    ]
    subprocess.run([*command, str(public)], check=True, capture_output=True)
    before = all_bytes(public)
    process = subprocess.Popen([*command, str(public)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".public.*.part/critters.db")) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(list(tmp_path.glob(".public.*.part"))) == 1
    assert all_bytes(public) == before
    subprocess.run([*command, str(public)], check=True, capture_output=True)
    assert not list(tmp_path.glob(".public*"))


def test_it_serves_read_only_and_records_nothing(publish: Publish, tmp_path: Path) -> None:
    publish()
    public = tmp_path / "public"
    before = all_bytes(public)
    with serving(public, ["-m", "critterdb", "serve", "--port", "{port}"]) as address:
        [database] = listed(f"{address}/-/databases.json", "databases")
        assert database["name"] == "critters"
        assert database["is_mutable"] is False
        answer = http_post(f"{address}/-/classify", files={"image": jpeg("red")}).json()
        assert answer["answer"]["common_name"] == "Cougar"
        assert answer["prediction_id"] is None
        sha256 = hashlib.sha256(jpeg("red")).hexdigest()
        photo = http_get(f"{address}/-/critterdb/photos/{sha256}")
        assert photo.content == jpeg("red")
    assert all_bytes(public) == before


def test_a_writable_copy_records(publish: Publish, tmp_path: Path) -> None:
    publish("--writable")
    public = tmp_path / "public"
    assert not (public / "inspect-data.json").exists()
    with serving(public, ["-m", "critterdb", "serve", "--port", "{port}"]) as address:
        answer = http_post(f"{address}/-/classify", files={"image": jpeg("red")}).json()
    assert answer["prediction_id"] is not None


@pytest.mark.any_line
def test_commands_that_could_write_leave_a_copy_alone(publish: Publish, tmp_path: Path) -> None:
    publish()
    public = tmp_path / "public"
    before = all_bytes(public)
    for command in (["status"], ["sync", "cougarornot"], ["publish", str(tmp_path / "again")]):
        done = CliRunner().invoke(main, ["--db", str(public / DATABASE_NAME), *command])
        assert done.exit_code == 1
        assert "is a published copy, which is read-only" in done.stderr
    assert all_bytes(public) == before
    (public / "inspect-data.json").unlink()
    done = CliRunner().invoke(main, ["--db", str(public / DATABASE_NAME), "status"])
    assert done.exit_code == 0, done.stderr


@pytest.mark.any_line
def test_others_write_while_a_copy_is_made(publish: Publish, full: Path, tmp_path: Path) -> None:
    other = open_database(full / DATABASE_NAME)
    with other.atomic():
        other["observations"].insert({"id": 99, "license_code": "cc0", "url": "x"})
        publish()
    other.close()
    assert 99 not in values(tmp_path / "public", "SELECT id FROM observations")


@pytest.mark.any_line
def test_a_licence_that_nothing_has_is_told(publish: Publish) -> None:
    report = publish("--license", "cc-bye")
    assert report["rows"]["photos"] == 0
    assert report["notes"] == ["no photo of this site has the licence cc-bye"]


def test_any_site_can_be_served_read_only(full: Path) -> None:
    (full / "settings.json").write_text('{"default_page_size": 7, "allow_download": false}')
    arguments = ["-m", "critterdb", "serve", "--read-only", "--port", "{port}"]
    with serving(full, arguments) as address:
        [database] = listed(f"{address}/-/databases.json", "databases")
        assert database["is_mutable"] is False
        settings = http_get(f"{address}/-/settings.json").json()
        assert (settings["default_page_size"], settings["allow_download"]) == (7, False)
        answer = http_post(f"{address}/-/classify", files={"image": jpeg("red")}).json()
        assert answer["model"]["id"] == MODEL_ID
        assert answer["prediction_id"] is None


@pytest.mark.any_line
def test_read_only_is_refused_while_another_writes(full: Path) -> None:
    other = open_database(full / DATABASE_NAME)
    other.execute("SELECT count(*) FROM photos").fetchone()
    command = ["--db", str(full / DATABASE_NAME), "serve", "--read-only", "--port", "1"]
    done = CliRunner().invoke(main, command)
    other.close()
    assert done.exit_code == 1
    assert "Another process" in done.stderr


@pytest.mark.any_line
def test_the_words_of_the_command(full: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["--db", str(full / DATABASE_NAME), "publish", str(tmp_path / "public")]
    )
    assert "2 observations, 2 photos, 1 model, 2 posts, 3 predictions" in done.stdout
    assert "not published:" in done.stdout
    assert "opt_outs 1" in done.stdout
    assert f"{tmp_path / 'public'} is ready" in done.stdout
    readme = (tmp_path / "public" / "README.md").read_text()
    assert "2 observations and 2 photos (1 cc-by, 1 cc0)" in readme


@pytest.mark.any_line
def test_only_the_site_s_own_files_are_published(
    publish: Publish, full: Path, tmp_path: Path
) -> None:
    change_metadata(full, {"title": "Cats of Boulder"})
    for name in (
        "templates/index.html",
        "static/look.css",
        "plugins/mine.py",
        "notes.txt",
        ".env",
        "static/.htpasswd",
        "plugins/secret.env",
        "plugins/package/key.pem",
        "plugins/package/__init__.py",
        "static/fonts/look.WOFF2",
        "static/backup.sql",
        "static/fonts/notes.env",
        "static/service-account.json",
        "templates/index.html~",
    ):
        (full / name).parent.mkdir(parents=True, exist_ok=True)
        (full / name).write_text("# mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "private.css").write_text("/* private */")
    (full / "static" / "link.css").symlink_to(outside / "private.css")
    (full / "static" / "linked").symlink_to(outside)
    report = publish()
    public = tmp_path / "public"
    assert json.loads((public / "metadata.json").read_text())["title"] == "Cats of Boulder"
    for name in (
        *("templates/index.html", "static/look.css", "plugins/mine.py"),
        "plugins/package/__init__.py",
    ):
        assert (public / name).read_text() == "# mine"
    assert not (public / "notes.txt").exists()
    assert not (public / ".env").exists()
    assert files_in(public / "static") == ["fonts/look.WOFF2", "look.css"]
    assert files_in(public / "templates") == ["index.html"]
    assert b"/* private */" not in all_bytes(public)
    for name in ("plugins/secret.env", "plugins/package/key.pem"):
        assert not (public / name).exists()
    assert report["notes"] == [
        "plugins/: only .py files are published; "
        "left out: plugins/package/key.pem, plugins/secret.env",
        "templates/: only .html files are published; left out: templates/index.html~",
        "static/: only style sheets, scripts, pages, pictures and fonts are published; left out: "
        "static/backup.sql, static/fonts/notes.env, static/service-account.json",
    ]


@pytest.mark.any_line
@pytest.mark.parametrize("name", ["static", "templates"])
def test_a_folder_that_is_a_link_stays_at_home(
    publish: Publish, full: Path, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "page.html").write_text("private")
    (full / name).symlink_to(outside)
    publish()
    assert not (tmp_path / "public" / name).exists()


@pytest.mark.any_line
def test_a_photo_is_published_without_place_camera_and_names(
    publish: Publish, full: Path, tmp_path: Path
) -> None:
    """The row, the file's name and the embedding follow the bytes; orientation stays."""
    data = gps_photo()
    old = add_photo(full, 7, data)
    add_embedding(full, old)
    report = publish()
    public = tmp_path / "public"
    [(sha256, path, size)] = rows(public, "SELECT sha256, path, bytes FROM photos WHERE id = 7")
    copied = (public / path).read_bytes()
    assert hashlib.sha256(copied).hexdigest() == sha256 != old
    assert (path, size) == (f"photos/{sha256[:2]}/{sha256}.jpg", len(copied))
    exif = Image.open(io.BytesIO(copied)).getexif()
    assert dict(exif) == {0x0112: 6}
    assert b"artist-of-home" not in all_bytes(public)
    pixels = (Image.open(io.BytesIO(photo)).tobytes() for photo in (copied, data))
    assert next(pixels) == next(pixels)
    assert values(public, f"SELECT count(*) FROM embeddings WHERE sha256 = '{sha256}'") == [1]
    assert values(public, "SELECT path FROM photos WHERE path NOT LIKE '%' || sha256 || '%'") == []
    assert [note for note in report["notes"] if note.startswith("1 photo with GPS")]


@pytest.mark.any_line
def test_exif_stays_on_request(publish: Publish, full: Path, tmp_path: Path) -> None:
    sha256 = add_photo(full, 7, gps_photo())
    report = publish("--keep-exif")
    copied = tmp_path / "public" / f"photos/{sha256[:2]}/{sha256}.jpg"
    assert copied.read_bytes() == gps_photo()
    assert [note for note in report["notes"] if "because of --keep-exif" in note]


@pytest.mark.any_line
def test_two_photos_that_differ_in_their_exif_only(
    publish: Publish, full: Path, tmp_path: Path
) -> None:
    for photo_id, data in ((7, gps_photo()), (8, gps_photo().replace(b"artist", b"ARTIST"))):
        sha256 = add_photo(full, photo_id, data)
        add_embedding(full, sha256)
    publish()
    public = tmp_path / "public"
    assert len(set(values(public, "SELECT path FROM photos WHERE id IN (7, 8)"))) == 1
    assert len(values(public, "SELECT sha256 FROM embeddings")) == 3


@pytest.mark.any_line
def test_a_photo_whose_metadata_cannot_be_found_stays_at_home(
    publish: Publish, full: Path, tmp_path: Path
) -> None:
    add_photo(full, 7, gps_photo()[:-2])
    report = publish()
    assert len(report["missing"]) == 1
    assert values(tmp_path / "public", "SELECT path FROM photos WHERE id = 7") == [None]


@pytest.mark.any_line
def test_hosts_who_opted_out_are_not_named(publish: Publish, full: Path, tmp_path: Path) -> None:
    def prepare(db: SiteDatabase) -> None:
        hosts = [
            {"platform": "x", "handle": "@Hanna-Host", "consents": True},
            {"platform": "x", "handle": "renamed-host", "consents": True, "account_id": "4711"},
            {"platform": "mastodon", "handle": "mia@a.example", "consents": True},
            {
                "platform": "bluesky",
                "handle": "hanna-host",
                "consents": True,
                "account_id": "did:1",
            },
        ]
        db["games"].update("cougarornot", {"hosts": json.dumps(hosts)})
        outs = (
            ("x", "hanna-host", None),
            ("x", "old-name", "4711"),
            ("mastodon", "mia@a.example", None),
        )
        for platform, author, author_id in outs:
            out = {"platform": platform, "author": author, "author_id": author_id, "at": "x"}
            db["opt_outs"].insert(out)
        db["posts"].insert(
            {**dict(db["posts"].get("x:1")), "id": "mastodon:1", "platform": "mastodon"}
        )
        reply = {**dict(db["replies"].get("x:1")), "post_id": "mastodon:1", "prediction_id": None}
        db["replies"].insert(reply)
        answer = {**dict(db["answers"].get("x:1")), "post_id": "mastodon:1"}
        db["answers"].insert({**answer, "source_url": "https://a.example/@mia/99"})
        db["answers"].update("x:1", {"source_url": "https://x.com/Hanna-Host/status/1"})
        db["answers"].update("x:2", {"source_url": "https://x.com/somebody/status/2"})

    change(full, prepare)
    publish()
    public = tmp_path / "public"
    [hosts] = values(public, "SELECT hosts FROM games WHERE slug = 'cougarornot'")
    assert json.loads(hosts) == [{"platform": "bluesky", "handle": "hanna-host", "consents": True}]
    assert rows(public, "SELECT post_id, source_url FROM answers ORDER BY 1") == [
        ("mastodon:1", None),
        ("x:1", None),
        ("x:2", "https://x.com/somebody/status/2"),
    ]
    held = (public / DATABASE_NAME).read_bytes().lower()
    assert [name for name in (b"renamed-host", b"mia", b"4711", b"did:1") if name in held] == []


@pytest.mark.any_line
def test_a_source_loses_its_query(publish: Publish, full: Path, tmp_path: Path) -> None:
    source = "https://api.inaturalist.org/v1?key=key-of-my-server#x"
    change(full, lambda db: db["syncs"].insert({"source": source, "started_at": "x"}))
    publish()
    sources = values(tmp_path / "public", "SELECT source FROM syncs ORDER BY id")
    assert sources == ["local", "local", "https://api.inaturalist.org/v1"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.json", '{"plugins": {"critterdb": {"local_photos": true, "rate": 7}}}'),
        ("metadata.yaml", "plugins:\n  critterdb: {local_photos: yes, rate: 7}\nday: 2026-11-23\n"),
        ("metadata.yml", "plugins:\n  critterdb:\n    local_photos: true\n    rate: 7\n"),
        ("datasette.json", '{"plugins": {"critterdb": {"local_photos": true, "rate": 7}}}'),
        ("datasette.yaml", "plugins:\n  critterdb:\n    local_photos: true\n    rate: 7\n"),
        ("datasette.yml", "plugins:\n  critterdb:\n    local_photos: on\n    rate: 7\n"),
    ],
)
def test_local_photos_are_off_in_a_copy_whichever_file_turned_them_on(
    publish: Publish, full: Path, tmp_path: Path, name: str, text: str
) -> None:
    (full / "metadata.json").unlink()
    if name.startswith("datasette."):
        (full / "metadata.json").write_text("{}")  # 1.0 lets its settings go first
    (full / name).write_text(text)
    here = plugin_state(open_datasette(full)).settings
    publish()
    there = plugin_state(open_datasette(tmp_path / "public")).settings
    assert (tmp_path / "public" / name).is_file()
    # Where nothing says so, the marker of a copy does: see own_machine.py.
    assert not there.local_photos
    assert there.rate == here.rate
    # 0.65 does not read these files, and a copy may be served by another version than its site.
    assert here.local_photos or name.startswith("datasette.")
    assert parse_metadata((tmp_path / "public" / name).read_text())["plugins"]["critterdb"] == {
        "local_photos": False,
        "rate": 7,
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("datasette.yaml", "plugins: [critterdb"),
        ("metadata.yml", "a: b: c"),
        ("datasette.json", "plugins:\n"),
    ],
)
def test_settings_that_cannot_be_read_are_named(
    full: Path, tmp_path: Path, name: str, text: str
) -> None:
    (full / name).write_text(text)
    command = ["--db", str(full / DATABASE_NAME), "publish", str(tmp_path / "public")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert f"{name} of the site is not valid" in done.stderr
