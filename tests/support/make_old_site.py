"""Make tests/data/old_site.zip: a small site, two small models and what they said at b670562.

It is run once, against a checkout of that commit, which is all that it knows of critterdb:

    git worktree add ../old b670562
    PYTHONPATH=../old python tests/support/make_old_site.py tests/data/old_site.zip

The zip holds `site/`, `pictures/` that no model has seen, and `expected.json`. The network is a
miniature of random weights under the default backbone's name, because the real one is 13 MB.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from PIL import Image

COATS = ("plain coat", "spotted coat", "striped coat")
PHOTOS_PER_COAT = 20
PHOTO_SIZE = (64, 48)
NETWORK_SIZE = 48  # pixels
NETWORK_FILE = f"efficientnet_lite0@{NETWORK_SIZE}-crop-bilinear-57934424.onnx"
TRAIN = ("train", "--size", str(NETWORK_SIZE), "--min-photos", "5", "--seed", "3", "--json")
# What differs from one run to the next.
VOLATILE = ("model", "prediction_id", "took_ms", "seconds")
BOT, HOST, PLAYER = "critterdb", "ranger_rowan", "ada"


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="old-site-") as name:
        work = Path(name)
        pictures = draw_pictures(work / "pictures")
        draw_photos(work / "coats")
        site = work / "site"
        site.mkdir()
        expected = make_site(site, work / "coats", pictures)
        expected["train_again"] = train_copy(site, work / "copy")
        (work / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False))
        shutil.rmtree(work / "coats")
        shutil.rmtree(work / "copy")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path for path in work.rglob("*") if path.is_file()):
                archive.write(file, file.relative_to(work))
    print(f"{target}: {target.stat().st_size:,} bytes")


def make_site(site: Path, coats: Path, pictures: list[Path]) -> dict[str, Any]:
    """Fill the folder by the commands of the old program; return what they said."""
    critterdb(site, "init")
    licence = ("--license", "cc0", "--attribution", "Drawn by a program")
    critterdb(site, "import", str(coats), "--game", "coats", *licence)
    write_network(site / "models" / "backbones" / NETWORK_FILE)
    add_rows(site)
    trained = {
        kind: json.loads(critterdb(site, *TRAIN, *options))
        for kind, options in (("int8", ("--int8",)), ("float32", ()))
    }
    play(site, pictures[1])
    names = [str(picture) for picture in pictures]
    answers = {
        kind: json.loads(critterdb(site, "classify", "--json", "--model", result["model"], *names))
        for kind, result in trained.items()
    }
    review(site)
    measured = json.loads(critterdb(site, "evaluate", trained["float32"]["model"], "--json"))
    with sqlite3.connect(site / "critters.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("photos", "observations", "models", "predictions", "reviews", "replies")
        }
    db.close()
    return {
        "models": {kind: result["model"] for kind, result in trained.items()},
        "answers": {
            kind: [{**stable(answer), "source": Path(answer["source"]).name} for answer in outputs]
            for kind, outputs in answers.items()
        },
        "evaluate": stable(measured),
        "rows": rows,
    }


def train_copy(site: Path, copy: Path) -> dict[str, Any]:
    """Train once more in a copy; the figures, the thresholds and the scores of its test photos."""
    shutil.copytree(site, copy)
    figures = json.loads(critterdb(copy, *TRAIN))
    model_id = figures["model"]
    with sqlite3.connect(copy / "critters.db") as db:
        thresholds = db.execute(
            "SELECT temperature, threshold, novelty_threshold FROM models WHERE id = ?", [model_id]
        ).fetchone()
        scores = db.execute(
            "SELECT photo_id, scores, novelty FROM predictions "
            "WHERE model_id = ? AND source = 'evaluation' ORDER BY photo_id",
            [model_id],
        ).fetchall()
    db.close()
    return {"figures": stable(figures), "thresholds": thresholds, "scores": scores}


def stable(answer: dict[str, Any]) -> dict[str, Any]:
    """An object of the program without what differs from one run to the next."""
    return {name: value for name, value in answer.items() if name not in VOLATILE}


def critterdb(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "critterdb.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(os.environ["PYTHONPATH"]).absolute())},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"critterdb {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def add_rows(site: Path) -> None:
    """A question and a host for the game, a genus above two coats, and an observation elsewhere."""
    hosts = json.dumps([{"platform": "jsonl", "handle": HOST, "consents": True}])
    with sqlite3.connect(site / "critters.db") as db:
        db.execute(
            "UPDATE games SET hashtag = 'coats', question = 'Which coat is it?', hosts = ?", [hosts]
        )
        genus = (-900, "Picta", "genus", 20, json.dumps([-900]))
        db.execute(
            "INSERT INTO taxa (id, name, rank, rank_level, ancestor_ids) VALUES (?, ?, ?, ?, ?)",
            genus,
        )
        for (taxon_id,) in db.execute(
            "SELECT id FROM taxa WHERE name IN ('spotted coat', 'striped coat')"
        ).fetchall():
            lineage = json.dumps([-900, taxon_id])
            db.execute(
                "UPDATE taxa SET parent_id = -900, ancestor_ids = ? WHERE id = ?",
                [lineage, taxon_id],
            )
        db.execute(
            "UPDATE observations SET place_guess = 'Boulder', latitude = 40.0, "
            "longitude = -105.2, observed_on = '2026-05-01' WHERE id = -1"
        )
    db.close()


def play(site: Path, picture: Path) -> None:
    """A question and its answer in a file, and the bot's round over them."""
    shutil.copy(picture, site / "question.jpg")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    question = {
        "id": "1",
        "author": PLAYER,
        "posted_at": now,
        "text": f"@{BOT} which coat is it? #coats",
        "images": ["question.jpg"],
        "mentions": [BOT],
    }
    (site / "posts.jsonl").write_text(json.dumps(question) + "\n", "utf-8")
    critterdb(site, "bot", "--on", "jsonl:posts.jsonl", "--post")


