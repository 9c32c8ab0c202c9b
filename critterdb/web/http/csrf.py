"""Reject forms that another site sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasette.utils.asgi import Request

DEFAULT_PORTS = {"http": 80, "https": 443}
# `none` is an address that somebody typed or a bookmark: no site sent it.
OWN_SITE = ("same-origin", "none")


def is_forged(request: Request) -> bool:
    """Whether a page of another site sends this form, by Sec-Fetch-Site or else by Origin.

    The rule of Datasette 1.0, for 0.65 too: programs send neither header, and a browser sends no
    token by itself. Cookies do not matter: a password, an address in a network or a proxy's header
    can tell who somebody is without any.
    """
    headers: Mapping[str, str] = request.headers
    if "cookie" not in headers and headers.get("authorization", "").lower().startswith("bearer "):
        return False
    # Sec-Fetch-Site first: a script cannot forge it. Browsers leave it out of plain http, and there
    # Origin decides.
    if site := headers.get("sec-fetch-site"):
        return site not in OWN_SITE
    if not (origin := headers.get("origin")):
        return False
    try:
        return _origin(origin) != _origin(f"{request.scheme}://{request.host}")
    except ValueError:
        return True


def is_stranger(request: Request) -> bool:
    """Whether a request carries no rights that another site could borrow."""
    return "cookie" not in request.headers and not request.actor


def _origin(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, the default one included. Raises ValueError if it has no host."""
    parts = urlsplit(address)
    if not parts.hostname:
        raise ValueError(f"{address} is not an origin")
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
