"""A site folder with photos in it, and the real Datasette that serves it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from critterdb.games import ensure_game
from critterdb.models import FORMAT, smoke_pixels
from critterdb.schema import DATABASE_NAME, open_database
from critterdb.sites import init_site

TAXON, OBSERVER = 42007, 7
SEEN_AT = "2026-11-23T10:00:00Z"
START_SECONDS = 30


def make_site(folder: Path, **settings: Any) -> Path:
    """A site made as `critterdb init` does, with these settings of the plugin."""
    init_site(folder)
    change_metadata(folder, {"plugins": {"critterdb": settings}})
    return folder


def change_metadata(folder: Path, changes: dict[str, Any]) -> None:
    file = folder / "metadata.json"
    metadata = json.loads(file.read_text("utf-8"))
    settings = changes.pop("plugins", {}).get("critterdb", {})
    metadata["plugins"]["critterdb"].update(settings)
    file.write_text(json.dumps({**metadata, **changes}), "utf-8")


def open_datasette(folder: Path, **arguments: Any) -> Any:
    """Datasette on the folder, as `datasette FOLDER` builds it."""
    from datasette.app import Datasette

    return Datasette([], config_dir=folder, **arguments)


def jpeg(colour: str = "peru", size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def add_photo(
    folder: Path,
    photo_id: int,
    data: bytes,
    *,
    license_code: str | None = "cc-by",
    attribution: str | None = "(c) Ann <b>Onymous</b>, some rights reserved (CC BY)",
    withdrawn_at: str | None = None,
    path: str | None = None,
) -> str:
    """An observation with one photo, its file in place; returns the file's SHA-256."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = path or f"photos/{sha256[:2]}/{sha256}.jpg"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    db = open_database(folder / DATABASE_NAME)
    with db.atomic():
        db["taxa"].upsert(
            {
                "id": TAXON,
                "name": "Puma concolor",
                "common_name": "Cougar",
                "rank": "species",
                "ancestor_ids": json.dumps([TAXON]),
            },
            pk="id",
        )
        db["observers"].upsert({"id": OBSERVER, "login": "ann"}, pk="id")
        db["observations"].insert(
            {
                "id": photo_id,
                "taxon_id": TAXON,
                "observer_id": OBSERVER,
                "url": f"https://www.inaturalist.org/observations/{photo_id}",
            }
        )
        db["photos"].insert(
            {
                "id": photo_id,
                "observation_id": photo_id,
                "url": f"https://photos.example/{photo_id}.jpg",
                "license_code": license_code,
                "attribution": attribution,
                "sha256": sha256,
                "path": path,
                "withdrawn_at": withdrawn_at,
            }
        )
    db.close()
    return sha256


def add_post(folder: Path, post_id: str, picture: str) -> None:
    """A post with one picture, and a skipped reply to it."""
    db = open_database(folder / DATABASE_NAME)
    with db.atomic():
        db["games"].insert({"slug": "cougarornot"}, ignore=True)
        db["posts"].insert(
            {
                "id": post_id,
                "platform": "x",
                "game": "cougarornot",
                "url": f"https://x.example/post/{post_id[2:]}",
                "author": "host",
                "posted_at": SEEN_AT,
                "seen_at": SEEN_AT,
            }
        )
        db["post_images"].insert({"post_id": post_id, "position": 0, "url": picture})
        db["replies"].insert(
            {
                "post_id": post_id,
                "game": "cougarornot",
                "status": "skipped",
                "reason": "not_summoned",
                "planned_at": SEEN_AT,
            }
        )
    db.close()


LABELS = (
    (TAXON, "Puma concolor", "Cougar"),
    (41976, "Lynx rufus", "Bobcat"),
    (118552, "Felis catus", "Domestic Cat"),
)
MODEL_ID = "cougarornot-colours"


def add_model(folder: Path, model_id: str = MODEL_ID) -> str:
    """A real, tiny model in use: red is a cougar, green a bobcat, blue a cat, grey nothing."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    size, sharpness = 32, 12.0
    constants = {
        "hw": np.array([1, 2]),
        "channels": np.array([1]),
        "scale": np.array(255, np.float32),
        "sharp": np.array(sharpness, np.float32),
        "one": np.array(1, np.float32),
    }
    steps = [
        ("Cast", ["pixels"], "bytes", {"to": TensorProto.FLOAT}),
        ("Div", ["bytes", "scale"], "shares", {}),
        ("ReduceMean", ["shares", "hw"], "embedding", {"keepdims": 0}),
        ("Mul", ["embedding", "sharp"], "logits", {}),
        ("Softmax", ["logits"], "probabilities", {"axis": 1}),
        ("ReduceMax", ["embedding", "channels"], "most", {"keepdims": 0}),
        ("ReduceMin", ["embedding", "channels"], "least", {"keepdims": 0}),
        ("Sub", ["most", "least"], "colour", {}),
        ("Sub", ["one", "colour"], "novelty", {}),
    ]
    outputs = {"probabilities": ["N", 3], "embedding": ["N", 3], "novelty": ["N"]}
    graph = helper.make_graph(
        [helper.make_node(kind, names, [to], **extra) for kind, names, to, extra in steps],
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", size, size, 3])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    shares = np.exp(sharpness * smoke_pixels(size).mean(axis=(1, 2), dtype=np.float64) / 255)
    metadata = {
        "format": FORMAT,
        "id": model_id,
        "game": "cougarornot",
        "backbone": "colours@32",
        "size": size,
        "resize": "crop",
        "labels": [
            {"taxon_id": i, "name": name, "common_name": common, "rank": "species", "ancestors": []}
            for i, name, common in LABELS
        ],
        "temperature": 1.0,
        "threshold": 0.8,
        "novelty_threshold": 0.8,
        "licenses": {"cc-by": 2, "cc0": 1},
        "smoke_test": {"probabilities": (shares / shares.sum())[0].tolist()},
    }
    helper.set_model_props(model, {"critterdb": json.dumps(metadata)})
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / f"{model_id}.onnx").write_bytes(data)
    db = open_database(folder / DATABASE_NAME)
    ensure_game(db, "cougarornot")
    with db.atomic():
        for taxon_id, name, common_name in LABELS:
            row = {"id": taxon_id, "name": name, "common_name": common_name, "rank": "species"}
            db["taxa"].insert(row, ignore=True)
        db["models"].insert(
            {
                "id": model_id,
                "game": "cougarornot",
                "backbone": "colours@32",
                "created_at": SEEN_AT,
                "path": f"models/{model_id}.onnx",
                "sha256": hashlib.sha256(data).hexdigest(),
                "bytes": len(data),
                "photos": 3,
                "error_rate": 0.05,
            }
        )
        db["games"].update("cougarornot", {"model_id": model_id})
    db.close()
    return model_id


def rows(folder: Path, sql: str) -> list[dict[str, Any]]:
    """What another process sees in the site's database."""
    db = open_database(folder / DATABASE_NAME)
    found = list(db.query(sql))
    db.close()
    return found


@contextmanager
def serving(
    folder: Path, arguments: list[str], *, python: str | None = sys.executable
) -> Iterator[str]:
    """A process that serves `folder` on a free port; `{port}` stands for it.

    It runs the code of this checkout in `python`, or where that is null a program as installed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [*([python] if python else []), *(one.format(port=port) for one in arguments)]
    root = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root if python else ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.communicate()


def _wait_for(address: str, process: subprocess.Popen[str]) -> None:
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1])
        with suppress(httpx.TransportError):
            httpx.get(f"{address}/-/versions.json")
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing answers at {address}")
