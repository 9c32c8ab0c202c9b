"""Do shards on several machines with Ray, or on this one if there is no cluster.

Each machine does one shard at a time on all of its cores, and has the next ones waiting. What a
worker does not survive is tried on others; a shard that ends three of them is halved, until the
photo that does it is alone and gets an error.

Ray sends pickles, so whoever reaches its ports can run code: docs/security.md says what to do.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypedDict

from critterdb.errors import SiteError
from critterdb.formatting import printable_line
from critterdb.packages import install_command
from critterdb.system import cores

from .engine import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .engine import Work
    from .plan import Shard

# A machine can end for reasons of its own: one death proves nothing about a photo.
# docs/decisions.md#a-shard-that-ends-three-workers-is-halved
ATTEMPTS = 3  # workers that may end over a shard before it is halved
LOOK_EVERY_S = 1.0  # for machines that came or went
STORE_BYTES = 200_000_000  # of shared memory on this machine: it holds a network, and no photos
LOOPBACK = "127.0.0.1"


class _Node(TypedDict):
    """What is used of a machine's entry in ray.nodes()."""

    NodeID: str
    Alive: bool
    Resources: dict[str, float]


@dataclass(frozen=True)
class Attempt:
    """A shard, and how often a worker ended, or failed, while doing it."""

    shard: Shard
    deaths: int = 0
    failures: int = 0


class RayEngine:
    """The machines of a Ray cluster: that of RAY_ADDRESS, or one that is started here."""

    def run(
        self, work: Work[Result], shards: Iterable[Shard | None], ahead: int
    ) -> Iterator[Result]:
        """Do shards, in any order; yield receipts as they come.

        Raises SiteError if Ray is not installed, or if a worker fails three times with an error of
        its own, such as a full disk.
        """
        ray = import_ray()
        with _connected(ray):
            run = _Run(ray, work, iter(shards), ahead)
            self.machines = run.look()
            run.advance()
            while not run.is_over:
                self.machines = run.look()
                run.hand_out()
                yield from run.collect()


class _Run(Generic[Result]):
    """Shards that wait, and those that machines have."""

    def __init__(
        self, ray: Any, work: Work[Result], shards: Iterator[Shard | None], ahead: int
    ) -> None:
        self._ray = ray
        self._work = work
        self._sent = ray.put(work)
        self._shards = shards
        self._ahead = ahead
        self._again: deque[Attempt] = deque()
        self._running: dict[Any, tuple[Attempt, str]] = {}
        self._nodes: list[_Node] = []
        self._looked_at = -LOOK_EVERY_S
        self._next: Attempt | None = None
        self._is_planned = False

    @property
    def is_over(self) -> bool:
        return self._is_planned and not (self._next or self._again or self._running)

    def advance(self) -> None:
        """Take the next shard, unless one is taken already or must wait."""
        if self._next is None and self._again:
            self._next = self._again.popleft()
        elif self._next is None and not self._is_planned:
            try:
                shard = next(self._shards)
                self._next = Attempt(shard) if shard else None
            except StopIteration:
                self._is_planned = True

    def look(self) -> int:
        """Look for machines that came or went, once a second; return how many there are."""
        if time.monotonic() - self._looked_at > LOOK_EVERY_S:
            self._nodes = [node for node in self._ray.nodes() if _can_work(node)]
            self._looked_at = time.monotonic()
        return len(self._nodes)

    def hand_out(self) -> None:
        """Give each machine its next shards, in turn, so that all have one before any has two."""
        self.advance()
        load = Counter(node for _, node in self._running.values())
        for most in range(1, self._ahead + 1):
            for node in self._nodes:
                if self._next is None:
                    return
                if load[node["NodeID"]] < most:
                    load[node["NodeID"]] += 1
                    self._send(self._next, node)
                    self._next = None
                    self.advance()

    def _send(self, attempt: Attempt, node: _Node) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # All of its cores, so that a machine does one at a time: two processes embed 17% less than
        # one with two threads.
        task = self._ray.remote(_do).options(
            num_cpus=node["Resources"]["CPU"],
            num_gpus=node["Resources"].get("GPU", 0),
            # Deaths decide when a shard is halved, so Ray must not retry by itself.
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        )
        self._running[task.remote([self._sent], attempt.shard)] = (attempt, node["NodeID"])

    def collect(self) -> Iterator[Result]:
        """Yield what was finished within a second, and put back what was not."""
        if not self._running:
            time.sleep(LOOK_EVERY_S / 10)  # until a machine joins
            return
        ready, _ = self._ray.wait(list(self._running), timeout=LOOK_EVERY_S)
        for reference in ready:
            attempt, _ = self._running.pop(reference)
            try:
                yield self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                self._put_back_failed(attempt, error)
            except self._ray.exceptions.RayError:
                self._looked_at = -LOOK_EVERY_S
                yield from self._put_back(replace(attempt, deaths=attempt.deaths + 1))

    def _put_back_failed(self, attempt: Attempt, error: Exception) -> None:
        """Try again what raised an error; it says something of a machine, and not of a photo."""
        attempt = replace(attempt, failures=attempt.failures + 1)
        if attempt.failures >= ATTEMPTS:
            cause = printable_line(getattr(error, "cause", None) or error)
            raise SiteError(
                f"A worker could not do its shard: {cause[:300]}. Finished shards are kept: "
                "correct this and run the command again"
            ) from error
        self._again.append(attempt)

    def _put_back(self, attempt: Attempt) -> Iterator[Result]:
        if attempt.deaths < ATTEMPTS:
            self._again.append(attempt)
        elif len(attempt.shard.photos) > 1:
            self._again.extend(Attempt(half) for half in attempt.shard.halves())
        else:
            yield self._work.give_up(attempt.shard)


def _can_work(node: _Node) -> bool:
    return bool(node["Alive"]) and node["Resources"].get("CPU", 0) >= 1


def _do(sent: list[Any], shard: Shard) -> object:
    """Do a shard in a worker. The work is in a list, so that Ray does not unpack it each time."""
    return _work_of(sent[0]).do(shard)


@lru_cache(maxsize=1)
def _work_of(reference: Any) -> Work[object]:
    import ray

    work: Work[object] = ray.get(reference)
    return work


def import_ray() -> Any:
    """Import Ray with its usage reports off. Raises SiteError if it is not installed."""
    # Before the import, or Ray reports its use.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise SiteError(
            f"--on ray needs Ray. Install it with: {install_command('cluster')}"
        ) from error
    return ray


@contextmanager
def _connected(ray: Any) -> Iterator[None]:
    """Join the cluster of RAY_ADDRESS, or start Ray here, for who has its token."""
    quiet = {"log_to_driver": False, "logging_level": "error"}
    if os.environ.get("RAY_ADDRESS"):
        ray.init(**quiet)
    else:
        # Whoever reaches the ports runs programs here, and Ray listens on all interfaces.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        ray.init(
            num_cpus=cores(),
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            _node_ip_address=LOOPBACK,
            **quiet,
        )
    try:
        yield
    finally:
        ray.shutdown()
