"""The style and script files of critterdb's pages: `/-/critterdb/static/<name>`."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from critterdb.web.http.headers import COMMON_HEADERS
from critterdb.web.http.negotiation import other_method

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

KINDS = {
    "critterdb.css": "text/css; charset=utf-8",
    "cells.css": "text/css; charset=utf-8",
    "classify.js": "text/javascript; charset=utf-8",
    "review.js": "text/javascript; charset=utf-8",
}
METHODS = "GET, HEAD"
CACHE_SECONDS = 31_536_000


@cache
def read_static(name: str) -> tuple[bytes, str]:
    """A file's bytes, and a short digest that changes with them."""
    data = files("critterdb.web").joinpath("static", name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


def static_path(name: str) -> str:
    """The address of a file below base_url, with its digest so that it can be kept for ever."""
    return f"/-/critterdb/static/{name}?v={read_static(name)[1]}"


async def static(request: Request, datasette: Datasette) -> Response:
    from datasette.utils.asgi import Response

    if refused := other_method(request, datasette, METHODS):
        return refused
    name = request.url_vars["name"]
    if name not in KINDS:
        return Response("There is no such file here.", status=404, headers={**COMMON_HEADERS})
    data, _ = read_static(name)
    headers = {
        **COMMON_HEADERS,
        "Cache-Control": f"public, max-age={CACHE_SECONDS}, immutable",
        "Content-Length": str(len(data)),
    }
    body = b"" if request.method == "HEAD" else data
    return Response(body, headers=headers, content_type=KINDS[name])
