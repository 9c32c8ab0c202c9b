"""Run rounds at an interval until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

# How soon after a signal the bot ends.
CHECK_S = 0.2


class StopSignal:
    """Whether SIGTERM or SIGINT came; a second signal ends the process at once."""

    def __init__(self) -> None:
        self.is_wanted = False

    def __call__(self) -> bool:
        return self.is_wanted

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note signals instead of ending the process; only the main thread can."""
        # signal.signal() raises in any other thread.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def note(number: int, frame: FrameType | None) -> None:
            self.is_wanted = True
            signal.signal(number, handlers[signal.Signals(number)])

        for number in handlers:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def wait(self, until: float) -> None:
        """Wait until a moment of `time.monotonic()`, or until a signal comes."""
        while not self.is_wanted and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, CHECK_S))


def run_rounds(play: Callable[[], None], stop_signal: StopSignal, every_s: float) -> None:
    """Start a round every `every_s` seconds, or at once after one that took longer."""
    while not stop_signal():
        started = time.monotonic()
        play()
        stop_signal.wait(started + every_s)
