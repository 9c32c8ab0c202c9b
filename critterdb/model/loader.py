"""The model file: one ONNX file that describes itself; loaded only when all of it can be trusted.

Input `pixels`, uint8 N×H×W×3; outputs `probabilities` N×C after temperature, `embedding` N×D and
`novelty` N. The metadata property `critterdb` says the rest as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from critterdb.errors import ModelError, SiteError
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_files import open_regular, stored_file

from .decision import Classification, combine, decide
from .external_data import has_external_data
from .onnx_session import open_low_priority_session

FORMAT = 1
MAX_MODEL_BYTES = 400_000_000
SMOKE_SEED = 20_180_622
SMOKE_TOLERANCE = 5e-3
DIGEST = "digest"  # in the description: the SHA-256 of the file, with zeros in its own place
OUTPUTS = ("probabilities", "embedding", "novelty")
REQUIRED = (
    "format",
    "id",
    "game",
    "backbone",
    "size",
    "resize",
    "labels",
    "temperature",
    "threshold",
    "novelty_threshold",
    "smoke_test",
)


@dataclass(frozen=True)
class Model:
    """A loaded model. `labels` are in output order; `thresholds` are those in force."""

    id: str
    game: str
    backbone: str
    view: Preprocessing
    labels: list[dict[str, Any]]
    thresholds: dict[str, float]
    metadata: dict[str, Any]
    sha256: str
    session: Any

    def run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities N×C, embeddings N×D and novelty N of pixels uint8 N×H×W×3."""
        probabilities, embedding, novelty = self.session.run(list(OUTPUTS), {"pixels": pixels})
        return probabilities, embedding, novelty

    def pixels(self, image: Image.Image) -> np.ndarray:
        """The model's view of an upright RGB image: uint8 H×W×3."""
        return self.view.pixels(image)

    def classify(self, image: Image.Image) -> Classification:
        """What is in an upright RGB image."""
        return self.classify_pixels(self.pixels(image))

    def classify_pixels(self, pixels: np.ndarray) -> Classification:
        """What is in an image of which these are the model's view, uint8 H×W×3."""
        probabilities, novelty = self.session.run(
            ["probabilities", "novelty"], {"pixels": pixels[None]}
        )
        return decide(probabilities[0], float(novelty[0]), self.labels, self.thresholds)

    def classify_many(self, images: list[Image.Image]) -> list[Classification]:
        """What is in each of several images."""
        return [self.classify(image) for image in images]

    def combine(self, classifications: list[Classification]) -> Classification:
        """One answer over several photos of one animal."""
        return combine(classifications, self.labels, self.thresholds)


def smoke_pixels(size: int) -> np.ndarray:
    """The fixed input of the smoke test: uint8 1×size×size×3."""
    generator = np.random.default_rng(SMOKE_SEED)
    return generator.integers(0, 256, (1, size, size, 3), dtype=np.uint8)


def load_model(
    path: Path, *, sha256: str | None = None, size: int | None = None, threads: int | None = None
) -> Model:
    """Load a model file. Raises ModelError with the reason where it is not to be trusted.

    `sha256` and `size` in bytes are what the database says of it; without a database, the file's
    own digest speaks for it. A run takes `threads`, or all processors. ONNX Runtime is given the
    bytes and not the path.
    """
    data = _read_checked(path, sha256, size)
    try:
        outside = has_external_data(data)
    except ValueError as error:
        raise _untrusted(path, "it is no complete ONNX model") from error
    if outside:
        raise _untrusted(path, "it keeps a part of itself in another file")
    try:
        session = open_low_priority_session(data, threads=threads)
        text = session.get_modelmeta().custom_metadata_map.get("critterdb", "")
    except Exception as error:
        # ONNX Runtime's errors share no base class of their own.
        raise _untrusted(path, "it is no complete ONNX model") from error
    metadata = _read_metadata(path, text)
    _check_structure(path, session, metadata)
    model = Model(
        id=metadata["id"],
        game=metadata["game"],
        backbone=metadata["backbone"],
        view=_read_view(path, metadata),
        labels=metadata["labels"],
        thresholds={
            name: metadata[name] for name in ("threshold", "novelty_threshold", "temperature")
        },
        metadata=metadata,
        sha256=hashlib.sha256(data).hexdigest(),
        session=session,
    )
    _smoke_test(path, model)
    told = metadata.get(DIGEST)
    if sha256 is None and told and digest_without_itself(data, str(told)) != told:
        raise _untrusted(path, "its bytes are not those that it was written with")
    return model


