"""The model file: one ONNX file that describes itself; loaded only if all of it can be trusted.

Input `pixels`, uint8 N×H×W×3; outputs `probabilities` N×C after temperature, `embedding` N×D and
`novelty` N. A file whose embedding is the average of a map also has `evidence` N×2×g×g, with
`evidence_labels`, `evidence_logits` and `evidence_biases` N×2 (evidence.py), and `window_novelty`
N×W if it may look twice (second_look.py). The metadata property `critterdb` says the rest as JSON
(description.py).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.errors import ModelError, SiteError
from critterdb.storage.database import SiteDatabase, site_folder
from critterdb.storage.stored_files import open_regular, stored_file

from . import evidence as evidence_maps
from . import second_look as second_looks
from .decision import NOT_A_CRITTER, Classification, combine, decide
from .description import ModelDescription, parse_description
from .external_data import EndlessGraphError, has_external_data
from .look import Look
from .onnx_session import open_low_priority_session, open_trial_session, run_outputs, run_trial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image

    from critterdb._types import Json
    from critterdb.imaging.preprocessing import Preprocessing

    from .evidence import Evidence
    from .label_sets import LabelSet, SetRule
    from .labels import Label, Thresholds
    from .place_prior import PlacePrior
    from .second_look import SecondLook

# A ResNet-34 has 85 MB and the default 13.7. A file is read as a whole, because ONNX Runtime gets
# bytes and never a path: a path would let it follow names in the file.
MAX_MODEL_BYTES = 400_000_000
# Fixed, so that the file can hold the probabilities which the same noise must give again.
SMOKE_SEED = 20_180_622
SMOKE_TOLERANCE = 5e-3  # of a probability: processors add up in another order, most so in 8 bits
OUTPUTS = ("probabilities", "embedding", "novelty")
EVIDENCE_OUTPUTS = evidence_maps.OUTPUTS
WINDOWS = second_looks.OUTPUT
INCOMPLETE = "it is not a complete ONNX model"
FAILS_SMOKE_TEST = "it fails on its own smoke test"


@dataclass(frozen=True)
class Model:
    """A loaded model. `labels` are in output order; `thresholds` are those in force.

    `place_prior` is null in models that know nothing of where and when.
    """

    id: str
    game: str
    backbone: str
    view: Preprocessing
    labels: list[Label]
    thresholds: Thresholds
    metadata: Json
    sha256: str
    session: Any
    place_prior: PlacePrior | None = None
    second_look: SecondLook | None = None
    set_rule: SetRule | None = None

    @cached_property
    def has_evidence(self) -> bool:
        """Whether the file says where in a picture it found the evidence for its answer."""
        return _has_evidence(self.session)

    def run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return probabilities N×C, embeddings N×D and novelty N of pixels uint8 N×H×W×3.

        Raises ModelError if the model fails on them.
        """
        probabilities, embedding, novelty = self._run(list(OUTPUTS), pixels)
        return probabilities, embedding, novelty

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Scale an upright RGB image as the model wants it: uint8 H×W×3."""
        return self.view.pixels(image)

    def classify(self, image: Image.Image) -> Classification:
        """Classify an upright RGB image. Raises ModelError as classify_pixels does."""
        return self.classify_pixels(self.pixels(image))

    def classify_pixels(self, pixels: np.ndarray, *, evidence: bool = False) -> Classification:
        """Classify pixels uint8 H×W×3 that the model's view gave, by one look.

        `evidence` adds it, if the model has it. Raises ModelError as look() does.
        """
        return self.decide(self.look(pixels, evidence=evidence))

    def look(self, pixels: np.ndarray, *, evidence: bool = False) -> Look:
        """Look once at pixels uint8 H×W×3, without deciding anything.

        Raises ModelError if the model fails on them, or gives what is not a number.
        """
        with_evidence = evidence and self.has_evidence
        outputs = ["probabilities", "novelty", *(EVIDENCE_OUTPUTS if with_evidence else ())]
        outputs += [WINDOWS] if self.second_look else []
        probabilities, novelty, *rest = self._run(outputs, pixels[None])
        windows = rest.pop()[0] if self.second_look else None
        # A graph can pass its smoke test and still divide by zero on another picture.
        if probabilities.shape != (1, len(self.labels)) or not (
            np.isfinite(probabilities).all() and np.isfinite(novelty).all() and novelty.size == 1
        ):
            raise self._failure()
        found = self._evidence(rest) if with_evidence else None
        if self.second_look and not _are_novelties(windows, len(self.second_look.windows())):
            raise self._failure()
        return Look(probabilities[0], float(novelty[0]), found, windows)

    def decide(self, look: Look) -> Classification:
        """Decide what to say by one look, or by what two looks agreed on."""
        decided = decide(look.probabilities, look.novelty, self.labels, self.thresholds)
        return replace(decided, evidence=look.evidence)

    def _evidence(self, arrays: Sequence[np.ndarray]) -> Evidence:
        try:
            return evidence_maps.read_evidence(arrays, self.labels)
        except ValueError as error:
            raise self._failure() from error

    def _run(self, outputs: list[str], pixels: np.ndarray) -> list[np.ndarray]:
        try:
            return run_outputs(self.session, outputs, pixels)
        except Exception as error:
            # ONNX Runtime's errors share no base class of their own.
            raise self._failure() from error

    def _failure(self) -> ModelError:
        return ModelError(
            f"The model {self.id} fails on this picture. Train again: critterdb train {self.game}"
        )

    def classify_many(self, images: Sequence[Image.Image]) -> list[Classification]:
        """Classify each of several upright RGB images."""
        return [self.classify(image) for image in images]

    def label_set(self, photos: Sequence[Classification]) -> LabelSet | None:
        """Return the labels that hold the right one with the model's guarantee, over photos of one
        animal.

        None if the model has no such sets, or if it knows nothing like what they show.
        """
        combined = self.combine(photos)
        if self.set_rule is None or combined.reason == NOT_A_CRITTER:
            return None
        return self.set_rule.choose(photos, combined)

    def combine(self, classifications: Sequence[Classification]) -> Classification:
        """Give one answer over several photos of one animal."""
        return combine(classifications, self.labels, self.thresholds)


def smoke_pixels(size: int) -> np.ndarray:
    """Return the fixed input of the smoke test: uint8 1×size×size×3."""
    generator = np.random.default_rng(SMOKE_SEED)
    return generator.integers(0, 256, (1, size, size, 3), dtype=np.uint8)


def load_model(
    path: Path, *, sha256: str | None = None, size: int | None = None, threads: int | None = None
) -> Model:
    """Load a model file.

    `sha256` and `size` in bytes are what the database says of it; without a database, the file's
    own digest speaks for it. A run takes `threads`, or all processors. Raises ModelError with the
    reason if the file cannot be read or fails a check.
    """
    data = _read_checked(path, sha256, size)
    try:
        return _load_checked(data, sha256=sha256, threads=threads)
    except ValueError as error:
        raise _untrusted(path, str(error)) from error


def _load_checked(data: bytes, *, sha256: str | None, threads: int | None) -> Model:
    """The model in a file's bytes. Raises ValueError with the reason to refuse it."""
    description = _checked_description(data)
    session = _open_session(data, threads)
    model = Model(
        id=description.id,
        game=description.game,
        backbone=description.backbone,
        view=description.view,
        labels=description.labels,
        thresholds=description.thresholds,
        metadata=description.metadata,
        sha256=hashlib.sha256(data).hexdigest(),
        session=session,
        place_prior=description.place_prior,
        second_look=description.second_look,
        set_rule=description.set_rule,
    )
    _smoke_test(model, description.smoke_probabilities)
    # Last, because any other check gives a better reason than "the bytes differ".
    own = description.digest
    if sha256 is None and own and digest_without_itself(data, own) != own:
        raise ValueError("it has changed since it was written")
    return model


