"""A site: the folder with database, metadata.json and plugins/ that Datasette serves as it is."""

from __future__ import annotations

from pathlib import Path

from critterdb.errors import SiteError
from critterdb.storage.atomic_files import write_atomically
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from critterdb.storage.light_import import PLUGIN_NAME

SITE_FILES = ("metadata.json", f"plugins/{PLUGIN_NAME}")
DOCKERFILE = "Dockerfile"
INSPECTED = "inspect-data.json"  # says to Datasette that the databases it lists never change
# Marks what `critterdb publish` made; a folder without it may be somebody's work.
COPY_MARKER = ".critterdb-published"


def site_source() -> Path:
    """Where metadata.json and plugins/ come from: the installed package, or the checkout."""
    installed = Path(__file__).parent / "files"
    return installed if installed.is_dir() else Path(__file__).parents[2]


def init_site(folder: Path) -> Path:
    """Make a site in `folder`, or complete the one that is there; return the database's path.

    What is there already is kept: metadata.json is people's to edit. The plugin is renewed, so that
    it fits the installed critterdb. Raises SiteError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in SITE_FILES:
            target = folder / name
            source = site_source() / name
            if target.exists() and (name == "metadata.json" or target.samefile(source)):
                continue
            # The plugin is renewed, so that it fits the critterdb that is installed now.
            write_atomically(target, source.read_bytes())
    except OSError as error:
        raise SiteError(
            f"{folder} could not be made into a site: {error}. Choose a writable folder"
        ) from error
    path = folder / DATABASE_NAME
    open_database(path, create=True).close()
    return path


def open_writable(database: Path) -> SiteDatabase:
    """Open a site's database as open_database does. Raises SiteError for a published copy too."""
    if is_published(database):
        raise SiteError(
            f"{database.resolve().parent} is a published copy, which is read-only. View it with "
            f"critterdb serve. To continue it as a site of your own, delete its {INSPECTED}"
        )
    return open_database(database)


def is_published(database: Path) -> bool:
    """Whether the folder says that its database never changes, as `critterdb publish` does."""
    return (database.resolve().parent / INSPECTED).is_file()


def is_copy(folder: Path) -> bool:
    """Whether `critterdb publish` made this site, read-only or not."""
    return (folder / COPY_MARKER).exists() or (folder / INSPECTED).exists()
