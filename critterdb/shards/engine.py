"""The seam between what is to be done with shards and who does it.

    for receipt in engine.run(work, shards, ahead=8): ...

An engine holds nothing that matters: a finished shard is a file, whichever machine wrote it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .plan import Shard

PAUSE_S = 0.1  # before a shard that had to wait is asked for again
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Result_co]):
    """What a worker does with a shard; it is sent to workers, so it holds plain values."""

    def do(self, shard: Shard) -> Result_co:
        """Write the shard's file, unless it is there, and return its receipt."""

    def give_up(self, shard: Shard) -> Result_co:
        """Write a file that says of each photo that it could not be done."""


class Engine(Protocol):
    """Who does shards; `machines` says how many do one at a time each."""

    machines: int

    def run(
        self, work: Work[Result], shards: Iterable[Shard | None], ahead: int
    ) -> Iterator[Result]:
        """Do shards, at most `ahead` at a time for each machine; yield receipts as they come.

        A null among the shards says that the next one must wait.
        """


class LocalEngine:
    """This process does one shard after the other, on all of its cores."""

    machines = 1

    def run(
        self, work: Work[Result], shards: Iterable[Shard | None], ahead: int
    ) -> Iterator[Result]:
        for shard in shards:
            if shard is None:
                time.sleep(PAUSE_S)
            else:
                yield work.do(shard)
