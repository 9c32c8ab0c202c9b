"""Whether a request comes from the site's owner at their own machine, who may see all photos.

`critterdb serve` on a loopback address shows them photos without a licence too. Whatever passes
requests on from elsewhere (a proxy, a tunnel, another site's page, another user of the machine)
must not open these, so that every sign of such a thing closes them again.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from critterdb.licences import NO_LICENCE, OWN
from critterdb.site.folder import is_copy
from critterdb.site.serving import LISTENS_ON_VARIABLE
from critterdb.web.http.addresses import parsed_address
from critterdb.web.http.csrf import OWN_SITE
from critterdb.web.state import folder_of, plugin_state, site_database

from .host_check import LOCALHOST, host_name, is_loopback

if TYPE_CHECKING:
    from datasette.app import Datasette

    from critterdb.web.http.asgi import Scope

# Browsers send no header of these by themselves. Proxies and tunnels do: X-Forwarded-For,
# X-Real-IP, CF-Ray, Tailscale-User-Login …
FORWARDED = ("forwarded", "via", "cdn-loop", "true-client-ip")
FORWARDED_PREFIXES = ("x-", "cf-", "fly-", "ngrok-", "tailscale-")
OWN_REQUESTS = ("x-requested-with", "x-csrftoken")
SOCKETS = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}
ESTABLISHED = "01"
ROOT = 0


def may_see_local_photos(datasette: Datasette, scope: Scope) -> bool:
    """Return whether photos without a licence may be shown to the sender of a request.

    The setting `local_photos` decides if it is true or false; if not, where the request is from.
    """
    wanted = plugin_state(datasette).settings.local_photos
    if wanted is not None:
        return wanted
    return _is_private(datasette) and is_from_this_machine(scope) and not _is_another_user(scope)


def credit_of_unlicensed(datasette: Datasette) -> str:
    """Return what stands in place of a credit: where the setting opens photos, visitors see it."""
    return OWN if plugin_state(datasette).settings.local_photos is None else NO_LICENCE


def _is_private(datasette: Datasette) -> bool:
    """Whether only this machine can reach the site, as far as its owner says."""
    settings, database = plugin_state(datasette).settings, site_database(datasette)
    # Both settings say that something stands in front of the server.
    if settings.trusted_proxies or settings.hosts or database is None:
        return False
    return _is_local(os.environ.get(LISTENS_ON_VARIABLE, "")) and not is_copy(folder_of(database))


def is_from_this_machine(scope: Scope) -> bool:
    """Whether a request was made for a loopback address, from one, and shows no sign of a detour.

    A sign is a header that proxies add, HTTP/1.0 (nginx's default towards a server), a Host header
    that is missing or names something else, and a page of another site as its cause.
    """
    ends = (scope.get("server"), scope.get("client"))
    if not all(end and is_loopback(str(end[0])) for end in ends):
        return False
    decoded = (
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )
    headers = list(decoded)
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or not _is_local(host_name(hosts[0]) or ""):
        return False
    return scope.get("http_version") != "1.0" and not any(
        _is_detour(name, value) for name, value in headers
    )


def _is_detour(name: str, value: str) -> bool:
    if name in OWN_REQUESTS:
        return False
    if name == "sec-fetch-site":
        return value not in OWN_SITE
    if name in ("origin", "referer"):
        return not _is_local(host_name(value.partition("://")[2]) or "")
    return name in FORWARDED or name.startswith(FORWARDED_PREFIXES)


def _is_local(host: str) -> bool:
    return host == LOCALHOST or is_loopback(host)


def _is_another_user(scope: Scope) -> bool:
    """Whether the other end of the connection belongs to another user of this machine.

    So does a proxy that runs as a service. Linux can tell; elsewhere nobody is another user. Root
    reads every file anyway, and relays what Windows sends to WSL.
    """
    client, server = scope["client"], scope["server"]
    address = parsed_address(str(client[0]))
    family = socket.AF_INET6 if address and address.version == 6 else socket.AF_INET
    try:
        lines = SOCKETS[family].read_text("ascii").splitlines()[1:]
    except OSError:
        return False
    ends = [_as_in_proc(family, *client[:2]), _as_in_proc(family, *server[:2])]
    for fields in (line.split() for line in lines):
        if fields[1:4] == [*ends, ESTABLISHED]:
            return int(fields[7]) not in (os.getuid(), ROOT)
    return True


def _as_in_proc(family: socket.AddressFamily, host: str, port: int) -> str:
    """An address as the kernel writes it: words of 32 bits in this machine's order of bytes."""
    packed = socket.inet_pton(family, str(parsed_address(host)))
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return f"{''.join(f'{word:08X}' for word in words)}:{port:04X}"
