"""Limit the time of every call to a platform, however slowly its server responds.

The timeouts of HTTP libraries start again with each byte, so a server that drips can hold a call
for ever. Here a call runs in a thread of its own; when its time is up its sockets are shut from
outside and the thread is abandoned. A shut socket can no longer write, so nothing is posted after
the caller was told that the outcome is unknown.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

# A timeout for each read never ends where a server drips bytes. Measured against servers that hang
# in every way: 80 calls ended after 15.0 to 15.2 s.
# docs/decisions.md#a-call-has-one-deadline-as-a-whole
CALL_DEADLINE_S = 15.0
# Unpacked. 40 statuses of a megabyte each, the most that other servers take, must still be read: a
# page that is refused would be asked for again in every round.
MAX_RESPONSE_BYTES = 64_000_000

Result = TypeVar("Result")

TOO_LARGE = f"the response is larger than {MAX_RESPONSE_BYTES / 1e6:.0f} MB"


class Call:
    """One call to a server, with the sockets that it opened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_over = False

    def watch(self, opened: socket.socket) -> None:
        """Let the deadline shut this socket; one that is opened too late is closed at once."""
        with self._lock:
            if self._is_over:
                opened.close()
                raise TimeoutError("the call timed out")
            # TLS takes the socket itself away; a duplicate stays.
            self._sockets.append(opened.dup())

    def end(self) -> None:
        """Shut what is still open."""
        with self._lock:
            self._is_over = True
            for opened in self._sockets:
                with contextlib.suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)
                opened.close()
            self._sockets.clear()


def within(seconds: float, work: Callable[[Call], Result]) -> Result:
    """Run `work`; what it returns or raises. Raises TimeoutError if it takes longer than `seconds`.

    `work` gets a Call, and must let it `watch` each socket that it opens; none outlives the call.
    """
    call = Call()
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(call))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(seconds)
        # What comes after this was cut short by us: half a header can look like a whole answer.
        is_late = thread.is_alive()
    finally:
        call.end()
    if is_late:
        raise TimeoutError(f"no answer within {seconds:.0f} seconds")
    if errors:
        raise errors[0]
    return results[0]