def digest_without_itself(data: bytes, digest: str) -> str:
    """The SHA-256 of a model's bytes with zeros where they hold this digest themselves."""
    own = digest.encode()
    place = data.find(own)
    if place < 0:
        return ""
    view = memoryview(data)
    whole = hashlib.sha256(view[:place])
    whole.update(b"0" * len(own))
    whole.update(view[place + len(own) :])
    return whole.hexdigest()


def _read_checked(path: Path, sha256: str | None, size: int | None) -> bytes:
    try:
        with open_regular(path) as file:
            found = os.fstat(file.fileno()).st_size
            if found > MAX_MODEL_BYTES:
                raise _untrusted(path, f"it is larger than {MAX_MODEL_BYTES / 1e6:.0f} MB")
            if size not in (None, found):
                raise _untrusted(path, "its size and SHA-256 are not those in the database")
            data = file.read(found + 1)
    except OSError as error:
        raise _refused(
            path, f"could not be read ({error.strerror}). Train anew with: critterdb train"
        ) from error
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise _untrusted(path, "its SHA-256 is not the one in the database")
    return data


def _read_metadata(path: Path, text: str) -> dict[str, Any]:
    try:
        metadata = json.loads(text)
    except ValueError as error:
        raise _untrusted(path, "it does not describe itself as critterdb's do") from error
    if not isinstance(metadata, dict):
        raise _untrusted(path, "it does not describe itself as critterdb's do")
    missing = [name for name in REQUIRED if name not in metadata]
    if missing:
        raise _untrusted(path, f"its description lacks {', '.join(missing)}")
    labels = metadata["labels"]
    if not isinstance(labels, list) or not all(
        isinstance(label, dict) and isinstance(label.get("taxon_id"), int) for label in labels
    ):
        raise _untrusted(path, "its labels are no taxa")
    if metadata["format"] != FORMAT:
        raise _untrusted(path, f"its format is {metadata['format']}, not {FORMAT}")
    return dict(metadata)


def _read_view(path: Path, metadata: dict[str, Any]) -> Preprocessing:
    try:
        return Preprocessing.parse(metadata["size"], metadata["resize"])
    except (ValueError, TypeError, AttributeError) as error:
        raise _untrusted(path, "it does not say how it looks at an image") from error


def _check_structure(path: Path, session: Any, metadata: dict[str, Any]) -> None:
    inputs = {one.name: one for one in session.get_inputs()}
    outputs = {one.name: one for one in session.get_outputs()}
    if set(inputs) != {"pixels"} or inputs["pixels"].type != "tensor(uint8)":
        raise _untrusted(path, "its input is not uint8 pixels")
    if not set(OUTPUTS) <= set(outputs):
        raise _untrusted(path, f"its outputs are not {', '.join(OUTPUTS)}")
    width = outputs["probabilities"].shape[-1]
    if width != len(metadata["labels"]):
        raise _untrusted(path, f"it has {width} outputs for {len(metadata['labels'])} labels")


def _smoke_test(path: Path, model: Model) -> None:
    try:
        probabilities, _, _ = model.run(smoke_pixels(model.view.size))
    except Exception as error:
        raise _untrusted(path, "it fails on its own smoke test") from error
    expected = np.array(model.metadata["smoke_test"]["probabilities"])
    if not np.allclose(probabilities[0], expected, atol=SMOKE_TOLERANCE):
        raise _untrusted(path, "its smoke test gives other probabilities than it should")


def _untrusted(path: Path, reason: str) -> ModelError:
    return _refused(path, f"is refused: {reason}. Train anew: critterdb train")


def _refused(path: Path, why: str) -> ModelError:
    # Where the site lies on its machine is not for strangers.
    public = f"The model file {path.parent.name}/{path.name} {why}"
    return ModelError(f"The model file {path} {why}", public=public)


def _file_of(db: SiteDatabase, row: dict[str, Any]) -> Path:
    """The file of a `models` row. Raises ModelError where it is not one of the site's."""
    try:
        return stored_file(site_folder(db), "models", row["path"])
    except SiteError as error:
        # Without the path: strangers read this, and it may be any path of the machine.
        raise ModelError(f"The file of the model {row['id']} is refused. {error}") from error
