"""A frozen network as plain values, which any machine can make vectors with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.model.onnx_session import open_session

if TYPE_CHECKING:
    from PIL import Image

    from critterdb.imaging.preprocessing import Preprocessing


@dataclass(frozen=True)
class Network:
    """An ONNX file's bytes: `pixels` uint8 N×size×size×3 → `embedding` float32 N×D.

    `recipe` names everything that a vector depends on.
    """

    recipe: str
    view: Preprocessing
    onnx: bytes

    @cached_property
    def _session(self) -> Any:
        # One thread a run: each core runs it on photos of its own.
        return open_session(self.onnx, threads=1, gpu=True)

    @property
    def dimensions(self) -> int:
        return int(self._session.get_outputs()[0].shape[1])

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Return the network's view of an upright RGB image: uint8 size×size×3."""
        return self.view.pixels(image)

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """Return embeddings float32 N×D of pixels uint8 N×size×size×3."""
        return np.asarray(self._session.run(["embedding"], {"pixels": pixels})[0])

    def __getstate__(self) -> dict[str, object]:
        # A session stays on the machine that opened it.
        return {"recipe": self.recipe, "view": self.view, "onnx": self.onnx}
