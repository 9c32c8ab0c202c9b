"""Write the folder `classifier/` of a static site: modules, models, runtime and their licences."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import zlib
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from critterdb.storage.atomic_files import write_atomically

from .pins import pins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from .pins import NpmPackage

MODELS = "models.json"
PACKED = ".gz"
COMPRESSION_LEVEL = 9
# Training photos change with each publish, and the last 2% would take five times as long.
QUICK_LEVEL = 6


@dataclass(frozen=True)
class OfferedModel:
    """A model that visitors may choose: its file, and what the page calls it.

    `references` are the page and a photo of each label, by taxon id, as the page `classify/` links
    to them: `page`, `image`, `photo_page` and `credit`. `training_photos` is the file of those that
    the browser compares a picture with (static_site/similar.py).
    """

    id: str
    game: str
    title: str
    question: str
    path: Path
    references: dict[str, dict[str, str]] | None = None
    training_photos: bytes | None = None


def write_classifier(
    folder: Path, models: Sequence[OfferedModel], runtime: Path, *, earlier: Path | None = None
) -> None:
    """Fill `folder`; `runtime` holds the files of the group `classify`.

    The first model is the one in use. A model that `earlier`, the folder of the site before, has
    packed already is copied from there. Raises OSError.
    """
    (package,) = pins().packages("classify")
    for module in _modules():
        write_atomically(folder / module.name, module.read_bytes())
    listed = [_write_model(folder, model, earlier) for model in models]
    contents = {"runtime": _write_runtime(folder, package, runtime), "models": listed}
    write_atomically(folder / MODELS, json.dumps(contents, indent=1).encode())


def _modules() -> list[Traversable]:
    found = files("critterdb.web").joinpath("static", "classifier").iterdir()
    return sorted(found, key=lambda module: module.name)


def _write_runtime(folder: Path, package: NpmPackage, runtime: Path) -> dict[str, Any]:
    names = {}
    for kept in package.kept:
        source = runtime / kept
        if source.suffix == ".wasm":
            names["wasm"] = f"{kept}{PACKED}"
            write_atomically(folder / names["wasm"], packed_file(source))
            continue
        names["glue" if "simd" in source.name else "script"] = kept
        write_atomically(folder / kept, source.read_bytes())
    notice = files(__package__).joinpath("licences", f"{package.name}.txt").read_bytes()
    write_atomically(folder / package.folder / "LICENSE.txt", notice)
    return {**names, "bytes": (folder / names["wasm"]).stat().st_size}


def packed_file(path: Path) -> bytes:
    """Return a file packed, from beside it if it was packed before.

    Hosts of static files do not pack a .wasm, and the browser unpacks it in no time.
    """
    beside = path.with_name(f"{path.name}{PACKED}")
    data = path.read_bytes()
    # What is not there, or broken, is packed again.
    with suppress(OSError, EOFError, zlib.error):
        before = beside.read_bytes()
        if gzip.decompress(before) == data:
            return before
    packed = gzip.compress(data, COMPRESSION_LEVEL, mtime=0)
    # The folder may be read-only, such as a USB stick.
    with suppress(OSError):
        write_atomically(beside, packed)
    return packed


def _write_model(folder: Path, model: OfferedModel, earlier: Path | None) -> dict[str, Any]:
    place = _Place(folder, earlier, PurePosixPath(model.id).name)
    listed = {
        "id": model.id,
        "game": model.game,
        "title": model.title,
        "question": model.question,
        **place.write(model.path.read_bytes(), "onnx", COMPRESSION_LEVEL),
        "references": model.references or {},
    }
    if model.training_photos:
        listed["similar"] = place.write(model.training_photos, "similar", QUICK_LEVEL)
    return listed


@dataclass(frozen=True)
class _Place:
    """Where the files of a model go, packed; `earlier` is the folder of the site before."""

    folder: Path
    earlier: Path | None
    name: str

    def write(self, data: bytes, kind: str, level: int) -> dict[str, Any]:
        """Write a file, or copy it from the site before; return its path and its bytes."""
        sha256 = hashlib.sha256(data).hexdigest()
        # Named by content: an earlier file in somebody's cache is never taken for this one.
        file = f"models/{self.name}-{sha256[:12]}.{kind}{PACKED}"
        before = self.earlier / file if self.earlier else None
        (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        if before and before.is_file():
            shutil.copyfile(before, self.folder / file)
        else:
            write_atomically(self.folder / file, gzip.compress(data, level, mtime=0))
        return {"file": file, "bytes": (self.folder / file).stat().st_size}
