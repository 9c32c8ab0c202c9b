"""Import ONNX Runtime with telemetry disabled, and open inference sessions."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from threading import Timer
from typing import TYPE_CHECKING, Any

from critterdb.system import cores, lower_priority, return_free_memory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import numpy as np

CUDA = "CUDAExecutionProvider"
# Its warnings speak of graphs and not of anything that a user could change.
ERRORS_ONLY = 3  # of ONNX Runtime's severities 0 (verbose) to 4 (fatal)
FATAL_ONLY = 4
# A file of 3 kB can ask for any amount of memory, and for any time. The default model takes less
# than 200 MB and 0.3 s for one photo.
MAX_TRIAL_BYTES = 1_500_000_000  # of a graph's values, while a model file is checked
MAX_TRIAL_S = 30.0  # of one photo through a model file that is checked


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


def open_session(data: bytes, *, threads: int | None = None, gpu: bool = False) -> Any:
    """Open an inference session over a model's bytes; `threads` at most per run.

    It runs on the CPU, or with `gpu` on a GPU if ONNX Runtime can use one.
    """
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
    has_gpu = gpu and CUDA in onnxruntime.get_available_providers()
    providers = [*([CUDA] if has_gpu else []), "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(data, options, providers=providers)
    return_free_memory()
    return session


def open_trial_session(data: bytes) -> Any:
    """Open a session over bytes that nobody vouches for, to be run by `run_trial` only.

    Nothing of the graph is computed yet: optimizing it would compute its constants, which can be
    as large and slow as whoever made the file likes.
    """
    onnxruntime = load_onnxruntime()
    _bound_trials()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the caller's, which has the priority that it should have
    options.log_severity_level = FATAL_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Weights are no larger than the file, and would otherwise stay in the allocator.
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def run_outputs(session: Any, outputs: Sequence[str], pixels: np.ndarray) -> list[np.ndarray]:
    """Return the outputs of one run; nothing that only other outputs need is computed.

    Raises an error of ONNX Runtime's if the run fails.
    """
    arrays: list[np.ndarray] = session.run(list(outputs), {"pixels": pixels}, _asked_for_only())
    return arrays


@cache
def _asked_for_only() -> Any:
    options = load_onnxruntime().RunOptions()
    options.only_execute_path_to_fetches = True
    return options


def run_trial(session: Any, outputs: Sequence[str], pixels: np.ndarray) -> None:
    """Run a trial session once.

    Raises an error of ONNX Runtime's if it fails, or takes more than MAX_TRIAL_S or
    MAX_TRIAL_BYTES.
    """
    options = load_onnxruntime().RunOptions()
    options.log_severity_level = FATAL_ONLY
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    deadline = Timer(MAX_TRIAL_S, setattr, (options, "terminate", True))
    deadline.daemon = True
    deadline.start()
    try:
        session.run(list(outputs), {"pixels": pixels}, options)
    finally:
        deadline.cancel()


@cache
def _bound_trials() -> None:
    """Set the limit of memory for all trials of this process; ONNX Runtime takes it only once."""
    onnxruntime = load_onnxruntime()
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    as_asked_for = 1  # of the strategies to extend the arena; the other one doubles it
    arena = {
        "max_mem": MAX_TRIAL_BYTES,
        "arena_extend_strategy": as_asked_for,
        "initial_chunk_size_bytes": -1,
        "max_dead_bytes_per_chunk": -1,
    }
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(arena))
