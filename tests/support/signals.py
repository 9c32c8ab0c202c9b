"""Signals to the processes that tests start."""

from __future__ import annotations

import signal


def interruptible() -> None:
    """Let a new process end at Ctrl-C, even if a shell started the tests in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