def _checked_description(data: bytes) -> ModelDescription:
    """What a model's bytes say of it, after a trial run that ended within its limits."""
    _check_bytes(data)
    try:
        session = open_trial_session(data)
        text = session.get_modelmeta().custom_metadata_map.get("critterdb", "")
    except Exception as error:
        # ONNX Runtime's errors share no base class of their own.
        raise ValueError(INCOMPLETE) from error
    description = parse_description(text)
    _check_structure(session, description)
    try:
        run_trial(session, _outputs(session), smoke_pixels(description.view.size))
    except Exception as error:
        raise ValueError(FAILS_SMOKE_TEST) from error
    return description


def _check_bytes(data: bytes) -> None:
    try:
        outside = has_external_data(data)
    except EndlessGraphError as error:
        raise ValueError("its graph has loops or functions of its own") from error
    except ValueError as error:
        raise ValueError(INCOMPLETE) from error
    if outside:
        raise ValueError("it stores a part of itself in another file")


def _open_session(data: bytes, threads: int | None) -> Any:
    """An inference session, given bytes and not a path."""
    try:
        return open_low_priority_session(data, threads=threads)
    except Exception as error:
        raise ValueError(INCOMPLETE) from error


def digest_without_itself(data: bytes, digest: str) -> str:
    """Return the SHA-256 of a model's bytes with zeros where they hold this digest themselves."""
    own = digest.encode()
    start = data.find(own)
    if start < 0:
        return ""
    view = memoryview(data)
    whole = hashlib.sha256(view[:start])
    whole.update(b"0" * len(own))
    whole.update(view[start + len(own) :])
    return whole.hexdigest()


