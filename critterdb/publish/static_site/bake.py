"""Write a site as a folder of files that any static host serves, at any path.

What is published is exactly what `critterdb publish` publishes: its copy is made first, and the
pages are those that Datasette serves of that copy.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from critterdb.errors import SiteError, SourceError
from critterdb.publish.copy import PublishOptions, check_target, publish_site
from critterdb.publish.earlier_photos import EarlierPhotos
from critterdb.publish.replacing import new_folder, put_in_place, remove_tree
from critterdb.storage.database import DATABASE_NAME, open_read_only, site_folder, sqlite3
from critterdb.storage.photo_store import kept_picture
from critterdb.web.pages.layout import site_title

from .addresses import Addresses
from .classifier import offered_models, place_classifier
from .crawl import Crawl, PageJob, seeds
from .explore import write_explore, write_tab
from .extras import write_front_door, write_not_found, write_sitemap
from .folder import FILES, BakedFolder, short_digest
from .offline import write_worker
from .recipe import cache_file, code_digest, recipe_of
from .reuse import Memory, RecordFile
from .second_process import SecondProcess
from .server import opened
from .shell import Shell
from .thumbnails import make_thumbnails

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from critterdb._types import Progress
    from critterdb.publish.copy import Published
    from critterdb.storage.database import SiteDatabase

T = TypeVar("T")

# Marks what was baked; a folder without it may be somebody's work.
STATIC_MARKER = ".critterdb-static"
# A folder deeper: publishing locks the folder above the copy, and ours is locked already.
WORK, COPY = ".work", "copy"
# What the next run is told, in the user's cache.
PAGES, PHOTOS = "pages.jsonl", "photos.json"


@dataclass(frozen=True)
class StaticOptions:
    """What goes into a baked site; `base_url` is where it will be, if that is known.

    `runtime` has what classifies photos in the browser, and `tab` what runs Datasette there; the
    site does without what is not given.
    """

    publish: PublishOptions = field(default_factory=PublishOptions)
    base_url: str | None = None
    runtime: Path | None = None
    tab: Path | None = None


@dataclass(frozen=True)
class StaticSite:
    """What a baked folder holds: the published rows, its pages and files, and how many are new."""

    folder: str
    published: Published
    pages: int
    files: int
    written: int
    undecodable: list[str]


def publish_static(
    db: SiteDatabase,
    folder: Path,
    options: StaticOptions | None = None,
    *,
    progress: Progress | None = None,
) -> StaticSite:
    """Write the site to `folder`, which appears whole or not at all; an earlier one is replaced.

    Raises SiteError if the folder holds something else, lies inside the site, cannot be written, or
    is being written by another run.
    """
    folder, options = folder.absolute(), options or StaticOptions()
    home = site_folder(db)

    def check() -> None:
        check_target(folder, home, STATIC_MARKER, "critterdb publish --static")

    check()
    photos = EarlierPhotos.read(folder, cache_file(folder, PHOTOS), code_digest())
    try:
        # Its files are linked from the folder that it replaces, which nobody else may exchange.
        with new_folder(folder, STATIC_MARKER, alone=True) as made:
            copy = made / WORK / COPY
            published = publish_site(db, copy, options.publish, earlier=photos)
            baked = BakedFolder(made, folder)
            site, save = _apart(lambda: _bake(copy, baked, published, options, progress))
            remove_tree(made / WORK)
            put_in_place(made, folder, check=check)
    except (OSError, SourceError, sqlite3.OperationalError) as error:
        raise SiteError(
            f"{folder} could not be written: {error}. Choose another folder with enough space"
        ) from error
    save(_edition(folder))
    photos.save(cache_file(folder, PHOTOS), code_digest())
    return site


def _apart(function: Callable[[], T]) -> T:
    """Return `function()`, from another thread if this one runs an event loop, as notebooks do."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def _bake(
    copy: Path,
    baked: BakedFolder,
    published: Published,
    options: StaticOptions,
    progress: Progress | None,
) -> tuple[StaticSite, Callable[[str], None]]:
    """Fill the folder from a published copy; also return what saves an edition's records."""
    with closing(open_read_only(copy / DATABASE_NAME, immutable=True)) as db:
        photos, pictures = _place_files(copy, baked, db)
        file = RecordFile(cache_file(baked.before, PAGES), recipe_of(copy, options.base_url))
        memory = Memory(db, file.read(_edition(baked.before)))
        models = offered_models(db, copy) if options.runtime else []
        bakery = _Bakery(copy, baked, memory, options.base_url, bool(models), options.tab)
        addresses = Addresses(photos, pictures, f"/{copy.name}")
        pages, undecodable = asyncio.run(bakery.run(db, addresses, published, progress))
    if options.runtime and models:
        place_classifier(baked, models, options.runtime)
    (baked.made / ".nojekyll").touch()
    write_worker(baked)
    files = len(baked.digests)
    return StaticSite(
        str(baked.before.resolve()), published, pages, files, baked.written, undecodable
    ), partial(file.save, memory.records)


