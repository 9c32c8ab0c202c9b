"""Rounds one after another, until somebody wants an end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

CHECK_S = 0.2


class StopSignal:
    """Whether an end is wanted: SIGTERM or SIGINT came. The second one ends at once."""

    def __init__(self) -> None:
        self.is_wanted = False

    def __call__(self) -> bool:
        return self.is_wanted

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take note of signals instead of dying of them; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def note(number: int, frame: FrameType | None) -> None:
            self.is_wanted = True
            signal.signal(number, before[signal.Signals(number)])

        for number in before:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self, until: float) -> None:
        """Wait until `time.monotonic()` says so, or an end is wanted."""
        while not self.is_wanted and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, CHECK_S))


def run_rounds(play: Callable[[], None], ending: StopSignal, every_s: float) -> None:
    """Begin a round every so often; one that takes longer is followed by the next at once."""
    while not ending():
        begun = time.monotonic()
        play()
        ending.wait(begun + every_s)
