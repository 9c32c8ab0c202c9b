"""atproto, made to end each call in time, with a session that outlives the process.

Only atproto's transport and errors are used: its models refuse a whole page for one odd record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.packages import install_command
from critterdb.platforms.sources import NoResponseError, UnreadableResponseError

from .session import Session

if TYPE_CHECKING:
    from critterdb._types import Json

# A limit without a time at which it ends.
WITHOUT_RESET = timedelta(minutes=5)
_EXPIRED = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})
# Refusals that concern the bot's account and not what it said.
ABOUT_THE_ACCOUNT = _EXPIRED | {"AccountTakedown", "AccountDeactivated", "AccountSuspended"}


class RefusedError(TimelineError):
    """The server said no: `status` and `name` are its own."""

    def __init__(self, message: str, status: int, name: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name


class NeverConnected(NoResponseError):
    """Not a byte reached the server."""


_Request = Callable[[dict[str, str]], Any]
"""Makes a request with these headers; atproto's Response."""


class BlueskyClient:
    """Calls queries and procedures by name; logs in when needed, and keeps the session."""

    def __init__(self, address: str, handle: str, password: str) -> None:
        try:
            import regex as regex  # for text_length: better missed now than at the first reply
            from atproto_client.request import Request

            from critterdb.platforms.http.httpx_transport import DeadlineTransport
        except ImportError as error:
            raise TimelineError(
                f"Playing on Bluesky needs its packages: {install_command('bot')}"
            ) from error
        self.address = address
        # Not atproto's client, which follows an account to any server that its document names.
        # docs/decisions.md#of-atproto-only-transport-and-errors-are-used
        self._request = Request(transport=DeadlineTransport(), trust_env=False)
        self._name, self._password = handle, password
        self._session = Session(address, handle)

    @property
    def did(self) -> str:
        """The id of the bot's own account."""
        return str(self._tokens()["did"])

    @property
    def handle(self) -> str:
        """The name of the bot's own account."""
        return str(self._tokens().get("handle") or self._name)

    def get(self, name: str, **params: Any) -> Json:
        """Call a query; its response. Raises TimelineError, or one of its kinds here."""
        present = {key: value for key, value in params.items() if value is not None}
        return self._with_session(
            lambda headers: self._request.get(self._call_at(name), params=present, headers=headers)
        )

    def post(self, name: str, body: Mapping[str, object]) -> Json:
        """Call a procedure; its response. Raises as `get` does."""
        return self._with_session(lambda headers: self._procedure(name, body, headers))

    def upload(self, data: bytes, media_type: str) -> Json:
        """Upload a blob; the response that names it. Raises as `get` does."""
        address = self._call_at("com.atproto.repo.uploadBlob")
        return self._with_session(
            lambda headers: self._request.post(
                address, headers=headers | {"Content-Type": media_type}, content=data
            )
        )

    def _with_session(self, call: _Request) -> Json:
        try:
            return self._call(call, self._tokens()["accessJwt"])
        except RefusedError as error:
            if error.name not in _EXPIRED:
                raise
        return self._call(call, self._renew()["accessJwt"])

    def _tokens(self) -> Json:
        return self._session.tokens or self._log_in()

    def _renew(self) -> Json:
        """New tokens for the old ones, or for the password where those are too old."""
        try:
            body = self._call(
                lambda headers: self._procedure("com.atproto.server.refreshSession", None, headers),
                str((self._session.tokens or {}).get("refreshJwt")),
            )
        except RefusedError:
            return self._log_in()
        return self._session.keep(body)

    def _log_in(self) -> Json:
        self._session.spend_login()
        body = {"identifier": self._name, "password": self._password}
        try:
            session = self._call(
                lambda headers: self._procedure("com.atproto.server.createSession", body, headers)
            )
        except RefusedError as error:
            self._session.forget()
            if error.name == "AuthFactorTokenRequired":
                raise TimelineError(
                    "Bluesky requires a second factor. Create an app password in its settings, and "
                    "set it as CRITTERDB_BLUESKY_PASSWORD"
                ) from None
            raise TimelineError(
                f"Bluesky rejected the login of {self._name} ({error.status} {error.name}). Check "
                "CRITTERDB_BLUESKY_HANDLE and CRITTERDB_BLUESKY_PASSWORD"
            ) from None
        return self._session.keep(session)

    def _procedure(
        self, name: str, body: Mapping[str, object] | None, headers: dict[str, str]
    ) -> Any:
        # Encoded here and not by atproto: a frozen record must not change in a single byte.
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = headers | ({} if body is None else {"Content-Type": "application/json"})
        return self._request.post(self._call_at(name), headers=headers, content=content)

    def _call_at(self, name: str) -> str:
        return f"{self.address}/xrpc/{name}"

    def _call(self, call: _Request, token: str | None = None) -> Json:
        import httpx
        from atproto_client.exceptions import RequestErrorBase

        try:
            response = call({"Authorization": f"Bearer {token}"} if token else {})
        except RequestErrorBase as error:
            if error.response is not None:
                raise self._refusal(error.response) from None
            raise self._no_answer(error.__cause__ or error) from None
        except httpx.HTTPError as error:
            raise self._no_answer(error) from None
        except ValueError:
            raise UnreadableResponseError("Bluesky") from None
        content: object = response.content
        if not isinstance(content, dict):
            raise UnreadableResponseError("Bluesky")
        return content

    def _refusal(self, response: Any) -> TimelineError:
        status, content = int(response.status_code), response.content
        name = str(getattr(content, "error", None) or "")
        words = f"{status} {name} {getattr(content, 'message', None) or ''}"
        words = " ".join(words.split())[:200]
        if status == 429:
            until = _reset(response.headers)
            return RateLimitedError(
                f"Bluesky is rate-limiting requests. Come back at {until:%H:%M:%S} UTC", until
            )
        if 400 <= status < 500 and status != 408:
            return RefusedError(f"Bluesky returned {words}", status, name)
        return TimelineError(f"Bluesky returned {words}. Try again later")

    def _no_answer(self, error: BaseException) -> TimelineError:
        import httpx

        kind = type(error).__name__
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return NeverConnected(f"Bluesky at {self.address} could not be reached ({kind})")
        return NoResponseError(
            f"Bluesky at {self.address} did not respond ({kind}). Try again later"
        )


def items_of(body: Json, name: str) -> list[object]:
    """The list of this name in a response; its items may have any shape.

    Raises UnreadableResponseError if it is missing or not a list.
    """
    items = body.get(name)
    if not isinstance(items, list):
        raise UnreadableResponseError("Bluesky")
    return items


def _reset(headers: dict[str, str]) -> datetime:
    """When the server listens again; its clock and ours may differ."""
    now = datetime.now(UTC)
    try:
        until = datetime.fromtimestamp(int(headers["ratelimit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        try:
            until = now + timedelta(seconds=float(headers["retry-after"]))
        except (KeyError, ValueError, OverflowError):
            until = now + WITHOUT_RESET
    return max(until, now)
