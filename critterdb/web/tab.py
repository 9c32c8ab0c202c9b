"""Datasette in a browser's tab: no threads, no sockets, and one visitor, who asks by function.

The worker of a static site calls these (publish/static_site/assets/tab.js).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.web.state import plugin_state

if TYPE_CHECKING:
    from datasette.app import Datasette

    from critterdb.web.http.asgi import Message
    from critterdb.web.state import PluginState

# Seconds that a visitor's own SQL may take in their own browser.
SQL_LIMIT_MS = 20_000


def settle_in_browser(state: PluginState, *, classifies: bool) -> None:
    """Let a site's pages do without a server: no form, no map tiles, nothing but what all may see.

    `classifies` says whether the site has what classifies photos in the browser.
    """
    state.in_browser = True
    state.settings = replace(
        state.settings, map_tiles=None, map_credit=None, local_photos=False, record=False
    )
    if not classifies:
        state.settings = replace(state.settings, allow=False)


async def open_tab(folder: str, base_url: str) -> Datasette:
    """Return Datasette on a published folder, with its pages below `base_url`."""
    from datasette.app import Datasette

    settings = {
        "num_sql_threads": 0,
        "base_url": base_url,
        "suggest_facets": False,
        "sql_time_limit_ms": SQL_LIMIT_MS,
        "facet_time_limit_ms": SQL_LIMIT_MS,
    }
    datasette = Datasette([], config_dir=Path(folder), settings=settings)
    settle_in_browser(plugin_state(datasette), classifies=False)
    await datasette.invoke_startup()
    return datasette


async def ask(
    datasette: Datasette, method: str, target: str, body: bytes = b"", kind: str = ""
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, headers and body of the answer to a request for `target`: path and query."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"accept", b"text/html"),
            (b"content-type", kind.encode()),
        ],
        "client": None,
        "server": ("localhost", None),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await datasette.app()(scope, receive, send)
    start = sent[0]
    headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return start["status"], headers, b"".join(part.get("body", b"") for part in sent[1:])
