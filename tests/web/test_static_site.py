"""`critterdb publish --static`: pages as files, whose links work below any path."""

from __future__ import annotations

import html
import json
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, TypeVar

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from critterdb.cli import main
from critterdb.errors import SiteError
from critterdb.imaging.sandbox import shared_decoders
from critterdb.publish.copy import publish_site
from critterdb.publish.static_site import similar, thumbnails
from critterdb.publish.static_site.bake import STATIC_MARKER, StaticOptions, publish_static
from critterdb.publish.static_site.classifier import offered_models
from critterdb.publish.static_site.folder import BakedFolder
from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.storage.stored_files import photo_path
from critterdb.web.datasette.reading import SlowReadError, read
from critterdb.web.pages import base
from tests.support.datasette_site import change_metadata, jpeg, open_datasette
from tests.support.models import COUGAR
from tests.support.pages import MODEL_ID, make_furnished_site
from tests.support.publishing import SECRETS, make_full_site
from tests.support.static_site import bake, contents, pages, problems, read_page

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_cache")]

ROOT = Path(__file__).parents[2]
BASE = "https://me.example/repo/"
POLL_S = 0.005  # short of any stage of a bake
T = TypeVar("T")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_furnished_site(tmp_path_factory.mktemp("static") / "mysite")


@pytest.fixture(scope="module")
def baked(site: Path) -> Path:
    folder = site.parent / "public"
    bake(site, folder, base_url=BASE)
    return folder


@pytest.mark.any_line
def test_addresses_keep_their_order(baked: Path) -> None:
    wanted = [
        "",
        "critters/",
        "critters/history/",
        "critters/history/game-cougarornot/",
        "critters/posts/x~3a101/",
        f"critters/species/{COUGAR}/",
        f"critters/models/{MODEL_ID}/",
        f"critters/models/{MODEL_ID}/confusion/actual-{COUGAR}/predicted-{COUGAR}/",
        "critters/photos/1/",
        "critters/compare/",
        "explore/",
    ]
    assert [path for path in wanted if path not in pages(baked)] == []
    assert (baked / f"critters/species/{COUGAR}.json").is_file()


def test_no_link_is_dead_or_absolute_and_nothing_is_loaded_from_elsewhere(baked: Path) -> None:
    assert len(pages(baked)) > 20
    assert problems(baked) == []


