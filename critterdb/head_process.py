"""Heads learn in a process of their own, which loads fastai while this one looks at photos.

    trainer = shared_trainer()      # starts the process, and does not wait for it
    head = trainer.train(vectors, truth, valid_vectors, valid_truth, labels=10, seed=0)

The import of torch and fastai is two seconds in which Python does nothing else: in one process,
the photos would wait for it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from .errors import CritterError, TrainingError

if TYPE_CHECKING:
    from .heads import Head

BOOTSTRAP = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from critterdb.head_process import serve; serve(int(sys.argv[1]))"
)


class HeadTrainer:
    """A process that waits for work; it ends with this one, however this one ends."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOTSTRAP, str(theirs.fileno()), *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C is for this process, and what it then does ends that one
            )
        self._connection = Connection(ours.detach())
        self._busy = threading.Lock()
        weakref.finalize(self, _end, self._process, self._connection)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def train(self, *arguments: Any, **named: Any) -> Head:
        """As heads.train_head(). Raises TrainingError also where the process is gone."""
        try:
            with self._busy:
                self._connection.send((arguments, named))
                outcome: Head | CritterError = self._connection.recv()
        except (EOFError, OSError) as error:
            raise TrainingError(
                f"The process that trains the head ended too early (status {self._process.wait()})."
                " Nothing was changed. If the machine lacked memory, close what else needs it, and "
                "train again"
            ) from error
        if isinstance(outcome, CritterError):
            raise outcome
        return outcome


def _end(process: subprocess.Popen[bytes], connection: Connection) -> None:
    connection.close()
    process.kill()
    process.wait()


_shared: HeadTrainer | None = None
_sharing = threading.Lock()


def shared_trainer() -> HeadTrainer:
    """The trainer of this process, started where there is none."""
    global _shared
    with _sharing:
        if _shared is None or not _shared.alive:
            _shared = HeadTrainer()
        return _shared


def serve(descriptor: int) -> None:
    """Train what comes over a socket, one head after the other, until its other end is closed."""
    from .heads import import_fastai, train_head

    connection = Connection(descriptor)
    with suppress(CritterError):  # who asks for a head will be told
        import_fastai()
    with suppress(EOFError, OSError):
        while True:
            arguments, named = connection.recv()
            try:
                outcome: Head | CritterError = train_head(*arguments, **named)
            except CritterError as error:
                outcome = error
            connection.send(outcome)
