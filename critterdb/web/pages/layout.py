"""What the layout of our pages needs: style, the site's name, the way to the other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.formatting import display_name
from critterdb.web import urls as addresses
from critterdb.web.datasette.compat import instance_metadata
from critterdb.web.datasette.permissions import CLASSIFY, REVIEW, may
from critterdb.web.files.static import static_path
from critterdb.web.state import is_recording, plugin_state, site_database

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request

NAVIGATION = (
    (addresses.HISTORY, "What it said"),
    (addresses.SPECIES, "Critters"),
    (addresses.MODELS, "Models"),
)


async def layout_context(request: Request, datasette: Datasette) -> dict[str, object]:
    """Return what critterdb_layout.html shows around every page."""
    urls = datasette.urls
    links = [*NAVIGATION]
    if await may(datasette, request.actor, CLASSIFY):
        links.append((addresses.CLASSIFY, "Classify a photo"))
    if await may(datasette, request.actor, REVIEW):
        links.append((addresses.REVIEW, "Review"))
    here = request.path
    return {
        "critter_css": urls.path(static_path("critterdb.css")),
        "site_title": await site_title(datasette),
        "home_path": urls.path(addresses.HOME),
        "current_path": here,
        "records": is_recording(plugin_state(datasette), site_database(datasette)),
        "navigation": [
            {"href": urls.path(path), "label": label, "current": here.startswith(urls.path(path))}
            for path, label in links
        ],
        "at": addresses,
        "percent": percent,
        "share": share,
        "date": date,
        "number": number,
        "display_name": display_name,
    }


def absolute_url(request: Request, datasette: Datasette, path: str) -> str:
    """Return `path` with scheme and host, or as it is if the Host header is not a host."""
    try:
        return str(datasette.absolute_url(request, path))
    except ValueError:
        return path


async def site_title(datasette: Datasette) -> str:
    """Return the title in metadata.json."""
    metadata = await instance_metadata(datasette)
    return str(metadata.get("title") or "critterdb")


def percent(score: float) -> str:
    """Return a probability in words that promise neither nothing nor certainty."""
    if score < 0.01:
        return "under 1%"
    return "over 99%" if score > 0.99 else f"{score:.0%}"


def share(value: float | None, digits: int = 1) -> str:
    """Return a measured share, or a dash if it was not measured."""
    return "–" if value is None else f"{value:.{digits}%}"


def date(time: str | None) -> str:
    """Return `2026-11-23T10:00:00Z` as 23 November 2026."""
    from datetime import datetime

    if not time:
        return ""
    try:
        day = datetime.fromisoformat(time[:10])
    except ValueError:
        return time
    return f"{day.day} {day:%B %Y}"


def number(value: float | None) -> str:
    """Return 1234567 as 1,234,567."""
    return "–" if value is None else f"{value:,}"
