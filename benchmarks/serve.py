"""`critterdb serve` beside the design of its ancestor, on the same photos, one after the other.

    python -m benchmarks.serve SITE PHOTOS [--beside SITE] [--photos 600] [--side 500]
        [--ancestor-photos 200] [--clients 8] [--python PATH]

SITE is a site with a model in use, --beside another (in 8 bits, say); PHOTOS a folder of
PHOTOS/*/*.jpg. Parts of them are enlarged to --side pixels, the size in which iNaturalist gives
photos, and with 0 they are sent as they are. The ancestor is
what the first #cougarOrNot service was in 2018: Starlette, and fastai's `Learner.predict` inside an
async handler. It gets the backbone of the site's model at the same size and at fastai's usual 224
pixels, and ResNet-34 at 224, its own choice then; its heads are untrained, which changes no
arithmetic. It needs the extra `train`, and starlette. --python names another Python for critterdb,
such as that of an environment with nothing but the base install.

The ancestor gets the first of the photos only, because it is slow. Each is sent once to a server,
so that no answer is a repeat; critterdb records every one. CPU is that of all the server's
processes. What of it is decoding and the model's own arithmetic is what the server itself measured
and tells on its health page; the rest of a request is what is left. Both are also measured alone,
on the same photos with all cores at work: Pillow and the view in one process a core, and ONNX
Runtime with one thread a core.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.pictures import enlarge
from benchmarks.servers import Server, answers, load, multipart, running
from critterdb.imaging.decode import decode_image
from critterdb.model.onnx_session import open_session
from critterdb.model.registry import current_model
from critterdb.storage.database import SiteDatabase, open_database, site_folder
from critterdb.system import cores

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb.imaging.preprocessing import Preprocessing
    from critterdb.model.loader import Model

ROOT = str(Path(__file__).parent.parent)
SEED = 34
ARCHITECTURES = {"efficientnet_lite0": "tf_efficientnet_lite0", "resnet34": "resnet34"}
ANCESTOR = """
import sys
from io import BytesIO
from fastai.vision.all import PILImage, load_learner
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
import uvicorn

learner = load_learner(sys.argv[1])
learner.no_bar().__enter__()

async def upload(request):
    form = await request.form()
    data = await form["file"].read()
    _, _, losses = learner.predict(PILImage.create(BytesIO(data)))
    pairs = sorted(zip(learner.dls.vocab, map(float, losses)), key=lambda p: p[1], reverse=True)
    return JSONResponse({"predictions": [[str(name), loss] for name, loss in pairs]})

app = Starlette(routes=[Route("/upload", upload, methods=["POST"])])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--beside", type=Path, action="append", default=[], metavar="SITE")
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--side", type=int, default=500, help="pixels of the longer side")
    parser.add_argument("--ancestor-photos", type=int, default=200, help="the first of them")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--no-ancestor", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        photos = load_photos(chosen.folder, Path(temporary), chosen.photos + 1, chosen.side)
        print(f"{len(photos) - 1} photos, {chosen.clients} clients, {cores()} cores")
        ours, models = [], []
        for number, original in enumerate([chosen.site, *chosen.beside]):
            site = copy_site(original, Path(temporary) / f"site-{number}")
            models.append(current_model(open_database(site / "critters.db")))
            ours.append(measure_ours(site, models[-1], photos, chosen.clients, chosen.python))
        others = []
        if not chosen.no_ancestor:
            backbones = {model.backbone.partition("@")[0] for model in models}
            sizes = {224, *(model.view.size for model in models)}
            for backbone, size in [
                *((backbone, size) for backbone in sorted(backbones) for size in sorted(sizes)),
                ("resnet34", 224),
            ]:
                some = photos[: chosen.ancestor_photos + chosen.clients + 1]
                others.append(measure_ancestor(backbone, size, some, chosen.clients))
        show(ours, others)


def load_photos(folder: Path, temporary: Path, count: int, side: int) -> list[bytes]:
    """So many JPEGs, no two alike."""
    if side:
        folder = enlarge(folder, temporary / "photos", count=count, side=side)
    files = sorted(folder.rglob("*.jpg"))
    random.Random(SEED).shuffle(files)
    return list(dict.fromkeys(file.read_bytes() for file in files[:count]))


def measure_ours(
    site: Path, model: Model, photos: list[bytes], clients: int, python: Path
) -> dict[str, Any]:
    file = (site / "models" / f"{model.id}.onnx").read_bytes()
    with running(serve_command(python), site, PYTHONPATH=ROOT) as server:
        bits = ", 8 bits" if "-int8-" in model.backbone else ""
        name = f"critterdb, {model.view.size} pixels{bits}"
        measured = measure(name, server, "/-/classify", "image", photos, clients, work_of)
    alone = useful_work(model, file, photos[1:])
    return measured | {"recorded": recorded(open_database(site / "critters.db")), "alone": alone}


def work_of(server: Server) -> dict[str, float]:
    """CPU seconds that went into decoding and the model's arithmetic since the server's start."""
    work = server.get("/-/critterdb/health")["work"]
    return {"decoding": work["decoding_cpu_s"], "model": work["model_cpu_s"]}


def serve_command(python: Path) -> list[str]:
    return [str(python.absolute()), "-m", "critterdb", "serve", "--port", "{port}"]


