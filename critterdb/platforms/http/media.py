"""Photos that the platform's own server serves: it is trusted as it was configured."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from urllib.parse import urlsplit

from critterdb.errors import TimelineError
from critterdb.fetch.fetcher import Fetcher, Opening


def fetch_from(server: str, address: str, fetcher: Fetcher) -> bytes:
    """A photo's bytes; all that is not of `server` (scheme, host and port) goes through `fetcher`.

    Raises RejectedInputError, and TimelineError where the server has no address.
    """
    configured = urlsplit(server)
    try:
        asked = urlsplit(address)
    except ValueError:
        return fetcher.fetch(address)  # which refuses it
    if asked.scheme == configured.scheme and asked.netloc == configured.netloc:
        return Fetcher(allow=openings(server)).fetch(address)
    return fetcher.fetch(address)


def openings(server: str) -> list[Opening]:
    """The configured server's own addresses, which the guard lets through for its photos."""
    parts = urlsplit(server)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TimelineError(f"{server} could not be found. Check its address") from error
    return [Opening(ip_network(address[4][0]), port) for address in found]
