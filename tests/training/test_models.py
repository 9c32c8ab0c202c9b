"""Model files that are not to be trusted are refused with the reason; the good one loads."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from critterdb.errors import ModelError
from critterdb.model import registry
from critterdb.model.external_data import has_external_data
from critterdb.model.loader import MAX_MODEL_BYTES, load_model
from critterdb.model.registry import current_model, use_model
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import MODEL_ID, add_model, make_site
from tests.support.models import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

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


def test_a_run_takes_no_more_threads_than_it_is_told(file: Path) -> None:
    for threads in (1, 2):
        options = load_model(file, threads=threads).session.get_session_options()
        assert options.intra_op_num_threads == threads


def test_models_that_strangers_ask_for_do_not_fill_the_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_database(folder / DATABASE_NAME)) as db:
        make_tiny_model(db, "others")
        first = current_model(db, "cougarornot")
        assert current_model(db, "others") is current_model(db, "others")
        assert current_model(db, "cougarornot") is first
        monkeypatch.setattr(registry, "MAX_LOADED_BYTES", 1)
        last = current_model(db, "others")
        assert current_model(db, "others") is last
        assert current_model(db, "cougarornot") is not first


def external(model: Any, metadata: dict[str, Any]) -> None:
    tensor = model.graph.initializer[2]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def drop_label(model: Any, metadata: dict[str, Any]) -> None:
    metadata["labels"].pop()


def other_weights(model: Any, metadata: dict[str, Any]) -> None:
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "critterdb_weight")
    stronger = onnx.numpy_helper.to_array(weight) * 9
    weight.CopyFrom(onnx.numpy_helper.from_array(stronger, weight.name))


def other_format(model: Any, metadata: dict[str, Any]) -> None:
    metadata["format"] = 99


def labels_without_taxa(model: Any, metadata: dict[str, Any]) -> None:
    metadata["labels"] = ["cougar", "bobcat", "cat"]


def no_threshold(model: Any, metadata: dict[str, Any]) -> None:
    del metadata["threshold"]


def rename_output(model: Any, metadata: dict[str, Any]) -> None:
    model.graph.output[2].name = "embedding_again"
    [last] = [node for node in model.graph.node if "novelty" in node.output]
    last.output[0] = "embedding_again"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (external, "another file"),
        (drop_label, "3 outputs for 2 labels"),
        (other_weights, "smoke test"),
        (other_format, "format is 99"),
        (labels_without_taxa, "not a list of taxa"),
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
    with pytest.raises(ModelError, match=r"rejected: .* Train again"):
        load_model(file)
    assert time.perf_counter() - started < 1


def test_a_file_other_than_its_row_says_is_refused(folder: Path, file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")
    db = open_database(folder / DATABASE_NAME)
    with pytest.raises(ModelError, match="SHA-256"):
        current_model(db)
    with pytest.raises(ModelError, match="SHA-256"):
        use_model(db, MODEL_ID)


def refused_at_once(folder: Path, reason: str) -> None:
    """Loading for an answer and selecting both refuse, within a second and with the reason."""
    db = open_database(folder / DATABASE_NAME)
    for load in (current_model, lambda db: use_model(db, MODEL_ID)):
        started = time.perf_counter()
        with pytest.raises(ModelError, match=rf"rejected: .*{reason}.* Train again"):
            load(db)
        assert time.perf_counter() - started < 1


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_flipped_bit_is_refused(folder: Path, file: Path, share: float) -> None:
    data = bytearray(file.read_bytes())
    data[int(share * len(data))] ^= 4
    file.write_bytes(data)
    refused_at_once(folder, "SHA-256")


@pytest.mark.parametrize("share", [0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_flipped_bit_of_a_file_without_a_row_is_refused(file: Path, share: float) -> None:
    data = bytearray(file.read_bytes())
    data[int(share * len(data))] ^= 4
    file.write_bytes(data)
    started = time.perf_counter()
    with pytest.raises(ModelError, match=r"rejected: .* Train again"):
        load_model(file)
    assert time.perf_counter() - started < 1


def test_a_threshold_turned_by_hand_is_noticed(file: Path) -> None:
    def bolder(model: Any, metadata: dict[str, Any]) -> None:
        metadata["threshold"] = 0.01

    rewrite(file, bolder)
    with pytest.raises(ModelError, match="it has changed since it was written"):
        load_model(file)


@pytest.mark.parametrize(
    "filling", [b"\0", b"\x08\x01", b"\x3a\x00"], ids=["0", "numbers", "graphs"]
)
def test_millions_of_fields_are_refused_at_once(file: Path, filling: bytes, busy: float) -> None:
    file.write_bytes(filling * (20_000_000 // len(filling)))
    started = time.perf_counter()
    with pytest.raises(ModelError, match="not a complete ONNX model"):
        load_model(file)
    assert time.perf_counter() - started < busy


def believe(folder: Path, file: Path) -> None:
    """Let the row vouch for the file as it is: a database made by somebody else."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    open_database(folder / DATABASE_NAME)["models"].update(
        MODEL_ID, {"sha256": digest, "bytes": file.stat().st_size}
    )