def copy_site(site: Path, target: Path) -> Path:
    """The site with its model and without the endpoint's earlier answers."""
    from critterdb.site.backup import backup_database
    from critterdb.site.folder import init_site

    target.mkdir()
    backup_database(open_database(site / "critters.db"), target / "critters.db")
    shutil.copytree(site / "models", target / "models", ignore=shutil.ignore_patterns("backbones"))
    init_site(target)
    metadata = json.loads((target / "metadata.json").read_text())
    metadata["permissions"] = {"critterdb-health": True}
    (target / "metadata.json").write_text(json.dumps(metadata))
    db = open_database(target / "critters.db")
    with db.atomic():
        db.execute("DELETE FROM predictions WHERE image_sha256 IS NOT NULL")
    assert site_folder(db) == target
    db.close()
    return target


def recorded(db: SiteDatabase) -> int:
    return db["predictions"].count_where("source = 'endpoint'")


def measure(
    name: str,
    server: Server,
    path: str,
    field: str,
    photos: list[bytes],
    clients: int,
    work_of: Callable[[Server], dict[str, float]] = lambda _: {},
) -> dict[str, Any]:
    first, *rest = (multipart(photo, field) for photo in photos)
    start = server.wait_for_first_answer(path, first)
    load(server, path, rest[:clients], clients)
    before = work_of(server)
    spent = server.cpu_seconds()
    under_load = load(server, path, rest[clients:], clients)
    spent = server.cpu_seconds() - spent
    work = {kind: seconds - before[kind] for kind, seconds in work_of(server).items()}
    if set(under_load.statuses) != {200}:
        raise SystemExit(f"{name}: {under_load.statuses}")
    assert all(answers(under_load))
    return {
        "name": name,
        "a_second": under_load.a_second,
        "median": under_load.percentile(0.5),
        "p95": under_load.percentile(0.95),
        "cpu_ms": 1000 * spent / len(under_load.latencies),
        "memory": server.peak_bytes,
        "start": start,
        "work": {
            kind: 1000 * seconds / len(under_load.latencies) for kind, seconds in work.items()
        },
    }


def measure_ancestor(backbone: str, size: int, photos: list[bytes], clients: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        script = folder / "ancestor.py"
        script.write_text(ANCESTOR)
        with ProcessPoolExecutor(1) as pool:
            pool.submit(export_learner, ARCHITECTURES[backbone], size, folder, photos[0]).result()
        command = [sys.executable, str(script), str(folder / "learner.pkl"), "{port}"]
        with running(command, folder) as server:
            name = f"fastai, {backbone} at {size}"
            return measure(name, server, "/upload", "file", photos, clients)


def export_learner(architecture: str, size: int, folder: Path, photo: bytes) -> None:
    """A learner as `vision_learner` makes it, exported; ten labels, nothing learned."""
    from fastai.vision import all as fastai

    files = []
    for number in range(20):
        files.append(folder / f"{number % 10}_{number}.jpg")
        files[-1].write_bytes(photo)
    loaders = fastai.ImageDataLoaders.from_lists(
        folder, files, [file.name[0] for file in files], item_tfms=fastai.Resize(size), bs=4
    )
    architecture_ = fastai.resnet34 if architecture == "resnet34" else architecture
    learner = fastai.vision_learner(loaders, architecture_, pretrained=False)
    learner.path = folder
    learner.export("learner.pkl")


def useful_work(model: Model, file: bytes, photos: list[bytes]) -> dict[str, float]:
    """CPU milliseconds a photo of decoding and of the model's arithmetic, all cores at work."""
    shares = [photos[core :: cores()] for core in range(cores())]
    with ProcessPoolExecutor(cores()) as pool:
        decoding = sum(pool.map(_decode_all, shares, [model.view] * cores()))
    pixels = np.stack([model.view.pixels(decode_image(photo)) for photo in photos[:40]])
    spent: list[float] = []

    def run() -> None:
        session = open_session(file, threads=1)
        session.run(None, {"pixels": pixels[:1]})
        before = time.thread_time()
        for picture in pixels:
            session.run(None, {"pixels": picture[None]})
        spent.append(time.thread_time() - before)

    threads = [threading.Thread(target=run) for _ in range(cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "decoding": 1000 * decoding / len(photos),
        "model": 1000 * sum(spent) / (len(pixels) * cores()),
    }


def _decode_all(photos: list[bytes], view: Preprocessing) -> float:
    before = time.process_time()
    for photo in photos:
        view.pixels(decode_image(photo, shorter_side=view.shorter_side))
    return time.process_time() - before


def show(ours: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    print("\n| | a second | median | p95 | CPU a request | memory | start to first answer |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in [*ours, *others]:
        cells = (
            row["name"],
            f"{row['a_second']:.1f}",
            f"{row['median']:.0f} ms",
            f"{row['p95']:.0f} ms",
            f"{row['cpu_ms']:.1f} ms",
            f"{row['memory'] / 1e6:.0f} MB",
            f"{row['start']:.2f} s",
        )
        print(f"| {' | '.join(cells)} |")
    for own in ours:
        print(f"\n{own['name']}: {own['recorded']} answers recorded; the ancestor records none")
        for row in others:
            print(
                f"  beside {row['name']}: {own['a_second'] / row['a_second']:.1f} times the "
                f"requests, {row['memory'] / own['memory']:.1f} times less memory, "
                f"{row['start'] / own['start']:.1f} times sooner"
            )
        decoding, arithmetic = own["work"]["decoding"], own["work"]["model"]
        rest = own["cpu_ms"] - decoding - arithmetic
        print(
            f"  a request: {own['cpu_ms']:.1f} ms of CPU, {decoding:.1f} of them decoding, "
            f"{arithmetic:.1f} the model's arithmetic, {rest:.1f} the rest "
            f"({rest / own['cpu_ms']:.0%})"
        )
        print(
            f"  alone on the machine: {own['alone']['decoding']:.1f} ms of decoding, "
            f"{own['alone']['model']:.1f} ms of the model's arithmetic"
        )


if __name__ == "__main__":
    main()
