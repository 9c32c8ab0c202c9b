"""From a folder of photos to a model that knows them: really trained, really loaded."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from critterdb.cli import main
from critterdb.dataset.embeddings import as_vectors
from critterdb.dataset.examples import LEARNED_FROM, load_examples
from critterdb.dataset.folder_import import import_folder
from critterdb.dataset.splits import split_observations
from critterdb.errors import TrainingError
from critterdb.games import get_game
from critterdb.imaging.decode import decode_image
from critterdb.model.decision import decide, labels_inside
from critterdb.model.registry import current_model
from critterdb.model.whereabouts import Whereabouts
from critterdb.storage.database import SiteDatabase, open_database, site_folder
from critterdb.training.backbones import load_backbone
from critterdb.training.config import TrainingConfig
from critterdb.training.embed import embed_photos
from critterdb.training.torch_worker import shared_torch_process
from critterdb.training.train import train_game
from tests.support.photos import COATS, coat, make_photo_folder, no_coat
from tests.support.signals import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from critterdb.evaluation.comparison import ModelComparison
    from critterdb.evaluation.figures import EvaluationResult
    from critterdb.model.loader import Model

    Accept = Callable[[ModelComparison], bool]

pytestmark = pytest.mark.slow

PHOTOS = 40  # of each coat
SIZE = 160  # pixels: the smallest network that looks twice
GENUS = -900
WHERE = {"train": (10.5, 20.5), "valid": (10.5, 21.5), "test": (-40.5, 100.5)}


def relate(db: SiteDatabase) -> None:
    """Let the two patterned coats be species of one genus, and all be species."""
    genus = {"id": GENUS, "name": "Picta", "rank": "genus", "rank_level": 20}
    db["taxa"].insert(genus | {"ancestor_ids": json.dumps([GENUS])})
    for row in list(db["taxa"].rows_where("name <> 'plain coat' AND id > ?", [GENUS])):
        lineage = json.dumps([GENUS, row["id"]])
        db["taxa"].update(row["id"], {"parent_id": GENUS, "ancestor_ids": lineage})


def give_places_by_part(db: SiteDatabase) -> None:
    """Let the photos of each part of the split be from elsewhere, all of one month."""
    split_observations(db, "coats")
    with db.atomic():
        for row in list(db.query("SELECT observation_id AS id, part FROM splits")):
            latitude, longitude = WHERE[row["part"]]
            where = {"latitude": latitude, "longitude": longitude, "observed_on": "2024-05-01"}
            db["observations"].update(row["id"], where)


class Trained:
    """A site with a model, made once for this module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photos = make_photo_folder(folder / "coats", PHOTOS)
        self.db: SiteDatabase = open_database(folder / "critters.db", create=True)
        import_folder(self.db, self.photos, "coats")
        relate(self.db)
        give_places_by_part(self.db)
        self.result: EvaluationResult = train(self.db)

    @property
    def model(self) -> Model:
        return current_model(self.db, "coats")


def train(db: SiteDatabase, accept: Accept | None = None, **options: Any) -> EvaluationResult:
    config = TrainingConfig(size=SIZE, **options)
    return train_game(db, get_game(db, "coats"), config, accept=accept)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


