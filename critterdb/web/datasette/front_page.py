"""Lead from `/`, which is Datasette's index, to the site's front page.

Who opens a site's bare address should see the game and not a list of tables. The index stays where
it is for programs, at `/?all`, for Datasettes that serve other databases too, and for sites that
have an index of their own or set `front_page` to false.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from critterdb.web import urls
from critterdb.web.http.negotiation import prefers_page
from critterdb.web.state import plugin_state, site_database

if TYPE_CHECKING:
    from datasette.app import Datasette

    from critterdb.web.http.asgi import App, Receive, Scope, Send


def lead_to_front_page(datasette: Datasette, app: App) -> App:
    """Return `app`, which sends browsers from the index to the front page."""

    async def led(scope: Any, receive: Receive, send: Send) -> None:
        if not (_asks_for_index(datasette, scope) and _is_front_page_wanted(datasette)):
            await app(scope, receive, send)
            return
        headers = {"location": datasette.urls.path(urls.HOME), "vary": "Accept"}
        raw = [(name.encode(), str(value).encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 302, "headers": raw})
        await send({"type": "http.response.body", "body": b""})

    return led


def _asks_for_index(datasette: Datasette, scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["query_string"]:
        return False
    accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    return scope["path"] in ("/", datasette.setting("base_url")) and prefers_page(accept)


def _is_front_page_wanted(datasette: Datasette) -> bool:
    if site_database(datasette) is None or not plugin_state(datasette).settings.front_page:
        return False
    # Those with an underscore are Datasette's own.
    names = {name for name in datasette.databases if not name.startswith("_")}
    others = names - {plugin_state(datasette).database_name}
    own_index = datasette.template_dir and Path(datasette.template_dir, "index.html").is_file()
    return not others and not own_index
