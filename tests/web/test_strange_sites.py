"""A site of somebody else: what its database alone may name, and what its folder may hold."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from critterdb.cli import main
from critterdb.fakes.inaturalist import StandInINaturalist
from critterdb.storage import database
from critterdb.storage.database import DATABASE_NAME, distrust_schema, open_database
from tests.support.datasette_site import (
    MODEL_ID,
    SEEN_AT,
    add_model,
    add_photo,
    http_get,
    http_post,
    jpeg,
    make_site,
    serving,
)
from tests.support.inaturalist import TAXA, observation
from tests.support.inaturalist import jpeg as drawn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

DIGEST = "ab" + "0" * 62
HOUR = 3600


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path / "mysite")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInINaturalist]:
    monkeypatch.setenv("CRITTERDB_REQUESTS_PER_MINUTE", "60000")
    photos = {n * 10: drawn(n) for n in (1, 2)}
    with StandInINaturalist([observation(n) for n in (1, 2)], TAXA, photos) as standin:
        monkeypatch.setenv("CRITTERDB_INATURALIST_API", standin.url)
        yield standin


def run(site: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--db", str(site / DATABASE_NAME), *arguments])


def change(site: Path, sql: str, *values: Any) -> None:
    with closing(open_database(site / DATABASE_NAME)) as db:
        db.execute(sql, values)


def sync(site: Path) -> None:
    done = run(site, "sync", "cougarornot", "--no-photos")
    assert done.exit_code == 0, done.output


def make_old(file: Path) -> None:
    os.utime(file, (time.time() - 2 * HOUR,) * 2)


@pytest.mark.any_line
def test_a_sync_removes_no_file_but_photos_of_the_site(
    site: Path, server: StandInINaturalist, tmp_path: Path
) -> None:
    """Absolute, `..`, a settings file, another suffix, another folder than the name says."""
    outside = tmp_path / "photos" / "ab" / f"{DIGEST}.jpg"
    outside.parent.mkdir(parents=True)
    thesis, relative = tmp_path / "thesis.txt", tmp_path / "relative.txt"
    paths = [str(thesis), "../relative.txt", "metadata.json", f"../photos/ab/{DIGEST}.jpg"]
    paths += [f"photos/ab/{DIGEST}.txt", f"photos/ac/{DIGEST}.jpg", f"photos/ab/{DIGEST}.jpg\n"]
    for number, path in enumerate(paths, 1):
        add_photo(site, number, jpeg("red"), path=None if number > 1 else f"photos/ab/{DIGEST}.jpg")
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text("years of work") if path != "metadata.json" else None
        sql = "UPDATE photos SET path = ?, withdrawn_at = ? WHERE id = ?"
        change(site, sql, path, SEEN_AT, number)
    sync(site)
    assert [path for path in paths if not (site / path).exists()] == []
    assert all(file.exists() for file in (thesis, relative, outside))


@pytest.mark.any_line
def test_a_sync_removes_nothing_through_a_link(
    site: Path, server: StandInINaturalist, tmp_path: Path
) -> None:
    """Neither as a withdrawn photo nor as a stray file, and a name of one's own is not a stray."""
    other = tmp_path / "other" / "ab"
    other.mkdir(parents=True)
    files = [other / f"{DIGEST}.jpg", other / f"ab{'1' * 62}.jpg", other / "thesis.txt"]
    sha256 = add_photo(site, 1, jpeg("red"))
    mine = site / "photos" / sha256[:2] / "notes.txt"
    (site / "photos" / "ab").symlink_to(other)
    part = site / "photos" / "thesis.part"
    for file in (*files, mine, part):
        file.write_text("years of work")
        make_old(file)
    sql = "UPDATE photos SET path = ?, withdrawn_at = ? WHERE id = 1"
    change(site, sql, f"photos/ab/{DIGEST}.jpg", SEEN_AT)
    sync(site)
    assert all(file.exists() for file in (*files, mine, part))


@pytest.mark.any_line
def test_photos_that_are_a_link_as_a_whole_stay_and_a_sync_says_why(
    site: Path, server: StandInINaturalist, tmp_path: Path
) -> None:
    add_photo(site, 1, jpeg("red"), withdrawn_at=SEEN_AT)
    (site / "photos").rename(tmp_path / "theirs")
    (site / "photos").symlink_to(tmp_path / "theirs")
    sync(site)
    assert len(list((tmp_path / "theirs").rglob("*.jpg"))) == 1
    done = run(site, "sync", "cougarornot")
    assert done.exit_code == 1
    assert "photos is a symbolic link" in done.stderr


@pytest.mark.any_line
def test_a_withdrawn_photo_is_still_removed(site: Path, server: StandInINaturalist) -> None:
    sha256 = add_photo(site, 1, jpeg("red"), withdrawn_at=SEEN_AT)
    sync(site)
    assert not (site / "photos" / sha256[:2] / f"{sha256}.jpg").exists()