def _edition(folder: Path) -> str:
    try:
        return short_digest((folder / FILES).read_bytes())
    except OSError:
        return ""


def _place_files(
    copy: Path, baked: BakedFolder, db: SiteDatabase
) -> tuple[dict[str, str], dict[str, str]]:
    """Put photos, pictures and database into the folder; photos and pictures by SHA-256."""
    photos = {
        sha256: path
        for sha256, path in db.execute("SELECT sha256, path FROM photos WHERE path <> ''")
        if (copy / path).is_file()
    }
    hashes = db.execute(
        "SELECT DISTINCT image_sha256 FROM post_images WHERE image_sha256 IS NOT NULL"
    )
    kept = {row[0]: kept_picture(copy, row[0]) for row in hashes}
    pictures = {sha256: path for sha256, path in kept.items() if path}
    for sha256, path in [*photos.items(), *pictures.items()]:
        baked.place(copy / path, path, sha256)
    data = (copy / DATABASE_NAME).read_bytes()
    baked.write_versioned(DATABASE_NAME, data)
    return photos, pictures


@dataclass(frozen=True)
class _Bakery:
    copy: Path
    baked: BakedFolder
    memory: Memory
    base_url: str | None
    classifies: bool
    tab: Path | None

    async def run(
        self,
        db: SiteDatabase,
        addresses: Addresses,
        published: Published,
        progress: Progress | None,
    ) -> tuple[int, list[str]]:
        """Write pages and thumbnails; return the number of pages and photos not decoded."""
        stop = Event()
        thumbnails = asyncio.create_task(
            asyncio.to_thread(make_thumbnails, self.copy, self.baked, addresses.photos, stop=stop)
        )
        try:
            pages = await self._write_pages(db, addresses, published, progress)
            return pages, await thumbnails
        finally:
            stop.set()  # after Ctrl-C, the rest is not started

    async def _write_pages(
        self,
        db: SiteDatabase,
        addresses: Addresses,
        published: Published,
        progress: Progress | None,
    ) -> int:
        async with opened(self.copy, self.memory.neighbours, classifies=self.classifies) as (
            datasette,
            database,
        ):
            tables = str(datasette.urls.database(database.name))
            self.memory.watch(database)
            job = PageJob(
                self.copy,
                self.baked.made,
                self.baked.before,
                replace(addresses, tables=tables),
                Shell.written(self.baked, await site_title(datasette), self.base_url),
                self.classifies,
            )
            crawl = Crawl(datasette, self.baked, self.memory, db, job)
            await crawl.run(seeds(db), lambda: SecondProcess(job), progress)
            file = self.baked.with_version(DATABASE_NAME)
            tab = write_tab(self.baked, self.copy, self.tab, file) if self.tab else None
            await write_explore(crawl, file, published.rows, published.database_bytes, tab)
            await write_front_door(crawl)
            await write_not_found(crawl, self.base_url)
            if self.base_url:
                write_sitemap(self.baked, crawl.pages, self.base_url)
        return len(crawl.pages)
