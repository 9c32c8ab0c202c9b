"""Embed the photos of a shard, and write it: what a worker does, on whichever machine."""

from __future__ import annotations

import os
import platform
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from critterdb.dataset.embeddings import STORED_AS
from critterdb.dataset.photo_files import UNREADABLE_ERRORS, read_stored_photo
from critterdb.imaging.decode import decode_image
from critterdb.storage.timestamps import utc_now
from critterdb.system import cores, lower_priority

from .contents import ShardRow
from .store import Receipt, ShardStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from critterdb.dataset.sketches import Sketcher

    from .network import Network
    from .plan import Shard, ShardPhoto

BATCH = 2  # photos per run of the network; larger batches leave the processor's caches
GAVE_UP = "not_embedded: three workers ended over this photo"


@dataclass(frozen=True)
class EmbedWork:
    """Photos of a site's folder → a shard's file with vectors and sketches."""

    network: Network
    site: Path
    store: ShardStore
    sketcher: Sketcher

    def do(self, shard: Shard) -> Receipt:
        """Embed a shard's photos and write its file; what is finished already is not done again.

        A photo that cannot be read becomes a row with its reason.
        """
        if finished := self.store.receipts(shard.name):
            return finished[shard.name]
        started = time.monotonic()
        rows = self._rows(shard.photos)
        return self._save(shard, rows, time.monotonic() - started)

    def give_up(self, shard: Shard) -> Receipt:
        """Write a shard whose photos end every worker, with that reason for each."""
        rows = [ShardRow(p.photo_id, p.sha256, None, None, GAVE_UP) for p in shard.photos]
        return self._save(shard, rows, 0.0)

    def _save(self, shard: Shard, rows: Sequence[ShardRow], seconds: float) -> Receipt:
        empty = Receipt(
            name=shard.name,
            recipe=shard.recipe,
            photos=len(shard.photos),
            rows=0,
            errors=0,
            digest="",
            worker=worker_name(),
            seconds=round(seconds, 3),
            finished_at=utc_now(),
        )
        return self.store.save(empty, rows)

    def _rows(self, photos: Sequence[ShardPhoto]) -> list[ShardRow]:
        outcomes = embed_files(self.network, self.site, photos)
        vectors = np.stack([v for v in outcomes if not isinstance(v, str)] or [np.zeros(1)])
        has_any = any(not isinstance(outcome, str) for outcome in outcomes)
        sketches = iter(self.sketcher.sketch(vectors.astype(np.float32)) if has_any else ())
        return [
            ShardRow(photo.photo_id, photo.sha256, None, None, outcome)
            if isinstance(outcome, str)
            else ShardRow(
                photo.photo_id, photo.sha256, outcome.tobytes(), next(sketches).tobytes(), None
            )
            for photo, outcome in zip(photos, outcomes, strict=True)
        ]


@dataclass(frozen=True)
class Sample:
    """Vectors of a few photos, float16, those that cannot be read left out."""

    first_photo_id: int
    vectors: list[np.ndarray]


@dataclass(frozen=True)
class SampleWork:
    """Photos of a site's folder → their vectors, which are not kept."""

    network: Network
    site: Path

    def do(self, shard: Shard) -> Sample:
        outcomes = embed_files(self.network, self.site, shard.photos)
        vectors = [outcome for outcome in outcomes if not isinstance(outcome, str)]
        return Sample(shard.photos[0].photo_id, vectors)

    def give_up(self, shard: Shard) -> Sample:
        return Sample(shard.photos[0].photo_id, [])


def embed_files(
    network: Network, site: Path, photos: Sequence[ShardPhoto]
) -> list[np.ndarray | str]:
    """Return each photo's vector (float16), or the reason why it has none.

    Each core decodes and embeds photos of its own.
    """
    batches = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    # Threads: two processes embed 17% fewer photos than two threads do.
    pool = ThreadPoolExecutor(cores(), initializer=lower_priority)
    try:
        done = pool.map(lambda batch: _embed_batch(network, site, batch), batches)
        return [outcome for batch in done for outcome in batch]
    finally:
        pool.shutdown(cancel_futures=True)  # whoever interrupts need not wait for the rest


def _embed_batch(
    network: Network, site: Path, photos: Sequence[ShardPhoto]
) -> list[np.ndarray | str]:
    outcomes: list[np.ndarray | str] = []
    pixels = []
    for photo in photos:
        try:
            data = read_stored_photo(site, photo.path)
            # Not in the sandbox: synced photos were there when they came, imports are one's own.
            image = decode_image(data, shorter_side=network.view.shorter_side)
            pixels.append(network.pixels(image))
            outcomes.append("")
        except UNREADABLE_ERRORS as error:
            outcomes.append(str(error) or type(error).__name__)
    if not pixels:
        return outcomes
    vectors = iter(network.embed(np.stack(pixels)).astype(STORED_AS))
    return [outcome or next(vectors) for outcome in outcomes]


def worker_name() -> str:
    """Return who did a shard: host, process, and the kind of processor, on which bits depend."""
    return f"{socket.gethostname()}:{os.getpid()} {platform.machine()}"