@pytest.mark.any_line
def test_a_copy_holds_no_file_outside_of_itself(site: Path, tmp_path: Path) -> None:
    """A row whose path climbs out of the copy by way of a link below the site's photos."""
    evil = b"print('evil')"
    add_photo(site, 1, jpeg("red"))
    deep = site / "photos" / "aa" / "bb" / "cc"
    deep.mkdir(parents=True)
    (site / "photos" / "d").symlink_to(deep)
    path = "photos/d/../../../evil.py"
    (deep / ".." / ".." / ".." / "evil.py").resolve().write_bytes(evil)
    change(site, "UPDATE photos SET path = ?, sha256 = ?", path, hashlib.sha256(evil).hexdigest())
    before = {file.name for file in tmp_path.iterdir()}
    done = run(site, "publish", str(tmp_path / "pub"))
    assert done.exit_code == 0, done.output
    assert {file.name for file in tmp_path.iterdir()} == before | {"pub"}
    assert not [file for file in (tmp_path / "pub").rglob("*") if file.name == "evil.py"]


@pytest.mark.any_line
def test_a_copy_never_harms_its_source(site: Path, tmp_path: Path) -> None:
    sha256 = add_photo(site, 1, jpeg("red"))
    file = site / "photos" / sha256[:2] / f"{sha256}.jpg"
    change(site, "UPDATE photos SET path = ?", str(file))
    done = run(site, "publish", str(tmp_path / "pub"))
    assert done.exit_code == 0, done.output
    assert file.read_bytes() == jpeg("red")


@pytest.mark.any_line
@pytest.mark.parametrize(
    "odd",
    [
        "UPDATE models SET card = '{'",
        "UPDATE models SET card = '[1]'",
        """UPDATE models SET card = '{"photos_by_license": [1]}'""",
        """UPDATE models SET card = '{"photos_by_license": {"": "many", "x": null}}'""",
        "UPDATE models SET recipe = '{'",
        """UPDATE games SET hosts = '[1, null, "x", []]'""",
    ],
)
def test_a_copy_is_made_whatever_json_its_source_holds(
    site: Path, tmp_path: Path, odd: str
) -> None:
    add_model(site)
    change(site, odd)
    done = run(site, "publish", str(tmp_path / "pub"))
    assert done.exit_code == 0, (done.output, done.exception)
    with closing(open_database(tmp_path / "pub" / DATABASE_NAME)) as db:
        assert db.execute("SELECT count(*) FROM models WHERE json_valid(card)").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM games WHERE json_valid(hosts)").fetchone() == (1,)


