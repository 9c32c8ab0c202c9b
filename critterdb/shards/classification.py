"""Classify an archive of pictures in shards, so that a run which is stopped can go on.

Answers of a shard are a file of JSON lines in a folder beside the result; the result is put
together from them in the order of the pictures once all are there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from critterdb.errors import RejectedInputError
from critterdb.imaging.sources import read_source
from critterdb.model.inference import classify_image
from critterdb.model.loader import Model, load_model
from critterdb.model.payloads import answer_payload, refusal_payload
from critterdb.storage.atomic_files import write_atomically
from critterdb.system import cores, lower_priority

from .plan import Shard, ShardPhoto

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from critterdb.model.payloads import Payload

    from .engine import Engine

PICTURES_PER_SHARD = 256  # some 20 s of work on two cores
GAVE_UP = RejectedInputError("not_an_image", "Three workers ended over this picture")


@dataclass(frozen=True)
class Answers:
    """That a shard of an archive is finished: its pictures, and those that could not be read."""

    photos: int
    errors: int


@dataclass(frozen=True)
class ClassifyWork:
    """Pictures named by their paths → a file of answers."""

    model: bytes
    folder: Path

    def do(self, shard: Shard) -> Answers:
        """Classify a shard's pictures, unless its file is there."""
        if not self.path(shard).is_file():
            pool = ThreadPoolExecutor(cores(), initializer=lower_priority)
            try:
                self._save(shard, pool.map(self._classify, shard.photos))
            finally:
                pool.shutdown(cancel_futures=True)  # whoever interrupts need not wait for the rest
        return self._finished(shard)

    def give_up(self, shard: Shard) -> Answers:
        """Answer for pictures that end every worker."""
        refusal = refusal_payload(GAVE_UP)
        answers = (cast("Payload", {**refusal, "source": p.path}) for p in shard.photos)
        self._save(shard, answers)
        return self._finished(shard)

    def path(self, shard: Shard) -> Path:
        return self.folder / f"{shard.name}.jsonl"

    def finished_parts(self, shard: Shard) -> list[Shard] | None:
        """Return what a shard was done as, itself or halves of it; null if not all is there."""
        if self.path(shard).is_file():
            return [shard]
        if len(shard.photos) == 1:
            return None
        parts = [self.finished_parts(half) for half in shard.halves()]
        return None if None in parts else [s for part in parts for s in cast("list[Shard]", part)]

    def read(self, shard: Shard) -> Iterator[Payload]:
        """Yield the answers of a finished shard."""
        with self.path(shard).open(encoding="utf-8") as lines:
            for line in lines:
                yield cast("Payload", json.loads(line))

    def _finished(self, shard: Shard) -> Answers:
        errors = sum(not payload["ok"] for payload in self.read(shard))
        return Answers(len(shard.photos), errors)

    def _save(self, shard: Shard, payloads: Iterable[Payload]) -> None:
        lines = "".join(json.dumps(payload) + "\n" for payload in payloads)
        write_atomically(self.path(shard), lines.encode())

    @cached_property
    def _model(self) -> Model:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.onnx")
            path.write_bytes(self.model)
            return load_model(path, threads=1)

    def _classify(self, photo: ShardPhoto) -> Payload:
        started = time.perf_counter()
        payload: Any
        try:
            classification, info = classify_image(self._model, read_source(Path(photo.path)))
            took_ms = (time.perf_counter() - started) * 1000
            payload = answer_payload(self._model, classification, info, None, took_ms)
        except RejectedInputError as refusal:
            payload = refusal_payload(refusal)
        return cast("Payload", {**payload, "source": photo.path})

    def __getstate__(self) -> dict[str, object]:
        # A loaded model stays on the machine that loaded it.
        return {"model": self.model, "folder": self.folder}


class Archive:
    """Pictures in order, cut into shards, and the answers to them."""

    def __init__(self, model: Path, paths: Sequence[str], folder: Path, size: int) -> None:
        data = model.read_bytes()
        recipe = f"classify {_digest(data)}"
        self._work = ClassifyWork(data, folder)
        photos = [_as_photo(number, path) for number, path in enumerate(paths)]
        self._shards = [
            Shard(recipe, tuple(photos[start : start + size]))
            for start in range(0, len(photos), size)
        ]

    def classify(self, engine: Engine) -> Iterator[Answers]:
        """Have the shards done that are not yet; yield what is finished, earlier ones first."""
        waiting = []
        for shard in self._shards:
            parts = self._work.finished_parts(shard)
            if parts is None:
                waiting.append(shard)
                continue
            for part in parts:
                yield self._work.do(part)
        yield from engine.run(self._work, waiting, 2)

    def answers(self) -> Iterator[Payload]:
        """Yield the answers in the order of the pictures, each once. Call it after classify."""
        for shard in self._shards:
            for part in self._work.finished_parts(shard) or []:
                yield from self._work.read(part)

    def forget(self) -> None:
        """Remove the files of the shards, once their answers are elsewhere."""
        shutil.rmtree(self._work.folder, ignore_errors=True)


def _as_photo(number: int, path: str) -> ShardPhoto:
    """A picture whose key changes with its file, so that a changed one is classified again."""
    try:
        state = Path(path).stat()
        about = f"{path}\t{state.st_size}\t{state.st_mtime_ns}"
    except OSError:
        about = path  # what reads it says why it cannot be read
    return ShardPhoto(number, _digest(about.encode("utf-8", "surrogateescape")), path)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
