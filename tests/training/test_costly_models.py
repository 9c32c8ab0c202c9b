"""A model file from anybody: checking it takes neither the machine's memory nor for ever."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from critterdb.errors import ModelError
from critterdb.model import onnx_session
from critterdb.model.loader import load_model
from critterdb.storage.database import site_folder
from tests.support.models import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

node = onnx.helper.make_node


@pytest.fixture
def file(db: SiteDatabase) -> Path:
    model = make_tiny_model(db)
    return site_folder(db) / "models" / f"{model.id}.onnx"


def constant(name: str, values: Any, kind: Any = np.int64) -> Any:
    return node("Constant", [], [name], value=onnx.numpy_helper.from_array(np.array(values, kind)))


def add_to_novelty(file: Path, nodes: Sequence[Any], functions: Sequence[Any] = ()) -> None:
    """Let the graph compute the value `zero` too, so that all else comes out as before."""
    model = onnx.load_model_from_string(file.read_bytes())
    metadata = json.loads(model.metadata_props[0].value)
    metadata.pop("digest", None)
    last = next(node for node in model.graph.node if "novelty" in node.output)
    last.output[0] = "whole"
    model.graph.node.extend([*nodes, node("Add", ["whole", "zero"], ["novelty"])])
    model.functions.extend(functions)
    if functions:
        model.opset_import.append(onnx.helper.make_opsetid("own", 1))
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"critterdb": json.dumps(metadata)})
    file.write_bytes(model.SerializeToString())


def zeros(*shape: int) -> list[Any]:
    """A tensor `zeros` of any size, in a few bytes."""
    return [constant("shape", list(shape)), node("ConstantOfShape", ["shape"], ["zeros"])]


def test_what_costs_little_is_loaded(file: Path) -> None:
    add_to_novelty(file, [*zeros(1000, 1000), node("ReduceMax", ["zeros"], ["zero"], keepdims=0)])
    assert load_model(file).labels


def test_a_graph_that_fills_the_memory_is_refused(file: Path) -> None:
    gigabytes = 4
    nodes = [
        *zeros(gigabytes * 1_000_000_000 // 4),
        node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
    ]
    add_to_novelty(file, nodes)
    with pytest.raises(ModelError, match="smoke test"):
        load_model(file)


def test_a_graph_that_takes_for_ever_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_session, "MAX_TRIAL_S", 0.5)
    steps = 5000
    products = [
        node("MatMul", [f"product{step}" if step else "zeros", "zeros"], [f"product{step + 1}"])
        for step in range(steps)
    ]
    last = node("ReduceMax", [f"product{steps}"], ["zero"], keepdims=0)
    add_to_novelty(file, [*zeros(1500, 1500), *products, last])
    started = time.monotonic()
    with pytest.raises(ModelError, match="smoke test"):
        load_model(file)
    assert time.monotonic() - started < 20


def test_a_loop_is_refused(file: Path) -> None:
    """How often it runs could depend on the picture; this one ends at once."""
    value = onnx.helper.make_tensor_value_info
    kinds = onnx.TensorProto
    body = onnx.helper.make_graph(
        [node("Identity", ["goes_on"], ["still"]), node("Identity", ["old"], ["new"])],
        "body",
        [value("step", kinds.INT64, []), value("goes_on", kinds.BOOL, []), value("old", 1, [])],
        [value("still", kinds.BOOL, []), value("new", kinds.FLOAT, [])],
    )
    nodes = [
        constant("steps", 1),
        constant("goes", True, bool),
        constant("first", 0.0, np.float32),
        node("Loop", ["steps", "goes", "first"], ["zero"], body=body),
    ]
    add_to_novelty(file, nodes)
    with pytest.raises(ModelError, match="loops or functions"):
        load_model(file)


def test_functions_that_unfold_to_millions_of_nodes_are_refused(file: Path) -> None:
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("own", 1)]
    functions, inner, depth = [], "Identity", 7
    for level in range(depth):
        domain = "own" if level else ""
        calls = [node(inner, [f"v{n}"], [f"v{n + 1}"], domain=domain) for n in range(10)]
        inner = f"tenfold{level}"
        functions.append(onnx.helper.make_function("own", inner, ["v0"], ["v10"], calls, opsets))
    nodes = [constant("first", 0.0, np.float32), node(inner, ["first"], ["zero"], domain="own")]
    add_to_novelty(file, nodes, functions)
    started = time.monotonic()
    with pytest.raises(ModelError, match="loops or functions"):
        load_model(file)
    assert time.monotonic() - started < 5