@pytest.mark.any_line
@pytest.mark.parametrize("kind", ["photos", "models"])
def test_a_copy_waits_for_no_pipe(site: Path, tmp_path: Path, kind: str) -> None:
    add_model(site)
    add_photo(site, 1, jpeg("red"))
    with closing(open_database(site / DATABASE_NAME)) as db:
        file = site / next(iter(db[kind].rows))["path"]
    file.unlink()
    os.mkfifo(file)
    command = [sys.executable, "-m", "critterdb", "--db", str(site / DATABASE_NAME)]
    done = subprocess.run(
        [*command, "publish", str(tmp_path / "pub")], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert "not matching their rows: 1 file" in done.stdout


@pytest.mark.any_line
def test_two_copies_to_one_folder_are_both_whole(site: Path, tmp_path: Path) -> None:
    add_model(site)
    for number in range(1, 61):
        add_photo(site, number, jpeg(f"rgb({number * 4}, 90, 60)"))
    command = [
        sys.executable,
        "-m",
        "critterdb",
        "--db",
        str(site / DATABASE_NAME),
        "publish",
    ]
    processes = []
    for _ in range(3):
        processes.append(
            subprocess.Popen([*command, str(tmp_path / "pub")], stderr=subprocess.PIPE, text=True)
        )
        time.sleep(0.15)
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert len(list((tmp_path / "pub" / "photos").rglob("*.jpg"))) == 60
    assert (tmp_path / "pub" / "models" / f"{MODEL_ID}.onnx").is_file()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.any_line
def test_there_is_a_copy_at_every_moment_of_its_renewal(site: Path, tmp_path: Path) -> None:
    add_photo(site, 1, jpeg("red"))
    public = tmp_path / "pub"
    assert run(site, "publish", str(public)).exit_code == 0
    gone, stop = [], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if not (public / DATABASE_NAME).exists():
                gone.append(time.monotonic())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(3):
        assert run(site, "publish", str(public)).exit_code == 0
    stop.set()
    watcher.join()
    assert gone == []


@pytest.mark.any_line
def test_a_copy_removes_only_what_publish_left(site: Path, tmp_path: Path) -> None:
    mine = [tmp_path / ".pub.part", tmp_path / ".pub.old", tmp_path / ".pub.0123abcd.part"]
    left = [tmp_path / ".pub.abcd0123.part"]
    for folder in (*mine, *left):
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work")
    (left[0] / ".critterdb-published").write_text("as publish writes it")
    for _ in range(2):
        assert run(site, "publish", str(tmp_path / "pub")).exit_code == 0
    assert all((folder / "thesis.txt").exists() for folder in mine)
    assert not left[0].exists()


@pytest.mark.any_line
def test_a_full_disk_leaves_the_earlier_copy_whole(site: Path, tmp_path: Path) -> None:
    """No file may grow over a limit in the middle of a photo."""
    assert run(site, "publish", str(tmp_path / "pub")).exit_code == 0
    before = sorted((file, file.stat().st_ino) for file in (tmp_path / "pub").rglob("*"))
    file = io.BytesIO()
    noise = Image.merge("RGB", [Image.effect_noise((1800, 1800), 200) for _ in range(3)])
    noise.save(file, "JPEG", quality=100)
    assert 4_500_000 < file.tell() < 10_000_000
    add_photo(site, 1, file.getvalue())
    command = [sys.executable, "-m", "critterdb", "--db", str(site / DATABASE_NAME)]
    for limit in (4_000_000, 100_000):
        done = subprocess.run(
            [*command, "publish", str(tmp_path / "pub")],
            capture_output=True,
            text=True,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
        )
        assert done.returncode == 1
        assert "could not be written" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        assert (
            sorted((file, file.stat().st_ino) for file in (tmp_path / "pub").rglob("*")) == before
        )
        assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.any_line
@pytest.mark.parametrize(
    "path", ["/dev/zero", "/etc/hostname", "../secret.onnx", "models/a/b.onnx"]
)
def test_a_model_elsewhere_is_refused_and_its_path_not_told(
    site: Path, tmp_path: Path, path: str
) -> None:
    model_id = add_model(site)
    (tmp_path / "secret.onnx").write_bytes((site / "models" / f"{model_id}.onnx").read_bytes())
    change(site, "UPDATE models SET path = ?, bytes = 0, sha256 = ?", path, "0" * 64)
    limit = f"ulimit -v 4000000; exec {sys.executable} -m critterdb"
    command = f"{limit} --db {site / DATABASE_NAME} models use {model_id}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "outside the folder models/" in done.stderr, done.stderr[-500:]
    assert path not in done.stderr


@pytest.mark.any_line
def test_a_pipe_or_folder_as_a_model_is_refused_unread(site: Path) -> None:
    model_id = add_model(site)
    file = site / "models" / f"{model_id}.onnx"
    file.unlink()
    change(site, "UPDATE models SET bytes = 0")  # the size of a pipe
    command = [sys.executable, "-m", "critterdb", "--db", str(site / DATABASE_NAME)]
    for make in (os.mkfifo, os.mkdir):
        make(file)
        done = subprocess.run(
            [*command, "models", "use", model_id], capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 1
        assert "is not a file" in done.stderr, done.stderr
        file.unlink() if file.is_fifo() else file.rmdir()


def test_a_served_site_shows_nothing_from_elsewhere(site: Path, tmp_path: Path) -> None:
    """A photo by an absolute path or a link, a model that is a file of the machine: no way in."""
    model_id = add_model(site)
    sha256 = add_photo(site, 1, jpeg("red"))
    (tmp_path / "outside.jpg").write_bytes(jpeg("red"))
    file = site / "photos" / sha256[:2] / f"{sha256}.jpg"
    file.unlink()
    file.symlink_to(tmp_path / "outside.jpg")
    change(site, "UPDATE models SET path = '/etc/hostname', bytes = 0 WHERE id = ?", model_id)
    with serving(site, ["-m", "datasette", "serve", ".", "-p", "{port}"]) as address:
        assert http_get(f"{address}/-/critterdb/photos/{sha256}").status_code == 404
        answer = http_post(
            f"{address}/-/classify.json", files={"image": ("a.jpg", jpeg("red"), "image/jpeg")}
        )
        assert answer.json()["code"] == "no_model"
        assert "/etc" not in answer.text
        assert str(tmp_path) not in answer.text
        for page in ("/-/critters", "/critters/taxa?_search=puma", "/critters/scoreboard"):
            assert http_get(f"{address}{page}").status_code == 200, page


@pytest.mark.any_line
def test_the_lock_of_the_bot_follows_no_link_and_empties_nothing(
    site: Path, tmp_path: Path
) -> None:
    add_model(site)
    posts = tmp_path / "posts.jsonl"
    posts.write_text("")
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    lock = site / "bot-jsonl.lock"
    lock.symlink_to(thesis)
    done = run(site, "bot", "cougarornot", "--on", f"jsonl:{posts}")
    assert thesis.read_text() == "years of work"
    assert done.exit_code == 1
    assert "could not be opened as the bot's lock" in done.output
    lock.unlink()
    lock.write_text("mine")
    assert run(site, "bot", "cougarornot", "--on", f"jsonl:{posts}").exit_code == 0
    assert lock.read_text() == "mine"


@pytest.mark.any_line
@pytest.mark.parametrize("source", ["folder", "export"])
def test_an_import_makes_no_game_of_an_odd_name(site: Path, tmp_path: Path, source: str) -> None:
    folder = tmp_path / "photos"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "a.jpg").write_bytes(jpeg("red"))
    export = tmp_path / "observations.csv"
    export.write_text("id\n1\n")
    source_path = folder if source == "folder" else export
    done = run(site, "import", str(source_path), "--game", "../../evil <b>")
    assert done.exit_code == 1
    assert "not a short name" in done.stderr
    with closing(open_database(site / DATABASE_NAME)) as db:
        assert db["games"].count_where("slug LIKE '%evil%'") == 0


@pytest.mark.any_line
def test_an_import_goes_on_with_a_game_that_has_an_older_name(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "a.jpg").write_bytes(jpeg("red"))
    change(site, "INSERT INTO games (slug, rank, hosts) VALUES ('my_cats', 'species', '[]')")
    assert run(site, "import", str(folder), "--game", "My_Cats").exit_code == 0


@pytest.mark.any_line
def test_an_import_does_not_read_a_huge_file(site: Path, tmp_path: Path) -> None:
    """4 TB, of which nothing is on the disk; read whole it would need as much memory."""
    folder = tmp_path / "photos"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "a.jpg").write_bytes(jpeg("red"))
    with (folder / "cat" / "b.jpg").open("wb") as file:
        file.write(jpeg("red"))
        file.truncate(4 << 40)
    done = run(site, "import", str(folder), "--game", "mycats")
    assert done.exit_code == 0, done.exception
    assert "too_large" in done.output


