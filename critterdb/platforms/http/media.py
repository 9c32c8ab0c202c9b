"""Photos that the platform's own server serves: it is trusted as it was configured."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from urllib.parse import urlsplit

from critterdb.errors import TimelineError
from critterdb.fetch.address_policy import Opening
from critterdb.fetch.fetcher import Fetcher


def fetch_from(server: str, address: str, fetcher: Fetcher) -> bytes:
    """Fetch a photo's bytes. An address that is not on `server` goes through `fetcher`.

    The same server means the same scheme, host and port. Raises RejectedInputError, and
    TimelineError if the server's name does not resolve.
    """
    configured = urlsplit(server)
    try:
        asked = urlsplit(address)
    except ValueError:
        return fetcher.fetch(address)  # which rejects it
    if asked.scheme == configured.scheme and asked.netloc == configured.netloc:
        return Fetcher(allow=openings(server)).fetch(address)
    return fetcher.fetch(address)


def openings(server: str) -> list[Opening]:
    """The configured server's own addresses, which the guard lets through for its photos."""
    parts = urlsplit(server)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        resolved = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise TimelineError(f"{server} could not be found. Check its address") from error
    return [Opening(ip_network(address[4][0]), port) for address in resolved]
