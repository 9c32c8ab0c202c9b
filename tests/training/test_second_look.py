"""A model looks twice at small animals, says where, and believes the look that knows more."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import critterdb
from critterdb.errors import ModelError
from critterdb.imaging.preprocessing import Area
from critterdb.imaging.sandbox import shared_decoders
from critterdb.model.inference import classify_image
from critterdb.model.look import Look
from critterdb.model.predictions import find_answer, save_classification
from critterdb.model.registry import current_model
from critterdb.model.second_look import parse_second_look
from critterdb.storage.database import SiteDatabase, open_database
from critterdb.training.label_sets import choose_set_rule
from tests.support.models import COLOURS, COUGAR, SECOND_LOOK, SETS, make_tiny_model, picture

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.model.labels import Thresholds
    from critterdb.model.loader import Model


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twice")
    with_rules: dict[str, Any] = {"second_look": SECOND_LOOK, "set": SETS}
    make_tiny_model(open_database(folder / "critters.db", create=True), **with_rules)
    return folder


@pytest.fixture
def db(site: Path) -> SiteDatabase:
    return open_database(site / "critters.db")


@pytest.fixture
def model(db: SiteDatabase) -> Model:
    return current_model(db)


def small(colour: str = "red", share: float = 0.4, sides: tuple[int, int] = (320, 320)) -> bytes:
    """A patch of a colour in the lower right of a grey picture, of a share of its shorter side."""
    ground = Image.new("RGB", sides, COLOURS["grey"])
    side = round(share * min(sides))
    left = (sides[0] + min(sides)) // 2 - side
    ground.paste(COLOURS[colour], (left, sides[1] - side, left + side, sides[1]))
    file = io.BytesIO()
    ground.save(file, "PNG")
    return file.getvalue()


def test_a_small_animal_is_found_by_a_second_look(site: Path, model: Model) -> None:
    once = model.classify_pixels(shared_decoders().view(small(), model.view)[0])
    assert once.abstained
    result = critterdb.load_model(site).classify(small())
    assert result.answer
    assert result.answer["taxon_id"] == COUGAR
    answer = result.as_dict()
    assert answer["looks"] == 2
    x, y, width, height = answer["crop"]
    assert (x + width, y + height) == pytest.approx((1, 1), abs=0.05)
    assert width == height == pytest.approx(0.375)


def test_the_crop_is_a_share_of_the_whole_photo(model: Model) -> None:
    classification, _ = classify_image(model, small(sides=(640, 320)))
    assert classification.crop
    x, y, width, height = classification.crop
    assert (width, height) == pytest.approx((0.375 / 2, 0.375))
    # The view is the middle square, and the patch is in its lower right.
    assert (x + width, y + height) == pytest.approx((0.75, 1), abs=0.04)


@pytest.mark.parametrize(("colour", "looks"), [("red", 1), ("grey", 2), ("yellow", 2)])
def test_one_look_is_enough_if_it_is_sure(model: Model, colour: str, looks: int) -> None:
    classification, _ = classify_image(model, picture(colour))
    assert classification.looks == looks
    assert classification.crop is None or colour != "red"


def test_a_picture_of_nothing_is_refused_by_both_looks(model: Model) -> None:
    classification, _ = classify_image(model, picture("grey"))
    assert classification.reason == "not_a_critter"


def test_novelty_is_that_of_the_look_that_is_believed(model: Model) -> None:
    classification, _ = classify_image(model, small())
    first = model.look(shared_decoders().view(small(), model.view)[0])
    assert classification.novelty < first.novelty / 2


def test_evidence_is_of_the_part_that_decided(site: Path) -> None:
    result = critterdb.load_model(site).classify(small(), evidence=True)
    assert result.evidence
    assert result.evidence["area"] == result.as_dict()["crop"]


def test_a_picture_that_pillow_opened_gets_the_same_answer(site: Path) -> None:
    loaded = critterdb.load_model(site)
    opened = loaded.classify(Image.open(io.BytesIO(small()))).as_dict()
    sent = loaded.classify(small()).as_dict()
    for key in ("answer", "novelty", "looks", "crop", "set"):
        assert opened.get(key) == sent.get(key)


def test_the_database_gives_the_same_answer_again(db: SiteDatabase, model: Model) -> None:
    classification, info = classify_image(model, small())
    save_classification(db, model, classification, info, source="endpoint")
    found = find_answer(db.conn, model, info.sha256)
    assert found
    assert (found[0].looks, found[0].crop) == (2, Area(*map(_rounded, classification.crop or ())))
    assert model.label_set([found[0]]) == model.label_set([classification])


def _rounded(share: float) -> float:
    return round(share, 4)


def test_the_crop_is_decoded_at_full_resolution(model: Model) -> None:
    """A pattern too fine for the first look is there in the second."""
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[::2] = 255
    file = io.BytesIO()
    Image.fromarray(stripes).save(file, "PNG")
    area = Area(0.5, 0.5, 32 / 640, 32 / 640)
    pixels, _ = shared_decoders().view(file.getvalue(), model.view, area=area)
    assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize(
    "change",
    [
        {"grid": 0},
        {"grid": "9"},
        {"sides": []},
        {"sides": [32]},
        {"sides": [4, 4]},
        {"sides": [1.5]},
        {"from_novelty": -1},
        {"novelty_threshold": None},
        {"temperature": float("inf")},
        {"window_ratio": 0},
        {"window_ratio": None},
    ],
)
def test_odd_rules_in_a_model_file_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="second look"):
        parse_second_look({**SECOND_LOOK, **change})


def look(novelty: float, *windows: float, likely: float = 0.99) -> Look:
    probabilities = np.array([likely, 1 - likely])
    return Look(probabilities, novelty, window_novelty=np.array(windows, np.float32))


@pytest.mark.parametrize(
    ("first", "ratio", "is_twice"),
    [
        (look(2, 1.9, 2.5), 1.05, True),  # refused, and a part is less novel
        (look(2, 2.05, 2.5), 1.05, True),
        (look(2, 2.15, 2.5), 1.05, False),  # refused, and all of it is as novel
        (look(2, 2.15, 2.5), None, True),  # by the rule of an older file
        (look(0.5, 0.51, likely=0.6), 1.05, True),  # unsure
        (look(0.5, 0.6, likely=0.6), 1.05, False),
        (look(0.5, 0.49), 1.05, True),  # answered, and unusual for an answer
        (look(0.5, 0.51), 1.05, False),
        (look(0.2, 0.1), 1.05, False),  # answered, and usual
    ],
)
def test_a_photo_is_looked_at_again_where_a_part_is_not_much_more_novel(
    first: Look, ratio: float | None, is_twice: bool
) -> None:
    written: dict[str, Any] = {**SECOND_LOOK, "grid": 4, "sides": [3], "window_ratio": ratio}
    if ratio is None:
        del written["window_ratio"]
    rule = parse_second_look(written)
    assert rule
    assert rule.as_metadata() == written
    thresholds: Thresholds = {"threshold": 0.8, "novelty_threshold": 1.0, "temperature": 1.0}
    assert (rule.find_area(first, thresholds) is not None) == is_twice


def test_a_file_without_windows_cannot_look_twice(tmp_path: Path) -> None:
    import onnx

    make_tiny_model(open_database(tmp_path / "critters.db", create=True))
    [file] = (tmp_path / "models").glob("*.onnx")
    model = onnx.load(file)
    metadata = json.loads(model.metadata_props[0].value) | {"second_look": SECOND_LOOK}
    onnx.helper.set_model_props(model, {"critterdb": json.dumps(metadata)})
    file.write_bytes(model.SerializeToString())
    with pytest.raises((ModelError, ValueError), match="second look"):
        critterdb.load_model(file)


# Sets


def test_a_set_holds_the_labels_that_are_likely_enough(site: Path) -> None:
    loaded = critterdb.load_model(site)
    sure = loaded.classify(picture("red")).as_dict()["set"]
    assert sure["coverage"] == 0.99
    assert [taxon["taxon_id"] for taxon in sure["taxa"]] == [COUGAR]
    torn = loaded.classify(picture("yellow")).as_dict()["set"]
    assert len(torn["taxa"]) == 2


def test_what_is_not_a_critter_has_no_set(site: Path) -> None:
    assert "set" not in critterdb.load_model(site).classify(picture("grey")).as_dict()


def test_photos_together_have_a_set_that_all_of_them_allow(model: Model) -> None:
    red, yellow = (classify_image(model, picture(colour))[0] for colour in ("red", "yellow"))
    together = model.label_set([red, yellow])
    assert together
    assert [taxon["taxon_id"] for taxon in together["taxa"]] == [COUGAR]


def labelled(right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two labels, of which the first is right with a probability of `right`."""
    return np.stack([right, 1 - right], axis=1), np.zeros(len(right), np.int64)


def test_a_set_keeps_its_coverage_on_new_photos() -> None:
    random = np.random.default_rng(5)
    covered = []
    for _ in range(200):
        rule = choose_set_rule(*labelled(random.beta(2, 0.8, 300)))
        assert rule
        assert rule.coverage == 0.95
        covered.append((random.beta(2, 0.8, 300) >= rule.min_scores[0]).mean())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)
    assert np.mean(covered) >= 0.95 - 0.002


@pytest.mark.parametrize(
    ("right", "coverage"),
    [
        (np.full(30, 0.4), 0.95),  # always wrong
        (np.append(np.full(199, 0.9), 0.2), 0.999),  # right 199 times in 200, and too few to say
        (np.append(np.full(97, 0.9), np.full(3, 0.2)), 0.99),
    ],
)
def test_the_coverage_is_above_what_the_top_label_reaches(
    right: np.ndarray, coverage: float
) -> None:
    rule = choose_set_rule(*labelled(right))
    assert rule is None if coverage == 0.999 else rule and rule.coverage == coverage


def test_few_photos_promise_nothing() -> None:
    assert choose_set_rule(*labelled(np.full(10, 0.4))) is None
    assert choose_set_rule(np.zeros((0, 2)), np.zeros(0, np.int64)) is None
