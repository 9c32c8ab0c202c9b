"""From a folder of photos to a model that knows them: really trained, really loaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support_photos import COATS, coat, make_photo_folder, no_coat

from critterdb.cli import main
from critterdb.embeddings import as_vectors
from critterdb.errors import TrainingError
from critterdb.games import get_game
from critterdb.importing import import_folder
from critterdb.labels import load_examples
from critterdb.models import Model, current_model
from critterdb.schema import SiteDatabase, open_database
from critterdb.training import train_game

PHOTOS = 40  # of each coat


class Trained:
    """A site with a model, made once for this module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photos = make_photo_folder(folder / "coats", PHOTOS)
        self.db: SiteDatabase = open_database(folder / "critters.db", create=True)
        import_folder(self.db, self.photos, "coats")
        self.result: dict[str, Any] = train_game(self.db, get_game(self.db, "coats"))

    @property
    def model(self) -> Model:
        return current_model(self.db, "coats")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


def run(trained: Trained, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["--db", str(trained.folder / "critters.db"), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_coats_are_told_apart_on_photos_that_were_not_seen(trained: Trained) -> None:
    assert trained.result["photos"] > 10
    assert trained.result["error_rate"] <= 0.1
    assert {label["name"] for label in trained.result["labels"]} == set(COATS)


def test_the_figures_are_those_of_the_contract(trained: Trained) -> None:
    assert list(trained.result) == [
        "model",
        "photos",
        "error_rate",
        "balanced_error_rate",
        "top3_error_rate",
        "ece",
        "ece_before",
        "answered",
        "wrong_among_answered",
        "novelty_auroc",
        "none_refused",
        "known_refused",
        "labels",
        "seconds",
        "left_out",
        "too_few",
        "folded",
    ]


@pytest.mark.parametrize("kind", COATS)
def test_the_command_names_a_new_photo(trained: Trained, tmp_path: Path, kind: str) -> None:
    photo = tmp_path / "new.jpg"
    photo.write_bytes(coat(kind, seed=1000))
    [answer] = json.loads(run(trained, "classify", "--json", str(photo)))
    assert answer["answer"]["name"] == kind
    assert answer["source"] == str(photo)


def test_a_chart_is_no_critter(trained: Trained, tmp_path: Path) -> None:
    photo = tmp_path / "chart.jpg"
    photo.write_bytes(no_coat(1))
    [answer] = json.loads(run(trained, "classify", "--json", str(photo)))
    assert (answer["answer"], answer["reason"]) == (None, "not_a_critter")


def test_the_file_gives_what_training_measured(trained: Trained) -> None:
    """The ONNX graph, from the files of the test photos, against the stored prediction rows."""
    rows = list(
        trained.db.query(
            "SELECT scores, novelty, path FROM predictions JOIN photos ON photos.id = photo_id "
            "WHERE source = 'evaluation'"
        )
    )
    assert len(rows) == trained.result["photos"]
    from critterdb.predictions import classify_image

    for row in rows[:10]:
        found, _ = classify_image(trained.model, (trained.folder / row["path"]).read_bytes())
        scores = {str(one["taxon_id"]): one["score"] for one in found.predictions}
        stored = json.loads(row["scores"])
        assert scores == pytest.approx(stored, abs=2e-2)
        assert found.novelty == pytest.approx(row["novelty"], rel=0.02)


def test_training_again_costs_no_new_embeddings(trained: Trained) -> None:
    assert len({row["backbone"] for row in trained.db["embeddings"].rows}) == 1
    before = trained.db["embeddings"].count
    assert before == PHOTOS * len(COATS)
    vectors = as_vectors([row["vector"] for row in trained.db["embeddings"].rows])
    assert np.isfinite(vectors).all()
    again = train_game(trained.db, get_game(trained.db, "coats"), max_wrong=0.3)
    assert trained.db["embeddings"].count == before
    assert current_model(trained.db, "coats").id == again["model"] != trained.result["model"]
    bolder, usual = (
        trained.db["models"].get(result["model"]) for result in (again, trained.result)
    )
    assert bolder["threshold"] <= usual["threshold"]
    assert json.loads(bolder["recipe"])["max_wrong"] == 0.3
    run(trained, "models", "use", trained.result["model"])
    assert current_model(trained.db, "coats").id == trained.result["model"]


def test_no_observer_is_on_both_sides(trained: Trained) -> None:
    examples = load_examples(trained.db, get_game(trained.db, "coats"))
    sides = {
        part: set(examples.observer_ids[examples.of_part(part)].tolist())
        for part in ("train", "valid", "test")
    }
    assert not sides["train"] & sides["test"]
    assert not sides["train"] & sides["valid"]
    assert not sides["valid"] & sides["test"]


def test_rows_tell_the_whole_story(trained: Trained) -> None:
    db, model_id = trained.db, trained.result["model"]
    row = db["models"].get(model_id)
    assert row["bytes"] == (trained.folder / row["path"]).stat().st_size
    card = json.loads(row["card"])
    assert row["photos"] + sum(card["left_out"].values()) == PHOTOS * len(COATS)
    assert card["splits"]["test"] == trained.result["photos"]
    confused = db.query("SELECT sum(photos) AS n FROM confusions WHERE model_id = ?", [model_id])
    assert next(iter(confused))["n"] == trained.result["photos"]
    names = {one["name"] for one in db["model_metrics"].rows_where("model_id = ?", [model_id])}
    assert {"reliability", "risk_coverage", "top_k", "answered", "valid_loss", "novelty"} <= names
    assert db["model_labels"].count_where("model_id = ? AND photos_train > 0", [model_id]) == 3


def test_measuring_again_gives_the_same_and_no_second_rows(trained: Trained) -> None:
    before = trained.db["predictions"].count_where("source = 'evaluation'")
    again = json.loads(run(trained, "evaluate", trained.result["model"], "--json"))
    assert again["error_rate"] == trained.result["error_rate"]
    assert trained.db["predictions"].count_where("source = 'evaluation'") == before


def test_a_folder_of_one_s_own_is_measured(trained: Trained, tmp_path: Path) -> None:
    folder = make_photo_folder(tmp_path / "more", photos=3)
    (folder / "_none").mkdir()
    for seed in range(4):
        (folder / "_none" / f"{seed}.jpg").write_bytes(no_coat(seed))
    found = json.loads(run(trained, "evaluate", "--photos", str(folder), "--json"))
    assert (found["photos"], found["none_refused"]) == (13, 1.0)
    assert found["novelty_auroc"] == 1.0
    (folder / "zebra").mkdir()
    (folder / "zebra" / "1.jpg").write_bytes(no_coat(9))
    failed = CliRunner().invoke(
        main, ["--db", str(trained.folder / "critters.db"), "evaluate", "--photos", str(folder)]
    )
    assert failed.exit_code == 1
    assert "zebra is no label" in failed.stderr
    assert "spotted coat" in failed.stderr


def test_the_same_picture_is_the_most_similar_one(trained: Trained) -> None:
    photo = next(iter(trained.photos.glob("striped_coat/*.jpg")))
    found = json.loads(run(trained, "similar", str(photo), "--count", "5", "--json"))
    assert len(found) == 5
    assert found[0]["distance"] == pytest.approx(0, abs=0.001)
    assert [one["name"] for one in found] == ["striped coat"] * 5
    assert [one["distance"] for one in found] == sorted(one["distance"] for one in found)
    told = run(trained, "similar", str(photo))
    assert len(told.splitlines()) == 11
    assert found[0]["path"] in told


def test_photos_of_one_picture_are_listed_together(trained: Trained, tmp_path: Path) -> None:
    source = next(iter(trained.photos.glob("spotted_coat/*.jpg")))
    again = tmp_path / "again" / "spotted_coat"
    again.mkdir(parents=True)
    (again / "copy.jpg").write_bytes(source.read_bytes())
    import_folder(trained.db, tmp_path / "again", "again")
    groups = json.loads(run(trained, "duplicates", "--json"))
    [new] = trained.db.query("SELECT min(id) AS id FROM photos")
    [group] = [group for group in groups if new["id"] in {one["photo_id"] for one in group}]
    assert group[0]["distance"] == 0
    assert "spotted coat" in run(trained, "duplicates")


def test_the_lists_name_the_model(trained: Trained) -> None:
    assert trained.result["model"] in run(trained, "models")
    shown = json.loads(run(trained, "models", "show", trained.result["model"]))
    assert shown["recipe"]["backbone"] == "efficientnet_lite0"


def test_too_few_photos_are_an_error_that_names_them(db: SiteDatabase, tmp_path: Path) -> None:
    import_folder(db, make_photo_folder(tmp_path / "few", photos=2), "few")
    with pytest.raises(TrainingError, match=r"striped coat 2.*--min-photos"):
        train_game(db, get_game(db, "few"))


def test_serving_a_model_needs_no_training_packages(trained: Trained) -> None:
    import subprocess

    script = (
        "import sys; from pathlib import Path; from critterdb.schema import open_database\n"
        "from critterdb.models import current_model\n"
        f"current_model(open_database(Path({str(trained.folder / 'critters.db')!r})), 'coats')\n"
        "print([n for n in ('torch', 'fastai', 'timm', 'onnx', 'tweepy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
