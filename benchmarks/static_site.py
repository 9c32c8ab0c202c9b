"""How long a static site takes to publish, again and after one new photo; and its weight.

    python -m benchmarks.static_site SITE [--photos 2000] [--predictions 1000] [--keep FOLDER]

SITE is a site with photos and a trained model, such as `benchmarks.main_job` leaves. A copy of it
is cut to these numbers of photos and predictions, all of them with a licence, and published three
times. SITE itself is only read. Where chromium and the runtime files are, Datasette is opened in a
tab of a new browser, and a table in it: how long that takes, and how many bytes without the
database.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.publish.runtime.fetching import cache_folder, problem_files
from critterdb.publish.static_site.bake import StaticOptions, StaticSite, publish_static
from critterdb.publish.static_site.recipe import CACHE_VARIABLE
from critterdb.publish.static_site.thumbnails import SIZES
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.support.browser import CHROMIUM, closed_page, open_browser
from tests.support.static_server import serving_files

if TYPE_CHECKING:
    from critterdb.publish.runtime.pins import Group

MAX_FIRST_S, MAX_AGAIN_S, MAX_LIST_BYTES = 60, 5, 1_000_000
MAX_EXPLORE_S, MAX_EXPLORE_BYTES = 12, 12_000_000
EXPLORE_LIMIT_MS = 180_000
LISTED = 100
CREDIT = "(c) somebody, some rights reserved (CC BY)"


def cut(site: Path, made: Path, photos: int, predictions: int) -> None:
    """Copy a site with so many photos and evaluations; its photos are linked, not copied."""
    made.mkdir()
    for name in ("models", "plugins"):
        shutil.copytree(site / name, made / name)
    shutil.copytree(site / "photos", made / "photos", copy_function=os.link)
    shutil.copyfile(site / "metadata.json", made / "metadata.json")
    source = sqlite3.connect(f"file:{site / DATABASE_NAME}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(made / DATABASE_NAME)) as copy:
        source.backup(copy)
    with closing(open_database(made / DATABASE_NAME)) as db, db.atomic():
        _cut_rows(db, photos, predictions)


def _cut_rows(db: SiteDatabase, photos: int, predictions: int) -> None:
    db.execute("UPDATE photos SET license_code = 'cc-by', attribution = ?", [CREDIT])
    db.execute("CREATE TEMP TABLE kept AS SELECT id FROM photos ORDER BY sha256 LIMIT ?", [photos])
    left = "SELECT id FROM photos WHERE id NOT IN (SELECT id FROM kept)"
    db.execute(f"DELETE FROM predictions WHERE photo_id IN ({left})")
    db.execute(f"DELETE FROM photos WHERE id IN ({left})")
    count = db.execute("SELECT count(*) FROM predictions").fetchone()[0]
    columns = [column.name for column in db["predictions"].columns if column.name != "id"]
    chosen = ", ".join("kept.id" if name == "photo_id" else f"one.{name}" for name in columns)
    db.execute(
        f"INSERT INTO predictions ({', '.join(columns)}) SELECT {chosen} FROM kept "
        "JOIN (SELECT * FROM predictions WHERE source = 'evaluation' LIMIT 1) AS one "
        "WHERE kept.id NOT IN (SELECT photo_id FROM predictions WHERE photo_id IS NOT NULL) "
        "LIMIT ?",
        [max(0, predictions - count)],
    )
    db.execute(
        "DELETE FROM predictions WHERE id NOT IN (SELECT id FROM predictions LIMIT ?)",
        [predictions],
    )


def add_photo(folder: Path) -> None:
    """Add a photo as a sync and a training do: rows, a file of its own, and an embedding."""
    with closing(open_database(folder / DATABASE_NAME)) as db:
        photo = next(db.query("SELECT * FROM photos WHERE path IS NOT NULL ORDER BY id LIMIT 1"))
        observation = db["observations"].get(photo["observation_id"])
        data = (folder / photo["path"]).read_bytes() + b"\n"
        sha256 = hashlib.sha256(data).hexdigest()
        path = f"photos/{sha256[:2]}/{sha256}.jpg"
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
        new = db.execute("SELECT max(id) + 1 FROM observations").fetchone()[0]
        number = db.execute("SELECT max(id) + 1 FROM photos").fetchone()[0]
        with db.atomic():
            db["observations"].insert({**observation, "id": new, "uuid": None})
            row = {**photo, "id": number, "observation_id": new, "sha256": sha256, "path": path}
            db["photos"].insert({**row, "url": None})
            db.execute(
                "INSERT INTO embeddings (sha256, backbone, vector, dimensions) "
                "SELECT ?, backbone, vector, dimensions FROM embeddings WHERE sha256 = ?",
                [sha256, photo["sha256"]],
            )


def has_runtime(group: Group) -> bool:
    return not problem_files(RUNTIME, group)


def publish(site: Path, folder: Path) -> tuple[float, StaticSite]:
    runtime, tab = (RUNTIME if has_runtime(group) else None for group in ("classify", "explore"))
    started = time.perf_counter()
    with closing(open_database(site / DATABASE_NAME)) as db:
        report = publish_static(db, folder, StaticOptions(runtime=runtime, tab=tab))
    return time.perf_counter() - started, report


def explore(folder: Path) -> tuple[float, int]:
    """Seconds from a click to the first table in a new browser, and the bytes sent for it."""
    with (
        serving_files(folder) as (address, sent),
        open_browser() as browser,
        closed_page(browser) as page,
    ):
        page.goto(f"{address}explore/#/critters/photos", wait_until="networkidle")
        started = time.perf_counter()
        page.click("#start")
        page.frame_locator("#tab").locator("table td").first.wait_for(timeout=EXPLORE_LIMIT_MS)
        seconds = time.perf_counter() - started
        return seconds, sum(size for path, _, size in sent if ".db" not in path)


def list_bytes(folder: Path) -> int:
    """The bytes of the thumbnails of a list of photos, the average of all."""
    sizes = [file.stat().st_size for file in folder.glob(f"thumbnails/*/*-{SIZES[0]}.webp")]
    return round(sum(sizes) / len(sizes) * LISTED)


RUNTIME = cache_folder()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--predictions", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="where the folder is to stay")
    arguments = parser.parse_args()
    base = arguments.site.resolve().parent
    with tempfile.TemporaryDirectory(dir=base, prefix=".static-") as temporary:
        os.environ[CACHE_VARIABLE] = f"{temporary}/cache"
        site = Path(temporary, "site")
        folder = (arguments.keep or Path(temporary, "public")).resolve()
        cut(arguments.site, site, arguments.photos, arguments.predictions)
        times = []
        for what in ("first", "unchanged", "one new photo"):
            if what == "one new photo":
                add_photo(site)
            seconds, report = publish(site, folder)
            times.append(seconds)
            print(
                f"{what}: {seconds:.1f} s, {report.pages:,} pages, {report.files:,} files, "
                f"{report.written:,} written"
            )
        weight = list_bytes(folder)
        opened = explore(folder) if CHROMIUM and has_runtime("explore") else None
    print(f"first publish: {times[0]:.1f} s (at most {MAX_FIRST_S})")
    print(f"after one new photo: {times[2]:.1f} s (at most {MAX_AGAIN_S})")
    print(
        f"a list of {LISTED} photos: {weight / 1e3:,.0f} kB (at most {MAX_LIST_BYTES / 1e3:,.0f})"
    )
    if opened:
        print(
            f"Datasette in the tab: {opened[0]:.1f} s (at most {MAX_EXPLORE_S}), "
            f"{opened[1] / 1e6:.2f} MB (at most {MAX_EXPLORE_BYTES / 1e6:.0f})"
        )


if __name__ == "__main__":
    main()
