"""The Datasette whose pages are baked: the published copy, as any visitor sees it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from critterdb.errors import SiteError
from critterdb.site.lazy_units import units_read_later
from critterdb.web import urls
from critterdb.web.datasette.compat import keep_templates, settle_verdicts
from critterdb.web.state import plugin_state, site_database
from critterdb.web.tab import settle_in_browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from datasette.app import Datasette
    from datasette.database import Database

    from .neighbours import Neighbours

CLOSED = (
    "Only visitors who sign in may see this site, so it cannot be published as static files. "
    "Change “allow” in its metadata.json, or serve a copy with critterdb publish"
)


@asynccontextmanager
async def opened(
    copy: Path, neighbours: Neighbours, *, classifies: bool
) -> AsyncIterator[tuple[Datasette, Database]]:
    """Datasette on a published copy, ready to be asked for its pages. Raises SiteError.

    `neighbours` are those of the copy's photos; `classifies` says whether the folder gets what
    classifies photos in the browser.
    """
    with units_read_later():
        from datasette.app import Datasette
    from datasette.utils import StartupError

    datasette = Datasette([], config_dir=copy)
    # The site's own base_url is for its server; the folder works below any path.
    datasette._settings["base_url"] = "/"
    _read_here(datasette)
    try:
        state = plugin_state(datasette)
        state.nearest = neighbours.of
        settle_in_browser(state, classifies=classifies)
        settle_verdicts(datasette)
        keep_templates(datasette)
        await datasette.invoke_startup()
        database = site_database(datasette)
        assert database is not None, "a published copy has a database"
        await _check_open(datasette)
        yield datasette, database
    except StartupError as error:
        raise SiteError(str(error)) from error
    finally:
        _close(datasette)


def _read_here(datasette: Datasette) -> None:
    """Read the database in this thread: a page waits for its queries, and for a thread longer."""
    if datasette.executor is not None:
        datasette.executor.shutdown()
        datasette.executor = None


async def _check_open(datasette: Datasette) -> None:
    response = await datasette.client.get(urls.HOME, headers={"accept": "text/html"})
    if response.status_code in (401, 403):
        raise SiteError(CLOSED)
    if response.status_code != 200:
        raise SiteError(f"The front page of this site fails with {response.status_code}")


def _close(datasette: Datasette) -> None:
    if hasattr(datasette, "close"):
        datasette.close()  # 1.0, with its internal database
        return
    for database in datasette.databases.values():
        database.close()
