"""What a request asks for: the type it accepts, the server it names, numbers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datasette.utils.asgi import Request

# A browser sends "on" for a checkbox; Python writes JSON's true and false with a capital.
_SWITCH = {"1": True, "on": True, "true": True, "yes": True} | dict.fromkeys(
    ("0", "off", "false", "no"), False
)


def prefers_page(accept: str) -> bool:
    """Whether an Accept header gives HTML at least the same priority as JSON."""
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
    """Return the hosts and ports under which this server was asked: its socket's, and the named.

    A proxy before it may serve another port than the one that is named.
    """
    host, port = request.scope.get("server") or ("", 0)
    socket_address = str(host), int(port or 0)
    try:
        parts = urlsplit(f"//{request.host}")
        named, named_port = parts.hostname or "", parts.port
    except ValueError:
        return [socket_address]
    ports = [named_port] if named_port else [80, 443]
    return [socket_address, *((named, port) for port in ports)]


def whole_number(text: str) -> int:
    """Parse a number that SQLite can hold. Raises ValueError."""
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError("too large for SQLite")
    return number


def read_switch(value: object) -> bool | None:
    """Return what a checkbox, a query or JSON switches on or off; None if it says neither."""
    return _SWITCH.get(str(value).strip().lower())
