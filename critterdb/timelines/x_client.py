"""tweepy, made to talk to the configured server, and what its errors mean."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from ..errors import TimelineError
from ..fetch import Opening

DEFAULT_API = "https://api.twitter.com"
TIMEOUT_S = 15.0


def open_client(api: str, bearer: str | None, secrets: Sequence[str]) -> Any:
    """A tweepy client that talks to `api` and waits for nothing longer than TIMEOUT_S."""
    try:
        import requests
        import tweepy
    except ImportError as error:
        raise TimelineError(
            "Playing on X needs its packages: pip install 'critterdb[bot]'"
        ) from error

    class Session(requests.Session):
        # tweepy's host is fixed and it passes no timeout. Changed here, before the request is
        # signed, so that the signature is of the address that is asked.
        def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
            options = {"timeout": TIMEOUT_S, "allow_redirects": False} | options
            return super().request(method, api + url.removeprefix(DEFAULT_API), *args, **options)

    # Their debug messages hold tokens.
    for name in ("tweepy", "oauthlib", "requests_oauthlib"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = tweepy.Client(bearer, *secrets, return_type=dict)
    client.session = Session()
    return client


def openings(api: str) -> list[Opening]:
    """The configured server's own addresses, which the guard lets through for its photos."""
    parts = urlsplit(api)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TimelineError(f"{api} could not be found. Check CRITTERDB_X_API") from error
    return [Opening(ip_network(address[4][0]), port) for address in found]


def come_back(error: Any) -> str:
    """When to ask again after a 429, in words."""
    if not error.reset_time:
        return "X wants fewer requests. Try again in a quarter of an hour"
    moment = datetime.fromtimestamp(error.reset_time, UTC)
    return f"X wants fewer requests. Come back at {moment:%H:%M:%S} UTC"


def first_line(error: Exception) -> str:
    """What X said, short enough for a row."""
    return " ".join(str(error).split())[:200]


def never_connected(error: Exception) -> bool:
    """Whether not a byte reached the server, so that nothing can have been posted."""
    import requests
    from urllib3.exceptions import NewConnectionError

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)
