"""What needs torch is done by a process that may die, and never outlives the one that asked."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from critterdb.errors import TrainingError
from critterdb.training.candidates import LabelledVectors
from critterdb.training.head import train_head
from critterdb.training.torch_worker import TorchProcess, shared_torch_process

pytestmark = pytest.mark.slow

WAIT_S = 30


def lesson() -> tuple[LabelledVectors, LabelledVectors]:
    rng = np.random.default_rng(7)
    truth = np.arange(80) % 3
    vectors = (rng.normal(size=(80, 16)) + 2 * np.eye(16)[truth]).astype(np.float32)
    return LabelledVectors(vectors[:60], truth[:60]), LabelledVectors(vectors[60:], truth[60:])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_trains_the_same_head() -> None:
    there = shared_torch_process().call(train_head, *lesson(), labels=3, seed=5)
    here = train_head(*lesson(), labels=3, seed=5)
    np.testing.assert_array_equal(there.weight, here.weight)
    np.testing.assert_array_equal(there.bias, here.bias)
    assert there.candidate == here.candidate


def test_a_process_that_was_killed_is_reported_and_replaced() -> None:
    process = shared_torch_process()
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(TrainingError, match=r"ended early \(status -9\)"):
        process.call(train_head, *lesson(), labels=3)
    assert shared_torch_process() is not process
    assert shared_torch_process().call(train_head, *lesson(), labels=3).weight.shape == (3, 16)


def test_it_ends_when_nobody_holds_it() -> None:
    process = TorchProcess()
    pid = process.pid
    del process
    assert not is_running(pid)


def test_it_ends_with_a_process_that_was_killed() -> None:
    code = (
        "import time; from critterdb.training.torch_worker import shared_torch_process; "
        "print(shared_torch_process().pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        pid = int(asking.stdout.readline())
        assert is_running(pid)
        asking.kill()
    ends = time.monotonic() + WAIT_S
    while is_running(pid) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not is_running(pid)
