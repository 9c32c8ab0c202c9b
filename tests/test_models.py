"""Model files that are not to be trusted are refused with the reason; the good one loads."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from support_web import MODEL_ID, add_model, make_site

from critterdb.errors import ModelError
from critterdb.models import current_model, load_model, use_model
from critterdb.schema import DATABASE_NAME, open_database
from critterdb.wire import has_external_data

Change = Callable[[Any, dict[str, Any]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    return folder


@pytest.fixture
def file(folder: Path) -> Path:
    return folder / "models" / f"{MODEL_ID}.onnx"


def rewrite(file: Path, change: Change) -> None:
    """Change the graph or its description, and save it as a whole file again."""
    model = onnx.load_model_from_string(file.read_bytes())
    metadata = json.loads(model.metadata_props[0].value)
    change(model, metadata)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"critterdb": json.dumps(metadata)})
    file.write_bytes(model.SerializeToString())


def test_a_good_file_loads_and_is_kept(folder: Path, file: Path) -> None:
    db = open_database(folder / DATABASE_NAME)
    model = current_model(db)
    assert (model.id, len(model.labels)) == (MODEL_ID, 3)
    assert current_model(db) is model
    assert load_model(file).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def external(model: Any, metadata: dict[str, Any]) -> None:
    tensor = model.graph.initializer[2]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def drop_label(model: Any, metadata: dict[str, Any]) -> None:
    metadata["labels"].pop()


def other_weights(model: Any, metadata: dict[str, Any]) -> None:
    weight = next(one for one in model.graph.initializer if one.name == "critterdb_weight")
    stronger = onnx.numpy_helper.to_array(weight) * 9
    weight.CopyFrom(onnx.numpy_helper.from_array(stronger, weight.name))


def other_format(model: Any, metadata: dict[str, Any]) -> None:
    metadata["format"] = 99


def no_threshold(model: Any, metadata: dict[str, Any]) -> None:
    del metadata["threshold"]


def rename_output(model: Any, metadata: dict[str, Any]) -> None:
    model.graph.output[2].name = "embedding_again"
    model.graph.node[-1].output[0] = "embedding_again"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (external, "another file"),
        (drop_label, "3 outputs for 2 labels"),
        (other_weights, "smoke test"),
        (other_format, "format is 99"),
        (no_threshold, "lacks threshold"),
        (rename_output, "outputs"),
    ],
)
def test_a_file_made_wrong_is_refused(file: Path, change: Change, reason: str) -> None:
    rewrite(file, change)
    with pytest.raises(ModelError, match=reason):
        load_model(file)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_cut_off_file_is_refused_at_once(file: Path, keep: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    started = time.perf_counter()
    with pytest.raises(ModelError, match=r"refused: .* Train anew"):
        load_model(file)
    assert time.perf_counter() - started < 1


def test_a_file_other_than_its_row_says_is_refused(folder: Path, file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")
    db = open_database(folder / DATABASE_NAME)
    with pytest.raises(ModelError, match="SHA-256"):
        current_model(db)
    with pytest.raises(ModelError, match="SHA-256"):
        use_model(db, MODEL_ID)


def test_a_model_without_its_file_and_one_that_is_unknown(folder: Path, file: Path) -> None:
    file.unlink()
    db = open_database(folder / DATABASE_NAME)
    with pytest.raises(ModelError, match=r"could not be read .* critterdb train"):
        current_model(db)
    with pytest.raises(ModelError, match=f"no model nobody. Known ones: {MODEL_ID}"):
        use_model(db, "nobody")


def test_outside_data_is_found_in_bytes(file: Path) -> None:
    assert not has_external_data(file.read_bytes())
    rewrite(file, external)
    assert has_external_data(file.read_bytes())