def review(site: Path) -> None:
    with sqlite3.connect(site / "critters.db") as db:
        db.execute(
            "INSERT INTO reviews (prediction_id, verdict, actor, created_at) "
            "SELECT min(id), 'right', 'ann', '2026-11-27T12:00:00Z' FROM predictions "
            "WHERE source = 'evaluation'"
        )
    db.close()


def draw_photos(folder: Path) -> None:
    for kind in COATS:
        (folder / kind.replace(" ", "_")).mkdir(parents=True)
        for seed in range(PHOTOS_PER_COAT):
            file = folder / kind.replace(" ", "_") / f"{seed:03}.jpg"
            Image.fromarray(coat(kind, seed)).save(file, quality=80)


def draw_pictures(folder: Path) -> list[Path]:
    """A coat of each kind that training does not see, and a chart."""
    folder.mkdir()
    generator = np.random.default_rng(99)
    chart = np.full((PHOTO_SIZE[1], PHOTO_SIZE[0], 3), 250, np.uint8)
    for left in range(4, PHOTO_SIZE[0] - 8, 12):
        chart[int(generator.integers(4, 36)) : 44, left : left + 8] = generator.choice([20, 240], 3)
    pixels = {f"{kind.split()[0]}.png": coat(kind, 1000) for kind in COATS} | {"chart.png": chart}
    for name, picture in pixels.items():
        Image.fromarray(picture).save(folder / name)
    return [folder / name for name in pixels]


def coat(kind: str, seed: int) -> np.ndarray:
    """A close look at a coat: uint8 H×W×3."""
    generator = np.random.default_rng([COATS.index(kind), seed])
    width, height = PHOTO_SIZE
    y, x = np.mgrid[0:height, 0:width].astype(float)
    colour = np.array([190, 140, 80]) + generator.uniform(-30, 30, 3)
    dark = np.zeros((height, width))
    if kind == "spotted coat":
        for _ in range(25):
            middle = generator.uniform((0, 0), (width, height))
            dark[np.hypot(x - middle[0], y - middle[1]) < generator.uniform(2, 4)] = 0.75
    if kind == "striped coat":
        angle, pitch = generator.uniform(-0.5, 0.5), generator.uniform(7, 11)
        dark[np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / pitch) > 0.3] = 0.75
    fur = generator.normal(0, 10, (height, width, 1))
    return np.asarray((colour * (1 - dark)[..., None] + fur).clip(0, 255), np.uint8)


def write_network(path: Path) -> None:
    """Two convolutions of random weights: `pixels` uint8 N×48×48×3 → `embedding` N×48."""
    generator = np.random.default_rng(7)
    weights = {
        "first": generator.normal(0, 0.35, (24, 3, 5, 5)),
        "second": generator.normal(0, 0.12, (48, 24, 3, 3)),
        "half": np.array(127.5),
        "least": np.array(0.0),
        "most": np.array(6.0),
    }
    node = onnx.helper.make_node
    steps = [
        node("Transpose", ["pixels"], ["channels"], perm=[0, 3, 1, 2]),
        node("Cast", ["channels"], ["bytes"], to=onnx.TensorProto.FLOAT),
        node("Sub", ["bytes", "half"], ["centred"]),
        node("Div", ["centred", "half"], ["scaled"]),
        node("Conv", ["scaled", "first"], ["edges"], kernel_shape=[5, 5], strides=[2, 2]),
        node("Clip", ["edges", "least", "most"], ["edges_cut"]),
        node("Conv", ["edges_cut", "second"], ["shapes"], kernel_shape=[3, 3], strides=[2, 2]),
        node("Clip", ["shapes", "least", "most"], ["shapes_cut"]),
        node("GlobalAveragePool", ["shapes_cut"], ["pooled"]),
        node("Flatten", ["pooled"], ["embedding"]),
    ]
    describe, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        steps,
        "miniature",
        [describe("pixels", kinds.UINT8, ["N", NETWORK_SIZE, NETWORK_SIZE, 3])],
        [describe("embedding", kinds.FLOAT, ["N", 48])],
        [
            onnx.numpy_helper.from_array(np.asarray(array, np.float32), name)
            for name, array in weights.items()
        ],
    )
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
