"""What would make the model's arithmetic cheaper: threads, spinning, 8-bit integers, OpenVINO.

    python -m benchmarks.inference SITE PHOTOS [--photos 200]

SITE is a site with a model in use, PHOTOS a folder of JPEGs. Every variant sees the same pixels:
how many photos a second two callers get, the CPU time of one, how long one caller waits, and in how
many cases the top label is another than that of the model as it is. 8 bits need `onnx`, OpenVINO
the package of that name; what is missing is left out.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from critterdb.imaging.decode import decode_image
from critterdb.model.onnx_session import load_onnxruntime
from critterdb.model.registry import current_model
from critterdb.storage.database import open_database

CALIBRATION_PHOTOS = 60
CALLERS = 2

Run = Callable[[np.ndarray], np.ndarray]


def onnx_run(data: bytes | str, *, threads: int, spinning: bool) -> Run:
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(["probabilities"], {"pixels": pixels})[0]


def quantized(file: Path, folder: Path, pixels: list[np.ndarray]) -> str:
    """The model with weights and activations of 8 bits, calibrated on the pixels."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
        shape_inference,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.inputs = iter(pixels)

        def get_next(self) -> dict[str, np.ndarray] | None:
            photo = next(self.inputs, None)
            return None if photo is None else {"pixels": photo}

    prepared, result = folder / "prepared.onnx", folder / "quantized.onnx"
    shape_inference.quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(result),
        Reader(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Clip", "Add"],  # or else there are floats in between
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return str(result)


def openvino_run(file: Path, precision: str) -> Run:
    import openvino

    core = openvino.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": CALLERS,
    }
    compiled = core.compile_model(str(file), "CPU", settings)
    local = threading.local()

    def run(pixels: np.ndarray) -> np.ndarray:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        return np.asarray(local.request.infer({"pixels": pixels})["probabilities"])

    return run


def measure(run: Run, pixels: list[np.ndarray]) -> dict[str, Any]:
    for photo in pixels[:5]:
        run(photo)
    waits = []
    for photo in pixels:
        started = time.perf_counter()
        run(photo)
        waits.append(time.perf_counter() - started)
    threads = [
        threading.Thread(target=lambda part=pixels[caller::CALLERS]: [run(photo) for photo in part])
        for caller in range(CALLERS)
    ]
    spent, started = cpu_seconds(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, spent = time.perf_counter() - started, cpu_seconds() - spent
    return {
        "a_second": len(pixels) / took,
        "cpu_ms": 1000 * spent / len(pixels),
        "wait_ms": 1000 * statistics.median(waits),
        "top": [int(run(photo)[0].argmax()) for photo in pixels],
    }


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    chosen = parser.parse_args()
    model = current_model(open_database(chosen.site / "critters.db"))
    file = chosen.site / "models" / f"{model.id}.onnx"
    files = sorted(chosen.folder.rglob("*.jpg"))
    random.Random(8).shuffle(files)
    pixels = [
        model.view.pixels(decode_image(file.read_bytes()))[None]
        for file in files[: chosen.photos + CALIBRATION_PHOTOS]
    ]
    calibration, pixels = pixels[:CALIBRATION_PHOTOS], pixels[CALIBRATION_PHOTOS:]
    data = file.read_bytes()
    variants: dict[str, Callable[[], Run]] = {
        "as it is: 2 threads, no spinning": lambda: onnx_run(data, threads=2, spinning=False),
        "2 threads that spin": lambda: onnx_run(data, threads=2, spinning=True),
        "1 thread": lambda: onnx_run(data, threads=1, spinning=False),
    }
    with tempfile.TemporaryDirectory() as temporary:
        if find_spec("onnx"):
            variants["8 bits"] = lambda: onnx_run(
                quantized(file, Path(temporary), calibration), threads=2, spinning=False
            )
        if find_spec("openvino"):
            variants["OpenVINO, 32 bits"] = lambda: openvino_run(file, "f32")
            variants["OpenVINO, bfloat16"] = lambda: openvino_run(file, "bf16")
        print("| | a second | CPU | one caller waits | another top label |")
        print("| --- | --- | --- | --- | --- |")
        usual: list[int] = []
        for name, make in variants.items():
            timings = measure(make(), pixels)
            usual = usual or timings["top"]
            others = sum(a != b for a, b in zip(usual, timings["top"], strict=True)) / len(pixels)
            print(
                f"| {name} | {timings['a_second']:.0f} | {timings['cpu_ms']:.1f} ms | "
                f"{timings['wait_ms']:.1f} ms | {others:.1%} |"
            )


if __name__ == "__main__":
    main()
