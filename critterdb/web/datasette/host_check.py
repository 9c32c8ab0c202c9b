"""Refuse requests to a loopback socket that were sent to a host name of somebody else.

A web page can rebind its own name to 127.0.0.1 (DNS rebinding), and would then read a site that
only this machine can reach. Its requests still carry that name in their Host header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from critterdb.web.http.addresses import parsed_address
from critterdb.web.http.asgi import App, Receive, Send, send_text
from critterdb.web.state import plugin_state

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from datasette.app import Datasette

LOCALHOST = "localhost"
UNKNOWN_HOST = (
    "This server does not answer under that host name. Open it as http://localhost:PORT/, or name "
    "the host in plugins.critterdb.hosts. If it is behind a proxy on the same machine, name the "
    "proxy in plugins.critterdb.trusted_proxies."
)


def check_host(datasette: Datasette, app: App) -> App:
    """Return `app` with 421 for requests to a loopback socket under a name that is not its own.

    A site with `trusted_proxies` is not private to this machine, and its proxy chooses the name.
    """

    async def checked(scope: Any, receive: Receive, send: Send) -> None:
        # `server` is the address that the connection arrived at, so 0.0.0.0 is checked as well.
        if scope["type"] == "http" and is_loopback(_socket_host(scope)):
            settings = plugin_state(datasette).settings
            if not settings.trusted_proxies and not is_own_host(_named_host(scope), settings.hosts):
                await send_text(send, 421, UNKNOWN_HOST)
                return
        await app(scope, receive, send)

    return checked


def is_own_host(host: str, hosts: Collection[str]) -> bool:
    """Whether a Host header names this machine's loopback, or one of `hosts` (in lower case).

    An empty header is accepted, because browsers always send one; so is 0.0.0.0, which servers
    print as their address and no name can be rebound to.
    """
    if not host:
        return True
    # A web page can rebind its own name to 127.0.0.1 and would then read a private site; what it
    # cannot do is send another name.
    if (name := host_name(host)) is None:
        return False
    # S104: names to compare with; nothing is bound here.
    return name in (LOCALHOST, "0.0.0.0", "::") or name in hosts or is_loopback(name)  # noqa: S104


def host_name(host: str) -> str | None:
    """Return the name in a Host header without its port, in lower case; None if it is malformed."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether `host` is a loopback IP address. A name is not: Datasette's own client has no
    socket and calls it `localhost`.
    """
    address = parsed_address(host)
    return address is not None and address.is_loopback


def _socket_host(scope: Mapping[str, Any]) -> str:
    return str((scope.get("server") or ("",))[0])


def _named_host(scope: Mapping[str, Any]) -> str:
    named = dict(scope["headers"]).get(b"host", b"")
    return str(named.decode("latin-1").strip())