def run(trained: Trained, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["--db", str(trained.folder / "critters.db"), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def measured(share: float | None) -> float:
    """A figure that there were photos for."""
    assert share is not None
    return share


def test_coats_are_told_apart_on_photos_that_were_not_seen(trained: Trained) -> None:
    assert trained.result["photos"] > 10
    assert measured(trained.result["error_rate"]) <= 0.1
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
        "max_wrong",
        "photos_validated",
        "is_used",
        "comparison",
    ]


@pytest.mark.parametrize("kind", COATS)
def test_the_command_names_a_new_photo(trained: Trained, tmp_path: Path, kind: str) -> None:
    photo = tmp_path / "new.jpg"
    photo.write_bytes(coat(kind, seed=1000))
    [answer] = json.loads(run(trained, "classify", "--json", str(photo)))
    assert answer["answer"]["name"] == kind
    assert answer["source"] == str(photo)


def test_a_chart_is_not_a_critter(trained: Trained, tmp_path: Path) -> None:
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
    from critterdb.model.inference import classify_image

    for row in rows[:10]:
        classification, _ = classify_image(
            trained.model, (trained.folder / row["path"]).read_bytes()
        )
        scores = {
            str(prediction["taxon_id"]): prediction["score"]
            for prediction in classification.predictions
        }
        stored = json.loads(row["scores"])
        assert scores == pytest.approx(stored, abs=2e-2)
        assert classification.novelty == pytest.approx(row["novelty"], rel=0.02)


def in_torch(
    pixels: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and probabilities by layers of torch; the torch process runs this."""
    import torch

    from critterdb.training.networks import load_network

    with torch.inference_mode():
        scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        vectors = load_network("efficientnet_lite0").module(scaled)
        directions = torch.nn.functional.normalize(vectors)
        logits = directions @ torch.from_numpy(weight) + torch.from_numpy(bias)
        return vectors.numpy(), torch.softmax(logits, dim=1).numpy()


def test_the_file_says_what_torch_says(trained: Trained) -> None:
    """The whole graph against the same layers in torch: within 1e-4."""
    import onnx

    model = trained.model
    file = onnx.load_model(str(trained.folder / "models" / f"{model.id}.onnx"))
    parts = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in file.graph.initializer}
    weight, bias = (parts[f"critterdb_{name}"].copy() for name in ("weight", "bias"))
    files = sorted(trained.photos.glob("*/*.jpg"))[::12]
    pixels = np.stack([model.pixels(decode_image(file.read_bytes())) for file in files])
    vectors, wanted = shared_torch_process().call(in_torch, pixels, weight, bias)
    probabilities, embedding, _ = model.run(pixels)
    assert np.abs(probabilities - wanted).max() < 1e-4
    assert np.abs(embedding - vectors).max() < 1e-4 * max(1, np.abs(embedding).max())


def test_its_percentages_and_its_silence_are_measured(trained: Trained) -> None:
    result, row = trained.result, trained.db["models"].get(trained.result["model"])
    assert measured(result["ece"]) <= 0.1
    assert measured(result["answered"]) >= 0.8
    assert measured(result["wrong_among_answered"]) <= 0.1
    assert 0 < row["threshold"] < 1 < row["novelty_threshold"] < np.inf
    kept = [
        json.loads(prediction["thresholds"])
        for prediction in trained.db["predictions"].rows_where("source = 'evaluation'")
    ]
    names = ("threshold", "novelty_threshold", "temperature")
    assert all(thresholds == {name: row[name] for name in names} for thresholds in kept)


def test_two_patterns_in_one_picture_are_of_their_genus(trained: Trained) -> None:
    """A picture between two coats: at a threshold between label and genus, the genus is said."""
    spots, stripes = (
        np.asarray(decode_image(coat(kind, seed=2000)), np.float32)
        for kind in ("spotted coat", "striped coat")
    )
    model = trained.model
    least_sure = min(
        (
            model.classify(Image.fromarray(np.uint8(share * spots + (1 - share) * stripes)))
            for share in np.linspace(0.2, 0.8, 13)
        ),
        key=lambda classification: classification.predictions[0]["score"],
    )
    inside = {label["taxon_id"] for label in labels_inside(GENUS, model.labels)}
    total = sum(
        prediction["score"]
        for prediction in least_sure.predictions
        if prediction["taxon_id"] in inside
    )
    top = least_sure.predictions[0]["score"]
    assert len(inside) == 2
    assert total > top
    between = model.thresholds | {"threshold": (top + total) / 2, "novelty_threshold": np.inf}
    answer = decide(least_sure.probabilities, 0.0, model.labels, between)
    assert (answer.reason, answer.abstained) == ("coarser", False)
    assert answer.answer is not None
    assert (answer.answer["name"], answer.answer["rank"]) == ("Picta", "genus")
    assert answer.answer["score"] == pytest.approx(total, abs=1e-3)


def test_embedding_goes_on_where_it_was_stopped(trained: Trained) -> None:
    db, photos = trained.db, PHOTOS * len(COATS)
    backbone = load_backbone(size=SIZE, folder=trained.folder)
    before = {row["sha256"]: row["vector"] for row in db["embeddings"].rows}
    db["embeddings"].delete_where()
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_photos(db, backbone, "coats", progress=stop)
    assert seen[-1] == (20, photos)
    assert db["embeddings"].count == 20
    assert embed_photos(db, backbone, "coats") == photos - 20
    assert {row["sha256"]: row["vector"] for row in db["embeddings"].rows} == before


def test_training_again_costs_no_new_embeddings(trained: Trained) -> None:
    assert len({row["backbone"] for row in trained.db["embeddings"].rows}) == 1
    before = trained.db["embeddings"].count
    assert before == PHOTOS * len(COATS)
    vectors = as_vectors([row["vector"] for row in trained.db["embeddings"].rows])
    assert np.isfinite(vectors).all()
    again = train(trained.db, max_wrong=0.3)
    assert trained.db["embeddings"].count == before
    assert current_model(trained.db, "coats").id == again["model"] != trained.result["model"]
    bolder, usual = (
        trained.db["models"].get(result["model"]) for result in (again, trained.result)
    )
    assert bolder["threshold"] <= usual["threshold"]
    assert json.loads(bolder["recipe"])["max_wrong"] == 0.3
    run(trained, "models", "use", trained.result["model"])
    assert current_model(trained.db, "coats").id == trained.result["model"]


def test_places_of_the_training_split_alone_are_counted(trained: Trained) -> None:
    photos = trained.db.execute("SELECT count(*) FROM splits WHERE part = 'train'").fetchone()[0]
    prior = trained.model.place_prior
    assert prior is not None
    assert 0 < prior.totals.sum() <= photos
    assert prior.nearby(Whereabouts(*WHERE["train"])) is not None
    assert prior.nearby(Whereabouts(*WHERE["test"])) is None
    assert set(prior.bins["month"].tolist()) == {5}
    assert prior.weight < 0.5  # every coat lives everywhere, so the place says nothing


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
    names = {
        metric["name"] for metric in db["model_metrics"].rows_where("model_id = ?", [model_id])
    }
    assert {"reliability", "risk_coverage", "top_k", "answered", "valid_loss", "novelty"} <= names
    assert db["model_labels"].count_where("model_id = ? AND photos_train > 0", [model_id]) == 3


def test_measuring_again_gives_the_same_and_no_second_rows(trained: Trained) -> None:
    before = trained.db["predictions"].count_where("source = 'evaluation'")
    again = json.loads(run(trained, "evaluate", trained.result["model"], "--json"))
    assert again["error_rate"] == trained.result["error_rate"]
    assert trained.db["predictions"].count_where("source = 'evaluation'") == before


def test_a_folder_of_one_s_own_is_measured(trained: Trained, tmp_path: Path) -> None:
    folder = make_photo_folder(tmp_path / "more", photos=3, first=PHOTOS)
    (folder / "_none").mkdir()
    for seed in range(4):
        (folder / "_none" / f"{seed}.jpg").write_bytes(no_coat(seed))
    figures = json.loads(run(trained, "evaluate", "--photos", str(folder), "--json"))
    assert (figures["photos"], figures["none_refused"]) == (13, 1.0)
    assert (figures["novelty_auroc"], figures["left_out"]) == (1.0, {})
    [kept] = trained.db["model_metrics"].rows_where("name = 'novelty_auroc'")
    assert (kept["model_id"], kept["value"], kept["photos"]) == (figures["model"], 1.0, 13)
    good = coat(COATS[0], seed=5)
    (folder / "_none" / "cut.jpg").write_bytes(good[: len(good) // 2])
    output = run(trained, "evaluate", "--photos", str(folder))
    assert "measured on 13 photos" in output
    assert "Left out: 1 photo whose files could not be read." in output
    (folder / "zebra").mkdir()
    (folder / "zebra" / "1.jpg").write_bytes(no_coat(9))
    failed = CliRunner().invoke(
        main, ["--db", str(trained.folder / "critters.db"), "evaluate", "--photos", str(folder)]
    )
    assert failed.exit_code == 1
    assert "zebra is not a label" in failed.stderr
    assert "spotted coat" in failed.stderr


def test_photos_that_it_learned_from_say_nothing_about_new_ones(
    trained: Trained, tmp_path: Path
) -> None:
    examples = load_examples(trained.db, get_game(trained.db, "coats"))
    tested = set(examples.sha256s[examples.of_part("test")].tolist())
    found = json.loads(run(trained, "evaluate", "--photos", str(trained.photos), "--json"))
    assert found["photos"] == len(tested)
    assert found["left_out"] == {LEARNED_FROM: PHOTOS * len(COATS) - len(tested)}
    assert f"{PHOTOS * len(COATS) - len(tested)} photos that it learned from" in run(
        trained, "evaluate", "--photos", str(trained.photos)
    )
    one = trained.db.execute(
        "SELECT photos.path FROM photos JOIN splits USING (observation_id) WHERE part = 'train'"
    ).fetchone()[0]
    learned = tmp_path / "learned" / "striped_coat"
    learned.mkdir(parents=True)
    (learned / "1.jpg").write_bytes((trained.folder / one).read_bytes())
    refused = CliRunner().invoke(
        main,
        ["--db", str(trained.folder / "critters.db"), "evaluate", "--photos", str(learned.parent)],
    )
    assert refused.exit_code == 1
    assert "learned from" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_training_says_what_is_used_now_and_what_comes_next(trained: Trained) -> None:
    told = run(trained, "train", "coats", "--size", str(SIZE))
    new, earlier = current_model(trained.db, "coats").id, trained.result["model"]
    assert f"coats now uses {new}." in told
    assert f"To go back: critterdb models use {earlier}" in told
    photos = trained.result["photos"]
    assert f"On {photos} test photos that {earlier} was tested on too" in told
    assert "The difference could be chance." in told
    assert "Next: critterdb classify" in told
    run(trained, "models", "use", earlier)


@pytest.fixture
def mislabelled(trained: Trained, tmp_path: Path) -> Iterator[SiteDatabase]:
    """A copy of the site whose coats were mixed up since, but for those of the test photos."""
    shutil.copytree(trained.folder, tmp_path / "copy")
    with closing(open_database(tmp_path / "copy" / "critters.db")) as db:
        db.execute(
            """
            UPDATE observations SET taxon_id = (
                SELECT coalesce(
                    (SELECT min(id) FROM taxa
                     WHERE id > observations.taxon_id AND name LIKE '%coat'),
                    (SELECT min(id) FROM taxa WHERE name LIKE '%coat')
                )
            )
            WHERE id IN (SELECT observation_id FROM splits WHERE part <> 'test')
            """
        )
        yield db


def test_a_worse_model_is_told_before_it_replaces_a_better_one(
    trained: Trained, mislabelled: SiteDatabase
) -> None:
    better = trained.result["model"]
    asked: list[ModelComparison] = []

    def refuse(comparison: ModelComparison) -> bool:
        asked.append(comparison)
        assert current_model(mislabelled, "coats").id == better
        return False

    again = train(mislabelled, refuse)
    [comparison] = asked
    assert comparison["earlier"] == better
    assert comparison["earlier_wrong"] < comparison["wrong"] <= comparison["photos"]
    assert again["is_used"] is False
    assert mislabelled["models"].count_where("id = ?", [again["model"]]) == 1
    assert current_model(mislabelled, "coats").id == better


def test_without_a_terminal_a_worse_model_is_used_with_a_warning(
    trained: Trained, mislabelled: SiteDatabase
) -> None:
    better = trained.result["model"]
    database = str(site_folder(mislabelled) / "critters.db")
    done = CliRunner().invoke(main, ["--db", database, "train", "coats", "--size", str(SIZE)])
    assert done.exit_code == 0, done.output
    warning = done.stderr.strip().splitlines()[-1]
    assert warning.startswith(f"Warning: On {trained.result['photos']} test photos that {better}")
    assert "The earlier model is better." in warning
    assert f"To go back: critterdb models use {better}" in done.stdout
    assert current_model(mislabelled, "coats").id != better


def test_the_same_picture_is_the_most_similar_one(trained: Trained) -> None:
    photo = next(iter(trained.photos.glob("striped_coat/*.jpg")))
    photos = json.loads(run(trained, "similar", str(photo), "--count", "5", "--json"))
    assert len(photos) == 5
    assert photos[0]["distance"] == pytest.approx(0, abs=0.001)
    assert [similar["name"] for similar in photos] == ["striped coat"] * 5
    assert [similar["distance"] for similar in photos] == sorted(
        similar["distance"] for similar in photos
    )
    output = run(trained, "similar", str(photo))
    assert len(output.splitlines()) == 11
    assert photos[0]["path"] in output


def test_photos_of_one_picture_are_listed_together(trained: Trained, tmp_path: Path) -> None:
    source = next(iter(trained.photos.glob("spotted_coat/*.jpg")))
    again = tmp_path / "again" / "spotted_coat"
    again.mkdir(parents=True)
    (again / "copy.jpg").write_bytes(source.read_bytes())
    import_folder(trained.db, tmp_path / "again", "again")
    groups = json.loads(run(trained, "duplicates", "--json"))
    [new] = trained.db.query("SELECT min(id) AS id FROM photos")
    [group] = [group for group in groups if new["id"] in {member["photo_id"] for member in group}]
    assert group[0]["distance"] == 0
    assert "spotted coat" in run(trained, "duplicates")


def test_the_lists_name_the_model(trained: Trained) -> None:
    assert trained.result["model"] in run(trained, "models")
    shown = json.loads(run(trained, "models", "show", trained.result["model"]))
    assert shown["recipe"]["backbone"] == "efficientnet_lite0"


def test_ctrl_c_ends_a_training_at_once(trained: Trained, tmp_path: Path, busy: float) -> None:
    """It took seven seconds: the threads that embed went on with all photos."""
    photos = tmp_path / "coats"
    shutil.copytree(trained.photos, photos)
    for file in sorted(photos.glob("*/*.jpg")):
        for copy in "ab":  # other bytes each: 360 photos to embed, of which 120 were drawn
            file.with_stem(f"{file.stem}{copy}").write_bytes(file.read_bytes() + copy.encode())
    with closing(open_database(tmp_path / "critters.db", create=True)) as db:
        import_folder(db, photos, "coats")
    process = subprocess.Popen(
        [sys.executable, "-m", "critterdb", "--db", str(tmp_path / "critters.db"), "train"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    while not list((tmp_path / "models" / "backbones").glob("*.onnx")):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)  # the first batches are under way
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    _, errors = process.communicate()
    assert time.monotonic() - sent < 2.5 * busy
    assert process.returncode == 1
    assert errors.strip() == (
        "Stopped. No model was changed. Run it again: finished embeddings are kept."
    )
    with closing(open_database(tmp_path / "critters.db")) as db:
        assert db["models"].count == 0
        assert db["embeddings"].count < 3 * PHOTOS * len(COATS)


def test_too_few_photos_are_an_error_that_names_them(db: SiteDatabase, tmp_path: Path) -> None:
    import_folder(db, make_photo_folder(tmp_path / "few", photos=2), "few")
    with pytest.raises(TrainingError, match=r"striped coat 2.*--min-photos"):
        train_game(db, get_game(db, "few"))


def test_serving_a_model_needs_no_training_packages(trained: Trained) -> None:
    import subprocess

    script = (
        "import sys; from pathlib import Path\n"
        "from critterdb.storage.database import open_database\n"
        "from critterdb.model.registry import current_model\n"
        f"current_model(open_database(Path({str(trained.folder / 'critters.db')!r})), 'coats')\n"
        "print([n for n in ('torch', 'fastai', 'timm', 'onnx', 'tweepy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
