"""`train --int8`: a network in 8 bits is smaller, says what it is, and still knows its animals."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from critterdb.cli import main
from critterdb.dataset.folder_import import import_folder
from critterdb.dataset.photo_files import PhotoFile, folder_photos
from critterdb.errors import ModelError
from critterdb.imaging.decode import decode_image
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.model.registry import current_model
from critterdb.storage.database import SiteDatabase, open_database
from critterdb.training.backbones import Backbone, load_backbone
from critterdb.training.onnx import quantize
from critterdb.training.onnx.quantize import quantize_backbone
from tests.support.models import colour_average, evidence_error
from tests.support.photos import COATS, coat, make_photo_folder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SIZE = 64  # pixels


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8")
    make_photo_folder(folder / "coats", 30)
    import_folder(open_database(folder / "critters.db", create=True), folder / "coats", "coats")
    return folder


def train(site: Path, *options: str) -> dict[str, Any]:
    arguments = ["--db", str(site / "critters.db"), "train", "--size", str(SIZE), "--json"]
    done = CliRunner().invoke(main, [*arguments, *options])
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def photos_of(site: Path) -> list[PhotoFile]:
    return folder_photos(sorted((site / "coats").rglob("*.jpg")))


@pytest.fixture
def backbone(tmp_path: Path) -> Backbone:
    """A network of three numbers, which is quantized in no time."""
    network = Backbone("colours@32", "colours", Preprocessing(32), tmp_path / "c.onnx")
    network.onnx_path.write_bytes(colour_average())
    return network


@pytest.fixture(scope="module")
def results(site: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return train(site), train(site, "--int8")


@pytest.fixture(scope="module")
def db(site: Path, results: object) -> SiteDatabase:
    return open_database(site / "critters.db")


def test_the_file_is_much_smaller_and_its_row_says_why(
    db: SiteDatabase, results: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    plain, rough = (db["models"].get(result["model"]) for result in results)
    assert rough["bytes"] < 0.4 * plain["bytes"]
    assert rough["backbone"].startswith(f"{plain['backbone']}-int8-")
    assert json.loads(rough["recipe"])["int8"] is True
    assert json.loads(plain["recipe"])["int8"] is False


def test_it_still_knows_its_animals(
    db: SiteDatabase, results: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    plain, rough = results
    assert rough["error_rate"] <= plain["error_rate"] + 0.1
    model = current_model(db, model_id=rough["model"])
    named = {
        kind: model.classify(decode_image(coat(kind, seed))).predictions[0]["name"]
        for seed, kind in enumerate(COATS, 900)
    }
    assert named == {kind: kind for kind in COATS}


def test_what_was_measured_is_what_the_file_says(
    site: Path, db: SiteDatabase, results: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """Test rows come from stored embeddings; here the photos go through the whole file."""
    model = current_model(db, model_id=results[1]["model"])
    rows = db.query(
        "SELECT predictions.scores, photos.path FROM predictions JOIN photos "
        "ON photos.id = predictions.photo_id WHERE model_id = ? AND source = 'evaluation'",
        [model.id],
    )
    measured = list(rows)
    assert len(measured) >= 5
    for row in measured:
        image = decode_image(
            (site / row["path"]).read_bytes(), shorter_side=model.view.shorter_side
        )
        scores = {
            prediction["taxon_id"]: prediction["score"]
            for prediction in model.classify(image).predictions
        }
        for taxon_id, score in json.loads(row["scores"]).items():
            assert scores[int(taxon_id)] == pytest.approx(score, abs=5e-3)


def test_its_evidence_adds_up(
    db: SiteDatabase, results: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    for result in results:
        model = current_model(db, model_id=result["model"])
        for seed, kind in enumerate(COATS, 700):
            assert evidence_error(model, model.pixels(decode_image(coat(kind, seed)))) <= 1e-4


def test_it_is_made_once_a_site(
    site: Path, db: SiteDatabase, results: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    files = sorted((site / "models" / "backbones").glob("*-int8.onnx"))
    assert len(files) == 1
    before = files[0].stat().st_mtime_ns
    again = quantize_backbone(load_backbone(size=SIZE, folder=site), photos_of(site))
    assert files[0].stat().st_mtime_ns == before
    assert (again.onnx_path, again.recipe) == (
        files[0],
        db["models"].get(results[1]["model"])["backbone"],
    )


def test_a_network_that_does_not_survive_it_is_reported(
    tmp_path: Path, site: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "MIN_LIKENESS", 1.01)
    with pytest.raises(ModelError, match="Train without --int8"):
        quantize_backbone(backbone, photos_of(site)[:4])
    assert not list(tmp_path.rglob("*-int8*"))


def test_photos_that_cannot_be_read_are_passed_over(
    tmp_path: Path, site: Path, backbone: Backbone
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    gone = folder_photos([tmp_path / "broken.jpg", tmp_path / "missing.jpg"])
    with pytest.raises(ModelError, match="No photo could be read"):
        quantize_backbone(backbone, gone)
    made = quantize_backbone(backbone, [*gone, *photos_of(site)[:4]])
    assert made.embed(np.zeros((2, 32, 32, 3), np.uint8)).shape == (2, backbone.dimensions)
    assert logging.root.manager.disable == logging.NOTSET
