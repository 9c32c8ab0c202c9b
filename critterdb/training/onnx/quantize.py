"""Quantize a backbone to 8 bits: half of the time a photo, a quarter of the file.

Each layer's outputs get the range that they had on some of the game's own photos (post-training
quantisation, Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference"). The head then learns from what such a network sees.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.photo_files import UNREADABLE_ERRORS, PhotoFile
from critterdb.errors import ModelError
from critterdb.model.novelty import normalized
from critterdb.model.onnx_session import open_session
from critterdb.storage.atomic_files import write_atomically

from .graph import finish_graph, import_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from critterdb.training.backbones import Backbone

# Of the training part, so that no test photo has a say in how the network counts.
MAX_PHOTOS = 64  # that ranges are taken from
LAYERS = ("Conv", "Gemm", "MatMul", "Clip", "Relu", "Add")  # one in 32 bits between costs the gain
# Below it the 8-bit network no longer sees what the original does, and training says so instead of
# writing the model. docs/decisions.md#quantization-comes-before-the-head-is-trained
MIN_LIKENESS = 0.9  # mean cosine with what the network sees in 32 bits


def quantize_backbone(backbone: Backbone, photos: Sequence[PhotoFile]) -> Backbone:
    """Return the backbone in 8 bits, made from photo files unless its site has it already.

    Photos that cannot be read are skipped. Its recipe holds the SHA-256 of its graph, because other
    photos would give another one. Raises ModelError if a network does not survive quantization, or
    if no photo can be read.
    """
    path = backbone.onnx_path.with_name(f"{backbone.onnx_path.stem}-int8.onnx")
    if not path.is_file():
        pixels = list(_pixels(backbone, photos))
        data = _quantized(backbone, pixels)
        likeness = _likeness(backbone, data, pixels)
        if likeness < MIN_LIKENESS:
            raise ModelError(
                f"{backbone.name} does not survive 8-bit quantization (mean cosine similarity "
                f"{likeness:.2f}, at least {MIN_LIKENESS:g} required). Train without --int8, or "
                "with another backbone"
            )
        write_atomically(path, data)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(backbone, recipe=f"{backbone.recipe}-int8-{digest[:8]}", onnx_path=path)


def _pixels(backbone: Backbone, photos: Sequence[PhotoFile]) -> Iterator[np.ndarray]:
    """The first photos that can be read as the network gets them, uint8 1×size×size×3."""
    readable = 0
    for photo in photos:
        try:
            image = photo.decode(backbone.view.shorter_side)
        except UNREADABLE_ERRORS:
            continue
        yield backbone.pixels(image)[None]
        readable += 1
        if readable == MAX_PHOTOS:
            return
    if not readable:
        raise ModelError("No photo could be read. Fetch the photo files again: critterdb sync")


def _quantized(backbone: Backbone, pixels: Sequence[np.ndarray]) -> bytes:
    """ONNX bytes of the backbone with its layers in 8 bits."""
    onnx = import_onnx()
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Photos(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(pixels)

        def get_next(self) -> dict[str, np.ndarray] | None:
            photo = next(self._left, None)
            return None if photo is None else {"pixels": photo}

    with tempfile.TemporaryDirectory() as folder, _quiet():
        target = Path(folder) / "int8.onnx"
        quantize_static(
            onnx.load_model(backbone.onnx_path),
            target,
            Photos(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=LAYERS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Processors without VNNI add up products of 8 bits in 16, which 7 bits never overflow:
            # so the same model gives the same answers on all of them.
            reduce_range=True,
        )
        return finish_graph(onnx.load_model(target), {})


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the advice that ONNX Runtime's quantizer logs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _likeness(backbone: Backbone, data: bytes, pixels: Sequence[np.ndarray]) -> float:
    """Mean cosine of embeddings in 8 bits with those in 32."""
    session = open_session(data, threads=1)
    rough = np.concatenate([session.run(["embedding"], {"pixels": photo})[0] for photo in pixels])
    exact = np.concatenate([backbone.embed(photo) for photo in pixels])
    return float((normalized(rough) * normalized(exact)).sum(axis=1).mean())
