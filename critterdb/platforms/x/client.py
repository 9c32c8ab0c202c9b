"""tweepy, made to talk to the configured server, and what its errors mean."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.packages import install_command

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_API = "https://api.twitter.com"
WITHOUT_RESET = timedelta(minutes=15)  # X counts its limits in stretches of this length


def open_client(api: str, bearer: str | None, secrets: Sequence[str]) -> Any:
    """A tweepy client that talks to `api`, each call with a deadline."""
    try:
        import tweepy

        from critterdb.platforms.http.requests_session import DeadlineSession
    except ImportError as error:
        raise TimelineError(f"Playing on X needs its packages: {install_command('bot')}") from error

    class Session(DeadlineSession):
        # tweepy's host is fixed. Changed here, before the request is signed, so that the signature
        # is of the address that is asked.
        def request(self, method: Any, url: Any, *args: Any, **options: Any) -> Any:
            return super().request(method, api + url.removeprefix(DEFAULT_API), *args, **options)

    # Their debug messages hold tokens.
    for name in ("tweepy", "oauthlib", "requests_oauthlib"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = tweepy.Client(bearer, *secrets, return_type=dict)
    client.session = Session()
    return client


def rate_limit(error: Any) -> RateLimitedError:
    """A 429 with the time of X's own reset."""
    until = datetime.now(UTC) + WITHOUT_RESET
    with contextlib.suppress(TypeError, ValueError, OverflowError, OSError):
        until = datetime.fromtimestamp(error.reset_time, UTC)
    return RateLimitedError(
        f"X is rate-limiting requests. Come back at {until:%H:%M:%S} UTC", until
    )


def first_line(error: Exception) -> str:
    """The error message of X on one line, short enough for a row."""
    return " ".join(str(error).split())[:200]
