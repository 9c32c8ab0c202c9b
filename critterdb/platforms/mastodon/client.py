"""Mastodon.py, made to end each call in time, and what its errors mean."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.platforms.base import SendResult
from critterdb.platforms.sources import NoResponseError

from .parse import Json

WITHOUT_RESET = timedelta(minutes=5)  # Mastodon counts its limits in stretches of this length
SAID_LENGTH = 200  # characters
# What a proxy says when it does not know what became of a request.
_IN_DOUBT = (408, 425)


class NotFoundError(TimelineError):
    """A status or account that the server does not show."""


class BadRequestError(TimelineError):
    """The server knows no such call, or not with these options."""


class MastodonClient:
    """One account's calls to its server, by the names that Mastodon.py gives them."""

    def __init__(self, address: str, token: str) -> None:
        try:
            import requests
            from mastodon import Mastodon

            from critterdb.platforms.http.requests_session import DeadlineSession
        except ImportError as error:
            raise TimelineError(
                "Playing on Mastodon needs its packages: pip install 'critterdb[bot]'"
            ) from error

        class Session(DeadlineSession):
            """Keeps the last answer, because Mastodon.py's errors do not carry it."""

            last: requests.Response | None = None

            def request(self, method: Any, url: Any, *args: Any, **options: Any) -> Any:
                self.last = None
                self.last = super().request(method, url, *args, **options)
                return self.last

        # urllib3 tells of each address; nothing that we know of tells the token, nor shall it.
        for name in ("mastodon", "requests"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self.address = server_address(address)
        self._token = token
        self._session = Session()
        self._client = Mastodon(
            access_token=token,
            api_base_url=self.address,
            session=self._session,
            version_check_mode="none",
            ratelimit_method="throw",
            user_agent="critterdb",
        )

    def ask(self, name: str, *args: Any, **options: Any) -> Any:
        """What a call gives. Raises TimelineError in words for people."""
        from mastodon import MastodonError

        options = {key: each for key, each in options.items() if each is not None}
        try:
            return getattr(self._client, name)(*args, **options)
        except MastodonError as error:
            raise self._trouble(error) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TimelineError(
                f"Mastodon at {self.address} gave an answer that says nothing "
                f"({type(error).__name__}). Try later"
            ) from None

    def ask_list(self, name: str, *args: Any, **options: Any) -> list[Json]:
        """What a call that lists things gives. Raises as `ask` does."""
        given = self.ask(name, *args, **options)
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            raise TimelineError(f"Mastodon at {self.address} gave no list for {name}. Try later")
        return given

    def attempt(self, call: Callable[[Any], SendResult]) -> SendResult:
        """What is known after a call that may have posted something."""
        from mastodon import MastodonError

        try:
            return call(self._client)
        except MastodonError as error:
            return self._outcome(error)
        except (KeyError, TypeError, ValueError, AttributeError):
            return SendResult("unknown", error="Mastodon gave an answer that says nothing")

    @property
    def _status(self) -> int | None:
        """The HTTP status of the last answer; None where there was none."""
        last = self._session.last
        return None if last is None else int(last.status_code)

    def _trouble(self, error: Exception) -> TimelineError:
        status = self._status
        if status is None:
            kind = type(error.__context__ or error).__name__
            return NoResponseError(f"Mastodon at {self.address} gave no answer ({kind}). Try later")
        if status == 429:
            return self._rate_limit()
        if status == 401:
            return TimelineError(
                "Mastodon did not accept the token (401). Check CRITTERDB_MASTODON_TOKEN"
            )
        if status in (404, 410):
            return NotFoundError(f"Mastodon said {self._said()}")
        if status in (400, 422):
            return BadRequestError(f"Mastodon said {self._said()}")
        if 300 <= status < 400:
            return TimelineError(
                f"{self.address} leads to another address. Check CRITTERDB_MASTODON_URL"
            )
        return TimelineError(f"Mastodon said {self._said()}. Try later")

    def _outcome(self, error: Exception) -> SendResult:
        status = self._status
        if status is None:
            if _never_connected(error):
                return SendResult("planned", error="Mastodon could not be reached", stop=True)
            return SendResult("unknown", error="No answer from Mastodon")
        if status == 429:
            limit = self._rate_limit()
            return SendResult("planned", error=str(limit), stop=True, retry_at=limit.until)
        if status == 401:
            return SendResult("planned", error="Mastodon did not accept the token (401)", stop=True)
        if 400 <= status < 500 and status not in _IN_DOUBT:
            is_gone = status in (404, 410)
            error_text = f"Mastodon said {self._said()}"
            return SendResult("refused", error=error_text, is_personal=is_gone)
        return SendResult("unknown", error=f"Mastodon said {self._said()}")

    def _rate_limit(self) -> RateLimitedError:
        """A 429 with the time of the server's own reset, by our clock."""
        until = datetime.now(UTC) + WITHOUT_RESET
        if self._client.ratelimit_reset:
            until = datetime.fromtimestamp(self._client.ratelimit_reset, UTC)
        words = f"Mastodon wants fewer requests. Come back at {until:%H:%M:%S} UTC"
        return RateLimitedError(words, until)

    def _said(self) -> str:
        """What the server said when it refused, short enough for a row."""
        last = self._session.last
        if last is None:
            return "nothing"
        try:
            body = last.json()
            words = body.get("error_description") or body.get("error") or ""
        except (ValueError, AttributeError):
            words = ""
        said = " ".join(f"{last.status_code} {words}".split())[:SAID_LENGTH]
        return said.replace(self._token, "…")


def server_address(text: str) -> str:
    """The address of an instance as people write it. Raises TimelineError for anything else."""
    address = text.strip()
    if "://" not in address:
        address = f"https://{address}"
    address = address.rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise TimelineError(
            "CRITTERDB_MASTODON_URL is no address. Give that of the bot's instance, such as "
            "https://mastodon.example"
        )
    return address


def _never_connected(error: BaseException) -> bool:
    """Whether not a byte reached the server, so that nothing can have been posted."""
    from critterdb.platforms.http.requests_session import never_connected

    cause = error.__cause__ or error.__context__
    return isinstance(cause, Exception) and never_connected(cause)
