"""A backbone's graph and a head → one ONNX graph of probabilities, novelty and evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.errors import ModelError
from critterdb.model.loader import EVIDENCE_OUTPUTS, OUTPUTS, WINDOWS
from critterdb.model.novelty import SMALLEST_LENGTH, NoveltyParameters
from critterdb.training.extra import missing_package

from .evidence import add_evidence, evidence_constants, find_feature_map

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .evidence import Add

OPSET = 18  # the first in which every Reduce takes its axes as an input
PREFIX = "critterdb_"  # of every name that is added to the backbone's


@dataclass(frozen=True)
class OutputLayers:
    """What follows the backbone: weight C×D and bias C give logits of embeddings of length 1.

    `window_sides` are those of windows of the feature map, in cells, that get a novelty each.
    """

    weight: np.ndarray
    bias: np.ndarray
    temperature: float
    novelty: NoveltyParameters
    window_sides: tuple[int, ...] = ()


def compose_graph(backbone: bytes, layers: OutputLayers, properties: Mapping[str, str]) -> bytes:
    """Return the ONNX bytes of a whole model, with its metadata properties.

    `backbone` turns `pixels` into `embedding` N×D. The outputs of the evidence are there if the
    embedding is the average of a map, and if there are two labels. Raises ModelError without the
    onnx package.
    """
    onnx = import_onnx()
    model = onnx.load_model_from_string(backbone)
    graph = model.graph
    features = find_feature_map(graph) if len(layers.bias) > 1 else None
    sides = layers.window_sides if features else ()
    constants = _constants(layers) | (evidence_constants() if features else {})
    for name, array in constants.items():
        graph.initializer.append(
            onnx.numpy_helper.from_array(np.ascontiguousarray(array), PREFIX + name)
        )
    # All names but these get our prefix.
    known = {name: name for name in (*OUTPUTS, *EVIDENCE_OUTPUTS, WINDOWS)}
    if features:
        known["features"] = features.name

    def add(operator: str, inputs: str, outputs: str, **attributes: Any) -> None:
        names, results = (
            [known.get(name, PREFIX + name) for name in text.split()] for text in (inputs, outputs)
        )
        graph.node.append(onnx.helper.make_node(operator, names, results, **attributes))

    _add_head(add)
    if features:
        add_evidence(add, channels_last=features.channels_last)
    if sides:
        _add_windows(add, sides)
    embedding = graph.output[0]
    outputs = _outputs(onnx, embedding, labels=len(layers.bias), with_evidence=bool(features))
    if sides:
        windows = onnx.helper.make_tensor_value_info(WINDOWS, onnx.TensorProto.FLOAT, ["N", None])
        outputs.append(windows)
    del graph.output[:]
    graph.output.extend(outputs)
    return finish_graph(model, properties)


def _constants(layers: OutputLayers) -> dict[str, np.ndarray]:
    """What the head and the novelty measure learned, by the names of the tensors."""
    weight, bias, temperature = layers.weight, layers.bias, layers.temperature
    novelty = layers.novelty
    return {
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


def _add_head(add: Add) -> None:
    """Add the steps from an embedding to probabilities and novelty."""
    add("ReduceL2", "embedding last_axis", "length", keepdims=1)
    add("Max", "length smallest", "divisor")
    add("Div", "embedding divisor", "vector")

    add("MatMul", "vector weight", "products")
    add("Add", "products bias", "logits")
    add("Softmax", "logits", "probabilities", axis=1)

    _add_novelty(add, "vector", "novelty", axis="last_axis")


def _add_novelty(add: Add, vector: str, novelty: str, *, axis: str, tag: str = "") -> None:
    """Add the steps from vectors of length 1 to their novelty; `tag` goes into their names."""
    add("ReduceSumSquare", f"{vector} {axis}", f"whole{tag}", keepdims=0)
    add("MatMul", f"{vector} directions", f"spread{tag}")
    add("ReduceSumSquare", f"spread{tag} {axis}", f"usual{tag}", keepdims=0)
    add("MatMul", f"{vector} linear", f"nearness{tag}")
    add("Add", f"nearness{tag} constant", f"nearness_to_labels{tag}")
    add("ReduceMin", f"nearness_to_labels{tag} {axis}", f"nearest{tag}", keepdims=0)
    add("Sub", f"whole{tag} usual{tag}", f"unusual{tag}")
    add("Add", f"unusual{tag} nearest{tag}", f"squared{tag}")
    add("Relu", f"squared{tag}", f"distance{tag}")
    add("Div", f"distance{tag} scale", novelty)


def _add_windows(add: Add, sides: tuple[int, ...]) -> None:
    """Add the steps from the feature map to the novelty of each of its windows."""
    for side in sides:
        add("AveragePool", "map", f"pooled_{side}", kernel_shape=[side, side], strides=[1, 1])
        add("Reshape", f"pooled_{side} flat_map", f"flat_{side}")
        add("Transpose", f"flat_{side}", f"embeddings_{side}", perm=[0, 2, 1])
    embeddings = " ".join(f"embeddings_{side}" for side in sides)
    add("Concat", embeddings, "window_embeddings", axis=1)
    add("ReduceL2", "window_embeddings window_axis", "window_length", keepdims=1)
    add("Max", "window_length smallest", "window_divisor")
    add("Div", "window_embeddings window_divisor", "window_vectors")
    _add_novelty(add, "window_vectors", WINDOWS, axis="window_axis", tag="_of_windows")


def _outputs(onnx: Any, embedding: Any, *, labels: int, with_evidence: bool) -> list[Any]:
    describe, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
    outputs = [
        describe("probabilities", kinds.FLOAT, ["N", labels]),
        embedding,
        describe("novelty", kinds.FLOAT, ["N"]),
    ]
    if with_evidence:
        outputs += [
            describe("evidence", kinds.FLOAT, ["N", 2, None, None]),
            describe("evidence_labels", kinds.INT64, ["N", 2]),
            describe("evidence_logits", kinds.FLOAT, ["N", 2]),
            describe("evidence_biases", kinds.FLOAT, ["N", 2]),
        ]
    return outputs


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
