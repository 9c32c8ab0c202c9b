"""Evidence adds up to the logit, lies where the answer comes from, and is absent in old models."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import critterdb
from critterdb.errors import ModelError
from critterdb.imaging.preprocessing import Area, Preprocessing
from critterdb.model.loader import load_model
from critterdb.model.novelty import NoveltyParameters
from critterdb.model.onnx_session import open_session
from critterdb.storage.database import open_database
from critterdb.training.onnx.graph import OutputLayers, compose_graph
from tests.support.models import BOBCAT, COLOURS, COUGAR, SIZE, colour_average, make_tiny_model
from tests.support.old_site import unpack_old_site

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.model.evidence import LabelEvidencePayload


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence")
    make_tiny_model(open_database(folder / "critters.db", create=True))
    return folder


def halves(size: tuple[int, int] = (120, 120)) -> bytes:
    """A picture that is red on the left and green, in two fifths of its width, on the right."""
    picture = Image.new("RGB", size, COLOURS["red"])
    picture.paste(COLOURS["green"], (size[0] * 3 // 5, 0, *size))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def total(label: LabelEvidencePayload) -> float:
    return sum(sum(row) for row in label["cells"]) + label["bias"]


def test_cells_and_bias_add_up_to_the_logit(site: Path) -> None:
    result = critterdb.load_model(site).classify(halves(), evidence=True)
    assert result.evidence
    assert result.as_dict()["evidence"] == result.evidence
    top, runner_up = result.evidence["top"], result.evidence["runner_up"]
    assert (top["taxon_id"], runner_up["taxon_id"]) == (COUGAR, BOBCAT)
    assert len(top["cells"]) == len(top["cells"][0]) == result.evidence["grid"] == SIZE
    for label in (top, runner_up):
        assert total(label) == pytest.approx(label["logit"], abs=1e-4)
    scores = [prediction["score"] for prediction in result.predictions]
    odds = np.exp(top["logit"] - runner_up["logit"])
    assert odds == pytest.approx(scores[0] / scores[1], rel=0.01)


def test_evidence_lies_where_the_answer_comes_from(site: Path) -> None:
    evidence = critterdb.load_model(site).classify(halves(), evidence=True).evidence
    assert evidence
    red, green = (np.array(evidence[side]["cells"]) for side in ("top", "runner_up"))
    assert red[:, :15].min() > red[:, 25:].max()
    assert green[:, 25:].min() > green[:, :15].max()


def test_its_area_is_the_part_of_the_photo_that_was_seen(site: Path) -> None:
    evidence = critterdb.load_model(site).classify(halves((240, 120)), evidence=True).evidence
    assert evidence
    assert evidence["area"] == [0.25, 0, 0.5, 1]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (Preprocessing(224, share=0.5), Area(0.375, 0.25, 0.25, 0.5)),
        (Preprocessing(224, shape="squash"), Area(0, 0, 1, 1)),
        (Preprocessing(224, shape="squash", share=0.5), Area(0.25, 0.25, 0.5, 0.5)),
    ],
)
def test_each_kind_of_view_says_what_it_sees(view: Preprocessing, expected: Area) -> None:
    assert view.area(400, 200) == pytest.approx(expected)


def test_it_is_given_only_if_it_is_asked_for(site: Path) -> None:
    result = critterdb.load_model(site).classify(halves())
    assert result.evidence is None
    assert "evidence" not in result.as_dict()


def test_models_of_earlier_versions_lack_it_and_answer_the_same(tmp_path: Path) -> None:
    old = unpack_old_site(tmp_path)
    for file in sorted((old.folder / "models").glob("*.onnx")):
        assert not load_model(file).has_evidence
        model = critterdb.load_model(file)
        result = model.classify(halves(), evidence=True)
        assert result.evidence is None
        assert result.as_dict() | {"took_ms": 0} == model.classify(halves()).as_dict() | {
            "took_ms": 0
        }


def test_pictures_are_judged_alike_whether_evidence_is_asked_for_or_not(site: Path) -> None:
    model = critterdb.load_model(site)
    asked, unasked = model.classify(halves(), evidence=True), model.classify(halves())
    assert asked.predictions == unasked.predictions
    assert asked.novelty == unasked.novelty


def test_a_network_that_changes_what_it_averaged_has_none() -> None:
    """Its logits are not linear in its map, so no shares of cells would add up to them."""
    import onnx

    model = onnx.load_model_from_string(colour_average())
    average = model.graph.node[-1]
    average.output[0] = "average"
    model.graph.node.append(onnx.helper.make_node("Sqrt", ["average"], ["embedding"]))
    novelty = NoveltyParameters(np.zeros((3, 1)), np.zeros((3, 2)), np.zeros(2), 1.0)
    layers = OutputLayers(np.eye(2, 3), np.zeros(2), 1.0, novelty)
    composed = open_session(compose_graph(model.SerializeToString(), layers, {}))
    names = {output.name for output in composed.get_outputs()}
    assert names == {"probabilities", "embedding", "novelty"}


def test_a_file_whose_evidence_does_not_add_up_is_refused(tmp_path: Path) -> None:
    import onnx

    make_tiny_model(open_database(tmp_path / "critters.db", create=True))
    [file] = (tmp_path / "models").glob("*.onnx")
    model = onnx.load(file)
    [last] = [node for node in model.graph.node if "evidence" in node.output]
    last.input[0] = "critterdb_sums"
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="does not add up"):
        load_model(file)