def test_a_swapped_file_is_refused(folder: Path, file: Path, tmp_path: Path) -> None:
    other = make_tiny_model(open_database(tmp_path / DATABASE_NAME, create=True), "paints")
    file.write_bytes((tmp_path / "models" / f"{other.id}.onnx").read_bytes())
    refused_at_once(folder, "SHA-256")
    believe(folder, file)
    refused_at_once(folder, f"not {MODEL_ID}")


def test_a_file_that_is_too_large_is_refused_unread(folder: Path, file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(MAX_MODEL_BYTES + 1)
    refused_at_once(folder, "larger than 400 MB")


def test_other_labels_than_the_rows_say_are_refused(folder: Path, file: Path) -> None:
    def other_taxon(model: Any, metadata: dict[str, Any]) -> None:
        metadata["labels"][0]["taxon_id"] = 12345

    rewrite(file, other_taxon)
    believe(folder, file)
    refused_at_once(folder, "labels are not those")


@pytest.mark.parametrize("change", [external, other_weights])
def test_what_its_row_vouches_for_is_still_looked_at(
    folder: Path, file: Path, change: Change
) -> None:
    rewrite(file, change)
    believe(folder, file)
    refused_at_once(folder, "another file|smoke test")


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


def described(file: Path, **changes: Any) -> None:
    """Change the description of a model to these values, and leave its graph alone."""

    def change(model: Any, metadata: dict[str, Any]) -> None:
        metadata.update(changes)

    rewrite(file, change)


FIRST = {"taxon_id": 1, "name": "Lynx", "common_name": None, "rank": "genus"}
OTHERS = [FIRST | {"taxon_id": 2}, FIRST | {"taxon_id": 3}]
NAN, INFINITY = float("nan"), float("inf")


def odd(key: str, *values: object) -> list[tuple[str, object]]:
    """The key of a description with each of these values."""
    return [(key, value) for value in values]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *odd("id", None, 7, "", ["x"], {}),
        *odd("game", None, 7, ""),
        *odd("backbone", None, 7, ""),
        *odd("format", None, "1", [], 10**400),
        *odd("size", None, "32", 32.0, -1, 0, 10**30, NAN, []),
        *odd("resize", None, 3, "", "crop-nan", "squash-inf", "crop-0.1-", []),
        *odd("threshold", None, "0.8", NAN, INFINITY, True, [], 10**400),
        *odd("novelty_threshold", None, NAN, INFINITY, {}),
        *odd("temperature", None, 0, -1, NAN, "1"),
        *odd("labels", None, {}, [], "abc", 3, [1, 2, 3], [[], [], []]),
        ("labels", [FIRST, *OTHERS[:1], {"taxon_id": 3}]),
        ("labels", [FIRST, FIRST, FIRST]),
        ("labels", [FIRST | {"taxon_id": 10**30}, *OTHERS]),
        ("labels", [FIRST | {"taxon_id": True}, *OTHERS]),
        ("labels", [FIRST | {"taxon_id": "1"}, *OTHERS]),
        ("labels", [FIRST | {"name": None}, *OTHERS]),
        ("labels", [FIRST | {"name": "\ud800"}, *OTHERS]),
        ("labels", [FIRST | {"common_name": 5}, *OTHERS]),
        ("labels", [FIRST | {"rank": []}, *OTHERS]),
        ("labels", [FIRST | {"ancestors": None}, *OTHERS]),
        ("labels", [FIRST | {"ancestors": [1]}, *OTHERS]),
        ("labels", [FIRST | {"ancestors": [{"taxon_id": 9}]}, *OTHERS]),
        *odd("smoke_test", None, [], {}, 5, {"probabilities": 3}),
        *odd("smoke_test", {"probabilities": []}, {"probabilities": [1]}),
        *odd("smoke_test", *({"probabilities": [score] * 3} for score in (NAN, "a", [1]))),
        *odd("licenses", [], "cc0", {"cc0": "many"}, {"cc0": None}, {"a": -1}),
        *odd("digest", 5, [], {}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_odd_description_is_refused(file: Path, key: str, value: Any) -> None:
    """Wrong types, missing parts and numbers that are none: a reason, never a traceback."""
    described(file, **{key: value})
    with pytest.raises(ModelError, match=r"rejected: .* Train again"):
        load_model(file)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "7", "{", "[" * 200_000, '{"a":' * 200_000, "9" * 5000, '{"id": NaN}'],
    ids=lambda text: text[:8] or "nothing",
)
def test_a_description_that_is_not_an_object_is_refused(file: Path, text: str) -> None:
    """Nested 200,000 levels deep, it used to end in a RecursionError."""
    model = onnx.load_model_from_string(file.read_bytes())
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"critterdb": text})
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="no valid critterdb metadata"):
        load_model(file)


