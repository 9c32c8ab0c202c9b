"""The headers that critterdb's own responses carry, and which kind of answer a client wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:{images}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)


def data_headers() -> dict[str, str]:
    """Headers for what is no page: JSON, pictures, text."""
    return {**COMMON_HEADERS, "Content-Security-Policy": DATA_POLICY}


def page_headers(*image_urls: str | None) -> dict[str, str]:
    """Headers for a page that runs only our own files, and shows these pictures from elsewhere."""
    origins = sorted({origin for url in image_urls if url and (origin := image_origin(url))})
    policy = PAGE_POLICY.format(images="".join(f" {origin}" for origin in origins))
    return {**COMMON_HEADERS, "Content-Security-Policy": policy}


def image_origin(url: str) -> str | None:
    """Where a picture lies, in the form that a policy can name; None where none can."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    host = parts.hostname or ""
    plain = all(c.isascii() and (c.isalnum() or c in "-.") for c in host)
    if parts.scheme not in ("http", "https") or not host or not plain:
        return None
    return f"{parts.scheme}://{host}{port}"


def cors_headers(datasette: Datasette) -> dict[str, str]:
    """What `datasette --cors` promises; it does not add it to a plugin's responses itself."""
    if not datasette.cors:
        return {}
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
        "Access-Control-Expose-Headers": "Retry-After",
        "Access-Control-Max-Age": "3600",
    }


def other_method(request: Request, datasette: Datasette, allowed: str) -> Response | None:
    """The answer to OPTIONS and to methods that are not `allowed`; None where the view answers."""
    from datasette.utils.asgi import Response

    if request.method in allowed.split(", "):
        return None
    headers = {**data_headers(), **cors_headers(datasette), "Allow": f"{allowed}, OPTIONS"}
    if request.method == "OPTIONS":
        return Response("", status=204, headers=headers)
    words = f"Use one of {allowed} here, not {request.method}."
    return Response(words, status=405, headers=headers)


def prefers_page(accept: str) -> bool:
    """Whether an Accept header names HTML, and no less gladly than JSON."""
    weights: dict[str, float] = {}
    for item in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        weights[kind] = max(weight, weights.get(kind, 0.0))
    page = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    return page > 0 and page >= weights.get("application/json", 0.0)


def is_forged(request: Request) -> bool:
    """Whether another site sends this with the cookies of somebody who visits it.

    What Datasette 1.0 checks too, by Sec-Fetch-Site and Origin; programs send neither header. A
    sender who is nobody borrows nobody's rights, and a token is not sent by itself; but a password,
    an address or a proxy's header can tell who somebody is without any cookie.
    """
    headers: Mapping[str, str] = request.headers
    has_token = headers.get("authorization", "").lower().startswith("bearer ")
    if "cookie" not in headers and (has_token or not request.actor):
        return False
    site = headers.get("sec-fetch-site")
    if site:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    try:
        return bool(origin) and urlsplit(str(origin)).netloc != request.host
    except ValueError:
        return True


def own_addresses(request: Request) -> list[tuple[str, int]]:
    """The hosts and ports under which this server was asked: its socket's, and the ones named.

    A proxy before it may serve another port than the one that is named.
    """
    found = [(str(host), int(port or 0)) for host, port in [request.scope.get("server") or ("", 0)]]
    try:
        named = urlsplit(f"//{request.host}")
        host, port = named.hostname or "", named.port
    except ValueError:
        return found
    return [*found, *((host, each) for each in ((port,) if port else (80, 443)))]
