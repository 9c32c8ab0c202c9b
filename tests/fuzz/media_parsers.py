"""The parsers of bytes: pictures, models, and paths of files."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from critterdb.dataset.photo_zip import PhotoZip
from critterdb.errors import ModelError, RejectedInputError, SiteError, SourceError
from critterdb.imaging.complexity import has_too_many_parts
from critterdb.imaging.decode import decode_image, image_format
from critterdb.imaging.heif import heif_kind, read_heif
from critterdb.imaging.jpeg import read_structure, with_more_data
from critterdb.imaging.sandbox import Decoders
from critterdb.model.description import DIGEST
from critterdb.model.external_data import has_external_data
from critterdb.model.loader import load_model
from critterdb.storage.database import DATABASE_NAME, open_database
from critterdb.storage.stored_files import stored_file
from tests.fakes.mutations import good_pictures, mutations
from tests.fuzz.contract import Parser
from tests.fuzz.strategies import damaged, json_text, odd_values, spoiled, texts
from tests.support.models import make_tiny_model, picture

if TYPE_CHECKING:
    from PIL import Image

PATHS = texts("./\\\x00\n", "photos/", "models/", "..", ".onnx", ".jpg", "ab", "a" * 62)


def pictures() -> st.SearchStrategy[bytes]:
    """Pictures of every kind, damaged."""
    good = good_pictures()
    return st.one_of(
        st.sampled_from(sorted(good)).flatmap(lambda kind: damaged(good[kind])),
        st.sampled_from([data for _, data in mutations(300)]),
        st.binary(max_size=64).map(lambda tail: b"\xff\xd8\xff" + tail),
        st.binary(max_size=64).map(lambda tail: b"\0\0\0\x10ftypheic\0\0\0\0" + tail),
    )


@cache
def decoders() -> Decoders:
    return Decoders(1)


@cache
def model_bytes() -> bytes:
    """The file of the tiny model."""
    with TemporaryDirectory() as folder:
        db = open_database(Path(folder) / DATABASE_NAME, create=True)
        make_tiny_model(db)
        data = next(Path(folder, "models").glob("*.onnx")).read_bytes()
        db.close()
    return data


@cache
def model_metadata() -> dict[str, Any]:
    """What the tiny model says of itself."""
    import onnx

    model = onnx.load_from_string(model_bytes())
    described = json.loads({prop.key: prop.value for prop in model.metadata_props}["critterdb"])
    # A stranger leaves it out; with it every other description would be refused for that alone.
    return {key: value for key, value in described.items() if key != DIGEST}


def load_described(metadata: object) -> None:
    """Load the tiny model with another description."""
    import onnx

    model = onnx.load_from_string(model_bytes())
    (description,) = (prop for prop in model.metadata_props if prop.key == "critterdb")
    description.value = json_text(metadata)
    load_bytes(model.SerializeToString())


def load_bytes(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(data)
        model = load_model(path, threads=1)
        # What was loaded is used: a threshold that is not a number shows only then.
        for image in _photos():
            classification = model.classify(image)
            model.combine([classification])


@cache
def _photos() -> list[Image.Image]:
    """One that the model is sure of, one that it is not, and one of nothing that it knows."""
    return [decode_image(picture(colour)) for colour in ("red", "yellow", "grey")]


def read_markers(data: bytes) -> None:
    structure = read_structure(data, max_parts=10_000)
    with_more_data(data, structure)
    for kind in ("png", "webp", "gif"):
        has_too_many_parts(data, kind)
    heif_kind(data)
    read_heif(data, max_parts=10_000)


def read_zip(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "photos.zip"
        path.write_bytes(data)
        with PhotoZip(path) as archive:
            for name in archive.names:
                with suppress(OSError):
                    archive.read(name)


@cache
def zip_bytes() -> bytes:
    """A zip of two small files, one of them compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cats/puma/1.jpg", picture("red"))
        archive.writestr("cats/lynx/2.jpg", bytes(3000), compress_type=zipfile.ZIP_DEFLATED)
    return file.getvalue()


def find_file(path: object) -> None:
    for kind in ("photos", "models"):
        with TemporaryDirectory() as folder:
            file = stored_file(Path(folder), kind, path)
            assert file.resolve().is_relative_to(Path(folder).resolve() / kind)


def check_picture(data: bytes) -> None:
    decoders().check(data)


# What takes long to make is made when the first example is drawn.
PICTURES = st.deferred(pictures)
MODELS = st.deferred(lambda: damaged(model_bytes()))
ZIPS = st.deferred(lambda: damaged(zip_bytes()))
DESCRIPTIONS = st.deferred(lambda: spoiled(model_metadata()))

MEDIA_PARSERS = [
    Parser("pictures", decode_image, PICTURES, (RejectedInputError,)),
    Parser("pictures, sandboxed", check_picture, PICTURES, (RejectedInputError,)),
    Parser("picture formats", image_format, st.binary(max_size=32), (RejectedInputError,)),
    Parser("picture parts", read_markers, PICTURES),
    Parser("model files", load_bytes, MODELS, (ModelError,)),
    Parser("model descriptions", load_described, DESCRIPTIONS, (ModelError,), as_drawn=True),
    Parser("protobuf", has_external_data, MODELS, (ValueError,)),
    Parser("zips", read_zip, ZIPS, (SourceError,)),
    Parser("stored paths", find_file, PATHS | odd_values(), (SiteError,)),
]
