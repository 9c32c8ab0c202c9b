"""One decoding process and the socket to it: start it, ask it, find out how it ended."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import PIL

from critterdb.errors import REFUSAL_STATUS, CritterError, RejectedInputError
from critterdb.system import NICENESS

from .exif import is_place
from .sandbox_worker import (
    READY,
    DecodeAnswer,
    DecodeRequest,
    receive_into,
    receive_message,
    send_message,
)

if TYPE_CHECKING:
    from critterdb._types import Json

# The limit that counts is processor time: a busy server must not refuse good pictures. This one is
# for a process that neither works nor ends.
WALL_S = 5.0  # on a machine that has other things to do
# It takes 0.1 s on a machine that is free; a container that starts may have a cold disk.
START_S = 30.0
NO_ROOM = (
    "The picture cannot be decoded right now: the machine lacks memory, processes or open files. "
    "Try again in a moment"
)
# Somebody else's signals, which say nothing about the image.
FROM_OUTSIDE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

BOOTSTRAP = (
    "import sys; sys.path += sys.argv[1:]; "
    "from critterdb.imaging.sandbox_worker import main; main()"
)
PASSED_ON = ("LD_LIBRARY_PATH",)  # a Python of one's own may need it to start
# -I and -S: no site-packages, no environment, no folder of the caller. What it imports is named
# below.
COMMAND = (sys.executable, "-I", "-S", "-c", BOOTSTRAP)


class DecoderDiedError(Exception):
    """The process ended in the middle of an image; `signal` is what ended it, 0 where none did."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"ended by signal {signal}")
        self.signal = signal


class DecodingProcess:
    """One process and the socket to it; used by one thread at a time.

    Raises RejectedInputError (busy) where this machine has no room for another process or its
    files.
    """

    def __init__(self) -> None:
        try:
            self._socket, theirs = socket.socketpair()
        except OSError as error:
            raise RejectedInputError("busy", NO_ROOM) from error
        try:
            with theirs:
                self._popen = subprocess.Popen(
                    [*COMMAND, *_import_folders()],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    # Secrets of the bot are none of its business.
                    env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
                    cwd="/",
                    # Started afresh and not forked: a fork would hold the parent's memory, secrets
                    # and locks.
                    start_new_session=True,  # Ctrl-C is for the parent, which then hangs up
                )
        except (OSError, MemoryError) as error:
            self._socket.close()
            raise RejectedInputError("busy", NO_ROOM) from error
        with suppress(OSError):  # it may be gone already, or the system have other rules
            os.setpriority(os.PRIO_PROCESS, self._popen.pid, NICENESS)
        self._ready = False
        self._finalizer = weakref.finalize(self, _end, self._popen, self._socket)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def lives(self) -> bool:
        return self._popen.poll() is None

    def ask(
        self, request: DecodeRequest, data: bytes, pixels: bytearray, wall_s: float
    ) -> DecodeAnswer:
        """Its answer; fills `pixels`, a JPEG only as far as it goes. Raises DecoderDiedError, and
        CritterError where none starts.
        """
        if not self._ready:
            self._wait_until_ready()
        deadline = time.monotonic() + wall_s
        # Sending blocks as well where the other side stops reading.
        self._socket.settimeout(wall_s)
        try:
            send_message(self._socket, request, data)
            message = receive_message(self._socket, deadline)
            if message is None:
                raise DecoderDiedError(-self._popen.wait(wall_s))
            answer = _checked_answer(message, request, len(pixels), wall_s)
            with memoryview(pixels)[: answer["bytes"]] as wanted:
                if wanted and not receive_into(self._socket, wanted, deadline):
                    raise DecoderDiedError(-self._popen.wait(wall_s))
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise DecoderDiedError(signal.SIGKILL) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            # What says nonsense once is not asked again.
            self._popen.kill()
            raise DecoderDiedError(-self._popen.wait()) from error
        return answer

    def _wait_until_ready(self) -> None:
        sign = bytearray(len(READY))
        try:
            self._ready = receive_into(self._socket, sign, time.monotonic() + START_S)
        except OSError:
            self._ready = False
        if not self._ready:
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(WALL_S)  # it lets go of the socket before its end can be seen
            ended_by = -(self._popen.returncode or 0)
            if ended_by in FROM_OUTSIDE:
                raise DecoderDiedError(ended_by)
            if ended_by == signal.SIGKILL:  # it has no limits yet: memory was short
                raise RejectedInputError("busy", NO_ROOM)
            raise CritterError(
                "The process that decodes pictures could not be started. See its output above, "
                "if any, and check your Pillow installation with: python -m PIL.report"
            )

    def end(self) -> None:
        self._finalizer()


def _end(popen: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    popen.kill()
    popen.wait()


def _checked_answer(answer: Json, request: DecodeRequest, size: int, wall_s: float) -> DecodeAnswer:
    """The answer as it is. Raises ValueError for one that no sound process gives."""
    if "code" in answer:
        # The process has read hostile bytes: what it says is checked like anything from outside.
        sound = answer["code"] in REFUSAL_STATUS and isinstance(answer["error"], str)
    else:
        sound = (
            isinstance(answer["width"], int)
            and isinstance(answer["height"], int)
            and isinstance(answer["bytes"], int)
            and (0 < answer["bytes"] <= size if request["jpeg_side"] else answer["bytes"] == size)
            and (answer.get("place") is None or is_place(answer["place"]))
        )
    sound = (
        sound and isinstance(answer["cpu_s"], float) and 0 <= answer["cpu_s"] <= max(WALL_S, wall_s)
    )
    if not sound or ("code" in answer and answer["bytes"]):
        raise ValueError("the decoding process sent an invalid response")
    return cast("DecodeAnswer", answer)


def _import_folders() -> list[str]:
    """Where the process finds this package, Pillow and its HEIF plugin, and no more."""
    folders = [Path(__file__).parents[2], Path(PIL.__file__).parent.parent]
    # Found and not imported: its decoders are for the process alone.
    plugin = importlib.util.find_spec("pillow_heif")
    if plugin and plugin.origin:
        folders.append(Path(plugin.origin).parent.parent)
    return list(dict.fromkeys(str(folder) for folder in folders))
