"""A `requests` session whose calls end in time, for the client libraries that use one."""

from __future__ import annotations

import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from critterdb.platforms.untrusted_json import parse_json

from .deadline import CALL_DEADLINE_S, MAX_RESPONSE_BYTES, TOO_LARGE, Call, within

READ_BYTES = 64 * 1024  # at a time, unpacked


class ResponseTooLargeError(requests.RequestException):
    """More came than MAX_RESPONSE_BYTES, which a few kilobytes can unpack to."""


class DeadlineSession(requests.Session):
    """A session that follows no redirects, reads no environment, and ends each call in time.

    A call that took too long raises requests.ReadTimeout, as a server that never responds would.
    One whose response is too large raises ResponseTooLargeError.
    """

    def __init__(self, seconds: float = CALL_DEADLINE_S) -> None:
        super().__init__()
        # A .netrc would replace the token, and a redirect could carry it elsewhere.
        self.trust_env = False
        self.seconds = seconds
        self._of_thread = threading.local()

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        options |= {"timeout": self.seconds, "allow_redirects": False, "stream": True}

        def ask(call: Call) -> requests.Response:
            self._of_thread.adapter = adapter = _WatchedAdapter(call)
            try:
                return _read(super(DeadlineSession, self).request(method, url, *args, **options))
            finally:
                adapter.close()

        try:
            response: requests.Response = within(self.seconds, ask)
        except TimeoutError as error:
            raise requests.ReadTimeout(str(error)) from error
        return response

    def get_adapter(self, url: Any) -> HTTPAdapter:
        adapter: HTTPAdapter = self._of_thread.adapter
        return adapter


def _read(response: requests.Response) -> requests.Response:
    """The response with its content, which is counted as it is unpacked."""
    content = bytearray()
    for chunk in response.iter_content(READ_BYTES):
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES:
            raise ResponseTooLargeError(TOO_LARGE)
    response._content = bytes(content)  # as `content` itself keeps it; nothing else can set it
    return response


class _Response(requests.Response):
    """A response whose JSON is parsed whatever strangers put into it."""

    def json(self, **options: Any) -> Any:
        try:
            return parse_json(self.content)
        except ValueError as error:
            raise requests.JSONDecodeError("not JSON", "", 0) from error


class _WatchedAdapter(HTTPAdapter):
    """Connections of one call, each made known to it."""

    def build_response(self, *args: Any, **options: Any) -> requests.Response:
        response = super().build_response(*args, **options)
        response.__class__ = _Response  # requests offers no hook for the class
        return response

    def __init__(self, call: Call) -> None:
        self._call = call
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        call = self._call

        class Connection(HTTPConnection):
            def _new_conn(self) -> Any:
                opened = super()._new_conn()
                call.watch(opened)
                return opened

        class SecureConnection(HTTPSConnection):
            def _new_conn(self) -> Any:
                opened = super()._new_conn()
                call.watch(opened)
                return opened

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = SecureConnection

        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}


def never_connected(error: Exception) -> bool:
    """Whether not a byte reached the server, so that nothing can have been posted."""
    import requests
    from urllib3.exceptions import NewConnectionError

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)
