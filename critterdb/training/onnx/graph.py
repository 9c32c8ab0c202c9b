"""A backbone's graph and a head → one ONNX graph with probabilities, embedding and novelty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.errors import ModelError
from critterdb.model.loader import OUTPUTS
from critterdb.model.novelty import SMALLEST_LENGTH, NoveltyParameters
from critterdb.training.extra import missing_package

if TYPE_CHECKING:
    from collections.abc import Mapping

OPSET = 18  # the first in which every Reduce takes its axes as an input
PREFIX = "critterdb_"  # of every name that is added to the backbone's


@dataclass(frozen=True)
class OutputLayers:
    """What follows the backbone: weight C×D and bias C give logits of embeddings of length 1."""

    weight: np.ndarray
    bias: np.ndarray
    temperature: float
    novelty: NoveltyParameters


def compose_graph(backbone: bytes, layers: OutputLayers, properties: Mapping[str, str]) -> bytes:
    """Return the ONNX bytes of a whole model, with its metadata properties.

    `backbone` turns `pixels` into `embedding` N×D. Raises ModelError without the onnx package.
    """
    weight, bias, temperature = layers.weight, layers.bias, layers.temperature
    novelty = layers.novelty
    onnx = import_onnx()
    model = onnx.load_model_from_string(backbone)
    graph = model.graph
    constants = {
        "smallest": np.array([SMALLEST_LENGTH], np.float32),
        "last_axis": np.array([1], np.int64),
        # The temperature goes into the head: one step less for each photo.
        "weight": np.asarray(weight.T / temperature, np.float32),
        "bias": np.asarray(bias / temperature, np.float32),
        "directions": np.asarray(novelty.directions, np.float32),
        "linear": np.asarray(novelty.linear, np.float32),
        "constant": np.asarray(novelty.constant, np.float32),
        "scale": np.array([novelty.scale], np.float32),
    }
    for name, array in constants.items():
        graph.initializer.append(
            onnx.numpy_helper.from_array(np.ascontiguousarray(array), PREFIX + name)
        )

    def add(operator: str, inputs: str, output: str, **attributes: Any) -> None:
        names = [name if name in OUTPUTS else PREFIX + name for name in inputs.split()]
        result = output if output in OUTPUTS else PREFIX + output
        graph.node.append(onnx.helper.make_node(operator, names, [result], **attributes))

    add("ReduceL2", "embedding last_axis", "length", keepdims=1)
    add("Max", "length smallest", "divisor")
    add("Div", "embedding divisor", "vector")

    add("MatMul", "vector weight", "products")
    add("Add", "products bias", "logits")
    add("Softmax", "logits", "probabilities", axis=1)

    add("ReduceSumSquare", "vector last_axis", "whole", keepdims=0)
    add("MatMul", "vector directions", "spread")
    add("ReduceSumSquare", "spread last_axis", "usual", keepdims=0)
    add("MatMul", "vector linear", "nearness")
    add("Add", "nearness constant", "nearness_to_labels")
    add("ReduceMin", "nearness_to_labels last_axis", "nearest", keepdims=0)
    add("Sub", "whole usual", "unusual")
    add("Add", "unusual nearest", "squared")
    add("Relu", "squared", "distance")
    add("Div", "distance scale", "novelty")

    embedding = graph.output[0]
    float32 = onnx.TensorProto.FLOAT
    describe = onnx.helper.make_tensor_value_info
    outputs = [
        describe("probabilities", float32, ["N", len(bias)]),
        embedding,
        describe("novelty", float32, ["N"]),
    ]
    del graph.output[:]
    graph.output.extend(outputs)
    return finish_graph(model, properties)


def finish_graph(model: Any, properties: Mapping[str, str]) -> bytes:
    """Check a graph and return its bytes, without an exporter's notes about its machine."""
    onnx = import_onnx()
    model.doc_string = ""
    del model.metadata_props[:]
    for part in (model.graph, *model.graph.node, *model.graph.initializer, *model.functions):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    # Shapes of the steps between were noted for one size of batch or picture.
    del model.graph.value_info[:]
    onnx.helper.set_model_props(model, dict(properties))
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"The model could not be built: {error}") from error
    return bytes(model.SerializeToString())


def import_onnx() -> Any:
    """Import the onnx package with its parts. Raises ModelError if it is not installed."""
    try:
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ModelError(missing_package(error.name)) from error
    return onnx
