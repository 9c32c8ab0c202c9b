"""Mastodon.py, made to end each call in time, and what its errors mean."""

from __future__ import annotations

import contextlib
import io
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.packages import install_command
from critterdb.platforms.base import SendResult
from critterdb.platforms.sources import NoResponseError, UnreadableResponseError
from critterdb.platforms.untrusted_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from critterdb._types import Json

log = logging.getLogger(__name__)

WITHOUT_RESET = timedelta(minutes=5)  # Mastodon counts its limits in stretches of this length
MAX_ERROR_LENGTH = 200  # characters
# What a proxy says when it does not know what became of a request.
_IN_DOUBT = (408, 425)


class NotFoundError(TimelineError):
    """A status or account that the server does not show."""


class BadRequestError(TimelineError):
    """The server does not have this call, or not with these options."""


class MastodonClient:
    """One account's calls to its server, by the names that Mastodon.py gives them."""

    def __init__(self, address: str, token: str) -> None:
        try:
            from mastodon import Mastodon

            from critterdb.platforms.http.requests_session import DeadlineSession
        except ImportError as error:
            raise TimelineError(
                f"Playing on Mastodon needs its packages: {install_command('bot')}"
            ) from error

        class Session(DeadlineSession):
            """Keeps the last answer, because Mastodon.py's errors do not carry it.

            If `hides_content`, Mastodon.py gets successful responses empty.
            """

            last: requests.Response | None = None
            hides_content = False

            def request(self, method: Any, url: Any, *args: Any, **options: Any) -> Any:
                self.last = None
                self.last = super().request(method, url, *args, **options)
                return _emptied(self.last) if self.hides_content and self.last.ok else self.last

        # urllib3 logs each address; nothing known logs the token, and nothing may.
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

    def ask(self, name: str, *args: Any, **options: Any) -> object:
        """Call Mastodon.py's method `name`. Raises TimelineError, or one of its kinds here."""
        from mastodon import MastodonError

        present = {key: value for key, value in options.items() if value is not None}
        # Mastodon.py casts each value to a type of its own: 190 ms for a page of 40, parsed in 3.
        self._session.hides_content = True
        try:
            getattr(self._client, name)(*args, **present)
            last = self._session.last
            return parse_json(last.content if last is not None else b"")
        except MastodonError as error:
            raise self._trouble(error) from None
        except Exception:
            log.debug("a response of Mastodon could not be read", exc_info=True)
            raise UnreadableResponseError("Mastodon") from None
        finally:
            self._session.hides_content = False

    def ask_object(self, name: str, *args: Any, **options: Any) -> Json:
        """Call a method that returns one object. Raises as `ask` does."""
        response = self.ask(name, *args, **options)
        if not isinstance(response, dict):
            raise UnreadableResponseError("Mastodon")
        return response

    def ask_list(self, name: str, *args: Any, **options: Any) -> list[object]:
        """Call a method that returns a list, of items of any shape. Raises as `ask` does."""
        response = self.ask(name, *args, **options)
        if not isinstance(response, list):
            raise UnreadableResponseError("Mastodon")
        return response

    def media(self, path: str, **upload: Any) -> tuple[int, Json]:
        """Call the API of media, with `upload` for a POST; status and response.

        Mastodon.py asks for the server's version first, and waits for as long as it takes. Raises
        TimelineError as `ask` does.
        """
        import requests

        method, headers = "POST" if upload else "GET", {"Authorization": f"Bearer {self._token}"}
        try:
            response = self._session.request(
                method,
                f"{self.address}{path}",
                headers={**headers, "User-Agent": "critterdb"},
                **upload,
            )
            body: object = response.json() if response.ok else None
        except requests.RequestException as error:
            raise self._trouble(error) from None
        if not response.ok:
            raise self._trouble(requests.HTTPError(response=response))
        if not isinstance(body, dict):
            raise UnreadableResponseError("Mastodon")
        return int(response.status_code), body

    def attempt(self, call: Callable[[Any], SendResult]) -> SendResult:
        """Make a call that may post something; what is known after it."""
        from mastodon import MastodonError

        try:
            return call(self._client)
        except MastodonError as error:
            return self._outcome(error)
        except Exception:
            # Whatever it was, the reply may stand: only a look at the bot's own posts can tell.
            log.debug("a response of Mastodon could not be read", exc_info=True)
            return SendResult("unknown", error=str(UnreadableResponseError("Mastodon")))

    @property
    def _status(self) -> int | None:
        """The HTTP status of the last answer; None where there was none."""
        last = self._session.last
        return None if last is None else int(last.status_code)

    def _trouble(self, error: Exception) -> TimelineError:
        status = self._status
        if status is None:
            kind = type(error.__context__ or error).__name__
            return NoResponseError(
                f"Mastodon at {self.address} did not respond ({kind}). Try again later"
            )
        if status < 300:
            return UnreadableResponseError("Mastodon")
        if status == 429:
            return self._rate_limit()
        if status == 401:
            return TimelineError(
                "Mastodon did not accept the token (401). Check CRITTERDB_MASTODON_TOKEN"
            )
        if status in (404, 410):
            return NotFoundError(f"Mastodon returned {self._error_text()}")
        if status in (400, 422):
            return BadRequestError(f"Mastodon returned {self._error_text()}")
        if 300 <= status < 400:
            return TimelineError(
                f"{self.address} redirects to another address. Check CRITTERDB_MASTODON_URL"
            )
        return TimelineError(f"Mastodon returned {self._error_text()}. Try again later")

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
        if status < 300:
            return SendResult("unknown", error=str(UnreadableResponseError("Mastodon")))
        if 400 <= status < 500 and status not in _IN_DOUBT:
            is_gone = status in (404, 410)
            words = f"Mastodon returned {self._error_text()}"
            return SendResult("refused", error=words, is_personal=is_gone)
        return SendResult("unknown", error=f"Mastodon returned {self._error_text()}")

    def _rate_limit(self) -> RateLimitedError:
        """A 429 with the time of the server's own reset, by our clock."""
        until = datetime.now(UTC) + WITHOUT_RESET
        with contextlib.suppress(TypeError, ValueError, OverflowError, OSError):
            until = datetime.fromtimestamp(self._client.ratelimit_reset, UTC)
        words = f"Mastodon is rate-limiting requests. Come back at {until:%H:%M:%S} UTC"
        return RateLimitedError(words, until)

    def _error_text(self) -> str:
        """Status and error message of the last response, short and without the token."""
        last = self._session.last
        if last is None:
            return "nothing"
        try:
            body = last.json()
            words = body.get("error_description") or body.get("error") or ""
        except (ValueError, AttributeError):
            words = ""
        text = " ".join(f"{last.status_code} {words}".split())[:MAX_ERROR_LENGTH]
        return text.replace(self._token, "…")


def server_address(text: str) -> str:
    """Complete an instance's address as people write it. Raises TimelineError if it is not one."""
    address = text.strip()
    if "://" not in address:
        address = f"https://{address}"
    address = address.rstrip("/")
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise TimelineError(
            "CRITTERDB_MASTODON_URL is not a URL. Set it to the bot's server, such as "
            "https://mastodon.example"
        )
    return address


def _emptied(response: requests.Response) -> requests.Response:
    """A success with the same headers, and with an empty list or object in it."""
    import requests

    empty = requests.Response()
    empty.status_code, empty.headers, empty.encoding = 200, response.headers, "utf-8"
    empty.raw = io.BytesIO(b"[]" if response.content.lstrip().startswith(b"[") else b"{}")
    return empty


def _never_connected(error: BaseException) -> bool:
    """Whether not a byte reached the server, so that nothing can have been posted."""
    from critterdb.platforms.http.requests_session import never_connected

    cause = error.__cause__ or error.__context__
    return isinstance(cause, Exception) and never_connected(cause)
