"""How classification in the browser compares with Python, photo by photo.

    python -m benchmarks.browser_classify FOLDER MODEL.onnx [--photos N] [--runtime FOLDER]

FOLDER holds photos, in folders of their own or not. Debian's chromium loads the classifier from a
plain static server below a subpath; nothing beyond loopback can be reached.
"""

from __future__ import annotations

import argparse
import io
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import decode_sized
from critterdb.model.inference import classify_view, view_decoded
from critterdb.model.loader import Model, load_model
from critterdb.publish.runtime.fetching import ready_runtime
from critterdb.system import cores
from tests.support.browser import closed_page, open_browser
from tests.support.classifier_site import classify_in_browser, write_classifier_site
from tests.support.static_server import serving_files

PHOTOS_AT_ONCE = 50
TIMED = 60  # photos of 500 pixels
COLD_LOADS = 3


@dataclass(frozen=True)
class Outcome:
    """What was said of a photo: answer (or code) and reason, and probabilities by taxon."""

    said: tuple[Any, Any]
    probabilities: dict[int, float]


def outcome_in_python(model: Model, data: bytes) -> Outcome:
    try:
        view = view_decoded(model.view, lambda side: decode_sized(data, shorter_side=side)[0])
    except RejectedInputError as refusal:
        return Outcome((refusal.code, None), {})
    found = classify_view(model, view)
    answer = found.answer["taxon_id"] if found.answer else None
    scores = {label["taxon_id"]: label["score"] for label in found.predictions}
    return Outcome((answer, found.reason), scores)


def outcome_in_browser(payload: dict[str, Any]) -> Outcome:
    if not payload["ok"]:
        return Outcome((payload["code"], None), {})
    answer = payload["answer"]["taxon_id"] if payload["answer"] else None
    scores = {label["taxon_id"]: label["score"] for label in payload["predictions"]}
    return Outcome((answer, payload["reason"]), scores)


def outcomes_in_browser(page: Any, photos: list[bytes]) -> list[Outcome]:
    payloads: list[dict[str, Any]] = []
    for start in range(0, len(photos), PHOTOS_AT_ONCE):
        payloads += classify_in_browser(page, photos[start : start + PHOTOS_AT_ONCE])
    return [outcome_in_browser(payload) for payload in payloads]


def at_500_pixels(photos: list[bytes]) -> list[bytes]:
    """Some of the photos as iNaturalist's size `medium` is: 500 by 375 pixels."""
    resized = []
    for data in photos[:: max(1, len(photos) // TIMED)]:
        try:
            image = decode_sized(data)[0]
        except RejectedInputError:
            continue
        file = io.BytesIO()
        image.resize((500, 375)).save(file, "JPEG", quality=85)
        resized.append(file.getvalue())
    return resized[:TIMED]


def measure(photos: list[bytes], file: Path, runtime: Path, site: Path) -> list[tuple[str, str]]:
    model = load_model(file, threads=1)
    write_classifier_site(site, file, runtime=runtime)
    loads = []
    with serving_files(site) as (url, sent), open_browser() as browser:
        for _ in range(COLD_LOADS):
            sent.clear()
            with closed_page(browser) as page:
                started = time.perf_counter()
                page.goto(url)
                page.evaluate("critterdb.ready")
                loads.append(time.perf_counter() - started)
        transferred = sent.bytes
        with closed_page(browser) as page:
            page.goto(url)
            page.evaluate("critterdb.ready")
            theirs = outcomes_in_browser(page, photos)
            answers = classify_in_browser(page, at_500_pixels(photos))
            timed = [payload["took_ms"] for payload in answers]
    pairs = [
        (outcome_in_python(model, data), outcome)
        for data, outcome in zip(photos, theirs, strict=True)
    ]
    same = sum(ours.said == other.said for ours, other in pairs)
    differences = [
        abs(score - other.probabilities[taxon_id])
        for ours, other in pairs
        for taxon_id, score in ours.probabilities.items()
        if other.probabilities
    ]
    return [
        ("photos", f"{len(photos)}"),
        ("same answer and reason", f"{same} ({same / len(photos):.2%})"),
        ("difference of probabilities, p99", f"{np.percentile(differences, 99):.4f}"),
        ("difference of probabilities, greatest", f"{max(differences):.4f}"),
        ("decode to answer, 500 pixels, median", f"{np.median(timed):.1f} ms"),
        ("decode to answer, 500 pixels, p95", f"{np.percentile(timed, 95):.1f} ms"),
        ("cold load to ready, median of 3", f"{np.median(loads):.2f} s"),
        ("bytes up to ready", f"{transferred / 1e6:.2f} MB"),
    ]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--photos", type=int)
    parser.add_argument("--runtime", type=Path)
    options = parser.parse_args(arguments)
    kinds = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"}
    files = sorted(file for file in options.folder.rglob("*") if file.suffix.lower() in kinds)
    step = max(1, len(files) // options.photos) if options.photos else 1
    photos = [file.read_bytes() for file in files[::step]]
    print(f"{platform.machine()}, {cores()} cores, {options.model.stat().st_size / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as site:
        runtime = ready_runtime("classify", options.runtime)
        rows = measure(photos, options.model, runtime, Path(site))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>16}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
