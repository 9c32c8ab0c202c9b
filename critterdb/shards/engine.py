"""The seam between what is to be done with shards and who does it.

    for receipt in engine.run(work, shards, ahead=8): ...

An engine holds nothing that matters: a finished shard is a file, whichever machine wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .plan import Shard

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Result_co]):
    """What a worker does with a shard; it is sent to workers, so it holds plain values."""

    def do(self, shard: Shard) -> Result_co:
        """Write the shard's file, unless it is there, and return its receipt."""

    def give_up(self, shard: Shard) -> Result_co:
        """Write a file that says of each photo that it could not be done."""


class Engine(Protocol):
    """Who does shards."""

    def run(self, work: Work[Result], shards: Iterable[Shard], ahead: int) -> Iterator[Result]:
        """Do shards, at most `ahead` at a time for each worker; yield receipts as they come."""


class LocalEngine:
    """This process does one shard after the other, on all of its cores."""

    def run(self, work: Work[Result], shards: Iterable[Shard], ahead: int) -> Iterator[Result]:
        for shard in shards:
            yield work.do(shard)
