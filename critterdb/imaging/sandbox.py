"""What strangers send is decoded by processes that may die of it.

    decoders = shared_decoders()
    pixels, info = decoders.view(data, model.view)    # uint8 size×size×3, as
    Preprocessing.pixels() gives
    info = decoders.check(data)                       # the same refusals, no pixels

Both block the calling thread (never an event loop: use a thread) for one image; any number of
threads may call at once, and wait for a free process. What comes back is no more than the network
sees, so a large picture never enters the calling process. A process that takes more than `CPU_S`
or its memory for an image is ended by the kernel, the image refused as `image_too_complex`, and
another process started; nothing of that reaches the caller but the Refusal.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import LifoQueue
from typing import TYPE_CHECKING, Any

import PIL

from critterdb.errors import REFUSAL_STATUS, CritterError, RejectedInputError, too_large
from critterdb.system import NICENESS, cores

from .decode import (
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    NOT_AN_IMAGE,
    TOO_COMPLEX,
    ImageInfo,
    image_format,
    image_info,
)
from .preprocessing import Preprocessing
from .sandbox_worker import READY, receive_into, receive_message, send_message

if TYPE_CHECKING:
    import numpy as np

CPU_S = 0.9  # an image may take; a 50-megapixel photo takes 0.3 s to 0.9 s
# Of address space; a 50-megapixel WebP takes 820 MB, other pictures of that size half of it.
MEMORY_BYTES = 75_000_000
MEMORY_BYTES_A_PIXEL = 16.5
WALL_S = 5.0  # on a machine that has other things to do
START_S = 30.0
NO_ROOM = (
    "There is no room to decode a picture just now: the machine lacks memory, processes or open "
    "files. Please try again in a moment"
)
# Somebody else's signals, which say nothing about the image.
FROM_OUTSIDE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

BOOTSTRAP = (
    "import sys; sys.path += sys.argv[1:]; "
    "from critterdb.imaging.sandbox_worker import main; main()"
)
PASSED_ON = ("LD_LIBRARY_PATH",)  # a Python of one's own may need it to start
COMMAND = (sys.executable, "-I", "-S", "-c", BOOTSTRAP)


def memory_bytes(max_pixels: int) -> int:
    """The address space that decoding may take where pictures of so many pixels are accepted."""
    return int(MEMORY_BYTES + MEMORY_BYTES_A_PIXEL * max_pixels)


class DecoderDiedError(Exception):
    """The process ended in the middle of an image; `signal` is what ended it, 0 where none did."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"ended by signal {signal}")
        self.signal = signal