def test_an_odd_description_is_an_error_for_visitors_and_commands(folder: Path, file: Path) -> None:
    described(file, labels=[FIRST, *OTHERS[:1], {"taxon_id": 3}])
    believe(folder, file)
    refused_at_once(folder, "labels are not a list of taxa")


def test_a_view_that_would_fill_the_memory_is_refused(file: Path) -> None:
    """4096 pixels that are a tenth of the photo: each photo would become 40,960 pixels wide."""
    described(file, size=4096, resize="crop-0.1")
    with pytest.raises(ModelError, match="scales images to more than 8192 pixels"):
        load_model(file)


def test_a_model_that_fails_on_one_picture_only_is_an_error(file: Path) -> None:
    """Its smoke test passes, and black pixels give probabilities that are not numbers."""

    def divide_by_brightness(model: Any, metadata: dict[str, Any]) -> None:
        [last] = [node for node in model.graph.node if "novelty" in node.output]
        last.output[0] = "whole"
        model.graph.node.append(
            onnx.helper.make_node("ReduceSum", ["embedding"], ["brightness"], keepdims=0)
        )
        model.graph.node.append(onnx.helper.make_node("Div", ["brightness", "brightness"], ["one"]))
        model.graph.node.append(onnx.helper.make_node("Mul", ["whole", "one"], ["novelty"]))

    rewrite(file, divide_by_brightness)
    model = load_model(file, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    grey = np.full((32, 32, 3), 128, np.uint8)
    assert np.isfinite(model.classify_pixels(grey).novelty)
    with pytest.raises(ModelError, match="fails on this picture"):
        model.classify_pixels(np.zeros((32, 32, 3), np.uint8))


def test_a_refused_file_is_not_read_for_each_request(folder: Path, file: Path) -> None:
    """A file that failed its check is refused until its size or time changes, or its row does."""
    good = file.read_bytes()
    before = file.stat()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with closing(open_database(folder / DATABASE_NAME)) as db:
        with pytest.raises(ModelError, match="SHA-256"):
            current_model(db)
        file.write_bytes(good)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        with pytest.raises(ModelError, match="SHA-256"):
            current_model(db)  # remembered: nothing was read
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 2))
        assert current_model(db).id == MODEL_ID
