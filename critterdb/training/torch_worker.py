"""Run all torch work in one child process, which loads torch while this one looks at photos.

    torch_process = shared_torch_process()      # starts it, and does not wait
    head = torch_process.call(train_head, train, valid, labels=10)

The import of torch and fastai is two seconds in which Python does nothing else, and 400 MB.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from critterdb.errors import CritterError, TrainingError
from critterdb.system import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class TorchProcess:
    """A process that waits for work; it ends with this one, however this one ends."""

    def __init__(self) -> None:
        self._child = ChildProcess(__name__, "serve")
        # One call at a time on the one socket.
        self._busy = threading.Lock()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.alive

    def end(self) -> None:
        self._child.end()

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What a function of a module returns there. Raises its CritterErrors.

        Raises TrainingError where the process is gone.
        """
        outcome: T | CritterError
        try:
            with self._busy:
                self._child.connection.send((function, arguments, named))
                outcome = self._child.connection.recv()
        except (EOFError, OSError) as error:
            raise TrainingError(
                f"The training process ended early (status {self._child.wait()}). Nothing "
                "was changed. If memory ran out, close other programs and train again"
            ) from error
        if isinstance(outcome, CritterError):
            raise outcome
        return outcome


_shared: TorchProcess | None = None
_sharing = threading.Lock()


def shared_torch_process() -> TorchProcess:
    """The torch process of this process, started where there is none."""
    global _shared
    with _sharing:
        if _shared is None or not _shared.alive:
            _shared = TorchProcess()
        return _shared


def end_torch_process() -> None:
    """End the torch process of this process, if there is one: it has a gigabyte of memory."""
    global _shared
    with _sharing:
        if _shared is not None:
            _shared.end()
            _shared = None


def serve(descriptor: int) -> None:
    """Do what comes over a socket, one thing after the other, until its other end is closed."""
    connection = Connection(descriptor)
    with suppress(EOFError, OSError):
        _load(connection)
        while True:
            _answer(connection)


def _load(connection: Connection) -> None:
    """Import what will be needed, and answer in between who waits already."""
    with suppress(ImportError, CritterError):  # who asks will be told
        import torch  # noqa: F401

        while connection.poll():
            _answer(connection)
        from .head_learner import import_fastai

        import_fastai()


def _answer(connection: Connection) -> None:
    function, arguments, named = connection.recv()
    try:
        outcome = function(*arguments, **named)
    except CritterError as error:
        outcome = error
    connection.send(outcome)
