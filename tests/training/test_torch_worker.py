"""What needs torch is done by a process that may die, and never outlives the one that asked.

That it trains the same heads is tested in test_head.py.
"""

import os
import signal
import subprocess
import sys
import time

import pytest

from critterdb.errors import TrainingError
from critterdb.training.torch_worker import (
    TorchProcess,
    end_torch_process,
    shared_torch_process,
)
from tests.support.processes import is_running

pytestmark = pytest.mark.slow

WAIT_S = 30


def test_a_process_that_was_killed_is_reported_and_replaced() -> None:
    process = shared_torch_process()
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(TrainingError, match=r"ended early \(status -9\)"):
        process.call(os.getpid)
    replacement = shared_torch_process()
    assert replacement is not process
    assert replacement.call(os.getpid) == replacement.pid


def test_it_ends_when_nobody_holds_it() -> None:
    process = TorchProcess()
    pid = process.pid
    del process
    assert not is_running(pid)


def test_it_is_ended_for_its_memory_and_starts_again() -> None:
    pid = shared_torch_process().pid
    end_torch_process()
    assert not is_running(pid)
    end_torch_process()
    replacement = shared_torch_process()
    assert replacement.call(os.getpid) == replacement.pid != pid


def test_it_ends_with_a_process_that_was_killed(busy: float) -> None:
    code = (
        "import time; from critterdb.training.torch_worker import shared_torch_process; "
        "print(shared_torch_process().pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        pid = int(asking.stdout.readline())
        assert is_running(pid)
        asking.kill()
    ends = time.monotonic() + WAIT_S * busy
    while is_running(pid) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not is_running(pid)