def _read_checked(path: Path, sha256: str | None, size: int | None) -> bytes:
    try:
        with open_regular(path) as file:
            length = os.fstat(file.fileno()).st_size
            if length > MAX_MODEL_BYTES:
                raise _untrusted(path, f"it is larger than {MAX_MODEL_BYTES / 1e6:.0f} MB")
            if size not in (None, length):
                raise _untrusted(path, "its size and SHA-256 are not those in the database")
            data = file.read(length + 1)
    except OSError as error:
        raise _refused(
            path, f"could not be read ({error.strerror}). Train again with: critterdb train"
        ) from error
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise _untrusted(path, "its SHA-256 is not the one in the database")
    return data


def _check_structure(session: Any, description: ModelDescription) -> None:
    inputs = {value.name: value for value in session.get_inputs()}
    outputs = {value.name: value for value in session.get_outputs()}
    if set(inputs) != {"pixels"} or inputs["pixels"].type != "tensor(uint8)":
        raise ValueError("its input is not uint8 pixels")
    if not set(OUTPUTS) <= set(outputs):
        raise ValueError(f"its outputs are not {', '.join(OUTPUTS)}")
    if description.second_look and WINDOWS not in outputs:
        raise ValueError(f"its second look needs the output {WINDOWS}")
    shape = outputs["probabilities"].shape
    if len(shape) != 2 or shape[1] != len(description.labels):
        width = shape[-1] if shape else "no"
        raise ValueError(f"it has {width} outputs for {len(description.labels)} labels")
    if len(description.smoke_probabilities) != len(description.labels):
        raise ValueError("its smoke test does not hold a probability for each label")


def _has_evidence(session: Any) -> bool:
    return set(EVIDENCE_OUTPUTS) <= {value.name for value in session.get_outputs()}


def _outputs(session: Any) -> list[str]:
    """The outputs of a file that are ever asked for."""
    known = {*OUTPUTS, *EVIDENCE_OUTPUTS, WINDOWS}
    return [output.name for output in session.get_outputs() if output.name in known]


def _are_novelties(windows: np.ndarray | None, count: int) -> bool:
    return windows is not None and windows.shape == (count,) and bool(np.isfinite(windows).all())


def _smoke_test(model: Model, expected: np.ndarray) -> None:
    pixels = smoke_pixels(model.view.size)
    try:
        probabilities, embedding, novelty = model.run(pixels)
        shapes = (probabilities.shape, novelty.shape, embedding.shape[:1], embedding.ndim)
        off = np.abs(probabilities[0] - expected).max()
    except Exception as error:
        # The graph may come from anybody: it can fail on any step, and give any kind of value.
        raise ValueError(FAILS_SMOKE_TEST) from error
    if shapes != ((1, len(expected)), (1,), (1,), 2):
        raise ValueError("its smoke test gives outputs of the wrong shape")
    if not off <= SMOKE_TOLERANCE:
        raise ValueError("its smoke test gives the wrong probabilities")
    try:
        evidence = model.look(pixels[0], evidence=True).evidence
    except ModelError as error:
        raise ValueError(FAILS_SMOKE_TEST) from error
    if evidence and not evidence_maps.adds_up(evidence):
        raise ValueError("its evidence does not add up to its logits")


def _untrusted(path: Path, reason: str) -> ModelError:
    return _refused(path, f"is rejected: {reason}. Train again: critterdb train")


def _refused(path: Path, why: str) -> ModelError:
    # Where the site lies on its machine is not for strangers.
    public = f"The model file {path.parent.name}/{path.name} {why}"
    return ModelError(f"The model file {path} {why}", public=public)


def _file_of(db: SiteDatabase, row: Json) -> Path:
    """The file of a `models` row. Raises ModelError if it is not one of the site's."""
    try:
        return stored_file(site_folder(db), "models", row["path"])
    except SiteError as error:
        # Without the path: strangers read this, and it may be any path of the machine.
        raise ModelError(f"The file of model {row['id']} is rejected. {error}") from error
