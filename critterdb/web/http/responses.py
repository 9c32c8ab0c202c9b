"""The one home of what all responses of ours have in common: HEAD, OPTIONS, 405, CORS, ETags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .headers import cors_headers, data_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
NO_STORE = {"Cache-Control": "no-store"}


def respond(
    request: Request,
    body: str | bytes,
    kind: str,
    headers: Mapping[str, str],
    *,
    status: int = 200,
) -> Response:
    """Return a response with the media type `kind`; for HEAD the same one without its body."""
    from datasette.utils.asgi import Response

    if request.method == "HEAD":
        body = body[:0]
    return Response(body, status=status, headers={**headers}, content_type=kind)


def respond_json(
    request: Request,
    datasette: Datasette,
    payload: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] = NO_STORE,
) -> Response:
    """Return JSON for programs of any site that `datasette --cors` lets in."""
    body = json.dumps(payload, ensure_ascii=False)
    common = {**data_headers(), **cors_headers(datasette)}
    return respond(request, body, JSON, {**common, **headers}, status=status)


def respond_text(
    request: Request,
    datasette: Datasette,
    text: str,
    *,
    status: int,
    headers: Mapping[str, str] = NO_STORE,
) -> Response:
    """Return a sentence, for what is not a page and not JSON."""
    common = {**data_headers(), **cors_headers(datasette)}
    return respond(request, text, TEXT, {**common, **headers}, status=status)


def options(request: Request, datasette: Datasette, allowed: str) -> Response | None:
    """Return the answer to OPTIONS; None for any other method. `allowed` is as in Allow."""
    if request.method != "OPTIONS":
        return None
    return respond_text(request, datasette, "", status=204, headers={"Allow": allowed})


def other_method(request: Request, datasette: Datasette, allowed: str) -> Response | None:
    """Return the answer to OPTIONS and to methods that are not `allowed`; None for these."""
    if request.method in allowed.split(", "):
        return None
    headers = {"Allow": f"{allowed}, OPTIONS"}
    text = f"Use one of {allowed} here, not {request.method}."
    return options(request, datasette, headers["Allow"]) or respond_text(
        request, datasette, text, status=405, headers=headers
    )


def is_unchanged(request: Request, etag: str) -> bool:
    """Whether the sender has this version: as one of several tags, weak after a proxy, or any."""
    named = request.headers.get("if-none-match", "").split(",")
    # Proxies that compress make a tag weak.
    tags = [tag.strip().removeprefix("W/") for tag in named]
    return etag in tags or tags == ["*"]
