"""What the layout of our pages needs: style, the site's name, the way to the other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from critterdb.formatting import confidence, display_name, percent_of, share_of, where_posted
from critterdb.licences import HOW_TO_SHOW, NO_LICENCE, NOT_PUBLISHED
from critterdb.web import urls as addresses
from critterdb.web.datasette.compat import instance_metadata
from critterdb.web.datasette.own_machine import credit_of_unlicensed
from critterdb.web.datasette.permissions import CLASSIFY, HOST, REVIEW, may
from critterdb.web.files.static import static_path
from critterdb.web.state import is_recording, plugin_state, site_database

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasette.app import Datasette
    from datasette.utils.asgi import Request

NAVIGATION = (
    (addresses.HISTORY, "What the bot said"),
    (addresses.PLAY, "Play"),
    (addresses.CALENDAR, "Calendar"),
    (addresses.SPECIES, "Critters"),
    (addresses.MODELS, "Models"),
    (addresses.LEADERBOARD, "Leaderboard"),
)


async def layout_context(request: Request, datasette: Datasette) -> dict[str, object]:
    """Return what critterdb_layout.html shows around every page."""
    urls = datasette.urls
    links = [*NAVIGATION]
    if await may(datasette, request.actor, CLASSIFY):
        links.append((addresses.CLASSIFY, "Classify a photo"))
    if await may(datasette, request.actor, REVIEW):
        links.append((addresses.REVIEW, "Review"))
    if await may(datasette, request.actor, HOST):
        links.append((addresses.HOST, "Host"))
    here = request.path
    return {
        "critter_css": urls.path(static_path("critterdb.css")),
        "site_title": await site_title(datasette),
        "home_path": urls.path(addresses.HOME),
        "current_path": here,
        "is_baked": plugin_state(datasette).in_browser,
        "records": is_recording(plugin_state(datasette), site_database(datasette)),
        "navigation": [
            {"href": urls.path(path), "label": label, "current": here.startswith(urls.path(path))}
            for path, label in links
        ],
        "at": addresses,
        "percent": confidence,
        "share": share,
        "share_of": share_of,
        "percent_of": percent_of,
        "measured": measured,
        "model_name": model_name,
        "backbone_name": backbone_name,
        "game_name": game_name,
        "own_licence": credit_of_unlicensed(datasette),
        "no_licence": NO_LICENCE,
        "not_published": NOT_PUBLISHED,
        "how_to_show": HOW_TO_SHOW,
        "data_path": data_path(datasette),
        "date": date,
        "month": month,
        "number": number,
        "display_name": display_name,
        "where_posted": where_posted,
    }


def data_path(datasette: Datasette) -> str:
    """Return where the tables of the site are listed: `/` leads to the front page."""
    database = site_database(datasette)
    return str(datasette.urls.database(database.name) if database else datasette.urls.instance())


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


def share(value: float | None, digits: int = 1) -> str:
    """Return a measured share, or a dash if it was not measured."""
    return "–" if value is None else f"{value:.{digits}%}"


def measured(value: float | None, whole: int | None, things: str = "") -> str:
    """Return a share of `whole` things with its basis, or a dash if it was not measured."""
    if value is None or not whole:
        return "–"
    return share_of(round(value * whole), whole, things)


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


def month(text: str) -> str:
    """Return `2020-10` as October 2020; a year stays a year, and a day gets its month's name."""
    from datetime import datetime

    if len(text) != len("2020-10"):
        return date(text) if len(text) > len("2020-10") else text
    try:
        return f"{datetime.fromisoformat(f'{text}-01'):%B %Y}"
    except ValueError:
        return text


def game_name(game: Mapping[str, Any]) -> str:
    """Return what to call a game: its hashtag, or its short name if nobody posts to it.

    `game` is its row, or a row that says which `game` it belongs to, with the hashtag.
    """
    hashtag = game.get("hashtag")
    return f"#{hashtag}" if hashtag else str(game.get("slug") or game.get("game"))


def model_name(model: Mapping[str, Any]) -> str:
    """Return what to call a model: when it was made, `27 November 2026, 01:42`."""
    created_at = str(model["created_at"])
    return f"{date(created_at)}, {created_at[11:16]}" if created_at[11:16] else date(created_at)


def backbone_name(backbone: str) -> str:
    """Return `efficientnet_lite0@288-crop-bilinear-57934424` as efficientnet_lite0, 288 pixels."""
    name, _, details = backbone.partition("@")
    side = details.partition("-")[0]
    return f"{name}, {side} pixels" if side.isdigit() else name


def number(value: float | None) -> str:
    """Return 1234567 as 1,234,567, and 12.0 as 12."""
    return "–" if value is None else f"{int(value) if value == int(value) else value:,}"
