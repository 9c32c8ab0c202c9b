"""The whole network learns too, and leaves by the same door: one ONNX file that says the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.dataset.folder_import import import_folder
from critterdb.model.loader import Model, load_model
from critterdb.model.registry import current_model
from critterdb.storage.database import SiteDatabase, open_database
from critterdb.training.candidates import Candidate
from critterdb.training.fine_tuning import TuningPhotos, TuningPlan, fine_tune
from critterdb.training.head import Head
from critterdb.training.networks import load_network, state_digest
from tests.support.models import evidence_error
from tests.support.photos import COATS, coat, make_photo_folder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SIZE = "64"  # pixels


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    make_photo_folder(folder / "coats", 20)
    import_folder(open_database(folder / "critters.db", create=True), folder / "coats", "coats")
    return folder


def run(site: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(main, ["--db", str(site / "critters.db"), *arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def results(site: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    plain = run(site, "train", "--size", SIZE, "--json")
    tuned = run(site, "train", "--size", SIZE, "--fine-tune", "1", "--json")
    return plain, tuned


@pytest.fixture(scope="module")
def db(site: Path, results: object) -> SiteDatabase:
    return open_database(site / "critters.db")


@pytest.fixture(scope="module")
def models(db: SiteDatabase, results: tuple[dict[str, Any], dict[str, Any]]) -> list[Model]:
    return [current_model(db, model_id=result["model"]) for result in results]


def test_it_learned_and_is_in_use(
    db: SiteDatabase, results: tuple[dict[str, Any], dict[str, Any]], models: list[Model]
) -> None:
    plain, tuned = results
    assert tuned["photos"] == plain["photos"] > 8
    assert tuned["error_rate"] <= 0.15
    assert current_model(db, "coats").id == tuned["model"]
    assert models[0].backbone != models[1].backbone
    [row] = db.query("SELECT recipe FROM models WHERE id = ?", [tuned["model"]])
    recipe = json.loads(row["recipe"])
    assert (recipe["fine_tune"], recipe["near_duplicates_by"]) == (1, models[0].backbone)


def test_one_file_holds_the_other_network(site: Path, models: list[Model]) -> None:
    file = site / "models" / f"{models[1].id}.onnx"
    alone = load_model(file)  # by itself, wherever it is
    photo = np.random.default_rng(7).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    assert np.array_equal(alone.run(photo)[0], models[1].run(photo)[0])
    assert not np.allclose(models[0].run(photo)[1], models[1].run(photo)[1], atol=1e-3)


def test_their_evidence_adds_up(models: list[Model]) -> None:
    photos = np.random.default_rng(7).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    for model in models:
        assert max(evidence_error(model, photo) for photo in photos) <= 1e-4


def test_measuring_the_file_again_gives_the_same_figures(
    site: Path, results: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    for result in results:
        again = run(site, "evaluate", result["model"], "--json")
        assert again["photos"] == result["photos"]
        assert again["error_rate"] == pytest.approx(result["error_rate"], abs=1e-6)
        assert again["ece"] == pytest.approx(result["ece"], abs=0.01)


def test_it_starts_from_the_head_and_leaves_the_usual_alone(tmp_path: Path) -> None:
    """Every weight moves, no running mean does: a few photos say little of what is usual."""
    import torch

    network = load_network("efficientnet_lite0")
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(coat(COATS[number % 3], seed=number))
    before = {name: tensor.clone() for name, tensor in network.module.state_dict().items()}
    guess = np.random.default_rng(1).normal(0, 0.1, (3, 1280)).astype(np.float32)
    first = Head(guess, np.zeros(3, np.float32), Candidate("linear", 3.0))
    seen: list[tuple[int, int]] = []
    tuned, head = fine_tune(
        network,
        first,
        TuningPhotos(paths, np.arange(12) % 3, np.arange(12) < 9),
        TuningPlan(epochs=1, size=64),
        progress=lambda done, total: seen.append((done, total)),
    )
    after = tuned.module.state_dict()
    running = [name for name in before if "running" in name]
    assert running
    assert all(torch.equal(before[name], after[name]) for name in running)
    assert not torch.equal(before["conv_stem.weight"], after["conv_stem.weight"])
    assert tuned.digest == state_digest(tuned.module) != network.digest
    assert head.weight.shape == (3, 1280)
    assert 0 < np.abs(head.weight - guess).max() < 0.1  # learned further, not from scratch
    assert seen[-1][0] == seen[-1][1]