LIBRARIES = ["sqlite3", "pysqlite3"]


@pytest.mark.any_line
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_site_keeps_itself_with_a_schema_that_is_not_trusted(site: Path, library: str) -> None:
    """Its triggers, its full-text search and its views, on each SQLite library that is here."""
    sqlite = pytest.importorskip(library)
    add_model(site)
    add_photo(site, 1, jpeg("red"))
    with closing(sqlite.connect(site / DATABASE_NAME)) as conn:
        distrust_schema(conn)
        conn.execute("PRAGMA foreign_keys = ON")
        conn.execute("INSERT INTO taxa (id, name, ancestor_ids) VALUES (1, 'Lynx', '[1]')")
        conn.execute("UPDATE taxa SET name = 'Caracal' WHERE id = 1")
        matches = conn.execute("SELECT count(*) FROM taxa_fts WHERE taxa_fts MATCH 'caracal'")
        assert matches.fetchone() == (1,)
        conn.execute("DELETE FROM taxa WHERE id = 1")
        conn.execute("INSERT INTO taxa_fts (taxa_fts) VALUES ('integrity-check')")
        conn.execute("UPDATE observations SET place_guess = 'Boulder'")
        sql = "SELECT count(*) FROM observations_fts WHERE observations_fts MATCH 'boulder'"
        assert conn.execute(sql).fetchone() == (1,)
        views = conn.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        assert len(views) >= 5
        for (view,) in views:
            conn.execute(f"SELECT * FROM {view}").fetchall()


@pytest.mark.any_line
@pytest.mark.parametrize("kind", ["trigger", "view"])
def test_a_schema_calls_no_function_of_ours(site: Path, kind: str) -> None:
    called: list[int] = []
    if kind == "view":
        change(site, "CREATE VIEW games_seen AS SELECT reach_out() FROM games")
    else:
        change(site, "CREATE TRIGGER evil AFTER INSERT ON taxa BEGIN SELECT reach_out(); END")
    sqlite = database.sqlite3
    if not database._is_fit_for_distrust(sqlite.Connection):
        pytest.skip("this SQLite would refuse the site's own indexes too")
    with closing(open_database(site / DATABASE_NAME)) as db:
        db.conn.create_function("reach_out", 0, lambda: called.append(1))
        statement = "INSERT INTO taxa (id, name, ancestor_ids) VALUES (7, 'a', '[]')"
        if kind == "view":
            statement = "SELECT * FROM games_seen"
        with pytest.raises(sqlite.Error, match="unsafe use of reach_out"):
            db.conn.execute(statement).fetchall()
    assert called == []
