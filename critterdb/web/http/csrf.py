"""Reject forms that another site sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datasette.utils.asgi import Request


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