@pytest.mark.any_line
def test_a_broken_link_would_be_found(baked: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<a href="nowhere/">a</a><img src="https://x.example/a">')
    assert len(problems(tmp_path)) == 2


@pytest.mark.any_line
def test_no_page_needs_a_server_or_allows_another_host(baked: Path) -> None:
    for path, file in pages(baked).items():
        reading = read_page(file)
        assert "form" not in reading.tags, path
        assert "default-src 'none'" in reading.policy, path
        assert "http" not in reading.policy, path


async def test_baked_pages_are_the_served_ones_but_for_links(
    site: Path, baked: Path, tmp_path: Path
) -> None:
    """Of the published copy, and without the forms and the pictures elsewhere."""
    with closing(open_database(site / DATABASE_NAME)) as db:
        publish_site(db, tmp_path / "copy")
    datasette = open_datasette(tmp_path / "copy")
    for address, path in {
        "/-/critters/history": "critters/history/",
        f"/-/critters/models/{MODEL_ID}": f"critters/models/{MODEL_ID}/",
        f"/-/critters/species/{COUGAR}": f"critters/species/{COUGAR}/",
        "/-/critters/species": "critters/species/",
        "/-/critters/photos/1": "critters/photos/1/",
        "/-/critters/posts/x:102": "critters/posts/x~3a102/",
    }.items():
        served = await datasette.client.get(address, headers={"accept": "text/html"})
        assert words(served.text) == words((baked / path / "index.html").read_text("utf-8"))
        payload = (await datasette.client.get(f"{address}.json")).json()
        file = baked / f"{path.rstrip('/')}.json"
        assert without_links(payload) == without_links(json.loads(file.read_text("utf-8")))


def words(text: str) -> list[str]:
    """The markup and the words of a page's content without addresses, forms and pictures."""
    text = text[text.index("<main") : text.index("</main>")]
    text = re.sub(r"<form.*?</form>", "", text, flags=re.DOTALL)
    # The ground of a map of evidence: the picture elsewhere, or a blank of its shape.
    text = re.sub(r'<img class="from-afar"[^>]*>(?=<svg)|<svg class="blank".*?</svg>', "", text)
    text = re.sub(
        r'<span class="no-picture">.*?</span>|<a [^>]*><img class="from-afar".*?</a>', "", text
    )
    text = re.sub(r'\s(href|src|srcset|sizes)="[^"]*"', "", text)
    text = re.sub(r"<a [^>]*>Classify a photo</a>", "", text)
    return [line.strip() for line in html.unescape(text).splitlines() if line.strip()]


def without_links(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_links(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_links(part) for part in value]
    is_link = isinstance(value, str) and (value.startswith(("/-/", "../")) or "/critters" in value)
    return "a link" if is_link else value


@pytest.mark.any_line
def test_the_database_is_that_of_publish(site: Path, baked: Path, tmp_path: Path) -> None:
    with closing(open_database(site / DATABASE_NAME)) as db:
        publish_site(db, tmp_path / "copy")
    assert (baked / DATABASE_NAME).read_bytes() == (tmp_path / "copy" / DATABASE_NAME).read_bytes()


@pytest.mark.any_line
def test_nothing_private_is_in_any_file(tmp_path: Path) -> None:
    bake(make_full_site(tmp_path / "mysite"), tmp_path / "public")
    files = [file for file in (tmp_path / "public").rglob("*") if file.is_file()]
    for secret in SECRETS:
        found = [file.name for file in files if secret.encode() in file.read_bytes()]
        assert found == [], secret
    assert problems(tmp_path / "public") == []


@pytest.mark.any_line
def test_what_a_host_and_a_search_engine_need(baked: Path) -> None:
    assert (baked / ".nojekyll").exists()
    addresses = [
        node.text or ""
        for node in ET.fromstring((baked / "sitemap.xml").read_bytes()).iter()
        if node.tag.endswith("loc")
    ]
    assert f"{BASE}critters/species/{COUGAR}/" in addresses
    assert all((baked / url.removeprefix(BASE) / "index.html").is_file() for url in addresses)
    home = (baked / "critters/index.html").read_text("utf-8")
    [preview] = re.findall(r'<meta property="og:image" content="([^"]*)"', home)
    assert (baked / preview.removeprefix(BASE)).is_file()
    feed = (baked / "critters/history.atom").read_text("utf-8")
    for url in re.findall(rf'href="({BASE}[^"]*)"', feed):
        path = baked / url.removeprefix(BASE)
        assert path.is_file() or (path / "index.html").is_file()
    not_found = read_page(baked / "404.html")
    assert not_found.loaded == []
    assert "/repo/critters/" in not_found.leads_to


@pytest.mark.any_line
def test_ctrl_c_need_not_wait_for_the_other_pages(tmp_path: Path) -> None:
    site = make_furnished_site(tmp_path / "mysite")
    # Workers of pytest-xdist may be deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    done: list[int] = []

    def progress(page: int, _: int) -> None:
        done.append(page)
        if page == 3:
            signal.raise_signal(signal.SIGINT)

    with closing(open_database(site / DATABASE_NAME)) as db, pytest.raises(KeyboardInterrupt):
        publish_static(db, tmp_path / "public", progress=progress)
    assert done == [1, 2, 3]
    assert not (tmp_path / "public").exists()


@pytest.mark.any_line
def test_a_page_that_is_made_again_leaves_the_earlier_edition_alone(tmp_path: Path) -> None:
    before, made = tmp_path / "before", tmp_path / "made"
    first = BakedFolder(before, tmp_path / "none")
    first.write("page.html", b"earlier")
    first.write_list()
    folder = BakedFolder(made, before)
    assert folder.keep("page.html")
    folder.write("page.html", b"later")
    assert (before / "page.html").read_bytes() == b"earlier"
    assert (made / "page.html").read_bytes() == b"later"


def test_a_page_that_was_busy_once_has_its_own_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, chance = make_furnished_site(tmp_path / "mysite"), Random(0)

    async def busy_at_times(*arguments: Any) -> Any:
        if chance.random() < 0.2:
            raise SlowReadError("busy")
        return await read(*arguments)

    monkeypatch.setattr(base, "read", busy_at_times)
    bake(site, tmp_path / "public")
    payloads = [json.loads(f.read_text("utf-8")) for f in (tmp_path / "public").rglob("*.json")]
    assert [payload for payload in payloads if payload.get("ok") is False] == []


@pytest.mark.any_line
def test_stopping_cancels_thumbnails_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "cores", lambda: 2)
    copy, made = tmp_path / "copy", BakedFolder(tmp_path / "made", tmp_path / "before")
    (copy / "photos/00").mkdir(parents=True)
    photos = {name: photo_path(name, "jpg") for name in (f"{n:064x}" for n in range(50))}
    for path in photos.values():
        (copy / path).write_bytes(jpeg())
    stop = Event()
    stop.set()
    thumbnails.make_thumbnails(copy, made, photos, stop=stop)
    assert 0 < made.written < 2 * len(photos)


@pytest.mark.any_line
def test_thumbnails_show_the_middle_of_a_photo(tmp_path: Path) -> None:
    """4:3, as its card shows it: a third of this photo is cut off at both sides."""
    image = Image.new("RGB", (600, 150), "blue")
    image.paste("red", (200, 0, 400, 150))
    image.save(tmp_path / "wide.png")
    pixels, info = shared_decoders().view((tmp_path / "wide.png").read_bytes(), thumbnails.WHOLE)
    for side, encoded in thumbnails.encode(pixels, info).items():
        (tmp_path / "thumb.webp").write_bytes(encoded)
        with Image.open(tmp_path / "thumb.webp") as thumbnail:
            assert thumbnail.size == (side, side * 3 // 4)
            x = side // 40
            red, _, blue = thumbnail.convert("RGB").crop((x, x, x + 1, x + 1)).tobytes()
        assert red > 200
        assert blue < 60


@pytest.mark.any_line
def test_the_browser_gets_published_training_photos_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photo 5 has no licence, photo 2 is withdrawn, and photo 3 is a test photo."""
    site, copy = make_furnished_site(tmp_path / "mysite"), tmp_path / "copy"
    with closing(open_database(site / DATABASE_NAME)) as db:
        with db.atomic():
            db.execute("UPDATE splits SET part = 'train' WHERE observation_id <> 1003")
            db["photos"].update(2, {"withdrawn_at": "2026-11-24T00:00:00Z"})
        publish_site(db, copy)
    with closing(open_database(copy / DATABASE_NAME)) as db:
        [model] = offered_models(db, copy)
        assert model.training_photos
        photos, vectors = read_training_photos(model.training_photos)
        assert sorted(photo["photo_id"] for photo in photos) == [1, 4, 6]
        assert vectors.shape == (3, 3)
        assert np.abs(vectors).max(axis=1).tolist() == [127] * 3
        monkeypatch.setattr(similar, "MAX_PHOTOS", 2)
        [model] = offered_models(db, copy)
        assert model.training_photos
        photos, _ = read_training_photos(model.training_photos)
        assert len({photo["taxon"] for photo in photos}) == 2
        db.execute("DELETE FROM embeddings")
        [model] = offered_models(db, copy)
        assert model.training_photos is None


def read_training_photos(data: bytes) -> tuple[list[dict[str, Any]], np.ndarray]:
    (length,) = struct.unpack_from("<I", data)
    contents = json.loads(data[4 : 4 + length])
    vectors = np.frombuffer(data[4 + length :], np.int8).reshape(-1, contents["dimensions"])
    return contents["photos"], vectors


@pytest.mark.any_line
def test_a_full_disk_leaves_the_old_site_whole(site: Path, baked: Path) -> None:
    before = contents(baked)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(open_database(site / DATABASE_NAME)) as db:
        # No file may grow beyond this, so that the copy's database cannot be written.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with pytest.raises(SiteError, match="could not be written"):
                publish_static(db, baked, StaticOptions(base_url=BASE))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(baked) == before
    assert list(baked.parent.glob(".public*")) == []


@pytest.mark.any_line
@pytest.mark.slow
def test_a_killed_run_leaves_the_old_site_whole(site: Path, baked: Path) -> None:
    before = contents(baked)
    code = "import sys, pathlib; from tests.support.static_site import bake; "
    code += "bake(*map(pathlib.Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(site), str(baked)]
    for stage in ("photos", "critters"):
        with subprocess.Popen(command, cwd=ROOT) as process:
            while process.poll() is None:
                if any((made / stage).exists() for made in baked.parent.glob(".public.*.part")):
                    break
                time.sleep(POLL_S)
            process.kill()
        assert contents(baked) == before
    bake(site, baked, base_url=BASE)
    assert list(baked.parent.glob(".public*")) == []


@pytest.mark.any_line
@pytest.mark.slow
def test_of_two_at_once_one_is_refused_and_the_other_is_whole(
    site: Path, baked: Path, tmp_path: Path
) -> None:
    """Both take files from the same earlier edition."""
    folder = tmp_path / "public"
    shutil.copytree(baked, folder)
    code = "import sys, pathlib; from tests.support.static_site import bake; "
    code += f"bake(*map(pathlib.Path, sys.argv[1:]), base_url={BASE!r})"
    command = [sys.executable, "-c", code, str(site), str(folder)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        # Its first file: before that it holds the lock of the folder above for a moment.
        while process.poll() is None and not list(tmp_path.glob(f".public.*.part/{STATIC_MARKER}")):
            time.sleep(POLL_S)
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(SiteError, match="Another critterdb publish is writing"):
            bake(site, folder, base_url=BASE)
        process.send_signal(signal.SIGCONT)
    assert process.returncode == 0
    assert contents(folder) == contents(baked)
    assert list(tmp_path.glob(".public*")) == []


@pytest.mark.any_line
def test_somebody_else_s_folder_is_left_alone(site: Path, tmp_path: Path) -> None:
    (tmp_path / "work.txt").write_text("mine")
    with pytest.raises(Exception, match="was not made by critterdb publish --static"):
        bake(site, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["work.txt"]


@pytest.mark.any_line
def test_a_site_for_those_who_sign_in_cannot_be_static(tmp_path: Path) -> None:
    folder = make_furnished_site(tmp_path / "mysite")
    change_metadata(folder, {"allow": {"id": "root"}})
    with pytest.raises(Exception, match="Only visitors who sign in"):
        bake(folder, tmp_path / "public")
    assert not (tmp_path / "public").exists()


@pytest.mark.any_line
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--base-url", "https://me.example/"], "--base-url needs --static"),
        (["--static", "--base-url", "me.example"], "should be a URL"),
        (["--static", "--writable"], "leave out --writable"),
    ],
)
def test_options_that_do_not_fit(
    site: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    command = ["--db", str(site / DATABASE_NAME), "publish", str(tmp_path / "public"), *options]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert words in done.stderr
