"""ONNX Runtime, imported so that it tells nobody."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import ModuleType
from typing import Any

NICENESS = 10  # of whatever looks at photos
ERRORS_ONLY = 3  # of ONNX Runtime's severities 0 (verbose) to 4 (fatal)


def load_onnxruntime() -> ModuleType:
    """ONNX Runtime with its usage reports off."""
    # It reports to its maker unless this is set before the import; its own switch did not stop it.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.set_default_logger_severity(ERRORS_ONLY)
    return onnxruntime


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def give_way() -> None:
    """Let this thread, and those that it starts, wait for others where the processor is short."""
    if hasattr(os, "setpriority") and sys.platform == "linux":  # elsewhere it is the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def open_polite_session(data: bytes, *, threads: int | None = None) -> Any:
    """As open_session; its threads give way to whatever else the machine has to do."""
    with ThreadPoolExecutor(1, initializer=give_way) as starter:
        return starter.submit(open_session, data, threads=threads).result()


def open_session(data: bytes, *, threads: int | None = None) -> Any:
    """An inference session over a model's bytes, on the processor; `threads` at most per run."""
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    # Threads that wait for work would spin, and take the processor from those that have some: at
    # eight clients that is half of all its time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    give_memory_back()
    return session


def give_memory_back() -> None:
    """Return what is free to the system: to load a model takes twice what it then holds (glibc)."""
    with suppress(AttributeError, OSError, TypeError):  # other systems have no such call
        ctypes.CDLL(None).malloc_trim(0)
