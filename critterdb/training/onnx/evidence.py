"""Add outputs that say where in the picture a network found the evidence for its answer.

The logits are linear in the embedding, and the embedding of most networks is the average of a
feature map (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization"). So each
cell of the map has its own share of a logit, and the shares and the bias add up to it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Add = Callable[..., None]
    """Adds a node: operator, names of inputs, name of the output, attributes."""

# Steps that keep the numbers of a pooled map as they are, in their order. torch exports an adaptive
# pooling with an `as_strided` after it, which is a Gather of all numbers in turn; loading a file
# checks that its evidence adds up.
SAME_NUMBERS = ("Flatten", "Reshape", "Squeeze", "Identity", "Gather")
# The axes that are averaged of a map N×D×H×W, or N×H×W×D.
CHANNELS_FIRST, CHANNELS_LAST = (2, 3), (1, 2)


@dataclass(frozen=True)
class FeatureMap:
    """The tensor whose average is the embedding: N×D×H×W, or N×H×W×D with `channels_last`."""

    name: str
    channels_last: bool


def find_feature_map(graph: Any) -> FeatureMap | None:
    """Return the map whose average is the graph's only output, or None if there is none.

    What follows the average must not change its numbers: a network that normalizes them afterwards
    is not linear in its map.
    """
    producers = {name: node for node in graph.node for name in node.output}
    node = producers.get(graph.output[0].name)
    while node is not None and node.op_type in SAME_NUMBERS:
        node = producers.get(node.input[0])
    if node is None:
        return None
    if node.op_type == "GlobalAveragePool":
        return FeatureMap(node.input[0], channels_last=False)
    if node.op_type == "ReduceMean":
        axes = _pooled_axes(graph, producers, node)
        if axes in (CHANNELS_FIRST, CHANNELS_LAST):
            return FeatureMap(node.input[0], channels_last=axes == CHANNELS_LAST)
    return None


def _pooled_axes(graph: Any, producers: dict[str, Any], node: Any) -> tuple[int, int] | None:
    """The axes of a ReduceMean over two of a map's four axes, or None for any other."""
    from onnx.numpy_helper import to_array

    values: list[int] = []
    for attribute in node.attribute:
        if attribute.name == "axes":  # until opset 17
            values = list(attribute.ints)
    if len(node.input) > 1:
        name = node.input[1]
        for tensor in graph.initializer:
            if tensor.name == name:
                values = to_array(tensor).ravel().tolist()
        constant = producers.get(name)
        if constant is not None and constant.op_type == "Constant":
            values = _constant_values(constant)
    if len(values) != 2:
        return None
    first, last = sorted(int(axis) % 4 for axis in values)
    return first, last


def _constant_values(node: Any) -> list[int]:
    """The integers of a Constant node, which has them in one of two ways."""
    from onnx.numpy_helper import to_array

    for attribute in node.attribute:
        if attribute.name == "value":
            return [int(value) for value in to_array(attribute.t).ravel()]
        if attribute.name == "value_ints":
            return list(attribute.ints)
    return []


def evidence_constants() -> dict[str, np.ndarray]:
    """Return the constants that the evidence's steps need, by name."""
    return {
        "two": np.array([2], np.int64),
        "middle_axis": np.array([1], np.int64),
        "window_axis": np.array([2], np.int64),
        "flat_map": np.array([0, 0, -1], np.int64),
        "cells_before": np.array([0, 2], np.int64),
    }


def add_evidence(add: Add, *, channels_last: bool) -> None:
    """Add the steps from `features`, `divisor` and the head to the outputs of the evidence."""
    if channels_last:
        add("Transpose", "features", "map", perm=[0, 3, 1, 2])
    else:
        add("Identity", "features", "map")
    add("TopK", "logits two", "evidence_logits evidence_labels", axis=1)
    add("Gather", "bias evidence_labels", "evidence_biases")

    add("Transpose", "weight", "label_vectors", perm=[1, 0])
    add("Gather", "label_vectors evidence_labels", "chosen_vectors", axis=0)
    add("Unsqueeze", "divisor middle_axis", "divisor_of_each")
    add("Div", "chosen_vectors divisor_of_each", "scaled_vectors")
    add("Reshape", "map flat_map", "cells_of_features")
    add("MatMul", "scaled_vectors cells_of_features", "sums")

    # Divided by the number of cells, which the graph itself knows.
    add("Shape", "map", "sides", start=2, end=4)
    add("ReduceProd", "sides", "count", keepdims=1)
    add("Cast", "count", "cells", to=1)
    add("Div", "sums cells", "shares")
    add("Concat", "cells_before sides", "shape", axis=0)
    add("Reshape", "shares shape", "evidence")
