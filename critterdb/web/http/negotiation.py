"""What a request asks for: its method, the type it accepts, its own addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response


from .headers import cors_headers, data_headers

if TYPE_CHECKING:
    pass


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


def whole_number(text: str) -> int:
    """A number that SQLite can hold. Raises ValueError."""
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError("too large for SQLite")
    return number
