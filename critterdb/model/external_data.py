"""Find out from an ONNX file's bytes whether it points at other files, or may never end.

ONNX Runtime given a model's bytes still opens files that a Constant node names, relative to the
current folder; and what serves has no onnx package to look with. Message and field numbers are
those of onnx.proto; unknown fields are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A graph in a loop in a condition nests some ten messages; recursion ends well before Python does.
MAX_DEPTH = 64  # messages inside messages
# A large network has some 50,000; in Python, a walk through 400 MB of empty fields takes minutes.
# docs/decisions.md#at-most-200000-protobuf-fields-are-examined
MAX_FIELDS = 200_000
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # of a tensor
OP_TYPE = 4  # of a node
# How often they run can depend on the picture, so a smoke test that ends proves nothing.
LOOPS = (b"Loop", b"Scan", b"SequenceMap")


class EndlessGraphError(ValueError):
    """The graph has loops, or functions that ONNX Runtime writes out: ten levels can be 10**10."""


def has_external_data(data: bytes) -> bool:
    """Say whether a tensor of the model lies in another file.

    Raises ValueError if it is broken, and EndlessGraphError if running it may never end.
    """
    return _points_outside(memoryview(data), "model", 0, iter(range(MAX_FIELDS)))


def _points_outside(data: memoryview, message: str, depth: int, left: Iterator[int]) -> bool:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    inside = MESSAGES[message]
    offset = 0
    while offset < len(data):
        key, offset = _varint(data, offset)
        field, kind = key >> 3, key & 7
        if field == 0 or next(left, None) is None:
            raise ValueError("no fields of a model, or too many")
        if message == "tensor" and field == EXTERNAL_DATA:
            return True
        if kind == VARINT:
            number, offset = _varint(data, offset)
            if message == "tensor" and field == DATA_LOCATION and number:
                return True
        elif kind == BYTES:
            length, offset = _varint(data, offset)
            child = data[offset : offset + length]
            offset += length
            _refuse_endless(message, field, child)
            if field in inside and _points_outside(child, inside[field], depth + 1, left):
                return True
        elif kind in (FIXED32, FIXED64):
            offset += 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"unknown kind of field {kind}")
    if offset > len(data):
        raise ValueError("cut off")
    return False


def _refuse_endless(message: str, field: int, child: memoryview) -> None:
    if MESSAGES[message].get(field) == "function":
        raise EndlessGraphError("it has functions of its own")
    if message == "node" and field == OP_TYPE and bytes(child[: len(b"SequenceMap") + 1]) in LOOPS:
        raise EndlessGraphError("it has loops")


def _varint(data: memoryview, offset: int) -> tuple[int, int]:
    number = shift = 0
    while offset < len(data) and shift < 70:
        byte = data[offset]
        number |= (byte & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if byte < 0x80:
            return number, offset
    raise ValueError("cut off")