class Decoders:
    """At most `processes` decoding processes, each started when it is first needed.

    An image may take `cpu_s` of processor time, `wall_s` in all, and `memory_bytes` of address
    space (by default what pictures of the accepted size need).
    """

    def __init__(
        self,
        processes: int | None = None,
        *,
        cpu_s: float = CPU_S,
        wall_s: float = WALL_S,
        memory_bytes: int | None = None,
    ) -> None:
        self.cpu_s = cpu_s
        self.wall_s = wall_s
        self.memory_bytes = memory_bytes
        self.spent_s = 0.0  # of processor time, on all images so far
        self._spending = threading.Lock()
        # The one that was last in use is the next: others may never be needed.
        self._free: LifoQueue[_Process | None] = LifoQueue()
        for _ in range(processes or cores()):
            self._free.put(None)

    def view(
        self, data: bytes, view: Preprocessing, *, max_pixels: int = MAX_IMAGE_PIXELS
    ) -> tuple[np.ndarray, ImageInfo]:
        """An image as a network sees it, uint8 size×size×3. Raises RejectedInputError, as
        decode_image().
        """
        import numpy as np

        pixels, info = self._decode(data, view, max_pixels)
        return np.frombuffer(pixels, np.uint8).reshape(view.size, view.size, 3), info

    def check(self, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS) -> ImageInfo:
        """What is recorded of an image that decodes from first to last byte. Raises
        RejectedInputError.
        """
        return self._decode(data, None, max_pixels)[1]

    def warm_up(self) -> None:
        """Start a process now, without waiting for it, so that the first image need not."""
        process = self._free.get()
        try:
            process = process or _Process()
        except RejectedInputError:
            pass  # the first image says so, or finds that there is room again
        finally:
            self._free.put(process)

    def process_ids(self) -> list[int]:
        """The processes that are there and free."""
        return [process.pid for process in list(self._free.queue) if process]

    def close(self) -> None:
        """End the processes that are free; others end with what they do."""
        # All before any goes back: what went back last would be the next to come.
        for process in [self._free.get() for _ in range(self._free.qsize())]:
            if process:
                process.end()
            self._free.put(None)

    def _decode(
        self, data: bytes, view: Preprocessing | None, max_pixels: int
    ) -> tuple[bytearray, ImageInfo]:
        if len(data) > MAX_IMAGE_BYTES:
            raise too_large(f"{MAX_IMAGE_BYTES / 1e6:g} MB")
        image_format(data)
        request = {
            "bytes": len(data),
            "max_pixels": max_pixels,
            "cpu_s": self.cpu_s,
            "memory_bytes": self.memory_bytes or memory_bytes(max_pixels),
            "view": vars(view) if view else None,
        }
        pixels = bytearray(view.size * view.size * 3 if view else 0)
        for _ in range(2):
            try:
                answer = self._ask(request, data, pixels)
                break
            except DecoderDiedError as death:
                if death.signal not in FROM_OUTSIDE:
                    raise _refusal_for(death) from death
        else:
            raise RejectedInputError(
                "busy", "The decoder was stopped. Please try again in a moment"
            )
        with self._spending:
            self.spent_s += answer["cpu_s"]
        if "code" in answer:
            raise RejectedInputError(answer["code"], answer["error"])
        return pixels, image_info(data, answer["width"], answer["height"])

    def _ask(self, request: dict[str, Any], data: bytes, pixels: bytearray) -> dict[str, Any]:
        process = self._free.get()
        try:
            if process is None or not process.lives():
                process = _Process()
            return process.ask(request, data, pixels, self.wall_s)
        except BaseException:
            # After a death or an interruption, there is no telling what the process would say next.
            if process:
                process.end()
                process = None
            raise
        finally:
            self._free.put(process)


def _refusal_for(death: DecoderDiedError) -> RejectedInputError:
    if death.signal in (signal.SIGPROF, signal.SIGXCPU, signal.SIGKILL):
        return RejectedInputError("image_too_complex", TOO_COMPLEX)
    return RejectedInputError("not_an_image", NOT_AN_IMAGE)


class _Process:
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
        self, request: dict[str, Any], data: bytes, pixels: bytearray, wall_s: float
    ) -> dict[str, Any]:
        """Its answer; fills `pixels`. Raises DecoderDiedError, and CritterError where none
        starts.
        """
        if not self._ready:
            self._wait_until_ready()
        deadline = time.monotonic() + wall_s
        self._socket.settimeout(wall_s)
        try:
            send_message(self._socket, request, data)
            answer = receive_message(self._socket, deadline)
            if answer is None:
                raise DecoderDiedError(-self._popen.wait(wall_s))
            _check_answer(answer, len(pixels))
            if answer["bytes"] and not receive_into(self._socket, pixels, deadline):
                raise DecoderDiedError(-self._popen.wait(wall_s))
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise DecoderDiedError(signal.SIGKILL) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
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
                "The process that decodes pictures did not start. Its own words, if any, stand "
                "above; check that Pillow is whole with: python -m PIL.report"
            )

    def end(self) -> None:
        self._finalizer()


def _end(popen: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    popen.kill()
    popen.wait()


def _check_answer(answer: dict[str, Any], size: int) -> None:
    """Raises ValueError for an answer that no sound process gives."""
    if "code" in answer:
        sound = answer["code"] in REFUSAL_STATUS and isinstance(answer["error"], str)
    else:
        sound = (
            isinstance(answer["width"], int)
            and isinstance(answer["height"], int)
            and answer["bytes"] == size
        )
    sound = sound and isinstance(answer["cpu_s"], float) and 0 <= answer["cpu_s"] <= WALL_S
    if not sound or ("code" in answer and answer["bytes"]):
        raise ValueError("the decoding process answers nonsense")


def _import_folders() -> list[str]:
    """Where the process finds this package and Pillow, and no more."""
    folders = [Path(__file__).parents[2], Path(PIL.__file__).parent.parent]
    return list(dict.fromkeys(str(folder) for folder in folders))


@cache
def shared_decoders() -> Decoders:
    """The decoders of this process."""
    return Decoders()


# A forked process must not talk on its parent's sockets.
os.register_at_fork(after_in_child=shared_decoders.cache_clear)
