"""The style and script files of critterdb's pages: `/-/critterdb/static/<name>`."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from critterdb.web.http.headers import COMMON_HEADERS
from critterdb.web.http.responses import other_method, respond, respond_text

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

KINDS = {
    "critterdb.css": "text/css; charset=utf-8",
    "cells.css": "text/css; charset=utf-8",
    "classify.js": "text/javascript; charset=utf-8",
    "incoming.js": "text/javascript; charset=utf-8",
    "play.js": "text/javascript; charset=utf-8",
    "review.js": "text/javascript; charset=utf-8",
    "host.js": "text/javascript; charset=utf-8",
}
# The folder of a static site that classifies in the browser; nothing is served there.
CLASSIFIER = "/-/critterdb/static/classifier"
METHODS = "GET, HEAD"
# A year; the address changes with the file.
CACHE_SECONDS = 31_536_000


@cache
def read_static(name: str) -> tuple[bytes, str]:
    """Return a file's bytes, and a short digest that changes with them."""
    data = files("critterdb.web").joinpath("static", name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


def static_path(name: str) -> str:
    """Return a file's path below base_url, with its digest so that it can be cached for ever."""
    return f"/-/critterdb/static/{name}?v={read_static(name)[1]}"


async def static(request: Request, datasette: Datasette) -> Response:
    """One of our own files, which may be kept for ever: its address changes with its content."""
    if refused := other_method(request, datasette, METHODS):
        return refused
    name = request.url_vars["name"]
    if name not in KINDS:
        return respond_text(request, datasette, "There is no such file here.", status=404)
    data, _ = read_static(name)
    headers = {
        **COMMON_HEADERS,
        "Cache-Control": f"public, max-age={CACHE_SECONDS}, immutable",
        "Content-Length": str(len(data)),
    }
    return respond(request, data, KINDS[name], headers)
