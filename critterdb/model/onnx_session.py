"""Import ONNX Runtime with telemetry disabled, and open inference sessions."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any

from critterdb.system import cores, lower_priority, return_free_memory

if TYPE_CHECKING:
    from types import ModuleType

# Its warnings speak of graphs and not of anything that a user could change.
ERRORS_ONLY = 3  # of ONNX Runtime's severities 0 (verbose) to 4 (fatal)


def load_onnxruntime() -> ModuleType:
    """Import ONNX Runtime with its usage reports off."""
    # It reports to its maker unless this is set before the import; its own switch did not stop it.
    # docs/decisions.md#onnx-runtimes-telemetry-is-off
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    onnxruntime = import_module("onnxruntime")
    onnxruntime.set_default_logger_severity(ERRORS_ONLY)
    return onnxruntime


def open_low_priority_session(data: bytes, *, threads: int | None = None) -> Any:
    """Open a session whose threads run at low priority: pages come before photos."""
    with ThreadPoolExecutor(1, initializer=lower_priority) as starter:
        return starter.submit(open_session, data, threads=threads).result()


def open_session(data: bytes, *, threads: int | None = None) -> Any:
    """Open an inference session over a model's bytes, on the CPU; `threads` at most per run."""
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    # Threads that wait for work would spin, and take the processor from those that have some: at
    # eight clients that is half of all its time.
    # docs/decisions.md#onnx-runtimes-threads-do-not-spin
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Bytes and not a path: a path would let the file name further files as its data.
    # docs/decisions.md#onnx-runtime-gets-bytes-never-a-path
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return_free_memory()
    return session
