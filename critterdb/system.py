"""How long ago something was, whatever the clock on the wall was set to in between.

The wall's clock jumps: over the network, at a time zone's whim, when a battery is empty. The
machine's own count of seconds since it was started does not, but it restarts at each boot;
so a reading names the start that it counts from.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# Not `-m`: the module would exist twice, as __main__ and under its name, and pickle would not find
# its functions.
BOOTSTRAP = (
    "import sys; from importlib import import_module; "
    "_, module, function, descriptor, *sys.path[:] = sys.argv; "
    "getattr(import_module(module), function)(int(descriptor))"
)

# People wait for pages and pages are short: they take half as long while photos are classified if
# whatever looks at photos yields.
NICENESS = 10  # of whatever looks at photos

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ASK_MACOS = ("sysctl", "-n", "kern.bootsessionuuid")


@dataclass(frozen=True)
class BootClock:
    """Seconds since a machine was started, asleep or awake; `boot` is that start's own name."""

    boot: str
    seconds: float

    def since(self, earlier: BootClock) -> float | None:
        """Seconds since an earlier reading; null where it counts from another start."""
        # Where a boot has no name, a smaller count is what tells that there was another.
        if self.boot != earlier.boot or self.seconds < earlier.seconds:
            return None
        return self.seconds - earlier.seconds


def read_uptime() -> BootClock:
    """The machine's count of seconds, now."""
    # CLOCK_MONOTONIC stands still while a laptop sleeps; a platform does not.
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return BootClock(_boot(), time.clock_gettime(clock))


@cache
def _boot() -> str:
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        pass
    try:
        done = subprocess.run(_ASK_MACOS, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""  # then a start is told only by a count that is smaller than before
    return done.stdout.strip()


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        # A container or taskset may allow fewer processors than the machine has.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def lower_priority() -> None:
    """Let this thread, and those that it starts, wait for others where the processor is short."""
    if hasattr(os, "setpriority") and sys.platform == "linux":  # elsewhere it is the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def return_free_memory() -> None:
    """Return what is free to the system: to load a model takes twice what it then holds (glibc)."""
    # Loading a model leaves 31 of 70 MB with glibc's allocator, which keeps what it may need again;
    # a server loads once.
    # docs/decisions.md#memory-of-loading-a-model-is-returned
    with suppress(AttributeError, OSError, TypeError):  # other systems have no such call
        ctypes.CDLL(None).malloc_trim(0)


class ChildProcess:
    """A process that runs `function(descriptor)` of a module; both ends of its socket send objects.

    It ends when nobody holds this object. After this process was killed, it finds the socket
    closed. concurrent.futures with a spawned worker would import `__main__` again in the child, and
    would leave the child running.
    """

    def __init__(self, module: str, function: str) -> None:
        from multiprocessing.connection import Connection

        ours, theirs = socket.socketpair()
        with theirs:
            names = [module, function, str(theirs.fileno())]
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOTSTRAP, *names, *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C is for this process, and what it then does ends that one
            )
        self.connection = Connection(ours.detach())
        self.end = weakref.finalize(self, _end, self._process, self.connection)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait until it has ended; return its status."""
        return self._process.wait()


def _end(process: subprocess.Popen[bytes], connection: Connection) -> None:
    connection.close()
    process.kill()
    process.wait()
